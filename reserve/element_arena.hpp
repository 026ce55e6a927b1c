// SPDX-License-Identifier: MIT
//
// element_arena.hpp - the memory that a pool's reserved elements are made of,
// where the pool may choose: resident, and nobody else's.
//
// An element of it is the pool's for good. When one comes home and the reserve
// is full, something that was taken in for it gives way. Slots that are not
// needed now (a smaller reserve, a moment in between) are spare: they lie on a
// list that anybody may take from at any time.
//
// Segments are added when the reserve grows, and stay until the end. owns() is
// exact; the hull around all segments is what a free looks at first.
//
// Owner of the state: the pool that embeds it. Race table:
//   take_spare, put_spare, owns / any   lock-free; indices with a tag of 32 bits:
//                                       a thread that sleeps in take_spare() through
//                                       2^32 changes of the list would be misled
//   grow / any of these                 lock-free; segment_count_ publishes, ORD-15
//   grow / grow                         the owner's resize lock
//   make, destroy, in_child / anything  alone
// Context: the first line any, signal handlers included; the others not.
#pragma once

#include "reserve/base/page_look.hpp"
#include "reserve/residency.hpp"

#include <atomic>
#include <cstdint>

namespace mp::reserve {

class element_arena {
      public:
	struct shape {
		size_t stride_bytes = 0; // from one element to the next; 0: there is no arena
		size_t align_bytes = 0;  // a power of two
		base::at_fork at_fork = base::at_fork::copy;
		int node = -1; // NUMA node, or -1
	};

	void init(const shape &s) { shape_ = s; }
	bool used() const { return shape_.stride_bytes != 0; }

	/// Memory for so many more elements. False, with errno, and nothing changed,
	/// when it cannot be had. The owner then tells those who look at the hull, and
	/// after that makes the new elements spare.
	[[nodiscard]] bool grow(size_t elements);
	void offer_grown();
	/// Or else undoes it.
	void drop_grown();
	/// Nobody has an element any more.
	void destroy();
	/// Somebody may: the memory stays, for good, and the arena ends.
	void abandon();

	bool owns(const void *address) const
	{
		const auto offset =
			reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(segments_[0].start);
		// Mostly there is one segment. acquire: pairs with the release in grow(), ORD-15
		return offset < segments_[0].range.bytes ||
		       (segment_count_.load(std::memory_order_acquire) > 1 && owns_later(address));
	}
	size_t elements() const { return elements_.load(std::memory_order_relaxed); }

	/// A range around all elements.
	uintptr_t hull_start() const { return hull_start_; }
	size_t hull_bytes() const { return hull_bytes_; }

	bool has_spare() const { return static_cast<uint32_t>(spare_.load(std::memory_order_relaxed)) != 0; }
	/// nullptr when there is none.
	void *take_spare();
	void put_spare(void *element);
	size_t count_spare() const;

	/// In a child, alone: what the fork left of it. True when every element is
	/// spare now, and has to be made resident.
	bool in_child();
	/// After in_child() said so. False, with errno, when the memory cannot be had.
	[[nodiscard]] bool make_resident_again();

	/// Why it is not locked, as an errno; 0: it is.
	int lock_error() const;
	size_t bytes() const { return elements() * shape_.stride_bytes; }
	/// Bytes that so many more take; SIZE_MAX when there is no such number.
	size_t bytes_for(size_t elements) const
	{
		return elements > SIZE_MAX / shape_.stride_bytes ? SIZE_MAX : elements * shape_.stride_bytes;
	}
	/// What the kernel knows of its pages now.
	base::page_counts look(const base::page_look &at) const;
	/// Sees to it that they are not merged; false when they may be.
	bool keep_unmerged();

      private:
	struct segment {
		resident_range range;
		char *start = nullptr;
		size_t first = 0; // the number of its first element
		size_t elements = 0;
		std::atomic<uint32_t> *next = nullptr; // of each spare one: the number of the one below, plus 1
	};
	static constexpr unsigned segments_most = 32;

	bool owns_later(const void *address) const;
	segment *segment_of(const void *address);
	void push(uint32_t number_plus_1, std::atomic<uint32_t> &next);
	void add_all_spare(segment &s);
	static void unmap(segment &s);

	shape shape_;
	segment segments_[segments_most];
	std::atomic<unsigned> segment_count_{0};
	std::atomic<size_t> elements_{0};
	uintptr_t hull_start_ = 0;
	size_t hull_bytes_ = 0;
	std::atomic<uint64_t> spare_{0}; // the tag above, the number of the newest plus 1 below
};

} // namespace mp::reserve
