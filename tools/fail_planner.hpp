// SPDX-License-Identifier: MIT
//
// fail_planner.hpp - which runs there are to be, by the mode of the sweep. What
// runs show can add to them.
#pragma once

#include "tools/fail_discovery.hpp"

#include <deque>

namespace fail {

/// One thread at a time may use it.
class planner {
      public:
	planner(const options &wanted, const reference &known);

	/// The next one; false when none is known of now.
	bool next(plan &into);
	/// What came of one may lead to others.
	void learn(const outcome &o);
	/// As many as are known of so far, those that were given out too.
	uint64_t total() const { return given_ + urgent_.size() + waiting_.size() + discovered_.undecided(); }
	/// Whether a run is another shard's, and done only to see where it leads.
	bool is_foreign(const plan &p) const { return discovered_.is_foreign(p); }

      private:
	void plan_every(const observation &seen);
	void plan_stacks(const std::vector<site> &sites);
	void plan_random();
	void plan_seconds(const outcome &o);
	plan first_by_nth(unsigned process, uint64_t n) const;
	plan first_by_stack(uint64_t stack) const;
	plan with_second(const outcome &o, uint64_t second) const;

	const options &wanted_;
	const reference &known_;
	std::deque<plan> urgent_; // what was found on the way of a failure goes first
	std::deque<plan> waiting_;
	discovery discovered_;
	uint64_t given_ = 0;
};

} // namespace fail
