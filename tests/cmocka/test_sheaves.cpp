// SPDX-License-Identifier: MIT
//
// test_sheaves.cpp - objects kept for each CPU: nothing is lost in them, all of
// it can be had back, and a signal handler may use them.
#include "support.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/mempool-stats.h"

#include "reserve/base/cpu.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <sched.h>
#include <set>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

class cache {
      public:
	explicit cache(unsigned size) : s(kmem_cache_create("test", size, 0, 0, nullptr)) { assert_non_null(s); }
	~cache() { kmem_cache_destroy(s); }
	cache(const cache &) = delete;
	cache &operator=(const cache &) = delete;

	void *alloc() { return kmem_cache_alloc(s, GFP_KERNEL); }
	void free(void *object) { kmem_cache_free(s, object); }
	std::vector<void *> alloc_many(size_t n)
	{
		std::vector<void *> objects(n);
		for (void *&o : objects)
			o = alloc();
		return objects;
	}

	/// Objects that the slabs have handed out, to users or to sheaves.
	size_t in_use() const
	{
		size_t total = 0;
		for (const backing::slab_list &list : s->lists)
			for (const backing::slab *in = list.first(); in != nullptr; in = in->next)
				total += in->in_use;
		return total;
	}

	struct kmem_cache_statistics stats() const
	{
		struct kmem_cache_statistics now = {};
		now.size = sizeof(now);
		kmem_cache_stats(s, &now);
		return now;
	}

	kmem_cache *s;
};

void go_to_cpu(unsigned cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void objects_lie_ready_and_are_distinct(void **)
{
	cache c(64);
	const std::vector<void *> objects = c.alloc_many(1000);
	assert_int_equal(std::set<void *>(objects.begin(), objects.end()).size(), 1000);
	assert_true(c.in_use() > 1000); // some lie in a sheaf
	assert_int_equal(c.stats().objects, 1000);
	for (void *o : objects)
		c.free(o);
	assert_true(c.in_use() > 0);
	assert_int_equal(c.stats().objects, 0);
	assert_int_equal(c.stats().allocs, 1000);
	assert_int_equal(c.stats().frees, 1000);
	assert_int_equal(kmem_cache_shrink(c.s), 0);
	assert_int_equal(c.in_use(), 0);
	assert_int_equal(c.stats().slabs, 0);
	assert_int_equal(c.stats().frees, 1000);
}

void the_newest_comes_first(void **)
{
	go_to_cpu(0);
	cache c(100);
	void *a = c.alloc();
	void *b = c.alloc();
	c.free(a);
	c.free(b);
	assert_ptr_equal(c.alloc(), b);
	assert_ptr_equal(c.alloc(), a);
	c.free(a);
	c.free(b);
}

/// Two sheaves' worth of objects comes and goes without the slabs.
void main_and_spare_serve_together(void **)
{
	go_to_cpu(0);
	cache c(64);
	const unsigned both = 2 * backing::sheaf::capacity_max;
	std::set<void *> had;
	for (void *o : c.alloc_many(both)) {
		had.insert(o);
		c.free(o);
	}
	const uint64_t in_use = c.in_use();
	for (int round = 0; round < 10; round++)
		for (void *o : c.alloc_many(both - 1)) { // one may wait in the barn
			assert_int_equal(had.count(o), 1);
			c.free(o);
		}
	assert_int_equal(c.in_use(), in_use);
}

void shrink_reaches_every_cpu(void **)
{
	cache c(256);
	for (unsigned cpu = 0; cpu < base::cpu_count(); cpu++) {
		go_to_cpu(cpu);
		for (void *o : c.alloc_many(150))
			c.free(o);
	}
	assert_true(c.in_use() > 0);
	assert_int_equal(kmem_cache_shrink(c.s), 0);
	assert_int_equal(c.in_use(), 0);
}

void a_bulk_takes_what_lies_ready_first(void **)
{
	go_to_cpu(0);
	cache c(64);
	void *ready = c.alloc();
	c.free(ready);
	std::vector<void *> objects(500);
	assert_int_equal(kmem_cache_alloc_bulk(c.s, GFP_KERNEL, objects.size(), objects.data()), 500);
	assert_ptr_equal(objects[0], ready);
	assert_int_equal(std::set<void *>(objects.begin(), objects.end()).size(), 500);
	assert_int_equal(c.stats().objects, 500);
	int foreign = 0;
	catch_reports();
	std::vector<void *> to_free = objects;
	to_free.insert(to_free.begin() + 100, {nullptr, &foreign});
	kmem_cache_free_bulk(c.s, to_free.size(), to_free.data());
	assert_int_equal(reports_caught(), 1);
	assert_int_equal(c.stats().objects, 0);
	kmem_cache_shrink(c.s);
	assert_int_equal(c.in_use(), 0);
}

/// Threads allocate and free while another takes every sheaf away, over and over.
void shrink_runs_beside_everything_else(void **)
{
	cache c(64);
	constexpr int threads = 4;
	std::atomic<bool> stop{false};
	std::atomic<unsigned> corrupted{0};
	const int turns = rounds(3000);
	crew workers;
	workers.start(threads, [&](int number) {
		std::mt19937_64 random(static_cast<unsigned>(number));
		std::vector<uint64_t *> mine;
		while (!stop) {
			if (mine.size() < 200 && (random() & 1) != 0) {
				auto *o = static_cast<uint64_t *>(c.alloc());
				*o = reinterpret_cast<uintptr_t>(o) ^ static_cast<unsigned>(number);
				mine.push_back(o);
			} else if (!mine.empty()) {
				std::swap(mine.back(), mine[random() % mine.size()]);
				uint64_t *o = mine.back();
				mine.pop_back();
				if (*o != (reinterpret_cast<uintptr_t>(o) ^ static_cast<unsigned>(number)))
					corrupted++;
				*o = 0;
				c.free(o);
			}
			if (random() % 512 == 0)
				go_to_cpu(static_cast<unsigned>(random() % base::cpu_count()));
		}
		for (uint64_t *o : mine)
			c.free(o);
	});
	for (int i = 0; i < turns; i++)
		kmem_cache_shrink(c.s);
	stop = true;
	workers.join();
	assert_int_equal(corrupted, 0);
	assert_int_equal(c.stats().objects, 0);
	assert_int_equal(kmem_cache_shrink(c.s), 0);
	assert_int_equal(c.in_use(), 0);
}

void what_a_handler_frees_under_a_lock_waits(void **)
{
	cache c(128);
	const std::vector<void *> objects = c.alloc_many(400);
	size_t had = 0;
	{
		// As in a signal handler that interrupted the lock's holder.
		const std::lock_guard guard(c.s->lock);
		for (void *o : objects)
			c.free(o);
		while (c.alloc() != nullptr)
			had++;
		assert_in_range(had, 1, 2 * backing::sheaf::capacity_max); // of what lay ready
		assert_non_null(c.s->deferred.load());
	}
	assert_int_equal(c.stats().objects, had);
	void *again = c.alloc();
	assert_non_null(again);
	assert_null(c.s->deferred.load());
	c.free(again);
	assert_int_equal(c.stats().objects, had); // those stay out: the test has forgotten them
	catch_reports();
}

void a_handler_gets_no_pages_under_their_lock(void **)
{
	unsigned long block = __get_free_pages(GFP_KERNEL, 1);
	cache c(64);
	{
		const std::lock_guard guard(c.s->lock);
		assert_int_equal(__get_free_pages(GFP_ATOMIC, 1), 0);
		free_pages(block, 1);
	}
	// The next one finds it again.
	close_map_gate();
	block = __get_free_pages(GFP_ATOMIC, 1);
	open_map_gate();
	assert_int_not_equal(block, 0);
	free_pages(block, 1);
}

struct mempool_statistics figures(const mempool_t *pool)
{
	struct mempool_statistics now = {};
	now.size = sizeof(now);
	mempool_stats(pool, &now);
	return now;
}

void pools_of_one_cache_count_each_their_own(void **)
{
	cache c(64);
	mempool_t *first = mempool_create_slab_pool(4, c.s);
	mempool_t *second = mempool_create_slab_pool(4, c.s);
	for (int i = 0; i < 1000; i++) {
		mempool_free(mempool_alloc(second, GFP_KERNEL), second);
		c.free(c.alloc());
		if (i % 10 == 0)
			mempool_free(mempool_alloc(first, GFP_KERNEL), first);
	}
	assert_int_equal(figures(first).allocs, 100);
	assert_int_equal(figures(first).frees, 100);
	assert_int_equal(figures(second).allocs, 1000);
	assert_int_equal(figures(second).frees, 1000);
	mempool_destroy(first);
	mempool_t *third = mempool_create_slab_pool(4, c.s);
	mempool_free(mempool_alloc(third, GFP_KERNEL), third);
	assert_int_equal(figures(third).allocs, 1);
	assert_int_equal(figures(third).frees, 1);
	mempool_destroy(third);
	mempool_destroy(second);
	assert_int_equal(c.stats().objects, 0);
}

void figures_do_not_fall_below_nothing(void **)
{
	cache c(64);
	mempool_t *pool = mempool_create_slab_pool(4, c.s);
	// As amid calls of others, half of which was counted when the figures were read.
	c.s->counters.add(kmem_cache::public_allocs);
	c.s->counters.add(kmem_cache::public_frees);
	c.s->counters.add(kmem_cache::frees, 5);
	assert_int_equal(figures(pool).allocs, 0);
	assert_int_equal(c.stats().objects, 0);
	c.s->counters.add(kmem_cache::public_frees, 5);
	assert_int_equal(figures(pool).frees, 0);
	mempool_destroy(pool);
}

/// A barn keeps enough for a batch of small objects, and not too many large ones.
void a_large_batch_stays_at_hand(void **)
{
	const auto left_after = [](unsigned size) {
		cache c(size);
		const one_cpu pinned;
		for (void *o : c.alloc_many(1500))
			c.free(o);
		return c.in_use();
	};
	assert_true(left_after(64) >= 1500);
	constexpr size_t kept_by_barn = 10;
	assert_in_range(left_after(PAGE_SIZE), 1, (kept_by_barn + 3) * backing::sheaf::capacity_max);
}

void page_sized_objects_do_not_meet_in_the_same_sets(void **)
{
	for (const unsigned pages : {1U, 2U, 4U}) {
		cache c(pages * PAGE_SIZE);
		assert_int_equal(c.s->layout.slot_bytes, pages * PAGE_SIZE + base::cache_line_bytes);
	}
	kmem_cache *aligned = kmem_cache_create("aligned", PAGE_SIZE, PAGE_SIZE, 0, nullptr);
	assert_int_equal(aligned->layout.slot_bytes, PAGE_SIZE);
	kmem_cache_destroy(aligned);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(objects_lie_ready_and_are_distinct),
		cmocka_unit_test(the_newest_comes_first),
		cmocka_unit_test(main_and_spare_serve_together),
		cmocka_unit_test(shrink_reaches_every_cpu),
		cmocka_unit_test(a_bulk_takes_what_lies_ready_first),
		cmocka_unit_test(shrink_runs_beside_everything_else),
		cmocka_unit_test(what_a_handler_frees_under_a_lock_waits),
		cmocka_unit_test(a_handler_gets_no_pages_under_their_lock),
		cmocka_unit_test(pools_of_one_cache_count_each_their_own),
		cmocka_unit_test(figures_do_not_fall_below_nothing),
		cmocka_unit_test(a_large_batch_stays_at_hand),
		cmocka_unit_test(page_sized_objects_do_not_meet_in_the_same_sets),
	};
	return cmocka_run_group_tests_name("sheaves", tests, nullptr, nullptr);
}
