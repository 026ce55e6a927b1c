// SPDX-License-Identifier: MIT
//
// google/pairs.cpp - the plain pairs in Google Benchmark, called directly: ours by
// the shared library's functions as a program calls them, the limits inlined.
// The driver calls everybody through a table; this shows what is left without.
//
// Each benchmark makes what it measures.
#include "tests/bench/elements.hpp"
#include "tests/bench/rseq_stack.hpp"

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <mempool/mempool.h>
#include <unistd.h>
#include <vector>

namespace {

inline void touch(void *element)
{
	*static_cast<volatile uint64_t *>(element) = 1;
}

size_t size_of(const benchmark::State &state)
{
	return static_cast<size_t>(state.range(0));
}

void mempool(benchmark::State &state)
{
	kmem_cache *cache = kmem_cache_create("bench", static_cast<unsigned>(state.range(0)), 0, 0, nullptr);
	mempool_t *pool = mempool_create_slab_pool(16, cache);
	for (auto _ : state) {
		void *element = mempool_alloc(pool, GFP_KERNEL);
		touch(element);
		mempool_free(element, pool);
	}
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}

void cache(benchmark::State &state)
{
	kmem_cache *cache = kmem_cache_create("bench", static_cast<unsigned>(state.range(0)), 0, 0, nullptr);
	for (auto _ : state) {
		void *element = kmem_cache_alloc(cache, GFP_KERNEL);
		touch(element);
		kmem_cache_free(cache, element);
	}
	kmem_cache_destroy(cache);
}

void kmalloc_pair(benchmark::State &state)
{
	for (auto _ : state) {
		void *element = kmalloc(size_of(state), GFP_KERNEL);
		touch(element);
		kfree(element);
	}
}

void preallocated(benchmark::State &state)
{
	mempool_t *pool = mempool_create_kmalloc_pool(256, size_of(state));
	for (auto _ : state) {
		void *element = mempool_alloc_preallocated(pool);
		touch(element);
		mempool_free(element, pool);
	}
	mempool_destroy(pool);
}

void glibc(benchmark::State &state)
{
	for (auto _ : state) {
		void *element = malloc(size_of(state));
		touch(element);
		free(element);
	}
}

void rseq(benchmark::State &state)
{
	if (!bench::rseq_works()) {
		state.SkipWithError("glibc registered no rseq");
		return;
	}
	constexpr unsigned count = 64;
	const auto cpus = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_CONF));
	const bench::elements memory(size_of(state), size_t{count} * cpus);
	bench::rseq_stacks stacks(cpus, size_t{count} * cpus);
	for (unsigned i = 0; i < count * cpus; i++)
		stacks.preload(i / count, memory[i]);
	for (auto _ : state) {
		void *element;
		do
			element = stacks.pop();
		while (element == nullptr);
		touch(element);
		stacks.push(element);
	}
}

thread_local void *own[64];
thread_local void **own_top;

void tls(benchmark::State &state)
{
	const bench::elements memory(size_of(state), 64);
	for (size_t i = 0; i < 64; i++)
		own[i] = memory[i];
	own_top = own + 64;
	for (auto _ : state) {
		void *element = *--own_top;
		touch(element);
		*own_top++ = element;
		benchmark::ClobberMemory();
	}
}

#define PLAIN(name) BENCHMARK(name)->Arg(64)->Arg(4096)
PLAIN(mempool);
PLAIN(cache)->Name("kmem_cache");
PLAIN(kmalloc_pair)->Name("kmalloc");
PLAIN(preallocated);
PLAIN(glibc);
PLAIN(rseq);
PLAIN(tls);

} // namespace

BENCHMARK_MAIN();
