// SPDX-License-Identifier: MIT
//
// store_suite.hpp - what every element store does, one thread at a time. A new
// sibling is tested by one more call of run_store_suite().
#pragma once

#include "support.hpp"

#include "reserve/store.hpp"

#include <deque>
#include <initializer_list>

#include "cmocka_cpp.hpp"

namespace mp::test {

template <reserve::made_store Store> class store_suite {
      public:
	static void starts_empty(void **)
	{
		fixture f(3);
		assert_levels(f.store, 0, 0, 3);
		assert_null(f.store.grown(0).start);
		assert_int_equal(f.store.count(3), 0);
		assert_false(f.store.full());
		assert_null(f.store.take());
		void *gap = nullptr;
		assert_false(f.store.take_into_gaps(&gap, 1, 1));
		assert_null(gap);
	}

	static void gives_the_newest_first(void **)
	{
		fixture f(4);
		f.fill(4);
		for (int i = 4; i-- > 0;)
			assert_ptr_equal(f.store.take(), entry(i));
		assert_null(f.store.take());
		f.fill(2);
		assert_ptr_equal(f.store.take(), entry(1));
		assert_true(f.store.give(entry(7)));
		assert_takes(f.store, {7, 0});
	}

	static void holds_its_target_and_no_more(void **)
	{
		fixture f(2);
		f.fill(2);
		assert_false(f.store.give(entry(2)));
		assert_int_equal(f.store.level(), 2);
		assert_takes(f.store, {1, 0});
	}

	static void fills_gaps_upwards_newest_first(void **)
	{
		fixture f(4);
		f.fill(4);
		void *slots[] = {entry(8), nullptr, entry(9), nullptr, nullptr};
		assert_true(f.store.take_into_gaps(slots, 5, 3));
		void *filled[] = {entry(8), entry(3), entry(9), entry(2), entry(1)};
		assert_memory_equal(slots, filled, sizeof(filled));
		assert_takes(f.store, {0});
	}

	static void fills_no_more_gaps_than_asked_for(void **)
	{
		fixture f(3);
		f.fill(3);
		void *slots[] = {nullptr, nullptr, nullptr};
		assert_true(f.store.take_into_gaps(slots, 3, 2));
		assert_ptr_equal(slots[0], entry(2));
		assert_ptr_equal(slots[1], entry(1));
		assert_null(slots[2]);
		assert_int_equal(f.store.level(), 1);
	}

	static void fills_all_gaps_or_none(void **)
	{
		fixture f(4);
		f.fill(2);
		void *slots[] = {nullptr, entry(9), nullptr, nullptr};
		assert_false(f.store.take_into_gaps(slots, 4, 3));
		void *untouched[] = {nullptr, entry(9), nullptr, nullptr};
		assert_memory_equal(slots, untouched, sizeof(slots));
		assert_levels(f.store, 2, 0, 4);
		assert_takes(f.store, {1, 0});
	}

	static void takes_of_many_what_it_wants(void **)
	{
		fixture f(3);
		f.fill(1);
		void *many[] = {entry(4), entry(5), entry(6), entry(7)};
		assert_int_equal(f.store.give_many(many, 4), 2);
		assert_int_equal(f.store.give_many(many + 2, 2), 0);
		assert_takes(f.store, {5, 4, 0});
		assert_int_equal(f.store.give_many(many, 0), 0);
		assert_int_equal(f.store.give_many(many, 2), 2);
		assert_takes(f.store, {5, 4});
	}

	static void sheds_the_surplus_then_lowers_its_target(void **)
	{
		fixture f(4);
		f.fill(4);
		assert_ptr_equal(f.store.take_above(2), entry(3));
		assert_int_equal(f.store.target(), 4); // the old promise stands
		assert_ptr_equal(f.store.take_above(2), entry(2));
		assert_int_equal(f.store.target(), 4);
		assert_null(f.store.take_above(2));
		assert_int_equal(f.store.target(), 2);
		assert_false(f.store.give(entry(5)));
		assert_takes(f.store, {1, 0});
	}

	static void lowers_its_target_at_once_without_a_surplus(void **)
	{
		fixture f(5);
		f.fill(2);
		assert_null(f.store.take_above(3));
		assert_int_equal(f.store.target(), 3);
		assert_true(f.store.give(entry(2)));
		assert_false(f.store.give(entry(3)));
		assert_takes(f.store, {2, 1, 0});
	}

	static void grows_and_keeps_what_it_has(void **)
	{
		fixture f(3);
		f.fill(3);
		f.grow(6);
		assert_int_equal(f.store.level(), 3);
		assert_int_equal(f.store.target(), 6);
		assert_false(f.store.full());
		for (int i = 3; i < 6; i++)
			assert_true(f.store.give(entry(i)));
		assert_false(f.store.give(entry(6)));
		assert_takes_all_below(f.store, 6);
		f.fill(6);
		assert_takes(f.store, {5, 4, 3, 2, 1, 0});
	}

	static void grows_back_to_what_it_was(void **)
	{
		fixture f(4);
		f.fill(4);
		assert_ptr_equal(f.store.take_above(2), entry(3));
		assert_ptr_equal(f.store.take_above(2), entry(2));
		assert_null(f.store.take_above(2));
		assert_int_equal(f.store.bytes_to_grow(4), 0);
		f.grow(4);
		assert_true(f.store.give(entry(2)));
		assert_true(f.store.give(entry(3)));
		assert_false(f.store.give(entry(4)));
		assert_takes_all_below(f.store, 4);
	}

	/// The owner frees in the end what it brought and was not handed back.
	static void knows_the_memory_that_it_was_brought(void **)
	{
		fixture f(3);
		f.fill(3);
		f.grow(100);
		f.grow(1000);
		size_t bytes = 0;
		for (int i = 0; f.store.grown(i).start != nullptr; i++)
			bytes += f.store.grown(i).bytes;
		assert_int_equal(bytes, f.brought_bytes);
		assert_int_equal(f.store.level(), 3);
		for (int i = 3; i < 1000; i++)
			assert_true(f.store.give(entry(i)));
		assert_false(f.store.give(entry(1000)));
		assert_takes_all_below(f.store, 1000);
	}

	static void counts_up_to_a_limit(void **)
	{
		fixture f(4);
		f.fill(3);
		assert_int_equal(f.store.count(0), 0);
		assert_int_equal(f.store.count(2), 2);
		assert_int_equal(f.store.count(3), 3);
		assert_int_equal(f.store.count(100), 3);
	}

	static void says_that_it_is_full_once_it_had_no_room(void **)
	{
		fixture f(2);
		f.fill(2);
		assert_false(f.store.give(entry(2)));
		assert_true(f.store.full());
		assert_ptr_equal(f.store.take(), entry(1));
		assert_false(f.store.full());
		assert_true(f.store.give(entry(1)));
		assert_false(f.store.give(entry(2)));
		void *gaps[] = {nullptr, nullptr};
		assert_true(f.store.take_into_gaps(gaps, 2, 2));
		assert_false(f.store.full());
	}

	static void remembers_its_lowest_level(void **)
	{
		fixture f(4);
		f.fill(4);
		assert_int_equal(f.store.lowest(), 0); // while it was filled for the first time
		f.store.note_full();
		assert_int_equal(f.store.lowest(), 4);
		void *gaps[] = {nullptr, nullptr};
		assert_true(f.store.take_into_gaps(gaps, 2, 2));
		assert_int_equal(f.store.lowest(), 2);
		assert_int_equal(f.store.give_many(gaps, 2), 2);
		assert_ptr_not_equal(f.store.take(), nullptr);
		assert_int_equal(f.store.lowest(), 2);
		assert_takes(f.store, {3, 1, 0});
		assert_null(f.store.take());
		assert_levels(f.store, 0, 0, 4);
	}

	static void keeps_a_bulk_out_while_frozen(void **);
	static void works_in_a_child_of_a_frozen_parent(void **);

	struct fixture {
		explicit fixture(int target) : slots(Store::bytes_for(target)) { store.init(slots.start(), target); }
		/// Gives entries 0 to n - 1.
		void fill(int n)
		{
			for (int i = 0; i < n; i++)
				assert_true(store.give(entry(i)));
			assert_int_equal(store.level(), n);
		}
		void grow(int target)
		{
			const size_t bytes = store.bytes_to_grow(target);
			if (bytes > 0)
				more.emplace_back(bytes);
			const reserve::memory_block old = store.grow(
				bytes > 0 ? reserve::memory_block{more.back().start(), bytes} : reserve::memory_block{},
				target);
			brought_bytes += bytes - old.bytes;
		}
		one_cpu pinned;
		zeroed_memory slots;
		std::deque<zeroed_memory> more;
		size_t brought_bytes = 0;
		Store store;
	};

	/// A store never looks behind an entry, so any address will do.
	static void *entry(int n)
	{
		static char entries[1024][2];
		return entries[n];
	}

      private:
	static void assert_levels(const Store &store, int level, int lowest, int target)
	{
		assert_int_equal(store.level(), level);
		assert_int_equal(store.lowest(), lowest);
		assert_int_equal(store.target(), target);
	}

	/// Takes entries 0 to n - 1, each once. After growing the order is anybody's.
	static void assert_takes_all_below(Store &store, int n)
	{
		std::vector<bool> seen(static_cast<size_t>(n));
		for (int i = 0; i < n; i++) {
			const auto *taken = static_cast<const char *>(store.take());
			assert_non_null(taken);
			const ptrdiff_t which = (taken - static_cast<const char *>(entry(0))) / 2;
			assert_true(which >= 0 && which < n && !seen[static_cast<size_t>(which)]);
			seen[static_cast<size_t>(which)] = true;
		}
		assert_int_equal(store.level(), 0);
		assert_null(store.take());
	}

	/// Takes these, in this order, and then finds the store empty.
	static void assert_takes(Store &store, std::initializer_list<int> entries)
	{
		for (const int n : entries)
			assert_ptr_equal(store.take(), entry(n));
		assert_int_equal(store.level(), 0);
	}
};

} // namespace mp::test
