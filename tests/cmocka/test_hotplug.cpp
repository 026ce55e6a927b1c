// SPDX-License-Identifier: MIT
//
// test_hotplug.cpp - CPUs that nobody knew of when the library counted them: a
// thread that comes to run on one is served as well, and nothing is lost on
// its way between such a CPU and one that has a part of its own.
//
// link: -Wl,--wrap=sysconf
#include "support.hpp"

#include "mempool/mempool-stats.h"
#include "mempool/mempool.h"

#include "reserve/base/cpu.hpp"

#include <algorithm>
#include <cstring>
#include <sched.h>
#include <set>
#include <unistd.h>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

extern "C" long __real_sysconf(int name);

/// A machine that had one CPU when the library asked.
extern "C" long __wrap_sysconf(int name)
{
	return name == _SC_NPROCESSORS_CONF ? 1 : __real_sysconf(name);
}

namespace {

/// The first CPU, and one that is none of those that were counted.
constexpr int known = 0;
int unknown;

void go_to(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	assert_int_equal(sched_getcpu(), cpu);
}

struct kmem_cache_statistics figures_of(kmem_cache *cache)
{
	struct kmem_cache_statistics now = {};
	now.size = sizeof(now);
	assert_int_equal(kmem_cache_stats(cache, &now), 0);
	return now;
}

/// Objects that are all in use at a time, each written to its end.
std::vector<void *> all_of(kmem_cache *cache, size_t count, size_t bytes)
{
	std::vector<void *> objects(count);
	for (void *&object : objects) {
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(object);
		memset(object, 0x5a, bytes);
	}
	assert_int_equal(std::set<void *>(objects.begin(), objects.end()).size(), count);
	return objects;
}

void one_cpu_was_counted(void **)
{
	assert_int_equal(base::cpu_count(), 1);
}

void a_cache_serves_an_unknown_cpu(void **)
{
	constexpr size_t count = 500;
	kmem_cache *cache = kmem_cache_create("unknown", 64, 0, 0, nullptr);
	assert_non_null(cache);
	for (const int from : {known, unknown})
		for (const int to : {known, unknown}) {
			go_to(from);
			const std::vector<void *> objects = all_of(cache, count, 64);
			assert_int_equal(figures_of(cache).objects, count);
			go_to(to);
			for (void *object : objects)
				kmem_cache_free(cache, object);
			assert_int_equal(figures_of(cache).objects, 0);
		}
	assert_int_equal(figures_of(cache).allocs, 4 * count);
	assert_int_equal(figures_of(cache).frees, 4 * count);
	kmem_cache_shrink(cache); // stops the sections of all CPUs
	assert_int_equal(figures_of(cache).slabs, 0);
	kmem_cache_destroy(cache);
}

/// The reserve, whole, from either CPU: what the other one gave lies within reach.
void a_reserve_serves_an_unknown_cpu(void **)
{
	constexpr int min_nr = 9;
	mempool_t *pool = mempool_create_kmalloc_pool(min_nr, 64);
	assert_non_null(pool);
	for (const int from : {known, unknown})
		for (const int to : {known, unknown}) {
			go_to(from);
			std::set<void *> elements;
			while (void *element = mempool_alloc_preallocated(pool))
				elements.insert(element);
			assert_int_equal(elements.size(), min_nr);
			assert_int_equal(mempool_curr_nr(pool), 0);
			go_to(to);
			for (void *element : elements)
				mempool_free(element, pool);
			assert_int_equal(mempool_curr_nr(pool), min_nr);
		}
	mempool_destroy(pool);
}

/// Threads that wander between both, so that sections are cut short there too.
void nothing_is_lost_on_the_way(void **)
{
	constexpr int min_nr = 16;
	kmem_cache *cache = kmem_cache_create("wanderers", 128, 0, 0, nullptr);
	mempool_t *pool = mempool_create_slab_pool(min_nr, cache);
	assert_non_null(pool);
	crew wanderers;
	wanderers.start(4, [&](int thread) {
		const int turns = rounds(400);
		std::vector<void *> held;
		for (int i = 0; i < turns; i++) {
			go_to((i + thread) % 2 == 0 ? known : unknown);
			for (int j = 0; j < 100; j++) {
				void *element = mempool_alloc(pool, GFP_KERNEL);
				memset(element, thread, 128);
				held.push_back(element);
				if (j % 10 == 0) { // the others go later, from another CPU perhaps
					mempool_free(held.back(), pool);
					held.pop_back();
				}
			}
			while (held.size() > static_cast<size_t>(thread) * 50) {
				assert_int_equal(*static_cast<char *>(held.back()), thread);
				mempool_free(held.back(), pool);
				held.pop_back();
			}
			if (i % 50 == thread)
				kmem_cache_shrink(cache);
		}
		for (void *element : held)
			mempool_free(element, pool);
	});
	wanderers.join();
	assert_int_equal(mempool_curr_nr(pool), min_nr);
	mempool_destroy(pool);
	assert_int_equal(figures_of(cache).objects, 0);
	kmem_cache_destroy(cache);
}

/// A CPU that this process may use, other than the first; -1 when there is none.
int another_cpu()
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0 || !CPU_ISSET(known, &set))
		return -1;
	for (int cpu = known + 1; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			return cpu;
	return -1;
}

} // namespace

int main()
{
	unknown = another_cpu();
	if (unknown < 0) {
		print_message("test_hotplug: skipped: needs two CPUs, the first among them\n");
		return 77;
	}
	const CMUnitTest tests[] = {
		cmocka_unit_test(one_cpu_was_counted),
		cmocka_unit_test(a_cache_serves_an_unknown_cpu),
		cmocka_unit_test(a_reserve_serves_an_unknown_cpu),
		cmocka_unit_test(nothing_is_lost_on_the_way),
	};
	return cmocka_run_group_tests_name("hotplug", tests, nullptr, nullptr);
}
