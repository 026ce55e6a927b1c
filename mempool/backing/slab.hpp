// SPDX-License-Identifier: MIT
//
// slab.hpp - one slab: a block of pages cut into slots of one size.
//
// Slots are carved off one by one, so that the memory behind is not touched
// before it is needed; freed ones form a list through their own memory.
//
// Owner of the state: the cache, under its lock.
#pragma once

#include "mempool/backing/pages.hpp"
#include "mempool/backing/rcu_free.hpp"

struct kmem_cache;

namespace mp::backing {

struct slab {
	kmem_cache *cache;
	slab *next;
	slab *previous;
	char *block;
	union {
		void *first_free;    // object; the link lies at the layout's link_offset
		deferred_free later; // once it is off the cache's lists, and waits for readers
	};
	uint32_t carved; // slots that were ever used; the rest is untouched
	uint32_t in_use;
	uint32_t list_index; // which of the cache's lists it is on
};

static_assert(sizeof(slab) <= slab_descriptor_bytes);

/// Slabs in a row. No lock of its own.
class slab_list {
      public:
	slab *first() const { return first_; }
	unsigned count() const { return count_; }

	void add(slab &s)
	{
		s.previous = nullptr;
		s.next = first_;
		if (first_ != nullptr)
			first_->previous = &s;
		first_ = &s;
		count_++;
	}

	void remove(slab &s)
	{
		(s.previous != nullptr ? s.previous->next : first_) = s.next;
		if (s.next != nullptr)
			s.next->previous = s.previous;
		count_--;
	}

      private:
	slab *first_ = nullptr;
	unsigned count_ = 0;
};

} // namespace mp::backing
