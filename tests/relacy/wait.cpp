// SPDX-License-Identifier: MIT
//
// wait.cpp - sleeping and waking under relacy: store, queue and the protocol
// that joins them (ORD-2, ORD-9). A wake-up that is lost is a deadlock.
#include "relacy_atomics.hpp"

#include "reserve/base/clock.hpp"

using namespace mp;
using namespace mp::test;

namespace {

template <class Derived, weaken what, int threads, int target_, rl::test_result_e expected>
struct wait_test : rl::test_suite<Derived, threads, expected> {
	using atomics = relacy_atomics<what>;
	using reserve_t = reserve::element_reserve<reserve::basic_spread_store<atomics>>;
	static constexpr int target = target_;

	void before()
	{
		atomics::now = &kernel;
		room.clear();
		r.store().init(room.memory(), target);
	}

	/// As a pool does: tries, sleeps, tries again.
	void *take_patiently()
	{
		typename reserve_t::sleeper sleeper(r);
		void *e = nullptr;
		while ((e = r.store().take()) == nullptr)
			sleeper.sleep(1, base::never_ns);
		room.use(e);
		return e;
	}
	void take_two_patiently()
	{
		typename reserve_t::sleeper sleeper(r);
		void *gaps[2] = {};
		while (!r.take_into_gaps(gaps, 2, 2))
			sleeper.sleep(2, base::never_ns);
		room.use(gaps[0]);
		room.use(gaps[1]);
	}

	typename atomics::kernel kernel;
	element_room<atomics, target> room;
	reserve_t r;
};

/// One gives while the other one goes to sleep.
template <weaken what, rl::test_result_e expected>
struct one_sleeper : wait_test<one_sleeper<what, expected>, what, 2, 1, expected> {
	static constexpr const char *title = "one gives, one sleeps";
	void thread(unsigned index)
	{
		if (index == 0)
			RL_ASSERT(this->r.give(this->room.entry(0)));
		else
			this->take_patiently();
	}
};

/// Two share one element, which a third one gives: each takes it, and gives it back.
template <weaken what, rl::test_result_e expected>
struct two_sleepers : wait_test<two_sleepers<what, expected>, what, 3, 1, expected> {
	static constexpr const char *title = "two share what a third one gives";
	void thread(unsigned index)
	{
		RL_ASSERT(this->r.give(index == 0 ? this->room.entry(0) : this->take_patiently()));
	}
};

/// A bulk of two waits for two givers; one of them gave before it took.
template <weaken what, rl::test_result_e expected>
struct bulk_sleeper : wait_test<bulk_sleeper<what, expected>, what, 3, 2, expected> {
	static constexpr const char *title = "a bulk waits for two";
	void thread(unsigned index)
	{
		if (index == 2)
			this->take_two_patiently();
		else
			RL_ASSERT(this->r.give(this->room.entry(static_cast<int>(index))));
	}
};

} // namespace

int main()
{
	setvbuf(stdout, nullptr, _IOLBF, 0);
	constexpr auto fine = rl::test_result_success;
	constexpr auto asleep = rl::test_result_deadlock;
	int failed = 0;
	failed += simulate<one_sleeper<weaken::nothing, fine>>(100'000);
	failed += simulate<two_sleepers<weaken::nothing, fine>>(100'000);
	failed += simulate<bulk_sleeper<weaken::nothing, fine>>(50'000);
	puts("weakened, so that relacy must find something:");
	failed += simulate<one_sleeper<weaken::seq_cst, asleep>>(200'000);
	failed += simulate<two_sleepers<weaken::release, rl::test_result_data_race>, asleep>(20'000);
	return failed;
}
