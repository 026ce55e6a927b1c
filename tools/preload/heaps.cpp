// SPDX-License-Identifier: MIT
//
// heaps.cpp - see heaps.hpp.
#include "tools/preload/heaps.hpp"

#include <array>
#include <sched.h>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr unsigned page_bits = 12; // where they are larger, theirs are multiples of these
constexpr unsigned count_bits = 28;
constexpr unsigned address_bits = 48;
constexpr uint64_t most_pages = (uint64_t{1} << count_bits) - 1; // almost 1 TiB

struct pages {
	uint64_t first, end;

	bool empty() const { return first >= end; }
};

/// In one word, so that nobody sees a half of it: the first page, and how many. 0: nothing.
using packed = uint64_t;
static_assert(address_bits - page_bits + count_bits == 64);

packed pack(pages range)
{
	return range.first << count_bits | (range.end - range.first);
}

pages unpack(packed range)
{
	return {range >> count_bits, (range >> count_bits) + (range & most_pages)};
}

constinit std::array<std::atomic<packed>, 4096> slots = {};
/// None behind it was ever used.
constinit std::atomic<size_t> used{0};
/// For who writes; who reads sees ranges that are whole.
constinit std::atomic<bool> locked{false};
/// How often this thread has it. A signal handler that interrupts who has it goes on without.
constinit thread_local unsigned held = 0;

class writing {
      public:
	writing()
	{
		if (held++ != 0)
			return;
		std::atomic_signal_fence(std::memory_order_seq_cst); // a signal handler sees it first
		// acquire: pairs with the release below
		while (locked.exchange(true, std::memory_order_acquire))
			sched_yield();
	}
	writing(const writing &) = delete;
	writing &operator=(const writing &) = delete;
	~writing()
	{
		if (held == 1)
			locked.store(false, std::memory_order_release); // release: pairs with the acquire above
		std::atomic_signal_fence(std::memory_order_seq_cst);
		held--;
	}
};

/// Empty, where the kernel refuses such a range.
pages pages_of(void *start, size_t bytes)
{
	constexpr uintptr_t within = (uintptr_t{1} << page_bits) - 1;
	const auto from = reinterpret_cast<uintptr_t>(start);
	uintptr_t to = 0;
	if ((from & within) != 0 || __builtin_add_overflow(from, bytes, &to) || to > uintptr_t{1} << address_bits)
		return {};
	return {from >> page_bits, (to + within) >> page_bits};
}

void add(pages range)
{
	for (size_t i = 0; i < slots.size(); i++) {
		packed was = 0;
		if (!slots[i].compare_exchange_strong(was, pack(range), relaxed))
			continue;
		size_t before = used.load(relaxed);
		while (before <= i && !used.compare_exchange_weak(before, i + 1, relaxed)) {}
		return;
	}
}

/// Takes `gone` out; returns how many pages that were.
uint64_t forget(pages gone)
{
	uint64_t count = 0;
	for (size_t i = 0; i < used.load(relaxed); i++) {
		const packed was = slots[i].load(relaxed);
		const pages range = unpack(was);
		if (was == 0 || range.first >= gone.end || range.end <= gone.first)
			continue;
		const pages left = {range.first, gone.first};
		const pages right = {gone.end, range.end};
		if (!left.empty() && !right.empty())
			add(right);
		slots[i].store(!left.empty() ? pack(left) : !right.empty() ? pack(right) : 0, relaxed);
		count += std::min(range.end, gone.end) - std::max(range.first, gone.first);
	}
	return count;
}

bool is_noted(pages range)
{
	for (size_t i = 0; i < used.load(relaxed); i++) {
		const pages known = unpack(slots[i].load(relaxed));
		if (known.first <= range.first && range.end <= known.end)
			return true;
	}
	return false;
}

} // namespace

void note_heap(void *start, size_t bytes)
{
	const pages range = pages_of(start, bytes);
	if (range.empty())
		return;
	const writing now_here;
	if (is_noted(range))
		return;
	forget(range);
	for (uint64_t at = range.first; at < range.end; at += most_pages)
		add({at, std::min(at + most_pages, range.end)});
}

bool forget_heap(void *start, size_t bytes)
{
	const pages range = pages_of(start, bytes);
	if (range.empty() || used.load(relaxed) == 0) // most programs have libc's allocator
		return false;
	const writing now_here;
	return forget(range) == range.end - range.first;
}

void free_heaps_in_child()
{
	locked.store(false, relaxed);
}

heap_range heap_behind(uintptr_t at)
{
	pages first = {};
	for (size_t i = 0; i < used.load(relaxed); i++) {
		const pages range = unpack(slots[i].load(relaxed));
		if (!range.empty() && range.end << page_bits > at && (first.empty() || range.first < first.first))
			first = range;
	}
	return {first.first << page_bits, first.end << page_bits};
}

} // namespace mp::preload
