// SPDX-License-Identifier: MIT
//
// locked_store.hpp - the store as the kernel has it: an array, a level, a lock.
//
// Owner of the state: the pool that embeds it. Race table:
//   take, give, bulk / the same      the lock
//   take, give / take_above, grow    the lock
//   level, target, lowest / any      atomic reads, old as soon as they are read
//   init / anything                  the owner's business: not shared yet
//   grow / take_above, grow, grown   the owner's resize lock
#pragma once

#include "reserve/atomics.hpp"
#include "reserve/store.hpp"

#include <algorithm>
#include <mutex>

namespace mp::reserve {

class locked_store {
      public:
	using atomics = native_atomics;

	static size_t bytes_for(int target) { return static_cast<size_t>(target) * sizeof(void *); }
	void init(void *zeroed, int target);

	void *take();
	void *swap_guest(void *entry);
	void *take_resident();
	bool take_into_gaps(void **entries, int count, int missing);
	bool give(void *entry);
	int give_many(void *const *entries, int count);
	void *take_above(int new_target);
	size_t bytes_to_grow(int new_target) const { return new_target > capacity_ ? bytes_for(new_target) : 0; }
	memory_block grow(memory_block larger, int new_target);
	memory_block grown(int i) const { return i == 0 ? larger_ : memory_block{}; }

	int level() const { return level_.load(std::memory_order_relaxed); }
	int lowest() const { return lowest_.load(std::memory_order_relaxed); }
	int target() const { return target_.load(std::memory_order_relaxed); }
	bool full() const { return level() >= target(); }
	int count(int most) const { return std::min(level(), most); }
	void note_full();
	template <class Visit> void each_entry(Visit visit)
	{
		const std::lock_guard guard(lock_);
		for (int i = 0; i < level(); i++)
			visit(slots_[i]);
	}
	/// Entries ever taken and given.
	uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
	uint64_t given() const { return given_.load(std::memory_order_relaxed); }

	void freeze() { lock_.lock(); }
	void thaw() { lock_.unlock(); }
	void thaw_in_child() { lock_.reset_in_child(); }

      private:
	static bool is_guest(void *entry) { return (reinterpret_cast<uintptr_t>(entry) & guest_bit) != 0; }
	void *pop();
	void push(void *entry);

	// All written under the lock only; atomic for those who read without it.
	std::atomic<int> level_{0};
	std::atomic<int> target_{0};
	std::atomic<int> lowest_{0};
	std::atomic<uint64_t> taken_{0};
	std::atomic<uint64_t> given_{0};
	void **slots_ = nullptr;
	int capacity_ = 0;
	memory_block larger_; // that the slots are in, when they are no longer in the first array
	base::counted_lock lock_;
};

static_assert(made_store<locked_store>);

} // namespace mp::reserve
