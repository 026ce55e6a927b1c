// SPDX-License-Identifier: MIT
//
// peers/dpdk.cpp - DPDK's mempool with and without its per-lcore cache, as a
// plugin.
//
// State: DPDK's environment, once begun. A context is shared by its threads.
#include "tests/bench/peer.hpp"

#include <atomic>
#include <cstdio>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_version.h>
#include <sched.h>

namespace {

using bench::calls_of;
using bench::demand;
using bench::peer;

constexpr unsigned cache_elements = 256;

// Why DPDK cannot be used, or NULL. Only memory is wanted of it: no devices, no huge pages, no files.
const char *begin()
{
	char program[] = "bench";
	char lcores[] = "--lcores=0@0";
	char no_huge[] = "--no-huge";
	char no_pci[] = "--no-pci";
	char no_shconf[] = "--no-shconf";
	char no_telemetry[] = "--no-telemetry";
	char memory[] = "-m1024";
	char quiet[] = "--log-level=critical";
	char *arguments[] = {program, lcores, no_huge, no_pci, no_shconf, no_telemetry, memory, quiet, nullptr};
	// rte_eal_init() binds its caller to one CPU, and everybody after it would be measured there.
	cpu_set_t allowed;
	sched_getaffinity(0, sizeof(allowed), &allowed);
	const int rc = rte_eal_init(8, arguments);
	sched_setaffinity(0, sizeof(allowed), &allowed);
	return rc < 0 ? rte_strerror(rte_errno) : nullptr;
}

void *create_pool(const demand *wanted, unsigned cache)
{
	static std::atomic<unsigned> pools;
	char name[RTE_MEMPOOL_NAMESIZE];
	snprintf(name, sizeof(name), "bench%u", pools++);
	// A cache keeps up to one and a half of its size, for each thread, where no other thread can have it.
	const unsigned count = wanted->count + (wanted->threads + 1) * cache * 3 / 2;
	return rte_mempool_create(name, count, static_cast<unsigned>(wanted->size), cache, 0, nullptr, nullptr, nullptr,
				  nullptr, SOCKET_ID_ANY, 0);
}

void *create_cached(const peer *, const demand *wanted)
{
	return create_pool(wanted, cache_elements);
}

void *create_ring(const peer *, const demand *wanted)
{
	return create_pool(wanted, 0);
}

void destroy(void *p)
{
	rte_mempool_free(static_cast<rte_mempool *>(p));
}

BENCH_HOT void *alloc(void *p)
{
	void *element;
	return rte_mempool_get(static_cast<rte_mempool *>(p), &element) == 0 ? element : nullptr;
}

BENCH_HOT void free_element(void *p, void *element)
{
	rte_mempool_put(static_cast<rte_mempool *>(p), element);
}

// Threads that are not registered bypass the cache.
void thread_begin(void *)
{
	if (rte_thread_register() != 0)
		fprintf(stderr, "bench: rte_thread_register: %s\n", rte_strerror(rte_errno));
}

void thread_end(void *)
{
	rte_thread_unregister();
}

const peer peers[] = {
	{"dpdk-c", "rte_mempool_get, rte_mempool_put with a per-lcore cache of 256", bench::role_ordinary, nullptr,
	 create_cached, destroy, calls_of<alloc, free_element>, thread_begin, thread_end},
	{"dpdk ring", "rte_mempool_get, rte_mempool_put without a cache", bench::role_ordinary | bench::role_reserve,
	 nullptr, create_ring, destroy, calls_of<alloc, free_element>, thread_begin, thread_end},
};

} // namespace

extern "C" bench::plugin bench_peers()
{
	// "DPDK 22.11.11" - the package is named in front of it already.
	return {"DPDK", rte_version() + 5, peers, std::size(peers), begin};
}
