// SPDX-License-Identifier: MIT
//
// test_registry.cpp - the lists of pools and caches: walks beside changes, and
// what is called around fork, in which order, in which process.
#include "support.hpp"

#include "mempool/mempool-stats.h"
#include "mempool/watch/registry.hpp"

#include <atomic>
#include <memory>
#include <string>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using watch::registry_add;
using watch::registry_kind;
using watch::registry_remove;
using watch::registry_walk;

namespace {

/// What the fork handlers did, a letter each: f freeze, t thaw, c thaw in the
/// child; and whose, by its name.
std::string calls;

struct thing {
	explicit thing(char name_) : name(name_) {}
	void add(registry_kind kind);
	void remove() { registry_remove(entry); }

	watch::registry_entry entry;
	std::atomic<char> name; // 0 once it is gone
};

constexpr watch::fork_ops recording = {
	[](void *t) {
		calls += {'f', static_cast<thing *>(t)->name};
	},
	[](void *t) {
		calls += {'t', static_cast<thing *>(t)->name};
	},
	[](void *t) {
		calls += {'c', static_cast<thing *>(t)->name};
	},
};

void thing::add(registry_kind kind)
{
	assert_true(registry_add(kind, entry, this, &recording));
}

/// The names on a list, in the order of a walk; it ends at `last`.
std::string walk(registry_kind kind, char last = 0)
{
	struct {
		std::string names;
		char last;
	} seen = {{}, last};
	const int result = registry_walk(
		kind,
		[](void *object, void *arg) {
			auto *s = static_cast<decltype(seen) *>(arg);
			const char name = static_cast<thing *>(object)->name;
			s->names += name;
			return name == s->last ? 42 : 0;
		},
		&seen);
	assert_int_equal(result, last != 0 ? 42 : 0);
	return seen.names;
}

void a_walk_sees_all_of_a_kind(void **)
{
	thing a('a');
	thing b('b');
	thing c('c');
	thing x('x');
	assert_string_equal(walk(registry_kind::pool).c_str(), "");
	for (thing *t : {&a, &b, &c})
		t->add(registry_kind::pool);
	x.add(registry_kind::cache);
	assert_string_equal(walk(registry_kind::pool).c_str(), "cba");
	assert_string_equal(walk(registry_kind::pool, 'b').c_str(), "cb"); // a visitor ends it
	assert_string_equal(walk(registry_kind::cache).c_str(), "x");
	b.remove();
	assert_string_equal(walk(registry_kind::pool).c_str(), "ca");
	c.remove();
	assert_string_equal(walk(registry_kind::pool).c_str(), "a");
	a.remove();
	x.remove();
	assert_string_equal(walk(registry_kind::pool).c_str(), "");
	b.add(registry_kind::pool); // it may come again
	assert_string_equal(walk(registry_kind::pool).c_str(), "b");
	b.remove();
}

void unlinking_does_not_wait(void **)
{
	thing a('a');
	thing b('b');
	a.add(registry_kind::pool);
	b.add(registry_kind::pool);
	// In a read section: registry_remove() would wait for its own caller here.
	registry_walk(
		registry_kind::pool,
		[](void *object, void *) {
			watch::registry_unlink(static_cast<thing *>(object)->entry);
			return 1;
		},
		nullptr);
	assert_string_equal(walk(registry_kind::pool).c_str(), "a");
	a.remove();
}

void fork_freezes_in_order_and_thaws(void **)
{
	thing pools[2] = {thing('1'), thing('2')};
	thing caches[2] = {thing('3'), thing('4')};
	thing memory('5');
	memory.add(registry_kind::memory);
	for (thing &t : caches)
		t.add(registry_kind::cache);
	for (thing &t : pools)
		t.add(registry_kind::pool);
	calls.clear();
	const int status = in_child([&] {
		if (calls != "f2f1f4f3f5c2c1c4c3c5")
			return 1;
		thing mine('m'); // and the registry is free for use
		mine.add(registry_kind::pool);
		const std::string names = walk(registry_kind::pool);
		mine.remove();
		return names == "m21" ? 0 : 2;
	});
	assert_string_equal(calls.c_str(), "f2f1f4f3f5t2t1t4t3t5");
	assert_int_equal(status, 0);
	for (thing *t : {&pools[0], &pools[1], &caches[0], &caches[1], &memory})
		t->remove();
	calls.clear();
	assert_int_equal(in_child([] { return 0; }), 0);
	assert_string_equal(calls.c_str(), ""); // none of the removed
}

constexpr watch::fork_ops silent = {[](void *) {}, [](void *) {}, [](void *) {}};

/// Adds and removes things for as long as it is told to, each in memory of its
/// own that is gone as soon as no walker can see it.
void come_and_go(const std::atomic<bool> &done)
{
	while (!done) {
		auto t = std::make_unique<thing>('x');
		if (!registry_add(registry_kind::pool, t->entry, t.get(), &silent))
			return;
		registry_remove(t->entry);
		t->name = 0;
	}
}

int count_gone()
{
	int gone = 0;
	registry_walk(
		registry_kind::pool,
		[](void *object, void *sum) {
			*static_cast<int *>(sum) += static_cast<thing *>(object)->name == 0 ? 1 : 0;
			return 0;
		},
		&gone);
	return gone;
}

void walkers_see_nothing_that_is_gone(void **)
{
	thing first('a');
	thing last('b');
	first.add(registry_kind::pool);
	std::atomic<bool> done{false};
	crew threads;
	threads.start(2, [&done](int) { come_and_go(done); });
	last.add(registry_kind::pool);
	int gone = 0;
	int short_walks = 0;
	for (int i = 0; i < rounds(50'000); i++) {
		gone += count_gone();
		const std::string names = walk(registry_kind::pool);
		short_walks += names.find('a') == std::string::npos || names.find('b') == std::string::npos;
	}
	done = true;
	threads.join();
	assert_int_equal(gone, 0);
	assert_int_equal(short_walks, 0); // nor miss what stays
	assert_string_equal(walk(registry_kind::pool).c_str(), "ba");
	first.remove();
	last.remove();
}

/// Looks at every pool and cache, as a statistics thread does.
void look_around(const std::atomic<bool> &done)
{
	while (!done) {
		mempool_for_each(
			[](mempool_t *pool, void *) {
				struct mempool_statistics stats = {};
				stats.size = sizeof(stats);
				return mempool_stats(pool, &stats) * 0;
			},
			nullptr);
		kmem_cache_for_each(
			[](kmem_cache *s, void *) {
				struct kmem_cache_statistics stats = {};
				stats.size = sizeof(stats);
				return kmem_cache_stats(s, &stats) * 0;
			},
			nullptr);
	}
}

/// Makes pools and caches, uses them, ends them. False when something failed.
bool live_a_life()
{
	kmem_cache *cache = kmem_cache_create("fork", 100, 0, 0, nullptr);
	if (cache == nullptr)
		return false;
	mempool_t *pool = mempool_create_slab_pool(3, cache);
	if (pool == nullptr)
		return false;
	void *element = mempool_alloc(pool, GFP_KERNEL);
	mempool_free(element, pool);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
	return element != nullptr;
}

/// A child comes from the middle of all that; whatever other threads were in,
/// the library works in it.
void a_fork_in_the_middle_of_all(void **)
{
	std::atomic<bool> done{false};
	std::atomic<bool> works{true};
	crew threads;
	threads.start(1, [&done](int) { look_around(done); });
	threads.start(2, [&](int) {
		while (!done)
			works = works && live_a_life();
	});
	int worst = 0;
	for (int i = 0; i < rounds(300) && worst == 0; i++)
		worst = in_child([] {
			const bool once = live_a_life();
			return once && live_a_life() ? 0 : 1;
		});
	done = true;
	threads.join();
	assert_int_equal(worst, 0);
	assert_true(works);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_sees_all_of_a_kind),       cmocka_unit_test(unlinking_does_not_wait),
		cmocka_unit_test(fork_freezes_in_order_and_thaws), cmocka_unit_test(walkers_see_nothing_that_is_gone),
		cmocka_unit_test(a_fork_in_the_middle_of_all),
	};
	return cmocka_run_group_tests_name("registry", tests, nullptr, nullptr);
}
