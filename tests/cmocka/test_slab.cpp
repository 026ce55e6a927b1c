// SPDX-License-Identifier: MIT
//
// test_slab.cpp - a cache's slabs: which list each is on, when one comes and
// when it goes, what a constructor sees; and a page source that has nothing.
#include "support.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/mempool-debug.h"
#include "mempool/mempool-stats.h"

#include "reserve/base/report.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

class cache {
      public:
	explicit cache(unsigned size, slab_flags_t flags = 0, void (*ctor)(void *) = nullptr)
		: s(kmem_cache_create("test", size, 0, flags, ctor))
	{
		assert_non_null(s);
	}

	/// One without sheaves: each object comes from its slab, and goes back there.
	static cache without_sheaves(unsigned size) { return cache(backing::create_plain_cache("plain", size)); }

	void *alloc() { return kmem_cache_alloc(s, GFP_KERNEL); }
	void free(void *object) { kmem_cache_free(s, object); }
	std::vector<void *> alloc_many(unsigned n)
	{
		std::vector<void *> objects(n);
		for (void *&o : objects)
			o = alloc();
		return objects;
	}
	void free_many(const std::vector<void *> &objects)
	{
		for (void *o : objects)
			free(o);
	}

	unsigned slots() const { return s->layout.slots; }

	/// INV-5: each slab is on the list that its count says.
	void assert_lists(unsigned partial, unsigned empty, unsigned full)
	{
		assert_true(s->sheaves.flush()); // what lies in a sheaf is in use for its slab
		assert_int_equal(s->lists[kmem_cache::partial].count(), partial);
		assert_int_equal(s->lists[kmem_cache::empty].count(), empty);
		assert_int_equal(s->lists[kmem_cache::full].count(), full);
		for (const unsigned list : {kmem_cache::partial, kmem_cache::empty, kmem_cache::full})
			for (const backing::slab *in = s->lists[list].first(); in != nullptr; in = in->next) {
				assert_int_equal(in->list_index, list);
				assert_int_equal(in->in_use == 0, list == kmem_cache::empty);
				assert_int_equal(in->in_use == slots(), list == kmem_cache::full);
				assert_true(in->in_use <= in->carved && in->carved <= slots());
				assert_ptr_equal(in->cache, s);
			}
	}

	struct kmem_cache_statistics stats()
	{
		struct kmem_cache_statistics now = {};
		now.size = sizeof(now);
		assert_int_equal(kmem_cache_stats(s, &now), 0);
		return now;
	}

	kmem_cache *s;

      private:
	explicit cache(kmem_cache *made) : s(made) { assert_non_null(s); }
};

void slabs_fill_and_empty(void **)
{
	cache c = cache::without_sheaves(512);
	const unsigned slots = c.slots();
	c.assert_lists(0, 0, 0);
	std::vector<void *> objects = c.alloc_many(1);
	c.assert_lists(1, 0, 0);
	for (unsigned i = 1; i < slots; i++)
		objects.push_back(c.alloc());
	c.assert_lists(0, 0, 1);
	void *in_second = c.alloc();
	c.assert_lists(1, 0, 1);
	c.free(objects.back());
	objects.pop_back();
	c.assert_lists(2, 0, 0);
	c.free(in_second);
	c.assert_lists(1, 1, 0);
	assert_ptr_not_equal(c.alloc(), in_second); // a slab in use comes before an empty one
	c.assert_lists(0, 1, 1);
	assert_int_equal(kmem_cache_shrink(c.s), 1);
	c.assert_lists(0, 0, 1);
}

void one_empty_slab_is_kept(void **)
{
	cache c(2048);
	const unsigned slots = c.slots();
	const std::vector<void *> objects = c.alloc_many(3 * slots);
	c.assert_lists(0, 0, 3);
	c.free_many(objects);
	c.assert_lists(0, 1, 0);
	assert_int_equal(kmem_cache_shrink(c.s), 0);
	c.assert_lists(0, 0, 0);
	kmem_cache_destroy(c.s);
}

void objects_are_apart(void **)
{
	for (const unsigned size : {1U, 8U, 24U, 100U, 4096U, 70'000U}) {
		cache c(size);
		std::vector<void *> objects = c.alloc_many(2 * c.slots() + 1);
		for (size_t i = 0; i < objects.size(); i++)
			memset(objects[i], static_cast<int>(i % 251), size);
		for (size_t i = 0; i < objects.size(); i++) {
			const auto *bytes = static_cast<unsigned char *>(objects[i]);
			assert_int_equal(std::count(bytes, bytes + size, i % 251), size);
		}
		std::sort(objects.begin(), objects.end());
		assert_true(std::adjacent_find(objects.begin(), objects.end()) == objects.end());
		c.free_many(objects);
		kmem_cache_destroy(c.s);
	}
}

void a_bulk_is_all_or_none(void **)
{
	cache c(1024);
	const unsigned slots = c.slots();
	std::vector<void *> objects(slots + 1);
	void *one = c.alloc();
	void *all_pages = backing::pages_alloc(backing::max_order, GFP_KERNEL);
	std::vector<void *> pages; // all that is free beside the slab
	close_map_gate();
	while (void *page = backing::pages_alloc(0, GFP_KERNEL))
		pages.push_back(page);
	errno = 0;
	const int none = kmem_cache_alloc_bulk(c.s, GFP_KERNEL, slots, objects.data());
	const int error = errno;
	const int rest = kmem_cache_alloc_bulk(c.s, GFP_KERNEL, slots - 1, objects.data());
	void *no_more = c.alloc();
	open_map_gate();
	assert_int_equal(none, 0);
	assert_int_equal(error, ENOMEM);
	assert_int_equal(rest, slots - 1); // nothing was lost by the failure
	assert_null(no_more);
	assert_int_equal(c.stats().failures, 2);
	assert_int_equal(c.stats().objects, slots);
	for (void *page : pages)
		backing::pages_free(page, 0);
	backing::pages_free(all_pages, backing::max_order);
	kmem_cache_free_bulk(c.s, slots - 1, objects.data());
	c.free(one);
	assert_int_equal(c.stats().objects, 0);
	c.assert_lists(0, 1, 0);
	kmem_cache_destroy(c.s);
}

void a_bulk_may_span_slabs(void **)
{
	cache c(256);
	const unsigned wanted = 2 * c.slots() + 3;
	std::vector<void *> objects(wanted);
	assert_int_equal(kmem_cache_alloc_bulk(c.s, GFP_KERNEL, wanted, objects.data()), wanted);
	c.assert_lists(1, 0, 2);
	std::sort(objects.begin(), objects.end());
	assert_true(std::adjacent_find(objects.begin(), objects.end()) == objects.end());
	kmem_cache_free_bulk(c.s, wanted, objects.data());
	c.assert_lists(0, 1, 0);
	assert_int_equal(kmem_cache_alloc_bulk(c.s, GFP_KERNEL, 0, objects.data()), 0);
	kmem_cache_destroy(c.s);
}

int constructed = 0;

struct with_magic {
	unsigned magic;
	unsigned number;
	char rest[90];
};

void construct(void *object)
{
	auto *o = static_cast<with_magic *>(object);
	o->magic = 0xc0ffee;
	o->number = static_cast<unsigned>(++constructed);
}

void constructors_run_once_an_object(void **)
{
	for (const slab_flags_t flags : {0U, SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS}) {
		catch_reports();
		constructed = 0;
		cache c(sizeof(with_magic), flags, construct);
		assert_int_equal(constructed, 0);
		for (int round = 0; round < 3; round++) {
			std::vector<bool> seen(c.slots() + 1);
			const std::vector<void *> objects = c.alloc_many(c.slots());
			for (void *o : objects) {
				const auto *object = static_cast<with_magic *>(o);
				assert_int_equal(object->magic, 0xc0ffee);
				assert_false(seen.at(object->number));
				seen[object->number] = true;
			}
			c.free_many(objects);
		}
		assert_int_equal(constructed, c.slots());
		assert_int_equal(reports_caught(), 0);
		kmem_cache_destroy(c.s);
	}
}

void zeroing_spares_constructed_objects(void **)
{
	cache plain(64);
	void *object = plain.alloc();
	memset(object, 0xee, 64);
	plain.free(object);
	const char zeros[64] = {};
	void *again = kmem_cache_zalloc(plain.s, GFP_KERNEL);
	assert_ptr_equal(again, object);
	assert_memory_equal(again, zeros, sizeof(zeros));
	plain.free(again);
	kmem_cache_destroy(plain.s);

	cache constructed_ones(sizeof(with_magic), 0, construct);
	auto *o = static_cast<with_magic *>(kmem_cache_zalloc(constructed_ones.s, GFP_KERNEL));
	assert_int_equal(o->magic, 0xc0ffee);
	constructed_ones.free(o);
	kmem_cache_destroy(constructed_ones.s);
}

/// A program that does nothing wrong is never told that it did.
void right_use_is_never_reported(void **)
{
	catch_reports();
	for (slab_flags_t flags = 0; flags < 16; flags++) {
		for (unsigned size = 1; size <= 40; size++) {
			cache c(size, flags);
			for (int round = 0; round < 3; round++) {
				const std::vector<void *> objects = c.alloc_many(5);
				for (void *o : objects)
					memset(o, 0x11, size);
				c.free_many(objects);
			}
			kmem_cache_destroy(c.s);
			if (reports_caught() > 0)
				fail_msg("size %u, flags %#x: %s", size, flags, reports().c_str());
		}
	}
}

void only_whole_objects_come_back(void **)
{
	cache c(48);
	cache other(48);
	auto *object = static_cast<char *>(c.alloc());
	int wrong = 0;
	catch_reports();
	for (char *address : {object + 1, object + 8, object + 47, reinterpret_cast<char *>(&wrong)}) {
		c.free(address);
		assert_int_equal(reports_caught(), ++wrong);
	}
	kfree(object + 16);
	other.free(object);
	assert_int_equal(reports_caught(), 6);
	assert_int_equal(c.stats().objects, 1);
	c.free(object);
	assert_int_equal(reports_caught(), 6);
	kmem_cache_destroy(other.s);
	kmem_cache_destroy(c.s);
}

/// Reports that came while nobody had the lock of the cache in question.
struct {
	base::counted_lock *lock;
	int with_lock_free;
} reports_seen;

void see_report(int, const char *, size_t, void *)
{
	if (reports_seen.lock->try_lock()) {
		reports_seen.with_lock_free++;
		reports_seen.lock->unlock();
	}
}

void strays_among_objects_are_reported_without_the_lock(void **)
{
	cache c = cache::without_sheaves(64);
	cache other(64);
	void *foreign = other.alloc();
	const std::vector<void *> o = c.alloc_many(3);
	void *const mixed[] = {o[0], foreign, static_cast<char *>(o[1]) + 8, o[1], nullptr, &c, o[2]};
	reports_seen = {&c.s->lock, 0};
	base::set_sink(see_report, nullptr);
	backing::put_objects(*c.s, mixed);
	catch_reports();
	assert_int_equal(reports_seen.with_lock_free, 4);
	c.assert_lists(0, 1, 0); // the others went in

	backing::put_objects(*c.s, {&foreign, 1});
	assert_true(reported("an earlier free: "));
	assert_true(reported("in cache test"));
	other.free(foreign);
	assert_int_equal(reports_caught(), 1);
	kmem_cache_destroy(other.s);
}

/// As in a signal handler that interrupted the lock's holder.
void strays_do_not_wait_on_the_list_of_a_handler(void **)
{
	cache c = cache::without_sheaves(64);
	const std::vector<void *> o = c.alloc_many(2);
	char untouched[64] = {};
	void *const mixed[] = {untouched, o[0], static_cast<char *>(o[1]) + 8, o[1]};
	catch_reports();
	{
		const std::lock_guard guard(c.s->lock);
		backing::put_objects(*c.s, mixed);
	}
	assert_int_equal(reports_caught(), 2);
	assert_int_equal(std::count(untouched, untouched + 64, 0), 64);
	assert_int_equal(kmem_cache_shrink(c.s), 0);
	c.assert_lists(0, 0, 0);
}

void a_cache_that_fails_says_so(void **)
{
	close_map_gate();
	errno = 0;
	kmem_cache *none = kmem_cache_create("none", 64, 0, 0, nullptr);
	const int error = errno;
	open_map_gate();
	assert_null(none);
	assert_int_equal(error, ENOMEM);
}

void threads_share_a_cache(void **)
{
	random_source random("threads_share_a_cache");
	cache c(48);
	std::atomic<int> wrong{0};
	crew().start(4, [&](int thread) {
		      std::mt19937_64 dice = random.split(thread);
		      std::vector<void **> mine; // each object holds its own address
		      for (int i = 0; i < rounds(100'000) || !mine.empty(); i++) {
			      if (i < rounds(100'000) && (mine.empty() || dice() % 2 == 0)) {
				      auto **object = static_cast<void **>(c.alloc());
				      *object = object;
				      mine.push_back(object);
			      } else {
				      std::swap(mine[dice() % mine.size()], mine.back());
				      wrong += *mine.back() == mine.back() ? 0 : 1;
				      c.free(mine.back());
				      mine.pop_back();
			      }
		      }
	      }).join();
	assert_int_equal(wrong.load(), 0);
	c.assert_lists(0, 1, 0);
	assert_int_equal(c.stats().objects, 0);
	kmem_cache_destroy(c.s);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(slabs_fill_and_empty),
		cmocka_unit_test(one_empty_slab_is_kept),
		cmocka_unit_test(objects_are_apart),
		cmocka_unit_test(a_bulk_is_all_or_none),
		cmocka_unit_test(a_bulk_may_span_slabs),
		cmocka_unit_test(constructors_run_once_an_object),
		cmocka_unit_test(zeroing_spares_constructed_objects),
		cmocka_unit_test(right_use_is_never_reported),
		cmocka_unit_test(only_whole_objects_come_back),
		cmocka_unit_test(strays_among_objects_are_reported_without_the_lock),
		cmocka_unit_test(strays_do_not_wait_on_the_list_of_a_handler),
		cmocka_unit_test(a_cache_that_fails_says_so),
		cmocka_unit_test(threads_share_a_cache),
	};
	return cmocka_run_group_tests_name("slab", tests, nullptr, nullptr);
}
