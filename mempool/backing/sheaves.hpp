// SPDX-License-Identifier: MIT
//
// sheaves.hpp - what stands between a cache's users and its slabs: for each CPU
// two arrays of objects (the main and the spare sheaf), and behind them a barn
// of full and empty sheaves, exchanged whole.
//
// The hit path pops and pushes on the main sheaf of its CPU by a restartable
// sequence. When that is empty or full, another makes the spare the main one;
// when that would not help, a third exchanges the spare for one from the barn.
// Each changes one pointer. Whoever takes a sheaf off its CPU has it for itself: a thread that was in the
// middle of a section on it was preempted by us, and starts over. For all CPUs
// at once, flush() exchanges the base pointer for one that serves nobody, and
// waits for the sections in flight with rseq_fence() (ORD-13).
//
// Where sections cannot be had, each CPU's part has a lock that is only ever
// tried, and everything goes the same way under it.
//
// A signal handler that interrupted a holder of one of the library's locks gets
// what lies in its CPU's main sheaf, and nothing else; what it frees beyond
// that waits on a list until the next one who may take locks comes by.
//
// Owner of the state: the cache. Race table:
//   alloc, free / the same     sections, or the CPU's lock
//   deferred / the same        a lock-free stack, emptied whole
//   flush / alloc, free        base pointer and fence, or each CPU's lock
//   flush / flush              flush_lock_
//   statistics / anything      atomic reads
#pragma once

#include "mempool/slab.h"

#include "mempool/backing/sheaf.hpp"

#include "reserve/base/rseq.hpp"

struct kmem_cache;

namespace mp::backing {

/// One CPU's part: a base::rseq_pair, and what the portable way needs.
struct alignas(base::rseq_cpu_bytes) cpu_sheaves {
	std::atomic<base::rseq_stack *> main;
	std::atomic<base::rseq_stack *> either[2];
	base::counted_lock lock; // only where there are no sections

	/// `nothing` is a stack that is empty and full at once.
	void clear(base::rseq_stack *nothing)
	{
		either[0].store(nothing, std::memory_order_relaxed);
		either[1].store(nullptr, std::memory_order_relaxed);
		main.store(nothing, std::memory_order_relaxed);
	}
	/// Which of the two is not the main one.
	unsigned spare() const
	{
		return either[0].load(std::memory_order_relaxed) == main.load(std::memory_order_relaxed) ? 1 : 0;
	}
	/// With the lock.
	void swap()
	{
		if (base::rseq_stack *stack = either[spare()].load(std::memory_order_relaxed))
			main.store(stack, std::memory_order_relaxed);
	}
};
static_assert(sizeof(cpu_sheaves) == base::rseq_cpu_bytes &&
	      offsetof(cpu_sheaves, either) == offsetof(base::rseq_pair, either));

class sheaves {
      public:
	/// False, and nothing is kept, when the memory cannot be had.
	[[nodiscard]] bool init(kmem_cache &cache);
	/// Every object goes back to its slab; from now on nobody is served. The
	/// caller sees to it that nobody else uses the cache.
	void destroy();

	/// Is there anything here, or does the cache do without?
	bool serving() const { return parts_ != nullptr; }

	/// An object that lies ready for this CPU; nullptr when none does.
	void *take() { return base::rseq_pop(cpus_); }
	/// False when the CPU's main sheaf is full.
	bool give(void *object) { return base::rseq_push(cpus_, object); }

	/// After take() found nothing: from the CPU's other sheaf, the barn, the slabs; nullptr when all have none.
	void *alloc_slow(gfp_t gfp_mask);
	/// After give() found no room.
	void free_slow(void *object);

	/// Objects from this CPU's sheaf into `out`, for as long as there are some; says how many.
	size_t take_run(std::span<void *> out);
	/// From the front of `objects` into this CPU's sheaf, while there is room; says how many.
	size_t give_run(std::span<void *const> objects);

	/// Every object that lies in a sheaf goes back to its slab. Others go on
	/// meanwhile. False when the kernel does not let us stop the other CPUs.
	bool flush();

	/// Objects that came out of sheaves, and that went into them, singly.
	uint64_t allocs() const;
	uint64_t frees() const;

	void freeze();
	void thaw();
	void thaw_in_child();

      private:
	struct place; // a CPU's spare, as seen at one moment

	void *pop_locked();
	bool push_locked(void *object);
	void *take_from_spare();
	bool give_to_spare(void *object);
	place spare() const;
	bool replace(const place &at, sheaf &desired);
	void install(sheaf &s);
	void put_away(sheaf &s);
	void spill(sheaf &s);
	sheaf *detach_all();
	void spill_all(sheaf *chain);
	sheaf *make();
	sheaf *filled(gfp_t gfp_mask);
	template <class Count> uint64_t sum(Count count) const;
	template <class Do> void each_part_lock(Do what);

	base::rseq_cpus cpus_ = {}; // what the sections read: all zero, nobody is served
	cpu_sheaves *parts_ = nullptr;
	kmem_cache *cache_ = nullptr;
	unsigned capacity_ = 0;
	barn barn_;
	std::atomic<sheaf_page *> pages_{nullptr}; // that all of them lie in
	base::counted_lock flush_lock_;
};

} // namespace mp::backing
