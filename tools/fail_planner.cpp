// SPDX-License-Identifier: MIT
//
// fail_planner.cpp - see fail_planner.hpp.
#include "tools/fail_planner.hpp"

#include <algorithm>
#include <set>

namespace fail {
namespace {

// After a failure, as many of the allocations that follow are tried as its second, besides those of new stacks.
constexpr uint64_t seconds_each = 8;

} // namespace

planner::planner(const options &wanted, const reference &known) : wanted_(wanted), known_(known)
{
	const observation &seen = known.unharmed().seen;
	switch (wanted.mode) {
	case sweep_mode::every:
		plan_every(seen);
		break;
	case sweep_mode::nth:
		waiting_.push_back(first_by_nth(wanted.filters.process, wanted.nth));
		break;
	case sweep_mode::random:
		plan_random();
		break;
	default: // the firsts of pairs are those of single failures
		plan_stacks(seen.sites);
	}
}

plan planner::first_by_nth(unsigned process, uint64_t n) const
{
	plan p;
	p.kind = plan::first::nth;
	p.then = wanted_.persistent ? plan::more::all : plan::more::nothing;
	p.process = process;
	p.n = n;
	return p;
}

void planner::plan_every(const observation &seen)
{
	uint64_t index = 0;
	for (size_t process = 1; process <= seen.processes.size(); process++) {
		if (wanted_.filters.process != 0 && wanted_.filters.process != process)
			continue;
		for (uint64_t n = 1; n <= seen.processes[process - 1].allocations; n++)
			if (index++ % wanted_.shards == wanted_.shard - 1)
				waiting_.push_back(first_by_nth(static_cast<unsigned>(process), n));
	}
}

plan planner::first_by_stack(uint64_t stack) const
{
	plan p;
	p.kind = plan::first::stack;
	p.then = wanted_.persistent ? plan::more::all : plan::more::nothing;
	p.process = wanted_.filters.process;
	p.stack = stack;
	return p;
}

/// Each once. Whose each is its hash says; what is only seen after a failure, see fail_discovery.hpp.
void planner::plan_stacks(const std::vector<site> &sites)
{
	std::set<uint64_t> seen;
	for (const site &s : sites) {
		const bool mine = s.digest % wanted_.shards == wanted_.shard - 1;
		const bool counts = wanted_.filters.process == 0 || s.process == wanted_.filters.process;
		if (s.digest == 0 || !counts || !seen.insert(s.digest).second)
			continue;
		const auto add = [&](uint64_t occurrence) {
			plan p = first_by_stack(s.digest);
			p.occurrence = occurrence;
			discovered_.add(p, s.calls, mine);
			if (mine)
				waiting_.push_back(p);
		};
		add(1);
		// The first time there is often no block yet that could be lost.
		if (s.count > 1 && s.function.compare(0, 7, "realloc") == 0)
			add(2);
	}
}

plan planner::with_second(const outcome &o, uint64_t second) const
{
	plan p = o.planned;
	p.process = o.failed.front().process; // n counts in one process
	p.then = plan::more::second;
	p.second = second;
	return p;
}

void planner::plan_random()
{
	for (unsigned i = wanted_.shard - 1; i < wanted_.random.runs; i += wanted_.shards) {
		plan p;
		p.kind = plan::first::random;
		p.process = wanted_.filters.process;
		p.seed = wanted_.random.seed + i;
		waiting_.push_back(p);
	}
}

/// Error paths are the least trodden: what allocates only there comes first, then what comes next anyhow.
void planner::plan_seconds(const outcome &o)
{
	const injection &first = o.failed.front();
	std::set<uint64_t> tried;
	const auto add = [&](uint64_t second, std::deque<plan> &to) {
		if (second > first.n && tried.insert(second).second)
			to.push_back(with_second(o, second));
	};
	for (const site &s : o.sites)
		if (s.process == first.process)
			add(s.n, urgent_);
	for (uint64_t n = first.n + 1; n <= std::min(first.n + seconds_each, o.allocations); n++)
		add(n, waiting_);
}

void planner::learn(const outcome &o)
{
	if (wanted_.mode == sweep_mode::stacks) {
		discovered_.learn(o);
		for (plan p; discovered_.next_found(p);)
			urgent_.push_back(p);
	}
	if (wanted_.mode == sweep_mode::pairs && o.planned.then == plan::more::nothing && o.goes_on() &&
	    !o.failed.empty())
		plan_seconds(o);
}

bool planner::next(plan &into)
{
	std::deque<plan> &from = urgent_.empty() ? waiting_ : urgent_;
	if (from.empty()) {
		// Last, as others may have been there by then (--resume DIR).
		const bool more = discovered_.next_foreign(into);
		given_ += more ? 1 : 0;
		return more;
	}
	into = from.front();
	from.pop_front();
	given_++;
	return true;
}

} // namespace fail
