// SPDX-License-Identifier: MIT
//
// test_reserve.cpp - the store and its queue together, one step at a time: a
// store that calls back shows what the protocol looks at, and when.
// link: -Wl,--wrap=syscall
#include "futex_script.hpp"
#include "support.hpp"

#include "reserve/element_reserve.hpp"
#include "reserve/locked_store.hpp"
#include "reserve/spread_store.hpp"

#include <cerrno>
#include <functional>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

/// A store whose entries can be watched being counted.
template <class Store> class watched_store : public Store {
      public:
	int count(int most)
	{
		if (on_count) {
			const std::function<void()> once = std::move(on_count);
			on_count = nullptr;
			once();
		}
		return Store::count(most);
	}
	std::function<void()> on_count; // called by the next counting, before it looks
};

void *entry()
{
	static char any;
	return &any;
}

template <class Store> struct reserve_suite {
	using watched_reserve = reserve::element_reserve<watched_store<Store>>;
	using sleeper = typename watched_reserve::sleeper;
	using outcome = typename sleeper::outcome;

	struct fixture {
		explicit fixture(int target) : slots(Store::bytes_for(target))
		{
			futex_reset();
			reserve.store().init(slots.start(), target);
		}
		zeroed_memory slots;
		watched_reserve reserve;
	};

	static void wants_up_to_its_target(void **)
	{
		fixture f(2);
		assert_true(f.reserve.wants());
		assert_true(f.reserve.give(entry()));
		assert_true(f.reserve.wants());
		void *two[] = {entry(), entry()};
		assert_int_equal(f.reserve.give_many(two, 2), 1); // and it had one too many
		assert_false(f.reserve.wants());
		assert_false(f.reserve.give(entry()));
		assert_int_equal(f.reserve.give_many(two, 2), 0);
		assert_int_equal(f.reserve.waiting(), 0);
		assert_int_equal(futex_wakes().size(), 0);
	}

	static void does_not_sleep_over_what_is_there(void **)
	{
		fixture f(3);
		f.reserve.give(entry());
		f.reserve.give(entry());
		typename watched_reserve::sleeper sleeper(f.reserve);
		assert_true(sleeper.sleep(1, patient()) == outcome::not_needed);
		assert_true(sleeper.sleep(2, patient()) == outcome::not_needed);
		assert_int_equal(f.reserve.waiting(), 0);
		assert_int_equal(futex_waits(), 0);
		futex_play({returns(ETIMEDOUT)});
		assert_true(sleeper.sleep(3, patient()) == outcome::timed_out);
		assert_int_equal(futex_waits(), 1);
	}

	/// ORD-2: first in the queue, for everybody to see, and then the look.
	static void queues_before_it_looks(void **)
	{
		fixture f(2);
		typename watched_reserve::sleeper sleeper(f.reserve);
		int waiting_at_the_look = -1;
		f.reserve.store().on_count = [&] { waiting_at_the_look = f.reserve.waiting(); };
		futex_play({returns(ETIMEDOUT)});
		assert_true(sleeper.sleep(1, patient()) == outcome::timed_out);
		assert_int_equal(waiting_at_the_look, 1);
	}

	/// An element that comes after the last try and before the sleep is seen.
	static void sees_what_came_before_it_slept(void **)
	{
		fixture f(2);
		typename watched_reserve::sleeper sleeper(f.reserve);
		assert_null(f.reserve.store().take());
		f.reserve.store().on_count = [&] { f.reserve.store().give(entry()); };
		futex_play({returns(ETIMEDOUT)}); // what would happen to one who does not look
		assert_true(sleeper.sleep(1, patient()) == outcome::not_needed);
		assert_int_equal(f.reserve.waiting(), 0);
		assert_int_equal(futex_waits(), 0);
	}

	static void giving_wakes_after_it_gave(void **)
	{
		fixture f(2);
		typename watched_reserve::sleeper sleeper(f.reserve);
		int level_at_the_wake = -1;
		futex_play({after(
			[&] {
				f.reserve.give(entry());
				level_at_the_wake = f.reserve.store().level();
			},
			0)});
		assert_true(sleeper.sleep(1, patient()) == outcome::woken);
		assert_int_equal(level_at_the_wake, 1);
		assert_int_equal(futex_wakes().size(), 1);
		assert_int_equal(f.reserve.waiting(), 0);
		assert_ptr_equal(f.reserve.store().take(), entry());
	}

	static void giving_many_wakes_a_bulk_sleeper_once_it_suffices(void **)
	{
		fixture f(4);
		typename watched_reserve::sleeper sleeper(f.reserve);
		void *three[] = {entry(), entry(), entry()};
		int still_waiting = -1;
		futex_play({after(
				    [&] {
					    f.reserve.give_many(three, 2);
					    still_waiting = f.reserve.waiting();
				    },
				    0),
			    after([&] { f.reserve.give_many(three, 1); }, 0)});
		assert_true(sleeper.sleep(3, patient()) == outcome::woken);
		assert_int_equal(still_waiting, 1);
		assert_int_equal(futex_waits(), 2);
	}

	static void a_hopeless_need_is_woken_by_a_full_store(void **)
	{
		fixture f(2);
		typename watched_reserve::sleeper sleeper(f.reserve);
		int waiting_at_one = -1;
		futex_play({after(
			[&] {
				f.reserve.give(entry());
				waiting_at_one = f.reserve.waiting();
				f.reserve.give(entry());
			},
			0)});
		assert_true(sleeper.sleep(3, patient()) == outcome::woken);
		assert_int_equal(waiting_at_one, 1);
		assert_int_equal(f.reserve.store().level(), 2);
	}

	/// They could wake one another for ever, and no element would come of it.
	static void the_hopeless_do_not_wake_each_other(void **)
	{
		fixture f(2);
		void *two[] = {entry(), entry()};
		assert_int_equal(f.reserve.give_many(two, 2), 2);
		typename watched_reserve::sleeper one(f.reserve);
		int waiting = -1;
		futex_play({after(
			[&] { // another one, who comes, sleeps again, and leaves
				{
					typename watched_reserve::sleeper other(f.reserve);
					futex_play({returns(ETIMEDOUT), returns(ETIMEDOUT)});
					other.sleep(3, patient());
					other.sleep(3, patient());
				}
				waiting = f.reserve.waiting();
			},
			ETIMEDOUT)});
		assert_true(one.sleep(3, patient()) == outcome::timed_out);
		assert_int_equal(waiting, 1);
		assert_int_equal(futex_wakes().size(), 0);
	}

	static int run(const char *name)
	{
		const CMUnitTest tests[] = {
			cmocka_unit_test(wants_up_to_its_target),
			cmocka_unit_test(does_not_sleep_over_what_is_there),
			cmocka_unit_test(queues_before_it_looks),
			cmocka_unit_test(sees_what_came_before_it_slept),
			cmocka_unit_test(giving_wakes_after_it_gave),
			cmocka_unit_test(giving_many_wakes_a_bulk_sleeper_once_it_suffices),
			cmocka_unit_test(a_hopeless_need_is_woken_by_a_full_store),
			cmocka_unit_test(the_hopeless_do_not_wake_each_other),
		};
		return cmocka_run_group_tests_name(name, tests, nullptr, nullptr);
	}
};

} // namespace

int main()
{
	return reserve_suite<reserve::locked_store>::run("element_reserve, locked_store") +
	       reserve_suite<reserve::spread_store>::run("element_reserve, spread_store");
}
