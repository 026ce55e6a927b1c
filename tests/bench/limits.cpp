// SPDX-License-Identifier: MIT
//
// limits.cpp - what the machine allows: a thread's own array, a bare per-CPU
// stack, and pointers that are only moved. None of them is an allocator.
//
// State: `own` is each thread's; an rseq_limit is shared by its threads.
#include "elements.hpp"
#include "lists.hpp"
#include "rseq_stack.hpp"

#include <memory>
#include <mutex>
#include <unistd.h>
#include <vector>

namespace bench {
namespace {

// tls: an array in each thread.

struct own_array {
	std::unique_ptr<elements> memory;
	std::vector<void *> storage;
	void **free_slot = nullptr; // one past the newest
};
thread_local own_array own;
// Apart from `own`, so that the hot loops need no check for its construction.
thread_local void **own_top;

void *tls_create(const peer *, const demand *wanted)
{
	return new demand(*wanted);
}

void tls_begin(void *context)
{
	const auto *wanted = static_cast<const demand *>(context);
	const unsigned count = wanted->count / wanted->threads + 1;
	own.memory = std::make_unique<elements>(wanted->size, count);
	own.storage.resize(count);
	for (unsigned i = 0; i < count; i++)
		own.storage[i] = (*own.memory)[i];
	own_top = own.storage.data() + count;
}

void tls_end(void *)
{
	own = own_array();
}

BENCH_HOT void *tls_alloc(void *)
{
	return *--own_top;
}

BENCH_HOT void tls_free(void *, void *element)
{
	*own_top++ = element;
}

void tls_destroy(void *context)
{
	delete static_cast<demand *>(context);
}

// rseq: elements for all on each CPU, since threads may end up on one CPU.

class rseq_limit {
      public:
	rseq_limit(const demand &wanted, unsigned cpus)
		: size_(wanted.size), memory_(wanted.size, size_t{wanted.count} * cpus),
		  stacks(cpus, 2 * size_t{wanted.count} * cpus + spare_room)
	{
		for (unsigned cpu = 0; cpu < cpus; cpu++)
			for (unsigned i = 0; i < wanted.count; i++)
				stacks.preload(cpu, memory_[size_t{cpu} * wanted.count + i]);
	}

	/// Threads that move carry elements with them, so that a stack may run out: it gets a few new ones.
	[[gnu::noinline]] void *refill()
	{
		const std::lock_guard guard(lock_);
		more_.push_back(std::make_unique<elements>(size_, refill_count));
		for (unsigned i = 1; i < refill_count; i++)
			stacks.push((*more_.back())[i]);
		return (*more_.back())[0];
	}

      private:
	static constexpr size_t spare_room = 4096;
	static constexpr unsigned refill_count = 32;

	size_t size_;
	elements memory_;
	std::mutex lock_; // of more_
	std::vector<std::unique_ptr<elements>> more_;

      public:
	rseq_stacks stacks;
};

void *rseq_create(const peer *, const demand *wanted)
{
	if (!rseq_works())
		return nullptr;
	return new rseq_limit(*wanted, static_cast<unsigned>(sysconf(_SC_NPROCESSORS_CONF)));
}

void rseq_destroy(void *context)
{
	delete static_cast<rseq_limit *>(context);
}

BENCH_HOT void *rseq_alloc(void *context)
{
	auto *limit = static_cast<rseq_limit *>(context);
	void *element = limit->stacks.pop();
	return element != nullptr ? element : limit->refill();
}

// Where a stack is full after all, the element is only forgotten until the end.
BENCH_HOT void rseq_free(void *context, void *element)
{
	static_cast<rseq_limit *>(context)->stacks.push(element);
}

// Pointers alone: the same few elements over and over, whoever has them.

struct pointers {
	static constexpr unsigned few = 64;
	explicit pointers(const demand &wanted) : memory(wanted.size, few) {}
	elements memory;
	unsigned next = 0; // used by one thread
};

void *pointers_create(const peer *, const demand *wanted)
{
	return new pointers(*wanted);
}

void pointers_destroy(void *context)
{
	delete static_cast<pointers *>(context);
}

BENCH_HOT void *pointers_alloc(void *context)
{
	auto *p = static_cast<pointers *>(context);
	return p->memory[p->next++ % pointers::few];
}

BENCH_HOT void pointers_free(void *, void *) {}

const peer peers[] = {
	{"tls", "limit: an array in each thread", role_ordinary | role_own_thread | role_limit, nullptr, tls_create,
	 tls_destroy, calls_of<tls_alloc, tls_free>, tls_begin, tls_end},
	{"rseq", "limit: a bare per-CPU stack by restartable sequences",
	 role_ordinary | role_reserve | role_limit | role_own_thread, nullptr, rseq_create, rseq_destroy,
	 calls_of<rseq_alloc, rseq_free>, nullptr, nullptr},
	{"pointers alone", "limit: nothing is allocated, the pipe moves pointers", role_pointers | role_limit, nullptr,
	 pointers_create, pointers_destroy, calls_of<pointers_alloc, pointers_free>, nullptr, nullptr},
};

} // namespace

std::span<const peer> limit_peers()
{
	return peers;
}

} // namespace bench
