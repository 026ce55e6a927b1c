// SPDX-License-Identifier: MIT
//
// spread_store_parts.hpp - the longer ways of spread_store.hpp, for whoever
// instantiates it: spread_store.cpp, and tests with atomics of their own.
#pragma once

#include "reserve/spread_store.hpp"

namespace mp::reserve {

template <class Atomics> void basic_spread_store<Atomics>::init(void *zeroed, int target)
{
	MP_ASSERT(target >= 1); // INV-1
	auto *memory = static_cast<char *>(zeroed);
	counters_.init(memory + hints::bytes_for());
	slots_.init(memory + hints::bytes_for() + Atomics::counters::bytes_for(), target);
	open_slots(target);
	hints_.init(memory, static_cast<size_t>(target) * slots_.stride());
}

/// The first entry downwards from the hint; one that a bulk has marked only
/// when there is no other.
template <class Atomics> void *basic_spread_store<Atomics>::take_slow(hint &h)
{
	for (;;) {
		const uint64_t before = bulk_.state();
		size_t at = 0;
		uintptr_t word = slots::hole;
		const auto visit = [&](size_t i, slot_word &slot) {
			// seq_cst: a searcher's look, ORD-10
			uintptr_t here = slot.load(std::memory_order_seq_cst);
			while (slots::is_entry(here)) {
				if (slot.compare_exchange_weak(here, slots::hole, std::memory_order_seq_cst,
							       std::memory_order_seq_cst)) {
					at = i;
					word = here;
					return sight::done;
				}
			}
			if (!slots::is_marked(here))
				return sight::nothing;
			at = i;
			word = here;
			return sight::kept;
		};
		if (slots_.template search<false>(slots::some, below(h.top.load(std::memory_order_relaxed)), visit)) {
			took(h, at);
			return reinterpret_cast<void *>(word);
		}
		if (word == slots::hole)
			break;
		Atomics::at(step::found_marked);
		const typename bulk::answer answer = bulk_.yields(before);
		if (answer == bulk::answer::not_yours)
			break;
		if (answer == bulk::answer::try_again)
			continue;
		Atomics::at(step::may_take_mark);
		if (slots_.slot(at).compare_exchange_strong(word, slots::hole, std::memory_order_seq_cst,
							    std::memory_order_relaxed)) {
			took(h, at);
			return reinterpret_cast<void *>(word & ~slots::mark);
		}
	}
	hints_.lower_to(0);
	// release: pairs with the acquire fence in core's mempool_free(), ORD-1
	Atomics::fence(std::memory_order_release);
	return nullptr;
}

/// One exchange: there is no moment at which somebody finds a hole, or the store not full.
template <class Atomics> void *basic_spread_store<Atomics>::swap_guest(void *entry)
{
	uintptr_t word = slots::hole;
	const auto visit = [&](size_t, slot_word &slot) {
		// seq_cst: a searcher's look, ORD-10
		word = slot.load(std::memory_order_seq_cst);
		while (slots::is_entry(word) && (word & guest_bit) != 0) {
			if (slot.compare_exchange_weak(word, reinterpret_cast<uintptr_t>(entry),
						       std::memory_order_seq_cst, std::memory_order_seq_cst))
				return sight::done;
		}
		return slots::is_entry(word) || slots::is_marked(word) ? sight::kept : sight::nothing;
	};
	const size_t from = below(hints_.mine().top.load(std::memory_order_relaxed));
	const bool found = slots_.template search<false>(slots::some, from, visit);
	return found ? reinterpret_cast<void *>(word) : nullptr;
}

template <class Atomics> void *basic_spread_store<Atomics>::take_resident()
{
	for (size_t i = 0; i < slots_.capacity(); i++) {
		const uintptr_t word = slots_.slot(i).load(std::memory_order_relaxed);
		if (!slots::is_entry(word) || (word & guest_bit) != 0)
			continue;
		slots_.slot(i).store(slots::hole, std::memory_order_relaxed);
		took(hints_.mine(), i);
		return reinterpret_cast<void *>(word);
	}
	return nullptr;
}

/// Puts an entry into the first hole upwards from the hint.
template <class Atomics> bool basic_spread_store<Atomics>::place(hint &h, uintptr_t word)
{
	const size_t apart = slots_.stride();
	size_t at = 0;
	const auto visit = [&](size_t i, slot_word &slot) {
		// seq_cst: a searcher's look, ORD-10
		uintptr_t here = slot.load(std::memory_order_seq_cst);
		while (here == slots::hole) {
			if (slot.compare_exchange_weak(here, word, std::memory_order_seq_cst,
						       std::memory_order_seq_cst)) {
				at = i;
				return sight::done;
			}
		}
		return sight::nothing;
	};
	if (!slots_.template search<true>(slots::holes, h.top.load(std::memory_order_relaxed), visit))
		return false;
	gave(h, at, apart);
	return true;
}

template <class Atomics> bool basic_spread_store<Atomics>::give_slow(hint &h, uintptr_t word)
{
	if (place(h, word))
		return true;
	uint64_t before = full_.load(std::memory_order_seq_cst);
	const uint64_t mine = (before | state_mask) + 1 + checking;
	// seq_cst: pairs with made_hole(), ORD-10. A second giver leaves it to the first.
	if (state_of(before) != not_full ||
	    !full_.compare_exchange_strong(before, mine, std::memory_order_seq_cst, std::memory_order_relaxed))
		return false;
	Atomics::at(step::checking_full);
	if (place(h, word)) {
		full_.fetch_and(~uint64_t{state_mask}, std::memory_order_seq_cst);
		return true;
	}
	// Not if a taker was here meanwhile.
	uint64_t expected = mine;
	full_.compare_exchange_strong(expected, mine - checking + is_full, std::memory_order_seq_cst,
				      std::memory_order_relaxed);
	return false;
}

template <class Atomics> int basic_spread_store<Atomics>::give_many(void *const *entries, int count)
{
	int given = 0;
	while (given < count && give(entries[given]))
		given++;
	return given;
}

template <class Atomics> bool basic_spread_store<Atomics>::take_into_gaps(void **entries, int count, int missing)
{
	if (missing <= 0)
		return true;
	const auto marked = [](const void *entry) { return slots::is_marked(reinterpret_cast<uintptr_t>(entry)); };
	if (std::any_of(entries, entries + count, marked))
		return false; // the caller's own could not be told from ours
	const std::lock_guard guard(bulk_.guard());
	if (this->count(missing) < missing)
		return false; // before any is marked
	hint &h = hints_.mine();
	const size_t from = below(h.top.load(std::memory_order_relaxed));
	if (!bulk_.claim(slots_, from, missing))
		return false;
	Atomics::at(step::committed);
	const int found = collect(h, from, entries, count, missing);
	bulk_.end();
	count_taken_now(h, found);
	const bool served = found == missing || make_good(entries, count, missing - found); // INV-3
	for (int i = 0; i < count; i++) // what went back has left a gap
		entries[i] = reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(entries[i]) & ~slots::mark);
	return served;
}

/// Moves the marked entries into the gaps, marks and all. Says how many there were.
template <class Atomics>
int basic_spread_store<Atomics>::collect(hint &h, size_t from, void **entries, int count, int missing)
{
	int found = 0;
	void **gap = entries;
	slots_.template search<false>(slots::some, from, [&](size_t i, slot_word &slot) {
		uintptr_t word = slot.load(std::memory_order_seq_cst);
		if (!slots::is_marked(word) ||
		    !slot.compare_exchange_strong(word, slots::hole, std::memory_order_seq_cst,
						  std::memory_order_seq_cst))
			return slots::is_entry(word) ? sight::kept : sight::nothing;
		made_hole(i);
		h.top.store(i, std::memory_order_relaxed);
		while (*gap != nullptr)
			gap++;
		MP_ASSERT(gap < entries + count);
		*gap = reinterpret_cast<void *>(word);
		return ++found == missing ? sight::done : sight::kept;
	});
	return found;
}

/// A bulk was robbed of `missing` entries: finds others, or puts back those it
/// has, which carry the mark. While neither can be done the other can.
template <class Atomics> bool basic_spread_store<Atomics>::make_good(void **entries, int count, int missing)
{
	const auto word_of = [](void *&entry) { return reinterpret_cast<uintptr_t>(entry); };
	for (;;) {
		for (int i = 0; i < count && missing > 0; i++) {
			if (entries[i] != nullptr)
				continue;
			void *entry = take();
			if (entry == nullptr)
				break;
			entries[i] = reinterpret_cast<void *>(word_of(entry) | slots::mark);
			missing--;
		}
		if (missing == 0)
			return true;
		bool all_back = true;
		for (int i = 0; i < count && all_back; i++) {
			if (!slots::is_marked(word_of(entries[i])))
				continue;
			all_back = give(reinterpret_cast<void *>(word_of(entries[i]) & ~slots::mark));
			if (all_back) {
				entries[i] = nullptr;
				missing++;
			}
		}
		if (all_back)
			return false;
	}
}

template <class Atomics> void *basic_spread_store<Atomics>::take_above(int new_target)
{
	const std::lock_guard guard(bulk_.guard());
	if (level() > new_target)
		if (void *entry = take())
			return entry;
	for (size_t from = slots_.mask(); open_ > new_target;) {
		if (close_hole(from))
			open_--;
		else if (void *entry = close_entry()) {
			open_--;
			return entry;
		}
	}
	// Only now: until the surplus is gone the old promise stands (PAR-26).
	target_.store(new_target, std::memory_order_relaxed); // INV-1
	return nullptr;
}

template <class Atomics> bool basic_spread_store<Atomics>::close_hole(size_t &from)
{
	return slots_.template search<false>(slots::holes, from, [&from](size_t i, slot_word &slot) {
		uintptr_t word = slots::hole;
		if (!slot.compare_exchange_strong(word, slots::closed, std::memory_order_seq_cst,
						  std::memory_order_relaxed))
			return sight::nothing;
		from = i;
		return sight::done;
	});
}

/// An entry that is in the way of a lower target, its slot closed behind it.
template <class Atomics> void *basic_spread_store<Atomics>::close_entry()
{
	uintptr_t word = slots::hole;
	const auto visit = [&word](size_t, slot_word &slot) {
		word = slot.load(std::memory_order_seq_cst);
		while (slots::is_entry(word))
			if (slot.compare_exchange_weak(word, slots::closed, std::memory_order_seq_cst,
						       std::memory_order_seq_cst))
				return sight::done;
		return slots::is_marked(word) ? sight::kept : sight::nothing;
	};
	if (!slots_.template search<false>(slots::some, slots_.mask(), visit))
		return nullptr;
	count_taken_now(hints_.mine(), 1);
	return reinterpret_cast<void *>(word);
}

/// Opens closed slots until there are as many as a target has.
template <class Atomics> void basic_spread_store<Atomics>::open_slots(int new_target)
{
	target_.store(new_target, std::memory_order_relaxed); // INV-1: before there is room for more
	for (size_t i = 0; open_ < new_target; i += slots_.stride()) {
		MP_ASSERT(i < slots_.capacity());
		uintptr_t word = slots::closed;
		if (!slots_.slot(i).compare_exchange_strong(word, slots::hole, std::memory_order_seq_cst,
							    std::memory_order_relaxed))
			continue;
		made_hole(i);
		open_++;
	}
}

template <class Atomics> memory_block basic_spread_store<Atomics>::grow(memory_block more, int new_target)
{
	const std::lock_guard guard(bulk_.guard());
	if (more.start != nullptr) {
		slots_.add_segments(more.start, new_target);
		grown_[grown_count_++] = more;
	}
	slots_.narrow_stride(new_target);
	open_slots(new_target);
	return {};
}

template <class Atomics> int basic_spread_store<Atomics>::level() const
{
	// In this order: what is taken in between was given before, so it makes the
	// level too high, and a waker that reads it wakes one too many (ORD-2).
	const uint64_t taken = this->taken();
	const uint64_t given = this->given();
	const auto level = static_cast<int64_t>(given - taken);
	return static_cast<int>(std::clamp<int64_t>(level, 0, target()));
}

/// A marked entry counts, except in a bulk that has committed: there it is gone
/// already. Whether it is that bulk's is certain when the state did not change.
template <class Atomics> int basic_spread_store<Atomics>::count(int most)
{
	int found = 0;
	if (most <= 0)
		return 0;
	const size_t from = below(hints_.mine().top.load(std::memory_order_relaxed));
	slots_.template search<false>(slots::some, from, [&](size_t, slot_word &slot) {
		for (;;) {
			const uint64_t before = bulk_.state();
			const uintptr_t word = slot.load(std::memory_order_seq_cst);
			if (word == slots::hole || word == slots::closed)
				return sight::nothing;
			if (slots::is_entry(word) || bulk::phase_of(before) != bulk::phase::committed)
				break;
			if (bulk_.state() == before)
				return sight::kept;
		}
		return ++found == most ? sight::done : sight::kept;
	});
	return found;
}

/// Another thread may have been anywhere when the process was split: what it had
/// taken is gone with it, and everything else follows from the slots.
template <class Atomics> void basic_spread_store<Atomics>::thaw_in_child()
{
	bulk_.reset(slots_);
	slots_.set_all_bits();
	full_.store(not_full, std::memory_order_relaxed);
	open_ = 0;
	int64_t entries = 0;
	for (size_t i = 0; i < slots_.capacity(); i++) {
		const uintptr_t word = slots_.slot(i).load(std::memory_order_relaxed);
		open_ += word != slots::closed;
		entries += slots::is_entry(word);
	}
	target_.store(open_, std::memory_order_relaxed); // INV-1
	const int64_t off = entries - static_cast<int64_t>(given() - taken());
	counters_.add(off > 0 ? count_given : count_taken, static_cast<uint64_t>(off > 0 ? off : -off));
}

} // namespace mp::reserve
