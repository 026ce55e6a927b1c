// SPDX-License-Identifier: MIT
//
// lab_actor.hpp - the threads of a lesson. Each does one job after another, as it
// is told; who waits for it does so with a deadline, so that a lesson always ends.
//
// Race table: an actor's calls are for the thread that directs the lesson; its
// jobs run in its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace lab {

/// The lesson cannot go on: something that must come did not.
struct stuck : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/// How long anything may take that is to come; far more than it takes.
inline constexpr uint64_t patience_ns = 30'000'000'000;

/// Looks until it is so; throws `stuck`, naming `what`, when patience ends.
void wait_until(const std::string &what, const std::function<bool()> &so);

class actor {
      public:
	explicit actor(std::string name);
	actor(const actor &) = delete;
	actor &operator=(const actor &) = delete;
	/// One that is stuck in its job is left behind.
	~actor();

	const std::string &name() const { return part_->name; }
	uint32_t thread() const { return part_->thread.load(); } // gettid()
	bool busy() const;

	/// Begins a job; the one before must have ended.
	void start(std::function<void()> job);
	/// Waits for its end.
	void finish();
	/// Both.
	void call(std::function<void()> job)
	{
		start(std::move(job));
		finish();
	}

      private:
	/// What both threads look at; lives as long as either.
	struct part {
		std::string name;
		std::atomic<uint32_t> thread{0};
		std::mutex lock;
		std::condition_variable changed;
		std::function<void()> job;
		bool busy = false;
		bool leave = false;
	};
	static void live(const std::shared_ptr<part> &self);

	std::shared_ptr<part> part_;
	std::thread thread_;
};

} // namespace lab
