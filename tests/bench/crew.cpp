// SPDX-License-Identifier: MIT
//
// crew.cpp - see crew.hpp. The allowed CPUs are read once, by the first thread.
#include "crew.hpp"

#include <algorithm>
#include <ctime>
#include <latch>
#include <sched.h>
#include <thread>
#include <vector>

namespace bench {

namespace {

const std::vector<int> &allowed_cpus()
{
	static const std::vector<int> cpus = [] {
		std::vector<int> found;
		cpu_set_t set;
		if (sched_getaffinity(0, sizeof(set), &set) != 0)
			return std::vector<int>{0};
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &set))
				found.push_back(cpu);
		return found;
	}();
	return cpus;
}

void sleep_us(uint64_t us)
{
	const timespec t = {static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000 * 1000)};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr);
}

} // namespace

unsigned usable_cpus()
{
	return static_cast<unsigned>(allowed_cpus().size());
}

void pin_to_cpu(unsigned i)
{
	const std::vector<int> &cpus = allowed_cpus();
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpus[i % cpus.size()], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

crew_result run_crew(const crew_plan &plan, const std::function<void(worker &)> &work)
{
	alignas(128) std::atomic<int> now = warming;
	std::latch ready(plan.threads + 1);
	std::vector<worker> workers;
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < plan.threads; i++)
		workers.emplace_back(i, now);
	for (worker &w : workers)
		threads.emplace_back([&] {
			if (plan.pinned)
				pin_to_cpu(w.id());
			ready.arrive_and_wait();
			work(w);
		});
	ready.arrive_and_wait();
	sleep_us(plan.slice_ms * 200);
	const uint64_t start = now_ns();
	now = measuring;
	sleep_us(plan.slice_ms * 1000);
	now = over;
	for (std::thread &t : threads)
		t.join();

	crew_result r;
	uint64_t end = start + 1;
	for (const worker &w : workers) {
		r.operations += w.operations;
		r.failures += w.failures;
		end = std::max(end, w.end_ns);
	}
	r.wall_ns = static_cast<double>(end - start);
	const double spent = plan.threads == 1 ? static_cast<double>(workers[0].cpu_ns)
					       : r.wall_ns * std::min(plan.threads, usable_cpus());
	r.ns = spent / static_cast<double>(std::max<uint64_t>(r.operations, 1));
	return r;
}

} // namespace bench
