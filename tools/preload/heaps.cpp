// SPDX-License-Identifier: MIT
//
// heaps.cpp - see heaps.hpp.
#include "tools/preload/heaps.hpp"

#include <array>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

struct slot {
	std::atomic<uintptr_t> start; // 0: free
	std::atomic<uintptr_t> end;   // 0: not written yet
};
constinit std::array<slot, 4096> slots = {};
/// None behind it was ever used.
constinit std::atomic<size_t> used{0};

void add(uintptr_t start, uintptr_t end)
{
	for (size_t i = 0; i < slots.size(); i++) {
		uintptr_t was = 0;
		if (!slots[i].start.compare_exchange_strong(was, start, relaxed))
			continue;
		slots[i].end.store(end, relaxed);
		size_t before = used.load(relaxed);
		while (before <= i && !used.compare_exchange_weak(before, i + 1, relaxed)) {}
		return;
	}
}

} // namespace

void note_heap(void *start, size_t bytes)
{
	const auto at = reinterpret_cast<uintptr_t>(start);
	add(at, at + bytes);
}

void forget_heap(void *start, size_t bytes)
{
	const auto from = reinterpret_cast<uintptr_t>(start);
	const uintptr_t to = from + bytes;
	for (size_t i = 0; i < used.load(relaxed); i++) {
		slot &s = slots[i];
		const heap_range whole = {s.start.load(relaxed), s.end.load(relaxed)};
		if (whole.start == 0 || whole.start >= to || whole.end <= from)
			continue;
		if (whole.end > to)
			add(to, whole.end);
		s.end.store(from > whole.start ? from : 0, relaxed);
		if (from <= whole.start)
			s.start.store(0, relaxed);
	}
}

heap_range heap_behind(uintptr_t at)
{
	heap_range first = {};
	for (size_t i = 0; i < used.load(relaxed); i++) {
		const heap_range range = {slots[i].start.load(relaxed), slots[i].end.load(relaxed)};
		if (range.start != 0 && range.end > at && (first.start == 0 || range.start < first.start))
			first = range;
	}
	return first;
}

} // namespace mp::preload
