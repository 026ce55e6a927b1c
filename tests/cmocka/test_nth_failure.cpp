// SPDX-License-Identifier: MIT
//
// test_nth_failure.cpp - every allocation inside the library fails once, and
// from then on: the n-th, for each n until nothing fails any more, each in a
// process of its own, where the library has done nothing before. A failure must
// be told as one, leave nothing behind, and not stand in the way of a retry.
// link: -Wl,--wrap=mmap,--wrap=munmap,--wrap=madvise,--wrap=mlock,--wrap=pthread_atfork
#include "nth_scenarios.hpp"

#include "mempool/backing/pages.hpp"
#include "mempool/mempool-stats.h"

#include <cstdio>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

/// Objects that caches have handed out.
uint64_t objects_out()
{
	uint64_t out = 0;
	kmem_cache_for_each(
		[](kmem_cache *s, void *sum) {
			struct kmem_cache_statistics stats = {};
			stats.size = sizeof(stats);
			if (strcmp(kmem_cache_name(s), "sheaf") == 0)
				return 0; // those stay as long as their cache
			kmem_cache_stats(s, &stats);
			*static_cast<uint64_t *>(sum) += stats.objects;
			return 0;
		},
		&out);
	return out;
}

/// What is mapped when no sheaf holds on to a slab.
long bytes_at_rest()
{
	kmem_cache_for_each([](kmem_cache *s, void *) { return kmem_cache_shrink(s) * 0; }, nullptr);
	return mapped_bytes();
}

/// Is the one chunk that may be left whole again, or used by slabs and blocks?
bool pages_are_home()
{
	if (backing::pages_mapped_bytes() == 0)
		return true;
	close_map_gate();
	void *whole = backing::pages_alloc(backing::max_order, GFP_KERNEL);
	open_map_gate();
	if (whole != nullptr)
		backing::pages_free(whole, backing::max_order);
	return whole != nullptr;
}

enum verdict { as_it_should = 0, nothing_failed = 100, complaint = 101 };

int complain(const scenario &s, const char *what)
{
	fprintf(stderr, "%s: %s (errno %d, error %d, %ld bytes mapped)\n", s.name, what, errno, error, mapped_bytes());
	return complaint;
}

/// What a run without a failure leaves mapped, and whether all pages are home then.
struct clean_run {
	long bytes;
	bool home;
};
clean_run *clean = nullptr; // in memory that children share

int run_clean(const scenario &s)
{
	if (s.prepare != nullptr)
		s.prepare();
	if (!s.attempt())
		return complain(s, "fails without a fault");
	s.undo();
	clean->bytes = bytes_at_rest();
	clean->home = pages_are_home();
	return as_it_should;
}

int run_with_fault(const scenario &s, fault kind, int n, bool for_ever)
{
	catch_reports();
	if (s.prepare != nullptr)
		s.prepare();
	const uint64_t before = objects_out();
	arm_fault(kind, n, for_ever);
	errno = 0;
	const bool worked = s.attempt();
	const int left_errno = errno;
	if (!disarm_fault())
		return worked ? nothing_failed : complain(s, "fails without a fault");
	errno = left_errno;
	if (worked && !s.may_survive)
		return complain(s, "a failure was swallowed");
	if (!worked && !s.failed_well())
		return complain(s, "failed, but not as it should");
	if (worked)
		s.undo();
	if (objects_out() != before || bytes_at_rest() > clean->bytes)
		return complain(s, "something was left behind");
	if (!s.attempt())
		return complain(s, "cannot be tried again");
	s.undo();
	if (bytes_at_rest() != clean->bytes || pages_are_home() != clean->home)
		return complain(s, "after another try something is left behind");
	return reports_caught() == 0 ? as_it_should : complain(s, reports().c_str());
}

/// Lets each call fail in turn; says how many there were.
int sweep(const scenario &s, fault kind, bool for_ever)
{
	for (int n = 1; n < 500; n++) {
		const int how = in_child([&] { return run_with_fault(s, kind, n, for_ever); });
		if (how == nothing_failed)
			return n - 1;
		if (how != as_it_should)
			fail_msg("%s, %s number %d fails%s: exit status %d", s.name, name_of(kind), n,
				 for_ever ? " and all later" : "", how);
	}
	fail_msg("%s: there is no end to it", s.name);
	return 0;
}

void sweep_all(fault kind, bool for_ever)
{
	for (const scenario &s : scenarios) {
		if (in_child([&s] { return run_clean(s); }) != as_it_should)
			fail_msg("%s: does not work", s.name);
		if (sweep(s, kind, for_ever) == 0)
			fail_msg("%s makes no call that could fail", s.name);
	}
}

void nothing_leaks_when_the_gate_is_closed_once(void **)
{
	sweep_all(fault::gate, false);
}

void nothing_leaks_when_the_gate_is_closed_for_good(void **)
{
	sweep_all(fault::gate, true);
}

void nothing_leaks_when_mapping_fails_once(void **)
{
	sweep_all(fault::map, false);
}

void nothing_leaks_when_mapping_fails_for_good(void **)
{
	sweep_all(fault::map, true);
}

void nothing_leaks_when_pages_cannot_be_made_present_once(void **)
{
	sweep_all(fault::populate, false);
}

void nothing_leaks_when_pages_cannot_be_made_present_for_good(void **)
{
	sweep_all(fault::populate, true);
}

/// What this program does when it starts itself again, as one whose library
/// could not install its fork handlers. Only mappings of their own need none.
int run_without_fork_handlers()
{
	catch_reports();
	for (const scenario &s : scenarios) {
		if (s.prepare != nullptr && s.prepare != track)
			continue;
		errno = 0;
		if (s.attempt()) {
			if (!s.needs_no_fork_handlers)
				return complain(s, "works without fork handlers");
			s.undo();
			continue;
		}
		if (!s.failed_well() || objects_out() != 0 || reports_caught() != 0)
			return complain(s, "failed, but not as it should");
	}
	// What kvmalloc() left in the pagemap apart, all is as it was.
	return backing::pages_mapped_bytes() == 0 && mapped_bytes() < 100'000 ? as_it_should : complaint;
}

void nothing_leaks_when_fork_handlers_cannot_be_installed(void **)
{
	const int how = in_child([] {
		setenv(no_fork_handlers, "1", 1);
		execl("/proc/self/exe", "test_nth_failure", "without fork handlers", nullptr);
		return static_cast<int>(complaint);
	});
	assert_int_equal(how, as_it_should);
}

/// A backing of which the n-th call fails.
struct counted_backing {
	int calls = 0;
	int fails_at = 0;
	int out = 0;

	static void *alloc(gfp_t, void *self)
	{
		auto *b = static_cast<counted_backing *>(self);
		if (++b->calls == b->fails_at)
			return nullptr;
		b->out++;
		return malloc(16);
	}
	static void free(void *element, void *self)
	{
		static_cast<counted_backing *>(self)->out--;
		::free(element);
	}
};

void creation_fails_with_each_element(void **)
{
	constexpr int count = 20;
	for (int n = 1; n <= count; n++) {
		counted_backing b = {.fails_at = n};
		mempool_t pool = {};
		assert_int_equal(mempool_init(&pool, count, counted_backing::alloc, counted_backing::free, &b),
				 -ENOMEM);
		assert_false(mempool_initialized(&pool));
		b.calls = 0;
		assert_null(mempool_create(count, counted_backing::alloc, counted_backing::free, &b));
		assert_int_equal(b.calls, n);
		assert_int_equal(b.out, 0);
	}
}

void growing_stops_at_each_element(void **)
{
	constexpr int count = 20;
	for (int n = 1; n <= count; n++) {
		counted_backing b;
		mempool_t pool = {};
		assert_int_equal(mempool_init(&pool, 5, counted_backing::alloc, counted_backing::free, &b), 0);
		b.calls = 0;
		b.fails_at = n;
		assert_int_equal(mempool_resize(&pool, 5 + count), 0);
		assert_int_equal(mempool_curr_nr(&pool), 5 + n - 1);
		assert_int_equal(b.out, 5 + n - 1);
		mempool_exit(&pool);
		assert_int_equal(b.out, 0);
	}
}

void a_bulk_goes_on_after_each_element(void **)
{
	constexpr int count = 6;
	for (int n = 1; n <= count; n++) {
		counted_backing b;
		mempool_t pool = {};
		assert_int_equal(mempool_init(&pool, count, counted_backing::alloc, counted_backing::free, &b), 0);
		b.calls = 0;
		b.fails_at = n;
		void *elements[count] = {};
		assert_int_equal(mempool_alloc_bulk(&pool, elements, count, 0), 0);
		assert_int_equal(mempool_curr_nr(&pool), count - (count - n + 1));
		for (void *e : elements)
			mempool_free(e, &pool);
		mempool_exit(&pool);
		assert_int_equal(b.out, 0);
	}
}

/// Each CPU that was ever run on has sheaves, and they lie in pages of their own.
void stay_on_one_cpu()
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/// The pagemap keeps a leaf for each 32 GiB of addresses that were ever used.
/// Two runs of one scenario must not differ in that: new mappings, which Linux
/// puts below the last one, are kept away from where the next leaf begins.
void stay_in_one_leaf()
{
	constexpr uintptr_t leaf_bytes = uintptr_t{1} << 35;
	constexpr uintptr_t plenty_bytes = uintptr_t{1} << 30;
	void *probe = mmap(nullptr, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uintptr_t left_bytes = reinterpret_cast<uintptr_t>(probe) % leaf_bytes;
	if (left_bytes < plenty_bytes)
		static_cast<void>(mmap(nullptr, left_bytes + PAGE_SIZE, PROT_NONE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

} // namespace

int main(int argc, char **)
{
	if (argc > 1)
		return run_without_fork_handlers();
	stay_in_one_leaf();
	stay_on_one_cpu();
	clean = static_cast<clean_run *>(
		mmap(nullptr, sizeof(*clean), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	const CMUnitTest tests[] = {
		// These first: their children begin with a library that has done nothing.
		cmocka_unit_test(nothing_leaks_when_the_gate_is_closed_once),
		cmocka_unit_test(nothing_leaks_when_the_gate_is_closed_for_good),
		cmocka_unit_test(nothing_leaks_when_mapping_fails_once),
		cmocka_unit_test(nothing_leaks_when_mapping_fails_for_good),
		cmocka_unit_test(nothing_leaks_when_pages_cannot_be_made_present_once),
		cmocka_unit_test(nothing_leaks_when_pages_cannot_be_made_present_for_good),
		cmocka_unit_test(nothing_leaks_when_fork_handlers_cannot_be_installed),
		cmocka_unit_test(creation_fails_with_each_element),
		cmocka_unit_test(growing_stops_at_each_element),
		cmocka_unit_test(a_bulk_goes_on_after_each_element),
	};
	return cmocka_run_group_tests_name("n-th failure", tests, nullptr, nullptr);
}
