// SPDX-License-Identifier: MIT
//
// workload.cpp - see workload.hpp.
#include "workload.hpp"

#include "table_ops.hpp"

#include <algorithm>
#include <memory>

namespace bench {

bool takes_part(const peer &p, const workload &w)
{
	if ((p.roles & w.roles) == 0)
		return false;
	if (w.threads > 1 && (p.roles & role_one_thread) != 0)
		return false;
	return w.form != shape::pipe || (p.roles & role_own_thread) == 0;
}

demand lane::demand_of(const workload &w)
{
	constexpr unsigned pipe_elements = 2 * ring::capacity;
	const unsigned wanted = w.form == shape::pipe ? pipe_elements : w.threads * (w.batch + w.live);
	return {w.size, w.reserve != 0 ? w.reserve : wanted, w.threads};
}

lane::lane(const peer &p, const workload &w, bool tabled) : peer_(p), workload_(w), tabled_(tabled)
{
	const demand wanted = demand_of(w);
	context_ = p.create(&p, &wanted);
}

lane::~lane()
{
	if (context_ != nullptr)
		peer_.destroy(context_);
}

crew_result lane::run_loops(unsigned slice_ms, const std::function<void(worker &, const loops &, void *)> &work) const
{
	const bool pinned = workload_.threads > 1 && workload_.threads <= usable_cpus();
	table_context table = {peer_, context_};
	const loops &run = tabled_ ? loops_of<through_table> : *peer_.call.direct;
	return run_crew({workload_.threads, slice_ms, pinned}, [&](worker &w) {
		if (peer_.thread_begin != nullptr)
			peer_.thread_begin(context_);
		work(w, run, tabled_ ? &table : context_);
		if (peer_.thread_end != nullptr)
			peer_.thread_end(context_);
	});
}

crew_result lane::run_pipe(unsigned slice_ms) const
{
	ring pipe;
	std::atomic<bool> ended = false;
	crew_result r = run_loops(slice_ms, [&](worker &w, const loops &run, void *context) {
		if (w.id() != 0)
			return run.read_pipe(context, pipe, ended);
		run.write_pipe(w, context, pipe);
		ended = true;
	});
	// Two threads are at work on each element: the figure is the clock's.
	r.ns /= std::min(2U, usable_cpus());
	return r;
}

loop_plan lane::plan() const
{
	return {workload_.batch, workload_.live, workload_.threads > 1};
}

crew_result lane::run(unsigned slice_ms) const
{
	if (workload_.form == shape::pipe)
		return run_pipe(slice_ms);
	return run_loops(slice_ms,
			 [&](worker &w, const loops &run, void *context) { run.batches(w, context, plan()); });
}

crew_result lane::run_timed(unsigned slice_ms, histogram &times) const
{
	std::vector<histogram> own(workload_.threads);
	const crew_result r = run_loops(slice_ms, [&](worker &w, const loops &run, void *context) {
		run.timed(w, context, plan(), own[w.id()]);
	});
	for (const histogram &h : own)
		times.merge(h);
	return r;
}

} // namespace bench
