// SPDX-License-Identifier: MIT
//
// sheaf.hpp - an array of objects that is exchanged whole, and the barn where
// sheaves wait that no CPU has.
//
// Owner of the state: whoever took the sheaf off its CPU or out of the barn.
// Race table:
//   the barn / the barn              its lock
//   count, pops, filled, emptied     atomic reads for statistics, at any time
#pragma once

#include "reserve/base/counted_lock.hpp"
#include "reserve/base/cpu.hpp"
#include "reserve/base/rseq_stack.hpp"

#include <algorithm>
#include <atomic>
#include <span>

namespace mp::backing {

struct sheaf {
	sheaf *next; // in the barn, or among others that were taken off their CPUs
	// Objects that came and went in other ways than by push and pop.
	std::atomic<uint64_t> filled;
	std::atomic<uint64_t> emptied;
	base::rseq_stack stack; // last: its entries follow

	static constexpr unsigned capacity_max = 60;
	static constexpr uint64_t one_popped = 0xffff; // one more popped, one less there

	static sheaf *of(base::rseq_stack *s)
	{
		return reinterpret_cast<sheaf *>(reinterpret_cast<char *>(s) - offsetof(sheaf, stack));
	}

	uint64_t word() const
	{
		return std::atomic_ref(const_cast<uint64_t &>(stack.word)).load(std::memory_order_relaxed);
	}
	unsigned count() const { return static_cast<uint16_t>(word()); }
	uint64_t pops() const { return word() >> 16; }
	bool full() const { return count() == stack.capacity; }

	// For the sheaf's one owner.
	void *pop()
	{
		void *object = stack.entries[count() - 1];
		set_word(word() + one_popped);
		return object;
	}
	void push(void *object)
	{
		stack.entries[count()] = object;
		set_word(word() + 1);
	}
	std::span<void *> objects() { return {stack.entries, count()}; }
	std::span<void *> room() { return {stack.entries + count(), stack.capacity - count()}; }
	/// The first n of room() were filled.
	void note_filled(size_t n)
	{
		filled.fetch_add(n, std::memory_order_relaxed);
		set_word(word() + n);
	}
	/// All objects() were taken.
	void note_emptied()
	{
		emptied.fetch_add(count(), std::memory_order_relaxed);
		set_word(word() & ~uint64_t{0xffff});
	}
	/// Objects that were ever pushed, as the other figures imply it.
	uint64_t pushes() const
	{
		const uint64_t w = word();
		return (w >> 16) + static_cast<uint16_t>(w) + emptied.load(std::memory_order_relaxed) -
		       filled.load(std::memory_order_relaxed);
	}

      private:
	void set_word(uint64_t w)
	{
		// Statistics may read it meanwhile.
		std::atomic_ref(stack.word).store(w, std::memory_order_relaxed);
	}
};

/// Sheaves come in pages: what is written when an object comes back has to be
/// there in an emergency.
struct sheaf_page {
	sheaf_page *next;
	static constexpr size_t bytes = 4096 - size_t{base::cache_line_bytes};
	static constexpr size_t sheaf_bytes = sizeof(sheaf) + sheaf::capacity_max * sizeof(void *);
	static constexpr auto sheaves = static_cast<unsigned>((bytes - sizeof(void *)) / sheaf_bytes);
	// At the page's end: other structures that each call reads lie at the start of
	// theirs, and a load whose address differs from a store's in multiples of 4096
	// only is taken for one that needs what is being stored.
	static constexpr size_t first_offset = (bytes - sheaves * sheaf_bytes) & ~size_t{15};

	sheaf *at(unsigned i)
	{
		return reinterpret_cast<sheaf *>(reinterpret_cast<char *>(this) + first_offset + i * sheaf_bytes);
	}
};

/// Sheaves of one cache for all CPUs: full ones (or nearly so) and empty ones.
class barn {
      public:
	/// How many full sheaves it keeps: as many as the kernel's, and more of small
	/// objects, so that a batch of a thousand or two need not go to the slabs.
	void init(size_t sheaf_objects_bytes)
	{
		constexpr size_t few = 10;
		constexpr size_t many = 32;
		constexpr size_t much_bytes = size_t{256} << 10;
		full_kept_ = static_cast<unsigned>(std::clamp(much_bytes / sheaf_objects_bytes, few, many));
	}

	sheaf *take_full() { return take(full_); }
	sheaf *take_empty() { return take(empty_); }
	/// False when there are enough: the objects of this one belong into the slabs.
	bool put_full(sheaf &s);
	void put_empty(sheaf &s);

	void freeze() { lock_.lock(); }
	void thaw() { lock_.unlock(); }
	void thaw_in_child() { lock_.reset_in_child(); }

      private:
	sheaf *take(sheaf *&list);

	unsigned full_kept_ = 0;
	sheaf *full_ = nullptr;
	sheaf *empty_ = nullptr;
	unsigned full_count_ = 0;
	base::counted_lock lock_;
};

} // namespace mp::backing
