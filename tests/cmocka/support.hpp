// SPDX-License-Identifier: MIT
//
// support.hpp - what the unit tests share: seeds, waiting for events, reports
// caught, children.
#pragma once

#include "reserve/base/clock.hpp"

#include <random>
#include <sched.h>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace mp::test {

/// Does this run under a sanitizer, where everything takes its time?
bool sanitized();
/// Under ThreadSanitizer, which calls signal handlers by itself?
bool under_tsan();

/// How many rounds of a repeated test: `native`, or a tenth of it where it is slow.
int rounds(int native);

/// A source of random numbers that says its seed; SEED= in the environment repeats a run.
class random_source {
      public:
	explicit random_source(const char *test);
	/// 0 to n - 1.
	int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }
	bool coin() { return below(2) == 0; }
	/// One for each thread, from the same seed. May be called in any thread.
	std::mt19937_64 split(int thread) const
	{
		return std::mt19937_64(seed_ + 0x9e3779b97f4a7c15 * (static_cast<uint64_t>(thread) + 1));
	}

      private:
	uint64_t seed_;
	std::mt19937_64 engine_;
};

/// Keeps the calling thread on the CPU it is on: one CPU is handed the newest
/// entry first, by any store.
class one_cpu {
      public:
	one_cpu();
	~one_cpu();
	one_cpu(const one_cpu &) = delete;
	one_cpu &operator=(const one_cpu &) = delete;

      private:
	cpu_set_t before_;
};

/// Memory as the owner of a store brings it: zeroed, and aligned to cache lines.
class zeroed_memory {
      public:
	explicit zeroed_memory(size_t bytes) : lines_((bytes + line_bytes - 1) / line_bytes) {}
	void *start() { return lines_.data(); }

      private:
	static constexpr size_t line_bytes = 64;
	struct alignas(line_bytes) line {
		char bytes[line_bytes];
	};
	std::vector<line> lines_;
};

/// Threads at work. Each start() adds some, which are told their number from 0.
class crew {
      public:
	template <class Work> crew &start(int threads, Work work)
	{
		threads_.reserve(threads_.size() + static_cast<size_t>(threads));
		for (int i = 0; i < threads; i++)
			threads_.emplace_back(work, i);
		return *this;
	}
	void join()
	{
		for (std::thread &t : threads_)
			t.join();
		threads_.clear();
	}

      private:
	std::vector<std::thread> threads_;
};

/// Long, for what comes at once or is a failure.
inline constexpr uint64_t patience_ns = 20 * base::ns_per_s;

/// A deadline that is never met unless something is wrong.
inline uint64_t patient()
{
	return base::deadline_after(patience_ns);
}

/// Waits for an event; false when it did not come within patience_ns.
template <class Event> bool eventually(Event happened)
{
	const uint64_t deadline_ns = patient();
	while (!happened()) {
		if (base::now_ns() > deadline_ns)
			return false;
		sched_yield();
	}
	return true;
}

/// Watches a moment long whether an event comes that must not come. A machine
/// that is slow makes it see less, never something wrong.
template <class Event> bool happens(Event happened)
{
	const uint64_t deadline_ns = base::deadline_after(base::ns_per_s / 50);
	while (base::now_ns() < deadline_ns) {
		if (happened())
			return true;
		sched_yield();
	}
	return happened();
}

/// Does a thread of this process sleep in the kernel now?
bool thread_sleeps(pid_t thread);

/// Reports go to a text from now on; what was caught before is forgotten.
void catch_reports();
int reports_caught();
/// All that was reported since catch_reports().
std::string reports();
bool reported(const char *part);

/// Lets the library have no memory from the system, or have it again.
void close_map_gate();
void open_map_gate();

/// Splits off a child with a time limit; 0 in the child, which must end by leave_child().
pid_t start_child();
[[noreturn]] void leave_child(int status);
/// The child's exit status, or 128 + the signal it died of.
int wait_for_child(pid_t child);

/// Runs `body` in a child of its own: its result is the child's exit status.
template <class Body> int in_child(Body body)
{
	const pid_t child = start_child();
	if (child == 0)
		leave_child(body());
	return wait_for_child(child);
}

} // namespace mp::test
