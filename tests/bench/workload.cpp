// SPDX-License-Identifier: MIT
//
// workload.cpp - the loops that are measured: batches (a pair is a batch of
// one) and the pipe. Elements' first 8 bytes are touched in all of them.
//
// Each thread's orders and elements are its own; the pipe's ring has one writer
// and one reader.
#include "workload.hpp"

#include "ring.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <sched.h>
#include <vector>

namespace bench {

namespace {

constexpr uint64_t patience = 20'000'000; // tries in vain

inline void touch(void *element, uint64_t value)
{
	*static_cast<volatile uint64_t *>(element) = value;
}

[[gnu::noinline]] void *retry(const peer &p, void *context, uint64_t &failures)
{
	for (uint64_t tries = 0; tries < patience; tries++) {
		failures++;
		sched_yield();
		if (void *element = p.alloc(context); element != nullptr)
			return element;
	}
	fprintf(stderr, "bench: %s gave no element after %llu tries\n", p.name,
		static_cast<unsigned long long>(patience));
	_Exit(1);
}

[[gnu::always_inline]] inline void *get(const peer &p, void *context, uint64_t &failures)
{
	void *element = p.alloc(context);
	return element != nullptr ? element : retry(p, context, failures);
}

/// Orders in which a batch is freed, one after the other, so that no predictor learns one by heart.
class orders {
      public:
	orders(unsigned batch, unsigned seed) : batch_(batch), indices_(size_t{batch} * count_of(batch))
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
	static size_t count_of(unsigned batch) { return std::max(1U, 2048 / batch); }

	size_t batch_;
	std::vector<uint32_t> indices_;
	size_t at_ = 0;
};

constexpr unsigned pairs_per_pass = 256;

} // namespace

void *alloc_or_retry(const peer &p, void *context, uint64_t &failures)
{
	return get(p, context, failures);
}

bool takes_part(const peer &p, const workload &w)
{
	if ((p.roles & w.roles) == 0)
		return false;
	if (w.threads > 1 && (p.roles & role_one_thread) != 0)
		return false;
	return w.form != shape::pipe || (p.roles & role_own_thread) == 0;
}

demand lane::demand_of(const workload &w)
{
	constexpr unsigned pipe_elements = 2 * ring::capacity;
	const unsigned wanted = w.form == shape::pipe ? pipe_elements : w.threads * (w.batch + w.live);
	return {w.size, w.reserve != 0 ? w.reserve : wanted, w.threads};
}

lane::lane(const peer &p, const workload &w) : peer_(p), workload_(w)
{
	const demand wanted = demand_of(w);
	context_ = p.create(&p, &wanted);
}

lane::~lane()
{
	if (context_ != nullptr)
		peer_.destroy(context_);
}

void lane::batches(worker &w) const
{
	const peer &p = peer_;
	void *const context = context_;
	const unsigned batch = workload_.batch;
	// Where a locked pool collapses under many threads, one pass may take seconds: then it is broken off.
	const bool watchful = workload_.threads > 1;
	std::vector<void *> live(workload_.live);
	for (void *&element : live)
		touch(element = get(p, context, w.failures), 0);
	if (batch == 1)
		w.run([&] {
			unsigned done = 0;
			do {
				void *element = get(p, context, w.failures);
				touch(element, done);
				p.free(context, element);
			} while (++done < pairs_per_pass && !(watchful && w.is_over()));
			return done;
		});
	else {
		orders order(batch, 1 + w.id());
		std::vector<void *> elements(batch);
		w.run([&] {
			const uint32_t *next = order.next();
			unsigned done = 0;
			do
				touch(elements[done] = get(p, context, w.failures), done);
			while (++done < batch && !(watchful && w.is_over()));
			if (done == batch)
				for (unsigned i = 0; i < batch; i++)
					p.free(context, elements[next[i]]);
			else
				for (unsigned i = 0; i < done; i++)
					p.free(context, elements[i]);
			return done;
		});
	}
	for (void *element : live)
		p.free(context, element);
}

struct pipe_state {
	ring pipe;
	std::atomic<bool> ended = false;
};

// The writer's operations are counted, and its clock: when it is over, the ring is nearly empty or full, which is
// little beside what went through. The reader goes on until it has all.
void lane::pipe(worker &w, pipe_state &state) const
{
	if (w.id() == 0) {
		w.run([&] {
			for (unsigned i = 0; i < pairs_per_pass; i++) {
				void *element = get(peer_, context_, w.failures);
				touch(element, i);
				state.pipe.push(element);
			}
			return pairs_per_pass;
		});
		state.ended = true;
		return;
	}
	for (;;) {
		// Read before the ring: what was pushed before the end is then seen.
		const bool ended = state.ended;
		void *element = state.pipe.pop();
		if (element != nullptr)
			peer_.free(context_, element);
		else if (ended)
			break;
	}
}

crew_result lane::run(unsigned slice_ms)
{
	pipe_state state;
	const bool is_pipe = workload_.form == shape::pipe;
	const bool pinned = workload_.threads > 1 && workload_.threads <= usable_cpus();
	crew_result r = run_crew({workload_.threads, slice_ms, pinned}, [&](worker &w) {
		if (peer_.thread_begin != nullptr)
			peer_.thread_begin(context_);
		if (is_pipe)
			pipe(w, state);
		else
			batches(w);
		if (peer_.thread_end != nullptr)
			peer_.thread_end(context_);
	});
	// Two threads are at work on each element of the pipe: its figure is the clock's.
	if (is_pipe)
		r.ns /= std::min(2U, usable_cpus());
	return r;
}

} // namespace bench
