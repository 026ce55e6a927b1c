// SPDX-License-Identifier: MIT
//
// atomics.hpp - what the lock-free structures are made of, as one parameter.
//
// The spread store and the wait queue are templates over it, so that the very
// same code runs here, under a checker that tries out what the memory orders
// permit (tests/relacy), and under tests that step in between two instructions.
// A policy offers:
//   atomic<T>, fence(order)          the memory
//   lock                             lock, try_lock, unlock, reset_in_child
//   futex_word, futex_wait, futex_wake
//   cpu(), cpus()                    a number of any size; CPUs that hints are kept for
//   counters                         two figures: bytes_for, init, add, sum
//   group_slots, mark_shift          the store's geometry; a bit that no entry has
//   at(step)                         called where tests may step in
#pragma once

#include "reserve/base/counted_lock.hpp"
#include "reserve/base/counters.hpp"
#include "reserve/base/fence.hpp"

namespace mp::reserve {

/// Where a policy is told that a thread stands, between two of its steps.
enum class step {
	took_slot,     // an entry left its slot, and nothing else was done yet
	gave_slot,     // an entry is in its slot, and nothing else was done yet
	doubted_group, // a searcher took a group's bit away, and looks again next
	checking_full, // a giver found no hole, and looks again next
	marked,        // a bulk marked what it wants, and commits next
	committed,     // a bulk's entries are its own, and still in their slots
	found_marked,  // a single found nothing but marked entries
	may_take_mark, // it ended the bulk, and takes one of its entries next
};

struct native_atomics {
	template <class T> using atomic = std::atomic<T>;
	static void fence(std::memory_order order) { base::fence(order); }

	using lock = base::counted_lock;
	using futex_word = base::futex_word;
	static base::futex_result futex_wait(futex_word &word, uint32_t expected, uint64_t deadline_ns)
	{
		return base::futex_wait(word, expected, deadline_ns);
	}
	static void futex_wake(futex_word *word, int count) { base::futex_wake(word, count); }

	static unsigned cpu() { return base::current_cpu(); }
	static unsigned cpus() { return base::striped_counters<2>::stripes_wanted() - 1; }

	class counters : public base::striped_counters<2> {
	      public:
		static size_t bytes_for() { return stripes_wanted() * stripe_bytes; }
		void init(void *zeroed) { striped_counters::init(zeroed, stripes_wanted()); }
	};

	static constexpr size_t group_slots = 64;
	static constexpr unsigned mark_shift = MP_MARK_SHIFT;
	static void at(step) {}
};

} // namespace mp::reserve
