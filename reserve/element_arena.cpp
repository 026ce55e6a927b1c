// SPDX-License-Identifier: MIT
//
// element_arena.cpp - see element_arena.hpp.
#include "reserve/element_arena.hpp"

#include "reserve/base/check.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

namespace mp::reserve {
namespace {

size_t next_bytes(size_t elements)
{
	return elements * sizeof(std::atomic<uint32_t>);
}

} // namespace

bool element_arena::grow(size_t elements)
{
	const unsigned k = segment_count_.load(std::memory_order_relaxed);
	// A reserve that grows by little steps would use the segments up.
	const size_t wanted =
		std::max(elements, k < segments_most / 2 ? 0 : elements_.load(std::memory_order_relaxed) / 4);
	if (k == segments_most || wanted > (SIZE_MAX - shape_.align_bytes) / shape_.stride_bytes) {
		errno = ENOMEM;
		return false;
	}
	segment &s = segments_[k];
	s.range = {};
	s.range.bytes = wanted * shape_.stride_bytes;
	s.range.at_fork = shape_.at_fork;
	s.range.start = shape_.align_bytes <= base::machine_page_bytes()
				? base::map_memory(s.range.bytes)
				: base::map_aligned(s.range.bytes, shape_.align_bytes);
	void *next = s.range.start != nullptr ? present_alloc(next_bytes(wanted)) : nullptr;
	if (shape_.node >= 0 && next != nullptr)
		base::prefer_node(s.range.start, s.range.bytes, shape_.node);
	if (next == nullptr || !make_resident(s.range)) {
		const int error = next == nullptr ? ENOMEM : errno;
		if (next != nullptr)
			present_free(next, next_bytes(wanted));
		if (s.range.start != nullptr)
			base::unmap_memory(s.range.start, s.range.bytes);
		errno = error;
		return false;
	}
	s.start = static_cast<char *>(s.range.start);
	s.first = elements_.load(std::memory_order_relaxed);
	s.elements = wanted;
	s.next = static_cast<std::atomic<uint32_t> *>(next);
	const auto start = reinterpret_cast<uintptr_t>(s.start);
	const uintptr_t hull_end = std::max(hull_start_ + hull_bytes_, start + s.range.bytes);
	hull_start_ = k == 0 ? start : std::min(hull_start_, start);
	hull_bytes_ = hull_end - hull_start_;
	elements_.store(s.first + wanted, std::memory_order_relaxed);
	// release: pairs with the acquire in owns() and take_spare(), ORD-15
	segment_count_.store(k + 1, std::memory_order_release);
	return true;
}

void element_arena::offer_grown()
{
	add_all_spare(segments_[segment_count_.load(std::memory_order_relaxed) - 1]);
}

void element_arena::add_all_spare(segment &s)
{
	for (size_t i = s.elements; i-- > 0;) // the lowest address is the newest
		push(static_cast<uint32_t>(s.first + i + 1), s.next[i]);
}

void element_arena::unmap(segment &s)
{
	forget_resident(s.range);
	base::unmap_memory(s.range.start, s.range.bytes);
	present_free(s.next, next_bytes(s.elements));
}

void element_arena::drop_grown()
{
	const unsigned k = segment_count_.load(std::memory_order_relaxed) - 1;
	elements_.store(segments_[k].first, std::memory_order_relaxed);
	segment_count_.store(k, std::memory_order_relaxed);
	unmap(segments_[k]);
	segments_[k].range.bytes = 0; // owns() looks at the first one in any case
}

void element_arena::destroy()
{
	const unsigned count = segment_count_.load(std::memory_order_relaxed);
	for (unsigned k = 0; k < count; k++)
		unmap(segments_[k]);
	segment_count_.store(0, std::memory_order_relaxed);
}

void element_arena::abandon()
{
	const unsigned count = segment_count_.load(std::memory_order_relaxed);
	for (unsigned k = 0; k < count; k++) {
		forget_resident(segments_[k].range);
		present_free(segments_[k].next, next_bytes(segments_[k].elements));
	}
}

element_arena::segment *element_arena::segment_of(const void *address)
{
	// acquire: pairs with the release in grow(), ORD-15
	const unsigned count = segment_count_.load(std::memory_order_acquire);
	for (unsigned k = 0; k < count; k++) {
		segment &s = segments_[k];
		if (reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(s.start) < s.range.bytes)
			return &s;
	}
	return nullptr;
}

bool element_arena::owns_later(const void *address) const
{
	return const_cast<element_arena *>(this)->segment_of(address) != nullptr;
}

void element_arena::push(uint32_t number_plus_1, std::atomic<uint32_t> &next)
{
	uint64_t head = spare_.load(std::memory_order_relaxed);
	uint64_t wanted = 0;
	do {
		next.store(static_cast<uint32_t>(head), std::memory_order_relaxed);
		wanted = ((head >> 32) + 1) << 32 | number_plus_1;
		// seq_cst: releases the link, and the freer's side of ORD-16
	} while (!spare_.compare_exchange_weak(head, wanted, std::memory_order_seq_cst, std::memory_order_relaxed));
}

void element_arena::put_spare(void *element)
{
	segment *s = segment_of(element);
	MP_BUG_ON(s == nullptr);
	const size_t i = static_cast<size_t>(static_cast<char *>(element) - s->start) / shape_.stride_bytes;
	push(static_cast<uint32_t>(s->first + i + 1), s->next[i]);
}

void *element_arena::take_spare()
{
	// acquire: pairs with the push
	uint64_t head = spare_.load(std::memory_order_acquire);
	for (;;) {
		const auto number_plus_1 = static_cast<uint32_t>(head);
		if (number_plus_1 == 0)
			return nullptr;
		const size_t number = number_plus_1 - 1;
		const segment *s = segments_;
		while (number - s->first >= s->elements)
			s++;
		const size_t i = number - s->first;
		const uint64_t wanted = ((head >> 32) + 1) << 32 | s->next[i].load(std::memory_order_relaxed);
		if (spare_.compare_exchange_weak(head, wanted, std::memory_order_seq_cst, std::memory_order_acquire))
			return s->start + i * shape_.stride_bytes;
	}
}

size_t element_arena::count_spare() const
{
	// The list may change under us: a figure, not a promise, and an end in any case.
	const size_t most = elements();
	size_t count = 0;
	auto number_plus_1 = static_cast<uint32_t>(spare_.load(std::memory_order_acquire));
	while (number_plus_1 != 0 && count < most) {
		count++;
		const segment *s = segments_;
		while (number_plus_1 - 1 - s->first >= s->elements)
			s++;
		number_plus_1 = s->next[number_plus_1 - 1 - s->first].load(std::memory_order_relaxed);
	}
	return count;
}

bool element_arena::in_child()
{
	if (shape_.at_fork == base::at_fork::copy)
		return false;
	spare_.store(0, std::memory_order_relaxed);
	const unsigned count = segment_count_.load(std::memory_order_relaxed);
	if (shape_.at_fork == base::at_fork::wipe) {
		for (unsigned k = 0; k < count; k++)
			add_all_spare(segments_[k]);
		return true;
	}
	for (unsigned k = 0; k < count; k++) {
		present_free(segments_[k].next, next_bytes(segments_[k].elements));
		std::destroy_at(&segments_[k]);
		std::construct_at(&segments_[k]);
	}
	segment_count_.store(0, std::memory_order_relaxed);
	elements_.store(0, std::memory_order_relaxed);
	hull_start_ = 0;
	hull_bytes_ = 0;
	return false;
}

bool element_arena::make_resident_again()
{
	const unsigned count = segment_count_.load(std::memory_order_relaxed);
	for (unsigned k = 0; k < count; k++)
		if (!make_resident(segments_[k].range))
			return false;
	return true;
}

int element_arena::lock_error() const
{
	const unsigned count = segment_count_.load(std::memory_order_acquire);
	for (unsigned k = 0; k < count; k++) {
		if (segments_[k].range.is_lost())
			return EFAULT;
		if (segments_[k].range.lock_error != 0)
			return segments_[k].range.lock_error;
	}
	return 0;
}

base::page_counts element_arena::look(const base::page_look &at) const
{
	base::page_counts counts;
	const unsigned count = segment_count_.load(std::memory_order_acquire);
	for (unsigned k = 0; k < count; k++)
		at.count(segments_[k].range.start, segments_[k].range.bytes, counts);
	return counts;
}

bool element_arena::keep_unmerged()
{
	bool kept = true;
	const unsigned count = segment_count_.load(std::memory_order_acquire);
	for (unsigned k = 0; k < count; k++)
		kept &= base::keep_unmerged(segments_[k].range.start, segments_[k].range.bytes);
	return kept;
}

} // namespace mp::reserve
