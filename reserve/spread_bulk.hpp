// SPDX-License-Identifier: MIT
//
// spread_bulk.hpp - several entries of a spread store at once, or none (INV-3).
//
// Bulks follow one another, by a lock. One marks the entries that it wants where
// they lie, and when it has marked enough it commits: one exchange of the state
// word, by which all of them are its own. Singles go on meanwhile. They take
// what is not marked; only when there is nothing else, and the bulk has not
// committed, a single ends the bulk by an exchange of the same word, and takes a
// marked entry. The bulk then finds that it cannot commit, unmarks what is left,
// and begins again. So a bulk that is slow, or preempted, or interrupted by a
// handler that takes an element, keeps nobody from an element, and two threads
// never each hold a part of what the other one needs.
//
// The state word is a count of bulks with the phase in its low bits. A single
// may sleep between ending a bulk and taking the marked entry. If it sleeps
// through the end of that bulk and all of the marking of a later one, and that
// marked the same entry in the same slot, it takes an entry that the later bulk
// has committed to. So a bulk looks for more after it committed if it was robbed,
// and when there is no more it puts everything back: it was not served. For each
// such single one bulk may suffer so, once.
//
// While a bulk collects, an entry in the caller's array keeps its mark. That
// tells what may have to go back from what the caller had.
//
// Owner of the state: the store. Race table:
//   take_into_gaps / the same     the lock
//   take_into_gaps / singles      lock-free, as above
//   yields / any                  lock-free
// Context: take_into_gaps not from signal handlers; yields any.
#pragma once

#include "reserve/spread_slots.hpp"

#include <mutex>

namespace mp::reserve {

template <class Atomics> class spread_bulk {
      public:
	using slots = spread_slots<Atomics>;
	using lock = typename Atomics::lock;

	enum class phase : uint64_t { idle, marking, committed };
	static phase phase_of(uint64_t state) { return static_cast<phase>(state & phase_mask); }

	uint64_t state() const { return state_.load(std::memory_order_seq_cst); } // with move(), ORD-12

	enum class answer { take_it, try_again, not_yours };
	/// A single found nothing but marked entries, beginning when the state was
	/// `before`: may it have one?
	answer yields(uint64_t before)
	{
		if (state() != before)
			return answer::try_again; // of what was seen then, nothing is certain now
		switch (phase_of(before)) {
		case phase::idle:
			return answer::take_it; // an ended bulk's, which it has not unmarked yet
		case phase::marking:
			return move(before, next(before, phase::idle)) ? answer::take_it : answer::try_again;
		case phase::committed:
			break;
		}
		return answer::not_yours;
	}

	/// Marks `count` entries, downwards from a slot, and makes them its own; or none.
	/// Under the lock. The state is then `committed`, until end().
	bool claim(slots &s, size_t from, int count)
	{
		for (;;) {
			const uint64_t marking = next(state(), phase::marking);
			// Nobody else begins: this cannot fail.
			state_.store(marking, std::memory_order_seq_cst); // with yields(), ORD-12
			const int marked = mark(s, from, count);
			Atomics::at(step::marked);
			if (marked == count && move(marking, next(marking, phase::committed)))
				return true;
			move(marking, next(marking, phase::idle)); // or a single did it
			unmark(s, from, marked);
			if (marked < count)
				return false;
		}
	}

	void end() { state_.store(next(state(), phase::idle), std::memory_order_seq_cst); } // with count(), ORD-12

	lock &guard() { return lock_; }

	/// In a child, alone: no bulk is under way.
	void reset(slots &s)
	{
		for (size_t i = 0; i < s.capacity(); i++) {
			const uintptr_t word = s.slot(i).load(std::memory_order_relaxed);
			if (slots::is_marked(word))
				s.slot(i).store(word & ~slots::mark, std::memory_order_relaxed);
		}
		end();
		lock_.reset_in_child();
	}

      private:
	static constexpr uint64_t phase_mask = 3;
	static constexpr uint64_t next(uint64_t state, phase to)
	{
		return (state | phase_mask) + 1 + static_cast<uint64_t>(to);
	}
	bool move(uint64_t from, uint64_t to)
	{
		// seq_cst: pairs with itself, ORD-12
		return state_.compare_exchange_strong(from, to, std::memory_order_seq_cst, std::memory_order_relaxed);
	}

	static int mark(slots &s, size_t from, int count)
	{
		int marked = 0;
		s.template search<false>(slots::some, from, [&](size_t, auto &slot) {
			uintptr_t word = slot.load(std::memory_order_seq_cst);
			while (slots::is_entry(word)) {
				// relaxed would do: the commit orders
				if (slot.compare_exchange_weak(word, word | slots::mark, std::memory_order_seq_cst,
							       std::memory_order_relaxed))
					return ++marked == count ? sight::done : sight::kept;
			}
			return slots::is_marked(word) ? sight::kept : sight::nothing;
		});
		return marked;
	}

	static void unmark(slots &s, size_t from, int marked)
	{
		if (marked == 0)
			return;
		s.template search<false>(slots::some, from, [&](size_t, auto &slot) {
			uintptr_t word = slot.load(std::memory_order_seq_cst);
			if (slots::is_marked(word) &&
			    slot.compare_exchange_strong(word, word & ~slots::mark, std::memory_order_seq_cst,
							 std::memory_order_relaxed) &&
			    --marked == 0)
				return sight::done;
			return word != slots::hole && word != slots::closed ? sight::kept : sight::nothing;
		});
	}

	typename Atomics::template atomic<uint64_t> state_{0};
	lock lock_;
};

} // namespace mp::reserve
