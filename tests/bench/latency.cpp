// SPDX-License-Identifier: MIT
//
// latency.cpp - see latency.hpp. Each thread has a histogram of its own; the
// tick's length is found out once.
#include "latency.hpp"

#include "histogram.hpp"
#include "ticks.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace bench {

double tick_ns()
{
	static const double rate = [] {
		const uint64_t from_ns = now_ns();
		const uint64_t from = ticks();
		while (now_ns() - from_ns < 20'000'000)
			;
		const uint64_t to = ticks();
		return static_cast<double>(now_ns() - from_ns) / static_cast<double>(to - from);
	}();
	return rate;
}

double clock_cost_ns()
{
	std::vector<uint64_t> costs(10'001);
	for (uint64_t &cost : costs) {
		const uint64_t from = ticks();
		cost = ticks() - from;
	}
	std::nth_element(costs.begin(), costs.begin() + 5'000, costs.end());
	return static_cast<double>(costs[5'000]) * tick_ns();
}

namespace {

// A batch, with the clock read around each operation. One that had to be tried again counts as long as all its tries.
void timed_batches(worker &w, const peer &p, void *context, unsigned batch, histogram &times)
{
	std::vector<void *> elements(batch);
	w.run([&] {
		unsigned done = 0;
		do {
			const uint64_t from = ticks();
			elements[done] = alloc_or_retry(p, context, w.failures);
			times.add(ticks() - from);
			*static_cast<volatile uint64_t *>(elements[done]) = from;
		} while (++done < batch && !w.is_over());
		for (unsigned i = 0; i < done; i++) {
			const uint64_t from = ticks();
			p.free(context, elements[i]);
			times.add(ticks() - from);
		}
		return done;
	});
}

} // namespace

latencies measure_latencies(const peer &p, void *context, const workload &w, unsigned slice_ms)
{
	std::vector<histogram> times(w.threads);
	const crew_result r = run_crew({w.threads, slice_ms, w.threads <= usable_cpus()}, [&](worker &me) {
		if (p.thread_begin != nullptr)
			p.thread_begin(context);
		timed_batches(me, p, context, w.batch, times[me.id()]);
		if (p.thread_end != nullptr)
			p.thread_end(context);
	});
	for (size_t i = 1; i < times.size(); i++)
		times[0].merge(times[i]);
	const double ns = tick_ns();
	return {times[0].percentile(0.5) * ns, times[0].percentile(0.99) * ns, times[0].percentile(0.9999) * ns,
		static_cast<double>(times[0].greatest()) * ns, r.failures};
}

} // namespace bench
