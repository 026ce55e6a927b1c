// SPDX-License-Identifier: MIT
//
// test_tracker.cpp - which elements are out: verdicts on frees, growth, and what
// is left of it without memory.
#include "support.hpp"

#include "mempool/watch/tracker.hpp"

#include <atomic>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using watch::tracker;
using verdict = watch::tracker::verdict;

namespace {

/// Elements are only numbers to the tracker. These differ in their upper bits, too.
const void *element(unsigned n, size_t apart = 64)
{
	return reinterpret_cast<const void *>(0x7000'0000'0000 + n * apart);
}

struct fixture {
	fixture() { assert_true(t.init()); }
	verdict free(const void *e) { return t.note_free(e, freed_by); }
	size_t out() { return t.count_out(&one, taken_by); }

	tracker t;
	base::stack_trace freed_by;
	base::stack_trace taken_by;
	const void *one = nullptr;
};

void tells_double_from_foreign(void **)
{
	fixture f;
	f.t.note_alloc(element(1));
	assert_true(f.free(element(2)) == verdict::foreign);
	assert_true(f.free(element(1)) == verdict::fine);
	assert_int_equal(f.freed_by.depth, 0);
	assert_true(f.free(element(1)) == verdict::double_free);
	assert_true(f.freed_by.depth > 0); // who was first
	f.t.note_alloc(element(1));        // it may go out again
	assert_true(f.free(element(1)) == verdict::fine);
	assert_true(f.free(element(2)) == verdict::foreign);
	f.t.destroy();
}

void counts_who_is_out(void **)
{
	fixture f;
	assert_int_equal(f.out(), 0);
	assert_null(f.one);
	f.t.note_alloc(element(1));
	f.t.note_alloc(element(2));
	f.t.note_alloc(element(2)); // noted again, not twice out
	assert_int_equal(f.out(), 2);
	assert_true(f.one == element(1) || f.one == element(2));
	assert_true(f.taken_by.depth > 0);
	f.free(element(1));
	assert_int_equal(f.out(), 1);
	assert_ptr_equal(f.one, element(2));
	f.free(element(2));
	assert_int_equal(f.out(), 0);
	f.t.destroy();
}

void lets_who_kept_an_element_do_as_he_likes(void **)
{
	fixture f;
	f.t.note_alloc(element(1));
	f.t.note_left(element(1));
	f.t.note_left(element(2));                        // was never seen
	assert_int_equal(f.out(), 0);                     // he may have given it to the backing
	assert_true(f.free(element(1)) == verdict::fine); // or gives it to the pool
	assert_true(f.free(element(1)) == verdict::double_free);
	assert_true(f.free(element(2)) == verdict::foreign);
	f.t.note_alloc(element(1));
	assert_int_equal(f.out(), 1);
	f.t.destroy();
}

void remembers_any_number(void **)
{
	for (const size_t apart : {size_t{8}, size_t{64}, size_t{4096}, size_t{1} << 22}) {
		constexpr unsigned many = 20'000;
		fixture f;
		for (unsigned i = 0; i < many; i++)
			f.t.note_alloc(element(i, apart));
		assert_int_equal(f.out(), many);
		assert_true(f.free(element(many, apart)) == verdict::foreign);
		for (unsigned i = 0; i < many; i++)
			assert_true(f.free(element(i, apart)) == verdict::fine);
		for (unsigned i = 0; i < many; i++)
			assert_true(f.free(element(i, apart)) == verdict::double_free);
		assert_int_equal(f.out(), 0);
		f.t.destroy();
	}
}

void needs_a_table_to_begin_with(void **)
{
	close_map_gate();
	tracker t;
	const bool began = t.init();
	open_map_gate();
	assert_false(began);
	t.destroy();
}

/// Without memory to grow it accuses nobody of what it cannot know.
void says_nothing_rather_than_something_wrong(void **)
{
	constexpr unsigned many = 2000;
	fixture f;
	f.t.note_alloc(element(0));
	close_map_gate();
	for (unsigned i = 1; i < many; i++)
		f.t.note_alloc(element(i));
	open_map_gate();
	for (unsigned i = 0; i < many; i++)
		assert_true(f.free(element(i)) == verdict::fine);
	assert_true(f.free(element(many)) == verdict::fine);     // foreign, but who knows
	assert_true(f.free(element(0)) == verdict::double_free); // this it does know
	f.t.destroy();
}

void grows_later_when_it_can(void **)
{
	fixture f;
	close_map_gate();
	for (unsigned i = 0; i < 230; i++)
		f.t.note_alloc(element(i)); // not quite full
	open_map_gate();
	for (unsigned i = 230; i < 1000; i++)
		f.t.note_alloc(element(i));
	assert_int_equal(f.out(), 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(f.free(element(i)) == verdict::fine);
	assert_true(f.free(element(999)) == verdict::double_free);
	f.t.destroy();
}

void threads_share_it(void **)
{
	fixture f;
	std::atomic<int> wrong{0};
	crew().start(4, [&](int thread) {
		      base::stack_trace by;
		      for (unsigned i = 0; i < static_cast<unsigned>(rounds(5000)); i++) {
			      const void *e = element(4 * i + static_cast<unsigned>(thread));
			      f.t.note_alloc(e);
			      wrong += f.t.note_free(e, by) == verdict::fine ? 0 : 1;
			      wrong += f.t.note_free(e, by) == verdict::double_free ? 0 : 1;
		      }
	      }).join();
	assert_int_equal(wrong.load(), 0);
	assert_int_equal(f.out(), 0);
	f.t.destroy();
}

void works_in_a_child(void **)
{
	fixture f;
	f.t.note_alloc(element(1));
	f.t.freeze();
	const int status = in_child([&f] {
		f.t.thaw_in_child();
		return f.out() == 1 && f.free(element(1)) == verdict::fine ? 0 : 1;
	});
	f.t.thaw();
	assert_int_equal(status, 0);
	assert_int_equal(f.out(), 1);
	f.t.destroy();
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(tells_double_from_foreign),
		cmocka_unit_test(counts_who_is_out),
		cmocka_unit_test(lets_who_kept_an_element_do_as_he_likes),
		cmocka_unit_test(remembers_any_number),
		cmocka_unit_test(needs_a_table_to_begin_with),
		cmocka_unit_test(says_nothing_rather_than_something_wrong),
		cmocka_unit_test(grows_later_when_it_can),
		cmocka_unit_test(threads_share_it),
		cmocka_unit_test(works_in_a_child),
	};
	return cmocka_run_group_tests_name("tracker", tests, nullptr, nullptr);
}
