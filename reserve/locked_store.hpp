// SPDX-License-Identifier: MIT
//
// locked_store.hpp - the store as the kernel has it: an array, a level, a lock.
//
// Owner of the state: the pool that embeds it. Race table:
//   take, give, bulk / the same      the lock
//   take, give / take_above, grow    the lock
//   level, target, lowest / any      atomic reads, old as soon as they are read
//   init / anything                  the owner's business: not shared yet
//   grow / take_above, grow          the owner's resize lock
#pragma once

#include "reserve/base/lock.hpp"
#include "reserve/store.hpp"

namespace mp::reserve {

class locked_store {
      public:
	void init(slot_array array, int target);

	void *take();
	bool take_into_gaps(void **entries, int count, int missing);
	bool give(void *entry);
	int give_many(void *const *entries, int count);
	void *take_above(int new_target);
	slot_array grow(slot_array larger, int new_target);

	int level() const { return level_.load(std::memory_order_relaxed); }
	int lowest() const { return lowest_.load(std::memory_order_relaxed); }
	int target() const { return target_.load(std::memory_order_relaxed); }
	/// For whoever serialises grow().
	slot_array array() const { return array_; }
	void note_full();

	void freeze() { lock_.lock(); }
	void thaw() { lock_.unlock(); }
	void thaw_in_child() { lock_.reset_in_child(); }

      private:
	void *pop();
	void push(void *entry);

	// All written under the lock only; atomic for those who read without it.
	std::atomic<int> level_{0};
	std::atomic<int> target_{0};
	std::atomic<int> lowest_{0};
	slot_array array_;
	base::adaptive_lock lock_;
};

static_assert(element_store<locked_store>);

} // namespace mp::reserve
