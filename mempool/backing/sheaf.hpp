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

	sheaf *at(unsigned i)
	{
		return reinterpret_cast<sheaf *>(reinterpret_cast<char *>(this + 1) + i * sheaf_bytes);
	}
};

/// Sheaves of one cache for all CPUs: full ones (or nearly so) and empty ones.
class barn {
      public:
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

	// As many as the kernel's barn keeps.
	static constexpr unsigned full_kept = 10;
	sheaf *full_ = nullptr;
	sheaf *empty_ = nullptr;
	unsigned full_count_ = 0;
	base::counted_lock lock_;
};

} // namespace mp::backing
