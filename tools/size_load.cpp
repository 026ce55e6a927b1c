// SPDX-License-Identifier: MIT
//
// size_load.cpp - see size_load.hpp.
//
// A thread is in one call of a pool at a time: its events between a first pass
// and the allocation's end belong together.
#include "tools/size_load.hpp"

#include <algorithm>
#include <mempool/gfp.h>

namespace size {
namespace {

/// What a file may say without our sums overflowing.
constexpr int64_t most_elements = int64_t{1} << 32;

/// A call that is not at its end yet.
struct call {
	demand wanted;
	bool began = false;
	bool need_known = false;
	uint64_t sleep_ns = 0; // when it went to sleep first; 0: it did not
	uint64_t take_ns = 0;  // when it got something out of the reserve; 0: it did not
};

struct held {
	size_t demand;
	uint64_t since_ns;
};

struct pool_state {
	load result;
	bool known = false;
	std::map<uint32_t, call> calls; // by thread
	std::map<uint64_t, held> out;   // by element
	std::vector<size_t> failed;     // of the demands, rising
	uint64_t outage_ns = never_ns;  // when the backing failed first
};

/// The backing's answers, in time.
void note_backing(pool_state &p, uint64_t now_ns, bool works)
{
	if (!works && p.outage_ns == never_ns)
		p.outage_ns = now_ns;
	if (p.outage_ns == never_ns)
		return;
	p.result.longest_outage_ns = std::max(p.result.longest_outage_ns, now_ns - p.outage_ns);
	if (works)
		p.outage_ns = never_ns;
}

call &call_of(pool_state &p, const trace::event &e)
{
	call &c = p.calls[e.thread];
	c.began = true;
	c.wanted.thread = e.thread;
	return c;
}

/// How many are to come from the reserve; the first word counts.
void need(call &c, int64_t count)
{
	if (!c.need_known)
		c.wanted.need = std::clamp<int64_t>(count, 1, most_elements);
	c.need_known = true;
}

/// The call's end; `element` is 0 for several, and for none.
void end_call(pool_state &p, const trace::event &e, uint64_t element)
{
	const call c = call_of(p, e);
	p.calls.erase(e.thread);
	demand d = c.wanted;
	const uint64_t served_ns = c.take_ns != 0 ? c.take_ns : e.time_ns;
	d.at_ns = c.sleep_ns != 0 ? c.sleep_ns : served_ns;
	d.count = std::max(d.count, d.need);
	if (d.need > 0 && c.take_ns == 0)
		d.backing_ns = c.sleep_ns != 0 ? served_ns : d.at_ns;
	if (c.take_ns == 0)
		note_backing(p, e.time_ns, true);
	if (element != 0)
		p.out[element] = {p.result.demands.size(), served_ns};
	p.result.demands.push_back(d);
}

/// It ended with nothing: what it wanted, the reserve should have had.
void fail_call(pool_state &p, const trace::event &e)
{
	call &c = call_of(p, e);
	need(c, 1);
	demand d = c.wanted;
	d.at_ns = c.sleep_ns != 0 ? c.sleep_ns : e.time_ns;
	d.may_sleep = false;
	p.calls.erase(e.thread);
	p.result.failures++;
	p.failed.push_back(p.result.demands.size());
	p.result.demands.push_back(d);
}

void free_element(pool_state &p, const trace::event &e, uint64_t element)
{
	const auto found = p.out.find(element);
	if (found == p.out.end()) {
		p.result.releases.push_back({e.time_ns, 1});
		return;
	}
	p.result.demands[found->second.demand].hold_ns = std::max<uint64_t>(1, e.time_ns - found->second.since_ns);
	p.out.erase(found);
}

/// What failed would have been held for as long as the others, in the middle; for good, if most are.
void hold_failures(load &l, const std::vector<size_t> &failed)
{
	std::vector<uint64_t> holds;
	for (size_t i = 0, next = 0; i < l.demands.size(); i++) {
		if (next < failed.size() && failed[next] == i)
			next++;
		else
			holds.push_back(l.demands[i].hold_ns);
	}
	if (holds.empty())
		return;
	const auto middle = holds.begin() + static_cast<long>((holds.size() - 1) / 2);
	std::nth_element(holds.begin(), middle, holds.end());
	for (const size_t i : failed)
		l.demands[i].hold_ns = *middle;
}

class reader {
      public:
	explicit reader(const trace::recording &recorded) : r_(recorded) {}

	std::vector<load> read()
	{
		for (const trace::event &e : r_.events)
			if (e.pool != 0 && e.kind < r_.kinds.size())
				take(state_of(e), e, r_.kinds[e.kind].name);
		std::vector<load> all;
		for (auto &[number, p] : pools_) {
			if (p.result.demands.empty())
				continue;
			hold_failures(p.result, p.failed);
			std::stable_sort(p.result.demands.begin(), p.result.demands.end(),
					 [](const demand &a, const demand &b) { return a.at_ns < b.at_ns; });
			all.push_back(std::move(p.result));
		}
		return all;
	}

      private:
	int64_t argument(const trace::event &e, const char *name) const
	{
		return std::clamp<int64_t>(trace::argument_of(r_, e, name, 0), 0, most_elements);
	}

	pool_state &state_of(const trace::event &e)
	{
		pool_state &p = pools_[e.pool];
		if (!p.known) {
			p.known = true;
			p.result.pool = trace::pool_label(r_, e.pool);
			p.result.start_ns = r_.start_ns;
			p.result.end_ns = r_.end_ns;
			p.result.threads = r_.threads;
			if (const auto named = r_.pools.find(e.pool); named != r_.pools.end())
				p.result.min_nr = named->second.min_nr;
		}
		return p;
	}

	void take(pool_state &p, const trace::event &e, const std::string &name) const
	{
		if (name == "present" || name == "create") {
			p.result.min_nr = argument(e, "min_nr");
			p.result.missing =
				std::max<int64_t>(0, std::max<int64_t>(1, p.result.min_nr) - argument(e, "level"));
		} else if (name == "resize") {
			p.result.min_nr = argument(e, "new");
			p.result.resized = true;
		} else if (name == "free") {
			free_element(p, e, e.args[0]);
		} else if (name == "free_bulk") {
			p.result.releases.push_back({e.time_ns, argument(e, "count")});
		} else {
			take_call(p, e, name);
		}
	}

	void take_call(pool_state &p, const trace::event &e, const std::string &name) const
	{
		if (name == "pass_begin" && argument(e, "pass") == 1) {
			p.calls.erase(e.thread);
			call_of(p, e);
		} else if (name == "backing_fail") {
			call_of(p, e).wanted.need = std::max<int64_t>(call_of(p, e).wanted.need, 1);
			note_backing(p, e.time_ns, false);
		} else if (name == "reserve_take") {
			call &c = call_of(p, e);
			need(c, argument(e, "count"));
			c.take_ns = e.time_ns;
		} else if (name == "wait_begin") {
			call &c = call_of(p, e);
			need(c, argument(e, "need"));
			c.sleep_ns = c.sleep_ns != 0 ? c.sleep_ns : e.time_ns;
		} else if (name == "wait_end") {
			end_wait(p, e);
		} else {
			take_end(p, e, name);
		}
	}

	void end_wait(pool_state &p, const trace::event &e) const
	{
		constexpr int had_no_need = 2; // an element came back on its way to sleep
		if (argument(e, "how") == had_no_need) {
			call_of(p, e).sleep_ns = 0;
			return;
		}
		p.result.sleeps++;
		const auto waited_ns = static_cast<uint64_t>(trace::argument_of(r_, e, "waited", 0));
		p.result.longest_wait_ns = std::max(p.result.longest_wait_ns, waited_ns);
	}

	void take_end(pool_state &p, const trace::event &e, const std::string &name) const
	{
		if (name == "alloc") {
			const auto gfp = static_cast<gfp_t>(trace::argument_of(r_, e, "gfp", 0));
			call_of(p, e).wanted.may_sleep = (gfp & __GFP_DIRECT_RECLAIM) != 0;
			end_call(p, e, e.args[0]);
		} else if (name == "preallocated") {
			call_of(p, e).wanted.may_sleep = false;
			end_call(p, e, e.args[0]);
		} else if (name == "alloc_bulk") {
			call_of(p, e).wanted.count = std::max<int64_t>(1, argument(e, "missing"));
			end_call(p, e, 0);
		} else if (name == "alloc_fail") {
			fail_call(p, e);
		}
	}

	const trace::recording &r_;
	std::map<uint32_t, pool_state> pools_;
};

} // namespace

std::vector<load> loads_of(const trace::recording &r)
{
	std::vector<load> all = reader(r).read();
	std::sort(all.begin(), all.end(), [](const load &a, const load &b) { return a.pool < b.pool; });
	return all;
}

} // namespace size
