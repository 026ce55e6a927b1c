// SPDX-License-Identifier: MIT
//
// loops.hpp - the loops that are measured, made anew for each allocator, so that
// it is called as its users call it: what lies in headers inlined, what lies in
// a shared library through a pointer. The elements' first 8 bytes are touched.
//
// All that a loop uses is its thread's own, except the pipe between two.
#pragma once

#include "histogram.hpp"
#include "ring.hpp"
#include "ticks.hpp"
#include "worker.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <random>
#include <sched.h>
#include <vector>

namespace bench {

#define BENCH_HOT [[gnu::always_inline]] inline

struct loop_plan {
	unsigned batch; ///< elements allocated before the first is freed
	unsigned live;  ///< elements kept besides
	/// Where a locked pool collapses under many threads, one pass may take seconds: then it is broken off.
	bool watchful;
};

/// The loops of one allocator, which is called through `context`.
struct loops {
	void (*batches)(worker &w, void *context, const loop_plan &plan);
	void (*write_pipe)(worker &w, void *context, ring &pipe);
	void (*read_pipe)(void *context, ring &pipe, const std::atomic<bool> &ended);
	void (*timed)(worker &w, void *context, const loop_plan &plan, histogram &times);
};

/// Calls two functions that the compiler can see. Those that would be inlined where they are at home must say so by
/// BENCH_HOT: being called from several loops, they look too long to the compiler.
template <auto Alloc, auto Free> struct direct {
	static void *alloc(void *context) { return Alloc(context); }
	static void free(void *context, void *element) { Free(context, element); }
};

inline void touch(void *element, uint64_t value)
{
	*static_cast<volatile uint64_t *>(element) = value;
}

/// Nothing was to be had: lets others run, who may free some. Ends the program when that does not help.
template <class Ops> [[gnu::noinline]] void *retry(void *context, uint64_t &failures)
{
	constexpr uint64_t patience = 20'000'000;
	for (uint64_t tries = 0; tries < patience; tries++) {
		failures++;
		sched_yield();
		if (void *element = Ops::alloc(context); element != nullptr)
			return element;
	}
	fputs("bench: an allocator gave no element after 20 million tries\n", stderr);
	_Exit(1);
}

template <class Ops> [[gnu::always_inline]] inline void *get(void *context, uint64_t &failures)
{
	void *element = Ops::alloc(context);
	return element != nullptr ? element : retry<Ops>(context, failures);
}

/// Orders in which a batch is freed, one after the other, so that no predictor learns one by heart.
class orders {
      public:
	orders(unsigned batch, unsigned seed) : batch_(batch), indices_(size_t{batch} * std::max(1U, 2048 / batch))
	{
		std::mt19937 engine(seed);
		for (auto at = indices_.begin(); at != indices_.end(); at += batch) {
			std::iota(at, at + batch, 0U);
			std::shuffle(at, at + batch, engine);
		}
	}
	const uint32_t *next()
	{
		at_ = at_ + batch_ == indices_.size() ? 0 : at_ + batch_;
		return indices_.data() + at_;
	}

      private:
	size_t batch_;
	std::vector<uint32_t> indices_;
	size_t at_ = 0;
};

/// Gives a broken-off pass back: one thread after the other, for together they may need a minute where a ring spins.
template <class Ops> unsigned free_broken_off(void *context, const std::vector<void *> &elements, unsigned count)
{
	static std::mutex one_by_one;
	const std::lock_guard guard(one_by_one);
	for (unsigned i = 0; i < count; i++)
		Ops::free(context, elements[i]);
	return count;
}

constexpr unsigned pairs_per_pass = 256;

template <class Ops> void run_pairs(worker &w, void *context, bool watchful)
{
	w.run([&] {
		void *const from = context; // in a register, see run_batches()
		unsigned done = 0;
		do {
			void *element = get<Ops>(from, w.failures);
			touch(element, done);
			Ops::free(from, element);
		} while (++done < pairs_per_pass && !(watchful && w.is_over()));
		return done;
	});
}

template <class Ops> void run_batches(worker &w, void *context, const loop_plan &plan)
{
	const unsigned batch = plan.batch;
	const bool watchful = plan.watchful;
	std::vector<void *> live(plan.live);
	for (void *&element : live)
		touch(element = get<Ops>(context, w.failures), 0);
	if (batch == 1) {
		run_pairs<Ops>(w, context, watchful);
	} else {
		orders order(batch, 1 + w.id());
		std::vector<void *> elements(batch);
		w.run([&] {
			// In registers, as a program's own loop has it. What is loaded anew after an element was
			// touched may have to wait until the address of that element is known.
			void *const from = context;
			void **const them = elements.data();
			const unsigned count = batch;
			const uint32_t *next = order.next();
			unsigned done = 0;
			do
				touch(them[done] = get<Ops>(from, w.failures), done);
			while (++done < count && !(watchful && w.is_over()));
			if (done == count)
				for (unsigned i = 0; i < count; i++)
					Ops::free(from, them[next[i]]);
			else
				free_broken_off<Ops>(context, elements, done);
			return done;
		});
	}
	for (void *element : live)
		Ops::free(context, element);
}

// The writer's operations and clock are counted: when it ends, the ring holds little beside what went through.
template <class Ops> void run_write_pipe(worker &w, void *context, ring &pipe)
{
	w.run([&] {
		for (unsigned i = 0; i < pairs_per_pass; i++) {
			void *element = get<Ops>(context, w.failures);
			touch(element, i);
			pipe.push(element);
		}
		return pairs_per_pass;
	});
}

template <class Ops> void run_read_pipe(void *context, ring &pipe, const std::atomic<bool> &ended)
{
	for (;;) {
		// Read before the ring: what was pushed before the end is then seen.
		const bool is_last = ended;
		void *element = pipe.pop();
		if (element != nullptr)
			Ops::free(context, element);
		else if (is_last)
			break;
	}
}

// The clock is read around each operation. One that had to be tried again counts as long as all its tries.
template <class Ops> void run_timed(worker &w, void *context, const loop_plan &plan, histogram &times)
{
	std::vector<void *> elements(plan.batch);
	w.run([&] {
		unsigned done = 0;
		do {
			const uint64_t from = ticks();
			elements[done] = get<Ops>(context, w.failures);
			times.add(ticks() - from);
			touch(elements[done], from);
		} while (++done < plan.batch && !w.is_over());
		if (done < plan.batch)
			return free_broken_off<Ops>(context, elements, done);
		for (unsigned i = 0; i < done; i++) {
			const uint64_t from = ticks();
			Ops::free(context, elements[i]);
			times.add(ticks() - from);
		}
		return done;
	});
}

template <class Ops>
inline constexpr loops loops_of = {run_batches<Ops>, run_write_pipe<Ops>, run_read_pipe<Ops>, run_timed<Ops>};

} // namespace bench
