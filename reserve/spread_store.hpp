// SPDX-License-Identifier: MIT
//
// spread_store.hpp - a store without a lock that singles could wait for, and
// without a cache line that every operation writes.
//
// An array of slots, of which exactly `target` are open, so it can never hold
// more (INV-1). Each CPU has a hint where it was last at work: below it entries,
// above it holes. Taking looks downwards from there and giving upwards, both
// around the whole array if need be; so one CPU by itself sees a stack, several
// work far apart, and whatever lies anywhere is found by whoever needs it. The
// ordinary take or give is one locked instruction, the exchange of its slot.
//
// One word says `full`, so that a free can tell by one load. Only a giver that
// found no hole anywhere sets it, in two steps between which it looks again; a
// taker clears it. In the first step it does not count as full. So who took an
// element, and frees it later, never sees a full store for the old reason (ORD-1).
//
// How many there are is not stored but counted, entries ever given less entries
// ever taken, each CPU for itself. While others are at work the sum may be off by
// those who have moved an entry and not counted it yet. count() looks at the
// entries themselves.
//
// take() that finds nothing has seen each slot without an entry at some moment
// of the call, not all at the same moment.
//
// Owner of the state: the pool that embeds it. Race table:
//   take, give, give_many, full, level, count / any   lock-free
//   take_into_gaps / the same, take_above, grow       the bulk's lock
//   take_into_gaps / singles                          spread_bulk.hpp
//   take_above, grow / take, give                     lock-free; slots close and open one by one
//   take_above, grow, grown / the same                the owner's resize lock
//   freeze / bulk, resize                             the bulk's lock; singles go on
//   init, thaw_in_child / anything                    alone
// Context: the first line any, signal handlers included; the others not.
#pragma once

#include "reserve/base/check.hpp"
#include "reserve/spread_bulk.hpp"
#include "reserve/spread_hints.hpp"
#include "reserve/spread_slots.hpp"

namespace mp::reserve {

template <class Atomics> class basic_spread_store {
      public:
	using atomics = Atomics;

	static size_t bytes_for(int target)
	{
		return hints::bytes_for() + Atomics::counters::bytes_for() + slots::bytes_for(target);
	}
	void init(void *zeroed, int target);

	void *take()
	{
		hint &h = hints_.mine();
		const size_t i = below(h.top.load(std::memory_order_relaxed));
		if (slot_word *slot = slots_.near_slot(i)) [[likely]] {
			uintptr_t word = slot->load(std::memory_order_relaxed);
			// seq_cst: acquires the entry, and is the taker's side of ORD-10
			if (slots::is_entry(word) &&
			    slot->compare_exchange_strong(word, slots::hole, std::memory_order_seq_cst,
							  std::memory_order_relaxed)) {
				took(h, i);
				return reinterpret_cast<void *>(word);
			}
		}
		return take_slow(h);
	}

	bool give(void *entry)
	{
		const auto word = reinterpret_cast<uintptr_t>(entry);
		if (!slots::is_entry(word)) [[unlikely]]
			return false; // its mark would be taken for ours
		hint &h = hints_.mine();
		const size_t apart = slots_.stride();
		const size_t i = h.top.load(std::memory_order_relaxed) & slots_.mask() & ~(apart - 1);
		if (slot_word *slot = slots_.near_slot(i)) [[likely]] {
			uintptr_t expected = slots::hole;
			// seq_cst: releases the entry, and is the giver's side of ORD-10
			if (slot->load(std::memory_order_relaxed) == slots::hole &&
			    slot->compare_exchange_strong(expected, word, std::memory_order_seq_cst,
							  std::memory_order_relaxed)) {
				gave(h, i, apart);
				return true;
			}
		}
		return give_slow(h, word);
	}

	void *swap_guest(void *entry);
	void *take_resident();
	bool take_into_gaps(void **entries, int count, int missing);
	int give_many(void *const *entries, int count);
	void *take_above(int new_target);
	size_t bytes_to_grow(int new_target) const { return slots_.bytes_to_grow(new_target); }
	memory_block grow(memory_block more, int new_target);
	memory_block grown(int i) const { return i < grown_count_ ? grown_[i] : memory_block{}; }

	// acquire: with the fence in mempool_free(), ORD-1
	bool full() const { return (full_.load(std::memory_order_acquire) & is_full) != 0; }
	int level() const;
	int count(int most);
	template <class Visit> void each_entry(Visit visit)
	{
		const size_t capacity = slots_.capacity();
		for (size_t i = 0; i < capacity; i++) {
			const uintptr_t word =
				slots_.slot(i).load(std::memory_order_acquire) & ~slots::mark; // a look, no more
			if (word != slots::hole)
				visit(reinterpret_cast<void *>(word));
		}
	}
	int lowest() const { return std::min(hints_.lowest(), level()); }
	int target() const { return target_.load(std::memory_order_relaxed); }
	void note_full() { hints_.restart(level()); }

	/// Entries ever taken and given.
	uint64_t taken() const { return counters_.sum(count_taken); }
	uint64_t given() const { return counters_.sum(count_given); }

	void freeze() { bulk_.guard().lock(); }
	void thaw() { bulk_.guard().unlock(); }
	void thaw_in_child();

      private:
	using slots = spread_slots<Atomics>;
	using slot_word = typename slots::slot_word;
	using hints = spread_hints<Atomics>;
	using hint = typename hints::hint;
	using bulk = spread_bulk<Atomics>;

	enum : unsigned { count_taken, count_given };
	// The low bits of full_; above them a count, so that a giver knows its own checking from another's.
	enum : uint64_t { not_full, is_full, checking, state_mask };
	static constexpr uint64_t state_of(uint64_t full) { return full & state_mask; }

	size_t below(size_t top) const
	{
		const size_t apart = slots_.stride();
		return (top - apart) & slots_.mask() & ~(apart - 1);
	}

	/// An entry left a slot.
	void took(hint &h, size_t i)
	{
		Atomics::at(step::took_slot);
		made_hole(i);
		h.top.store(i, std::memory_order_relaxed);
		count_taken_now(h, 1);
	}
	void made_hole(size_t i)
	{
		slots_.note(slots::holes, i);
		// seq_cst: pairs with the second look in give_slow(), ORD-10
		if (state_of(full_.load(std::memory_order_seq_cst)) != not_full) [[unlikely]]
			full_.fetch_and(~uint64_t{state_mask}, std::memory_order_seq_cst);
	}
	void count_taken_now(hint &h, int n)
	{
		counters_.add(count_taken, static_cast<uint64_t>(n));
		if (hints_.count_out(h, n)) [[unlikely]]
			hints_.look(h, level());
		// release: pairs with the acquire fence in core's mempool_free(), ORD-1
		Atomics::fence(std::memory_order_release);
	}
	void gave(hint &h, size_t i, size_t apart)
	{
		Atomics::at(step::gave_slot);
		slots_.note(slots::some, i);
		h.top.store(i + apart, std::memory_order_relaxed);
		counters_.add(count_given, 1);
		hints_.count_in(h);
	}

	void *take_slow(hint &h);
	bool give_slow(hint &h, uintptr_t word);
	bool place(hint &h, uintptr_t word);
	int collect(hint &h, size_t from, void **entries, int count, int missing);
	bool make_good(void **entries, int count, int missing);
	void open_slots(int new_target);
	bool close_hole(size_t &from);
	void *close_entry();

	// Read by every operation, written by init() and grow().
	hints hints_;
	slots slots_;
	typename Atomics::counters counters_;
	typename Atomics::template atomic<int> target_{0};

	alignas(base::cache_line_bytes) typename Atomics::template atomic<uint64_t> full_{0};

	alignas(base::cache_line_bytes) bulk bulk_;
	// Under the bulk's lock.
	int open_ = 0; // slots that are not closed; the target, but for the middle of a shrink
	int grown_count_ = 0;
	memory_block grown_[24];
};

using spread_store = basic_spread_store<native_atomics>;
extern template class basic_spread_store<native_atomics>;
static_assert(made_store<spread_store>);

} // namespace mp::reserve
