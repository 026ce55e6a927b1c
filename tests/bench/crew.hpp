// SPDX-License-Identifier: MIT
//
// crew.hpp - threads that do the same work for a while, and how long it took.
//
// One crew at a time, run by one thread. `phase` is written by that thread and
// read by its workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace bench {

enum phase : int { warming, measuring, over };

struct crew_plan {
	unsigned threads;
	unsigned slice_ms;
	bool pinned; ///< thread i on the i-th CPU that we may use
};

class worker {
      public:
	worker(unsigned id, const std::atomic<int> &now) : id_(id), now_(now) {}

	unsigned id() const { return id_; }
	bool is_over() const { return now_.load(std::memory_order_relaxed) == over; }

	/// Calls pass() over and over, which returns how many operations it did. Those of the passes that
	/// began while we measure are counted, at least one pass; then the time is taken.
	template <class Pass>
	void run(Pass pass)
	{
		do
			pass();
		while (now_.load(std::memory_order_relaxed) == warming);
		begin();
		do
			operations += pass();
		while (!is_over());
		end();
	}

	uint64_t operations = 0;
	uint64_t failures = 0;
	uint64_t cpu_ns = 0;
	uint64_t end_ns = 0;

      private:
	void begin();
	void end();

	unsigned id_;
	const std::atomic<int> &now_;
};

struct crew_result {
	double ns = 0; ///< for one operation
	uint64_t operations = 0;
	uint64_t failures = 0;
};

/// Runs work(worker) in each thread and gives the time of one operation: of one thread, by its own CPU time, so
/// that other processes do not count; of more, by the clock, times the CPUs that they could keep busy.
crew_result run_crew(const crew_plan &plan, const std::function<void(worker &)> &work);

/// The CPUs that this process may use.
unsigned usable_cpus();
/// Binds the calling thread to the i-th of them.
void pin_to_cpu(unsigned i);

uint64_t now_ns();

} // namespace bench
