// SPDX-License-Identifier: MIT
//
// test_reserve_threads.cpp - sleepers that are threads: who is woken, that the
// baton is passed on, that no wake-up is lost. A sleep that should have been
// ended by a wake-up, and was not, ends by its long deadline, and so shows.
#include "support.hpp"

#include "reserve/either_store.hpp"
#include "reserve/element_reserve.hpp"

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

using store_kind = reserve::either_store::kind;
store_kind kind_under_test = store_kind::locked;

/// A store that lets a test step in between the queueing and the look.
class stepping_store : public reserve::either_store {
      public:
	int count(int most)
	{
		if (pthread_self() == stepper) {
			stepper = {};
			step();
		}
		return either_store::count(most);
	}
	pthread_t stepper{}; // its next counting calls step()
	std::function<void()> step;
};

using test_reserve = reserve::element_reserve<stepping_store>;
using sleeper = test_reserve::sleeper;
using outcome = sleeper::outcome;

void *entry()
{
	static char any;
	return &any;
}

struct fixture {
	explicit fixture(int target) : slots(reserve::either_store::bytes_for(kind_under_test, target))
	{
		reserve.store().init(kind_under_test, slots.start(), target);
	}

	void give(int n)
	{
		void *many[16];
		for (void *&e : many)
			e = entry();
		assert_int_equal(reserve.give_many(many, n), n);
	}

	bool come_to_wait(int n)
	{
		return eventually([&] { return reserve.waiting() == n; });
	}

	zeroed_memory slots;
	test_reserve reserve;
};

/// A thread that sleeps once for `need` elements, and then does something.
class bed {
      public:
	using morning = std::function<void(sleeper &)>;

	bed(fixture &f, int need, const morning &then = {})
		: thread_([this, &f, need, then] {
			  sleeper s(f.reserve);
			  id = gettid();
			  how = s.sleep(need, patient());
			  awake = true;
			  if (then)
				  then(s);
		  })
	{
	}
	~bed() { join(); }
	void join()
	{
		if (thread_.joinable())
			thread_.join();
	}
	void signal(int number) { pthread_kill(thread_.native_handle(), number); }

	std::atomic<pid_t> id{0};
	std::atomic<bool> awake{false};
	outcome how = outcome::not_needed;

      private:
	std::thread thread_;
};

using beds = std::vector<std::unique_ptr<bed>>;

/// Fills beds in order: each has queued before the next one does.
void sleep_one_by_one(fixture &f, beds &into, int count, int need, const bed::morning &then = {})
{
	for (int i = 0; i < count; i++) {
		const int before = f.reserve.waiting();
		into.push_back(std::make_unique<bed>(f, need, then));
		assert_true(f.come_to_wait(before + 1));
		// Beyond its last look, or it might find what the test gives, and not sleep.
		assert_true(eventually([&] { return thread_sleeps(into.back()->id); }));
	}
}

void threads_are_served_first_in_first_out(void **)
{
	fixture f(8);
	beds line;
	const auto take = [&f](sleeper &) { f.reserve.store().take(); };
	sleep_one_by_one(f, line, 6, 1, take);
	for (size_t i = 0; i < line.size(); i++) {
		f.give(1);
		line[i]->join();
		assert_true(line[i]->how == outcome::woken);
		assert_int_equal(f.reserve.waiting(), 5 - static_cast<int>(i));
		assert_int_equal(f.reserve.store().level(), 0);
	}
}

void one_call_wakes_all_that_it_serves(void **)
{
	fixture f(8);
	beds line;
	sleep_one_by_one(f, line, 8, 1);
	f.give(8);
	for (const auto &b : line) {
		b->join();
		assert_true(b->how == outcome::woken);
	}
}

void singles_pass_a_bulk_sleeper(void **)
{
	fixture f(4);
	const auto take = [&f](sleeper &) { f.reserve.store().take(); };
	beds bulk;
	beds singles;
	sleep_one_by_one(f, bulk, 1, 3);
	sleep_one_by_one(f, singles, 2, 1, take);
	f.give(2);
	for (const auto &b : singles) {
		b->join();
		assert_true(b->how == outcome::woken);
	}
	assert_false(bulk[0]->awake);
	f.give(3);
	bulk[0]->join();
	assert_true(bulk[0]->how == outcome::woken);
}

void who_leaves_without_taking_wakes_the_next(void **)
{
	fixture f(4);
	beds line;
	sleep_one_by_one(f, line, 3, 1); // none of them takes
	f.give(1);
	for (const auto &b : line)
		b->join();
	for (const auto &b : line)
		assert_true(b->how == outcome::woken);
	assert_int_equal(f.reserve.store().level(), 1);
}

void who_sleeps_again_wakes_the_next(void **)
{
	fixture f(4);
	beds line;
	std::atomic<bool> stolen{false};
	outcome second_sleep = outcome::not_needed;
	sleep_one_by_one(f, line, 1, 2, [&](sleeper &s) {
		if (!eventually([&] { return stolen.load(); }))
			return;
		second_sleep = s.sleep(2, patient()); // one element is left: it is not enough, but for others it is
	});
	sleep_one_by_one(f, line, 1, 1, [&](sleeper &) { f.reserve.store().take(); });
	f.give(2); // both are the bulk sleeper's
	assert_true(eventually([&] { return line[0]->awake.load(); }));
	assert_false(line[1]->awake);
	assert_ptr_equal(f.reserve.store().take(), entry());
	stolen = true;
	line[1]->join();
	assert_true(line[1]->how == outcome::woken);
	assert_true(f.come_to_wait(1));
	f.give(2);
	line[0]->join();
	assert_true(second_sleep == outcome::woken);
}

/// Woken before it slept, and then not in need: the wake-up was not for nothing.
void who_need_not_sleep_wakes_the_next(void **)
{
	fixture f(4);
	beds line;
	outcome mine = outcome::woken;
	{
		sleeper s(f.reserve);
		f.reserve.store().step = [&] {
			sleep_one_by_one(f, line, 1, 1);
			f.give(1); // wakes us, the older one
		};
		f.reserve.store().stepper = pthread_self();
		mine = s.sleep(1, patient());
	}
	line[0]->join();
	assert_true(mine == outcome::not_needed);
	assert_true(line[0]->how == outcome::woken);
}

std::atomic<int> signals_handled{0};

void signals_do_not_end_a_sleep(void **)
{
	struct sigaction action = {};
	action.sa_handler = [](int) { signals_handled.fetch_add(1); };
	sigaction(SIGUSR1, &action, nullptr); // without SA_RESTART
	signals_handled = 0;
	fixture f(1);
	beds line;
	sleep_one_by_one(f, line, 1, 1);
	for (int i = 0; i < rounds(50); i++) {
		assert_true(eventually([&] { return thread_sleeps(line[0]->id); }));
		line[0]->signal(SIGUSR1);
		assert_true(eventually([i] { return signals_handled == i + 1; }));
		assert_false(line[0]->awake);
		assert_int_equal(f.reserve.waiting(), 1);
	}
	f.give(1);
	line[0]->join();
	assert_true(line[0]->how == outcome::woken);
}

void sleepers_of_the_parent_are_none_of_the_child(void **)
{
	fixture f(4);
	beds line;
	sleep_one_by_one(f, line, 2, 2);
	f.reserve.freeze();
	const int status = in_child([&f] {
		f.reserve.thaw_in_child();
		if (f.reserve.waiting() != 0 || !f.reserve.give(entry()) || f.reserve.store().take() != entry())
			return 1;
		sleeper s(f.reserve);
		return s.sleep(1, base::deadline_after(1'000'000)) == outcome::timed_out ? 0 : 2;
	});
	f.reserve.thaw();
	assert_int_equal(f.reserve.waiting(), 2);
	f.give(4);
	for (const auto &b : line)
		b->join();
	assert_int_equal(status, 0);
	assert_true(line[0]->how == outcome::woken && line[1]->how == outcome::woken);
}

/// Takes `need` elements as a pool does: tries, sleeps, tries again. False when
/// a sleep ended by the clock.
bool take_patiently(fixture &f, int need)
{
	sleeper s(f.reserve);
	void *gaps[4] = {};
	while (!f.reserve.take_into_gaps(gaps, need, need))
		if (s.sleep(need, patient()) == outcome::timed_out)
			return false;
	return true;
}

/// One gives `need` elements one by one, as soon as the last ones were taken,
/// and so again and again just when the other one goes to sleep.
void assert_no_wake_is_lost(int need, int times)
{
	fixture f(need);
	std::atomic<int> taken{0};
	std::atomic<bool> lost{false};
	std::thread taker([&] {
		for (int i = 0; i < times && !lost; i++) {
			lost = !take_patiently(f, need);
			taken.fetch_add(1);
		}
	});
	for (int i = 0; i < times && !lost; i++) {
		while (taken < i)
			std::this_thread::yield();
		for (int n = 0; n < need; n++)
			f.reserve.give(entry());
	}
	taker.join();
	assert_false(lost);
}

void no_wake_is_lost_for_a_single_element(void **)
{
	assert_no_wake_is_lost(1, rounds(100'000));
}

void no_wake_is_lost_for_a_bulk(void **)
{
	assert_no_wake_is_lost(3, rounds(30'000));
}

/// Fewer elements than threads, which all take and give.
void no_wake_is_lost_in_a_crowd(void **)
{
	fixture f(2);
	f.give(2);
	std::atomic<bool> lost{false};
	crew().start(6, [&f, &lost](int thread) {
		      const int need = 1 + thread % 2;
		      for (int i = 0; i < rounds(20'000) && !lost; i++) {
			      if (!take_patiently(f, need))
				      lost = true;
			      for (int n = 0; n < need; n++)
				      f.reserve.give(entry());
		      }
	      }).join();
	assert_false(lost);
	assert_int_equal(f.reserve.store().level(), 2);
	assert_int_equal(f.reserve.waiting(), 0);
}

/// Some give up just when they are woken: others must get what they left.
void no_wake_is_lost_to_the_impatient(void **)
{
	fixture f(1);
	std::atomic<bool> lost{false};
	std::atomic<bool> done{false};
	std::atomic<int> taken{0};
	const int times = rounds(20'000);
	std::thread impatient([&] {
		for (unsigned i = 0; !done; i++) {
			sleeper s(f.reserve);
			s.sleep(1, base::deadline_after(uint64_t{1000} * (i % 64)));
		}
	});
	std::thread taker([&] {
		for (int i = 0; i < times && !lost; i++) {
			lost = !take_patiently(f, 1);
			taken.fetch_add(1);
		}
		done = true;
	});
	for (int i = 0; i < times && !lost; i++) {
		while (taken < i)
			std::this_thread::yield();
		f.reserve.give(entry());
	}
	taker.join();
	impatient.join();
	assert_false(lost);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(threads_are_served_first_in_first_out),
		cmocka_unit_test(one_call_wakes_all_that_it_serves),
		cmocka_unit_test(singles_pass_a_bulk_sleeper),
		cmocka_unit_test(who_leaves_without_taking_wakes_the_next),
		cmocka_unit_test(who_sleeps_again_wakes_the_next),
		cmocka_unit_test(who_need_not_sleep_wakes_the_next),
		cmocka_unit_test(signals_do_not_end_a_sleep),
		cmocka_unit_test(sleepers_of_the_parent_are_none_of_the_child),
		cmocka_unit_test(no_wake_is_lost_for_a_single_element),
		cmocka_unit_test(no_wake_is_lost_for_a_bulk),
		cmocka_unit_test(no_wake_is_lost_in_a_crowd),
		cmocka_unit_test(no_wake_is_lost_to_the_impatient),
	};
	const int failed = cmocka_run_group_tests_name("element_reserve, threads, locked", tests, nullptr, nullptr);
	kind_under_test = store_kind::spread;
	return failed + cmocka_run_group_tests_name("element_reserve, threads, spread", tests, nullptr, nullptr);
}
