// SPDX-License-Identifier: MIT
//
// demo_feeder.hpp - the senders: threads that push the script's messages
// through a Unix socket, as fast as it takes them.
//
// Each sender's messages are in three parts. Before the second and the third
// all senders meet, and one of them calls at_gate() while the others wait: that
// is where memory goes, and where it comes back.
//
// Race table: sent(), finished(), cancel() and failed() are for any thread; the
// rest is the owner's.
#pragma once

#include "tools/demo_script.hpp"

#include <atomic>
#include <barrier>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace demo {

enum class phase { before, exhausted, after };

class feeder {
      public:
	/// Called once before `exhausted` and once before `after`; returns "" or why it cannot go on.
	using gate_fn = std::function<std::string(phase next)>;

	/// Starts the senders.
	feeder(const script &what, const std::string &socket_path, gate_fn at_gate);
	feeder(const feeder &) = delete;
	feeder &operator=(const feeder &) = delete;
	~feeder(); // cancels what is not sent, and waits

	uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
	phase now() const { return now_.load(std::memory_order_relaxed); }
	bool finished() const { return running_.load(std::memory_order_acquire) == 0; } // acquire: of all that was sent

	/// The senders end soon; the first reason given is kept.
	void cancel(const std::string &why);
	/// Why not everything was sent; "" when it was, or still may be.
	std::string failed() const;

      private:
	struct gate {
		feeder *of;
		void operator()() noexcept { of->pass_gate(); }
	};

	void end();
	void send_all(unsigned sender, const std::string &socket_path);
	void send_one(int fd, const std::string &datagram);
	void pass_gate() noexcept;
	bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

	const script &script_;
	gate_fn at_gate_;
	std::atomic<uint64_t> sent_{0};
	std::atomic<unsigned> running_;
	std::atomic<phase> now_{phase::before};
	std::atomic<bool> cancelled_{false};
	mutable std::mutex lock_; // of why_
	std::string why_;
	std::barrier<gate> gate_;
	std::vector<std::thread> threads_;
};

} // namespace demo
