// SPDX-License-Identifier: MIT
//
// store.cpp - the spread store under relacy: each test a few threads on two or
// three slots, in some ten thousand interleavings.
#include "relacy_atomics.hpp"

using namespace mp;
using namespace mp::test;

namespace {

/// Counts the elements at the end; what is in hands counts as the test says.
template <class Derived, weaken what, int threads, int target_, rl::test_result_e expected>
struct store_test : rl::test_suite<Derived, threads, expected> {
	using atomics = relacy_atomics<what>;
	using store_t = reserve::basic_spread_store<atomics>;
	static constexpr int target = target_;

	void before()
	{
		room.clear();
		s.init(room.memory(), target);
	}
	/// Takes all that can be found.
	int rest()
	{
		int found = 0;
		while (void *e = s.take()) {
			room.use(e);
			found++;
		}
		return found;
	}

	element_room<atomics, target> room;
	store_t s;
};

/// Three threads that take, use and give: nothing lost, doubled, or handed over unordered.
template <weaken what, rl::test_result_e expected>
struct pass_around : store_test<pass_around<what, expected>, what, 3, 2, expected> {
	static constexpr const char *title = "take and give";
	void before()
	{
		store_test<pass_around, what, 3, 2, expected>::before();
		RL_ASSERT(this->s.give(this->room.entry(0)));
		RL_ASSERT(this->s.give(this->room.entry(1)));
	}
	void thread(unsigned)
	{
		if (void *e = this->s.take()) {
			this->room.use(e);
			RL_ASSERT(this->s.give(e)); // its slot at least is open for it
		}
	}
	void after()
	{
		RL_ASSERT(this->s.level() == 2);
		RL_ASSERT(this->rest() == 2);
	}
};

/// ORD-10: a searcher clears a group's bit while somebody fills a slot there.
template <weaken what, rl::test_result_e expected>
struct hide : store_test<hide<what, expected>, what, 2, 2, expected> {
	static constexpr const char *title = "a bit cleared while a slot is filled";
	void before()
	{
		store_test<hide, what, 2, 2, expected>::before();
		RL_ASSERT(this->s.give(this->room.entry(0)));
		RL_ASSERT(this->s.take() == this->room.entry(0)); // the bit stays
		taken = 0;
	}
	void thread(unsigned index)
	{
		if (index == 0)
			RL_ASSERT(this->s.give(this->room.entry(1)));
		else if (this->s.take() != nullptr)
			taken = 1;
	}
	void after()
	{
		// By a search: a take would look at the slot that its hint names in any case.
		RL_ASSERT(taken + this->s.count(9) == 1);
		RL_ASSERT(taken + this->rest() == 1);
	}
	int taken;
};

/// ORD-10, ORD-1: a giver finds no room while somebody makes some.
template <weaken what, rl::test_result_e expected>
struct believe_full : store_test<believe_full<what, expected>, what, 2, 1, expected> {
	static constexpr const char *title = "full, and a taker";
	void before()
	{
		store_test<believe_full, what, 2, 1, expected>::before();
		RL_ASSERT(this->s.give(this->room.entry(0)));
		given = false;
	}
	void thread(unsigned index)
	{
		if (index == 0)
			given = this->s.give(this->room.entry(1));
		else
			RL_ASSERT(this->s.take() != nullptr);
	}
	void after()
	{
		RL_ASSERT(given || !this->s.full());
		RL_ASSERT(this->rest() == (given ? 1 : 0));
	}
	bool given;
};

/// INV-3: a bulk of two against singles, two elements in all.
template <weaken what, rl::test_result_e expected>
struct bulk_and_singles : store_test<bulk_and_singles<what, expected>, what, 3, 2, expected> {
	static constexpr const char *title = "a bulk, a single, and one who gives back";
	void before()
	{
		store_test<bulk_and_singles, what, 3, 2, expected>::before();
		RL_ASSERT(this->s.give(this->room.entry(0)));
		RL_ASSERT(this->s.give(this->room.entry(1)));
		out[0] = out[1] = 0;
	}
	void thread(unsigned index)
	{
		if (index == 0) {
			void *gaps[2] = {};
			if (this->s.take_into_gaps(gaps, 2, 2)) {
				this->room.use(gaps[0]);
				this->room.use(gaps[1]);
				RL_ASSERT(gaps[0] != gaps[1]);
				out[0] = 2;
			} else {
				RL_ASSERT(gaps[0] == nullptr && gaps[1] == nullptr);
			}
		} else if (void *e = this->s.take()) {
			this->room.use(e);
			if (index == 1)
				out[1] = 1;
			else
				RL_ASSERT(this->s.give(e));
		}
	}
	void after()
	{
		RL_ASSERT(this->s.level() == 2 - out[0] - out[1]);
		RL_ASSERT(this->rest() == 2 - out[0] - out[1]);
	}
	int out[2];
};

/// Two bulks, of which one at most can be served.
template <weaken what, rl::test_result_e expected>
struct two_bulks : store_test<two_bulks<what, expected>, what, 3, 3, expected> {
	static constexpr const char *title = "two bulks and a single";
	void before()
	{
		store_test<two_bulks, what, 3, 3, expected>::before();
		for (int i = 0; i < 3; i++)
			RL_ASSERT(this->s.give(this->room.entry(i)));
		out[0] = out[1] = out[2] = 0;
	}
	void thread(unsigned index)
	{
		void *gaps[2] = {};
		if (index == 2) {
			out[2] = this->s.take() != nullptr;
		} else if (this->s.take_into_gaps(gaps, 2, 2)) {
			this->room.use(gaps[0]);
			this->room.use(gaps[1]);
			out[index] = 2;
		}
	}
	void after()
	{
		RL_ASSERT(out[0] + out[1] <= 2 && out[0] + out[1] + out[2] > 0);
		RL_ASSERT(this->rest() == 3 - out[0] - out[1] - out[2]);
	}
	int out[3];
};

} // namespace

int main()
{
	setvbuf(stdout, nullptr, _IOLBF, 0);
	constexpr auto fine = rl::test_result_success;
	constexpr auto lost = rl::test_result_user_assert_failed;
	int failed = 0;
	failed += simulate<pass_around<weaken::nothing, fine>>(100'000);
	failed += simulate<hide<weaken::nothing, fine>>(100'000);
	failed += simulate<believe_full<weaken::nothing, fine>>(100'000);
	failed += simulate<bulk_and_singles<weaken::nothing, fine>>(100'000);
	failed += simulate<two_bulks<weaken::nothing, fine>>(100'000);
	puts("weakened, so that relacy must find something:");
	failed += simulate<pass_around<weaken::release, rl::test_result_data_race>>(100'000);
	failed += simulate<hide<weaken::seq_cst, lost>>(200'000);
	failed += simulate<believe_full<weaken::seq_cst, lost>>(200'000);
	return failed;
}
