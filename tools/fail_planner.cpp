// SPDX-License-Identifier: MIT
//
// fail_planner.cpp - see fail_planner.hpp.
#include "tools/fail_planner.hpp"

#include <algorithm>
#include <utility>

namespace fail {
namespace {

// After a failure, as many of the allocations that follow are tried as its second, besides those of new stacks.
constexpr uint64_t seconds_each = 8;

/// The program dealt with the failure. What it does after a crash is of no interest.
bool goes_on(verdict v)
{
	return v <= verdict::leak && v != verdict::unreached;
}

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

/// Each once. A shard has its part of them, and all that they lead to.
void planner::plan_stacks(const std::vector<site> &sites)
{
	for (const site &s : sites) {
		const bool mine = s.digest % wanted_.shards == wanted_.shard - 1;
		const bool counts = wanted_.filters.process == 0 || s.process == wanted_.filters.process;
		if (s.digest == 0 || !stacks_.insert(s.digest).second || !mine || !counts)
			continue;
		waiting_.push_back(first_by_stack(s.digest));
		// The first time there is often no block yet that could be lost.
		if (s.count > 1 && s.function.compare(0, 7, "realloc") == 0) {
			waiting_.push_back(first_by_stack(s.digest));
			waiting_.back().occurrence = 2;
		}
	}
}

/// What only allocates once something has failed is made to fail as the second.
void planner::plan_discovered(const outcome &o)
{
	const bool first_only = o.planned.then == plan::more::nothing && o.planned.kind == plan::first::stack;
	if (o.failed.empty() || !first_only || !goes_on(o.what()))
		return;
	const injection &first = o.failed.front();
	for (const site &s : o.sites) {
		if (s.digest == 0 || !stacks_.insert(s.digest).second)
			continue;
		if (s.process == first.process && s.n > first.n)
			urgent_.push_back(with_second(o, s.n));
		else
			urgent_.push_back(
				first_by_stack(s.digest)); // another process, or it was no matter of the failure
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
	const auto add = [&](uint64_t second, std::deque<plan> &to) {
		if (second > first.n && pairs_.emplace(first.stack, second).second)
			to.push_back(with_second(o, second));
	};
	for (const site &s : o.sites)
		if (s.process == first.process)
			add(s.n, urgent_);
	for (uint64_t k = 1; k <= seconds_each; k++)
		add(first.n + k, waiting_);
}

void planner::learn(const outcome &o)
{
	if (wanted_.mode == sweep_mode::stacks)
		plan_discovered(o);
	if (wanted_.mode == sweep_mode::pairs && o.planned.then == plan::more::nothing && goes_on(o.what()) &&
	    !o.failed.empty())
		plan_seconds(o);
}

bool planner::next(plan &into)
{
	std::deque<plan> &from = urgent_.empty() ? waiting_ : urgent_;
	if (from.empty())
		return false;
	into = from.front();
	from.pop_front();
	given_++;
	return true;
}

} // namespace fail
