// SPDX-License-Identifier: MIT
//
// spread_slots.hpp - the array of a spread store, and how one finds something
// in it without looking everywhere.
//
// A slot is one word: `hole`, an entry, an entry with the mark (a bulk has its
// eyes on it), or `closed` (not a slot now: beyond the target). The word is all
// the state that a slot has, so there is no ABA problem: who exchanges an entry
// for a hole has that entry, whatever happened to the slot in between.
//
// Slots lie in segments. The first has a power of two of them, each later one
// as many as there were before it. None is given back before the store ends, so
// that nobody needs a read section to look into one. Where a store has fewer
// slots open than a group has, they are `stride` slots apart, each in a cache
// line of its own as long as there are enough.
//
// Groups of slots have two bits in each of two maps: `some` (there may be
// entries) and `holes`. A map's word has the bits of 32 groups below, and above
// them a second one for each, `doubt`; a group is looked at if either is set.
// Who makes a bit's statement true sets it, if it is clear. Only a searcher
// clears it, who found nothing in the group: it turns the bit into doubt, looks
// once more, and then lets go of the doubt, having set the bit again if there
// was something (ORD-10). So no entry is hidden from anybody, also while the
// searcher is preempted. A group in doubt is nobody else's to clear.
//
// Owner of the state: the store. Race table:
//   search, note / the same                lock-free, ORD-10
//   add_segments, open, close / search     lock-free; the new mask publishes, ORD-11
//   add_segments, open, close / the same   the store's lock for bulk and resize
// Context: any, signal handlers included, but for the last three.
#pragma once

#include "reserve/atomics.hpp"
#include "reserve/store.hpp"

#include <algorithm>
#include <bit>
#include <memory>

namespace mp::reserve {

/// What a visitor of a slot says: look on; look on, but the group is to be
/// looked at by others too; that was it.
enum class sight { nothing, kept, done };

template <class Atomics> class spread_slots {
      public:
	using slot_word = typename Atomics::template atomic<uintptr_t>;
	using map_word = typename Atomics::template atomic<uint64_t>;
	static constexpr uintptr_t mark = uintptr_t{1} << Atomics::mark_shift;
	static constexpr uintptr_t hole = 0;
	static constexpr uintptr_t closed = mark;
	static constexpr bool is_entry(uintptr_t word) { return word != hole && (word & mark) == 0; }
	static constexpr bool is_marked(uintptr_t word) { return (word & mark) != 0 && word != closed; }

	enum map { some, holes };

	static size_t bytes_for(int target) { return segment_bytes(first_slots(target)); }
	void init(void *zeroed, int target);

	size_t capacity() const { return mask() + 1; }
	/// Memory for so many more segments that there are slots for a target.
	size_t bytes_to_grow(int target) const;
	void add_segments(void *zeroed, int target);
	/// Makes room for a target between the slots that are there.
	void narrow_stride(int target);

	/// seq_cst: a searcher whose second look would miss a slot that was opened in
	/// between is ordered before who filled it, ORD-10.
	size_t stride() const { return stride_.load(std::memory_order_seq_cst); }
	size_t mask() const { return mask_.load(std::memory_order_acquire); } // pairs with add_segments(), ORD-11

	/// A slot of the first segment, or nullptr: later ones are found by search().
	slot_word *near_slot(size_t i) { return i < first_count_ ? &first_.slots[i] : nullptr; }
	slot_word &slot(size_t i)
	{
		if (i < first_count_) [[likely]]
			return first_.slots[i];
		const unsigned k = segment_of(i);
		// NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): i is large enough for a segment
		return later_[k].slots[i - (first_count_ << k)];
	}

	/// A slot came to hold what `which` looks for: sees to it that others find it.
	void note(map which, size_t i)
	{
		map_word &word = word_of(which, i / group);
		const uint64_t bit = bit_of(i / group);
		// seq_cst: pairs with doubt() and the second look, ORD-10
		if ((word.load(std::memory_order_seq_cst) & bit) == 0) [[unlikely]]
			word.fetch_or(bit, std::memory_order_seq_cst);
	}

	/// Shows the slots of groups in a map to visit(index, slot), from `from` on,
	/// once around, until it is done. False when it never was.
	template <bool up, class Visit> bool search(map which, size_t from, Visit visit);

	/// In a child, alone: every group may have anything.
	void set_all_bits();

      private:
	static constexpr size_t group = Atomics::group_slots;
	static constexpr size_t groups_a_word = 32;
	static constexpr unsigned doubt_shift = 32;
	static constexpr size_t none = ~size_t{0};
	static constexpr size_t later_most = 24; // 2^28 slots (MEMPOOL_NR_MAX) from 64 on

	struct segment {
		slot_word *slots = nullptr;
		map_word *maps[2] = {};
	};

	static size_t first_slots(int target)
	{
		return std::bit_ceil(std::max<size_t>(static_cast<size_t>(target), group));
	}
	static size_t words_for(size_t slots) { return (slots / group + groups_a_word - 1) / groups_a_word; }
	static size_t segment_bytes(size_t slots)
	{
		const size_t bytes = slots * sizeof(slot_word) + 2 * words_for(slots) * sizeof(map_word);
		return (bytes + base::cache_line_bytes - 1) & ~size_t{base::cache_line_bytes - 1};
	}
	static segment make_segment(void *zeroed, size_t slots);

	unsigned segment_of(size_t i) const
	{
		return static_cast<unsigned>(std::bit_width(i >> std::countr_zero(first_count_))) - 1;
	}
	/// Segments with less than a word of groups share the very first word.
	map_word &word_of(map which, size_t g)
	{
		const size_t w = g / groups_a_word;
		const size_t slot = w * groups_a_word * group;
		if (slot < first_count_) [[likely]]
			return first_.maps[which][w];
		const unsigned k = segment_of(slot);
		return later_[k].maps[which][w - (first_count_ << k) / group / groups_a_word];
	}
	static uint64_t bit_of(size_t g) { return uint64_t{1} << (g % groups_a_word); }

	/// The groups of a word that are to be looked at.
	uint32_t view(map which, size_t g)
	{
		// seq_cst: pairs with note(), ORD-10
		const uint64_t word = word_of(which, g).load(std::memory_order_seq_cst);
		return static_cast<uint32_t>(word | word >> doubt_shift);
	}
	template <bool up> size_t next_group(map which, size_t g, size_t home, size_t groups_mask);
	template <bool up, class Visit> sight scan(size_t low, size_t high, size_t apart, Visit &visit);
	template <bool up, class Visit> bool settle_doubt(map which, size_t g, Visit &visit);
	bool doubt(map which, size_t g);

	// Written by init() and add_segments() only.
	segment first_;
	size_t first_count_ = 0;
	typename Atomics::template atomic<size_t> mask_{0}; // slots there are, less one
	typename Atomics::template atomic<size_t> stride_{1};
	segment later_[later_most]; // number k holds the slots from first_count_ << k on
};

template <class Atomics> auto spread_slots<Atomics>::make_segment(void *zeroed, size_t slots) -> segment
{
	segment made;
	made.slots = static_cast<slot_word *>(zeroed);
	for (size_t i = 0; i < slots; i++)
		std::construct_at(made.slots + i, closed);
	auto *words = reinterpret_cast<map_word *>(made.slots + slots);
	for (size_t i = 0; i < 2 * words_for(slots); i++)
		std::construct_at(words + i, uint64_t{0});
	made.maps[some] = words;
	made.maps[holes] = words + words_for(slots);
	return made;
}

template <class Atomics> void spread_slots<Atomics>::init(void *zeroed, int target)
{
	first_count_ = first_slots(target);
	first_ = make_segment(zeroed, first_count_);
	mask_.store(first_count_ - 1, std::memory_order_relaxed);
	stride_.store(first_count_, std::memory_order_relaxed);
	narrow_stride(target);
}

template <class Atomics> void spread_slots<Atomics>::narrow_stride(int target)
{
	const size_t apart = std::max<size_t>(capacity() / std::bit_ceil(static_cast<size_t>(target)), 1);
	// Before a slot in between is opened: who comes to know of an entry there
	// knows the stride by which it is found.
	stride_.store(std::min({apart, stride(), group}), std::memory_order_relaxed);
}

template <class Atomics> size_t spread_slots<Atomics>::bytes_to_grow(int target) const
{
	size_t bytes = 0;
	for (size_t have = capacity(); have < static_cast<size_t>(target); have *= 2)
		bytes += segment_bytes(have);
	return bytes;
}

template <class Atomics> void spread_slots<Atomics>::add_segments(void *zeroed, int target)
{
	auto *memory = static_cast<char *>(zeroed);
	size_t have = capacity();
	for (; have < static_cast<size_t>(target); have *= 2) {
		later_[segment_of(have)] = make_segment(memory, have);
		memory += segment_bytes(have);
	}
	// release: pairs with the acquire in mask(), ORD-11
	mask_.store(have - 1, std::memory_order_release);
}

template <class Atomics> void spread_slots<Atomics>::set_all_bits()
{
	const size_t groups = capacity() / group;
	for (size_t g = 0; g < groups; g += groups_a_word) {
		const uint64_t all = groups - g >= groups_a_word ? ~uint32_t{0} : (uint64_t{1} << (groups - g)) - 1;
		word_of(some, g).store(all, std::memory_order_relaxed);
		word_of(holes, g).store(all, std::memory_order_relaxed);
	}
}

/// The next group to look at after g, around the array, up to where it began.
template <class Atomics>
template <bool up>
size_t spread_slots<Atomics>::next_group(map which, size_t g, size_t home, size_t groups_mask)
{
	for (;;) {
		g = (up ? g + 1 : g - 1) & groups_mask;
		const size_t to_home = (up ? home - g : g - home) & groups_mask;
		if (to_home == 0)
			return none;
		const unsigned at = g % groups_a_word;
		const uint32_t bits = view(which, g);
		// Groups from g on to the next one that is set; or to the last one of this word.
		const uint32_t ahead = up ? bits >> at : bits << (groups_a_word - 1 - at);
		size_t steps = static_cast<size_t>(up ? std::countr_zero(ahead) : std::countl_zero(ahead));
		const bool found = ahead != 0;
		if (!found)
			steps = up ? std::min(groups_a_word - 1 - at, groups_mask - g) : at;
		if (steps >= to_home)
			return none;
		g = (up ? g + steps : g - steps) & groups_mask;
		if (found)
			return g;
	}
}

template <class Atomics>
template <bool up, class Visit>
sight spread_slots<Atomics>::scan(size_t low, size_t high, size_t apart, Visit &visit)
{
	const auto step = static_cast<ptrdiff_t>(apart);
	const auto first = static_cast<ptrdiff_t>(low);
	const auto last = static_cast<ptrdiff_t>(high & ~(apart - 1));
	sight seen = sight::nothing;
	for (ptrdiff_t i = up ? first : last; up ? i <= last : i >= first; i += up ? step : -step) {
		const sight here = visit(static_cast<size_t>(i), slot(static_cast<size_t>(i)));
		if (here == sight::done)
			return here;
		if (here == sight::kept)
			seen = here;
	}
	return seen;
}

/// Turns a group's bit into doubt. False when it is not set alone: another
/// searcher doubts it, or somebody has just set it.
template <class Atomics> bool spread_slots<Atomics>::doubt(map which, size_t g)
{
	map_word &word = word_of(which, g);
	const uint64_t bit = bit_of(g);
	uint64_t now = word.load(std::memory_order_relaxed);
	do {
		if ((now & (bit | bit << doubt_shift)) != bit)
			return false;
		// seq_cst: pairs with note(), ORD-10
	} while (!word.compare_exchange_weak(now, now ^ (bit | bit << doubt_shift), std::memory_order_seq_cst,
					     std::memory_order_relaxed));
	return true;
}

/// A searcher found nothing in a group: clears its bit, if that is so. True
/// when the second look found what is searched for.
template <class Atomics>
template <bool up, class Visit>
bool spread_slots<Atomics>::settle_doubt(map which, size_t g, Visit &visit)
{
	if (!doubt(which, g))
		return false;
	Atomics::at(step::doubted_group);
	// Visitors look with seq_cst: pairs with who fills a slot, and then notes it, ORD-10.
	const sight seen = scan<up>(g * group, g * group + group - 1, stride(), visit);
	map_word &word = word_of(which, g);
	if (seen != sight::nothing)
		word.fetch_or(bit_of(g), std::memory_order_seq_cst);
	word.fetch_and(~(bit_of(g) << doubt_shift), std::memory_order_seq_cst);
	return seen == sight::done;
}

template <class Atomics>
template <bool up, class Visit>
bool spread_slots<Atomics>::search(map which, size_t from, Visit visit)
{
	const size_t apart = stride();
	const size_t slots_mask = mask();
	const size_t groups_mask = slots_mask / group;
	from &= slots_mask & ~(apart - 1);
	const size_t home = from / group;
	const size_t low = home * group;
	const size_t high = low + group - 1;
	const bool home_too = (view(which, home) >> home % groups_a_word & 1) != 0;
	sight near = sight::nothing;
	if (home_too &&
	    (near = up ? scan<up>(from, high, apart, visit) : scan<up>(low, from, apart, visit)) == sight::done)
		return true;
	for (size_t g = home; (g = next_group<up>(which, g, home, groups_mask)) != none;) {
		const sight seen = scan<up>(g * group, g * group + group - 1, apart, visit);
		if (seen == sight::done || (seen == sight::nothing && settle_doubt<up>(which, g, visit)))
			return true;
	}
	if (!home_too)
		return false;
	sight far = sight::nothing;
	if (up ? from != low : from + apart <= high)
		far = up ? scan<up>(low, from - apart, apart, visit) : scan<up>(from + apart, high, apart, visit);
	if (far == sight::done)
		return true;
	return near == sight::nothing && far == sight::nothing && settle_doubt<up>(which, home, visit);
}

} // namespace mp::reserve
