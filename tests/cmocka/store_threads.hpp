// SPDX-License-Identifier: MIT
//
// store_threads.hpp - what every element store does with threads around it:
// nothing is lost, nothing is there twice, nobody is inside while it is frozen.
#pragma once

#include "store_suite.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace mp::test {

/// An entry that knows where it is. The plain count is written by whoever holds
/// it, so that a store that hands over without ordering is a race for TSan.
struct stamped {
	std::atomic<bool> inside{false};
	unsigned long visits = 0;
};

template <reserve::made_store Store> class store_threads {
      public:
	static void nothing_is_lost_or_doubled(void **)
	{
		traffic t("nothing_is_lost_or_doubled");
		t.run([](traffic &) {});
		t.assert_conserved();
	}

	static void nothing_is_lost_while_resized(void **)
	{
		traffic t("nothing_is_lost_while_resized");
		t.run(resize_until_done);
		t.assert_conserved();
	}

      private:
	static constexpr int threads = 4;
	static constexpr int target = 8;    // of the store, which is now empty, now full:
	static constexpr int total = 12;    // entries there are, the rest is in hands
	static constexpr int hand_most = 8; // that one thread holds at most

	struct hand {
		stamped *entries[hand_most];
		int count = 0;
		int wrong = 0;
		unsigned long visits = 0;
	};

	struct traffic {
		explicit traffic(const char *name) : random(name), slots(Store::bytes_for(target))
		{
			store.init(slots.start(), target);
			for (int i = 0; i < total / 2; i++) {
				all[i].inside = true;
				assert_true(store.give(&all[i]));
			}
			for (int i = total / 2; i < total; i++) {
				hand &h = hands[i % threads];
				h.entries[h.count++] = &all[i];
			}
		}

		template <class Beside> void run(Beside beside)
		{
			crew running;
			running.start(threads, [this](int thread) {
				std::mt19937_64 dice = random.split(thread);
				for (int i = 0; i < rounds(1'000'000); i++)
					step(*this, hands[thread], static_cast<unsigned>(dice()));
				busy.fetch_sub(1);
			});
			beside(*this);
			running.join();
		}

		void assert_conserved();

		random_source random;
		zeroed_memory slots;
		std::deque<zeroed_memory> more;
		Store store;
		stamped all[total];
		hand hands[threads + 1]; // the last one's is who resizes
		std::atomic<int> busy{threads};
	};

	static void took(hand &h, void *entry)
	{
		auto *s = static_cast<stamped *>(entry);
		h.wrong += s->inside.exchange(false, std::memory_order_relaxed) ? 0 : 1;
		s->visits++;
		h.visits++;
		h.entries[h.count++] = s;
	}

	static void take_one(traffic &t, hand &h)
	{
		if (h.count == hand_most)
			return;
		if (void *entry = t.store.take())
			took(h, entry);
	}

	static void take_some(traffic &t, hand &h, int missing)
	{
		void *gaps[3] = {};
		if (h.count + missing > hand_most || !t.store.take_into_gaps(gaps, missing, missing))
			return;
		for (int i = 0; i < missing; i++)
			took(h, gaps[i]);
	}

	static void give_one(traffic &t, hand &h)
	{
		if (h.count == 0)
			return;
		stamped *s = h.entries[h.count - 1];
		s->inside.store(true, std::memory_order_relaxed);
		if (t.store.give(s))
			h.count--;
		else
			s->inside.store(false, std::memory_order_relaxed);
	}

	static void give_some(traffic &t, hand &h)
	{
		void *many[3];
		const int offered = std::min(h.count, 3);
		for (int i = 0; i < offered; i++) {
			stamped *s = h.entries[i];
			s->inside.store(true, std::memory_order_relaxed);
			many[i] = s;
		}
		const int given = t.store.give_many(many, offered);
		for (int i = given; i < offered; i++)
			h.entries[i]->inside.store(false, std::memory_order_relaxed);
		std::copy(h.entries + given, h.entries + h.count, h.entries);
		h.count -= given;
	}

	static void step(traffic &t, hand &h, unsigned dice)
	{
		switch (dice % 5) {
		case 0:
		case 1:
			take_one(t, h);
			break;
		case 2:
			take_some(t, h, 1 + static_cast<int>(dice / 5 % 3));
			break;
		case 3:
			give_one(t, h);
			break;
		case 4:
			give_some(t, h);
			break;
		}
	}

	/// Shrinks and grows for as long as there is traffic; at first the array grows, too.
	static void resize_until_done(traffic &t)
	{
		hand &surplus = t.hands[threads];
		for (int round = 0; t.busy.load() > 0; round++) {
			while (surplus.count < hand_most) {
				void *entry = t.store.take_above(target / 2);
				if (entry == nullptr)
					break;
				took(surplus, entry);
			}
			const int larger = round < 9 ? target << round : target + round % 64;
			reserve::memory_block block;
			block.bytes = t.store.bytes_to_grow(larger);
			if (block.bytes > 0)
				block.start = t.more.emplace_back(block.bytes).start();
			t.store.grow(block, larger);
			give_some(t, surplus);
		}
	}
};

template <reserve::made_store Store> void store_threads<Store>::traffic::assert_conserved()
{
	int found = 0;
	while (void *entry = store.take()) {
		auto *s = static_cast<stamped *>(entry);
		assert_true(s->inside.exchange(false));
		found++;
	}
	unsigned long in_hands = 0;
	for (const hand &h : hands) {
		assert_int_equal(h.wrong, 0);
		found += h.count;
		in_hands += h.visits;
	}
	assert_int_equal(found, total);
	unsigned long in_entries = 0;
	for (const stamped &s : all) {
		assert_false(s.inside);
		in_entries += s.visits;
	}
	assert_int_equal(in_entries, in_hands);
	assert_true(in_hands > 0);
}

template <reserve::made_store Store> void store_suite<Store>::keeps_a_bulk_out_while_frozen(void **)
{
	fixture f(2);
	f.fill(1);
	f.store.freeze();
	std::atomic<void *> taken{nullptr};
	std::thread other([&] {
		void *gap = nullptr;
		f.store.take_into_gaps(&gap, 1, 1);
		taken = gap;
	});
	const bool got_in = happens([&] { return taken != nullptr || f.store.level() != 1; });
	f.store.thaw();
	other.join();
	assert_false(got_in);
	assert_ptr_equal(taken.load(), entry(0));
}

template <reserve::made_store Store> void store_suite<Store>::works_in_a_child_of_a_frozen_parent(void **)
{
	fixture f(3);
	f.fill(2);
	f.store.freeze();
	const int status = in_child([&f] {
		f.store.thaw_in_child();
		const bool works = f.store.give(entry(2)) && f.store.take() == entry(2) && f.store.take() == entry(1) &&
				   f.store.level() == 1;
		return works ? 0 : 1;
	});
	f.store.thaw();
	assert_int_equal(status, 0);
	assert_ptr_equal(f.store.take(), entry(1)); // the parent's has not changed
}

/// The whole suite for one store.
template <reserve::made_store Store> int run_store_suite(const char *name)
{
	using one = store_suite<Store>;
	using many = store_threads<Store>;
	const CMUnitTest tests[] = {
		cmocka_unit_test(one::starts_empty),
		cmocka_unit_test(one::gives_the_newest_first),
		cmocka_unit_test(one::holds_its_target_and_no_more),
		cmocka_unit_test(one::fills_gaps_upwards_newest_first),
		cmocka_unit_test(one::fills_no_more_gaps_than_asked_for),
		cmocka_unit_test(one::fills_all_gaps_or_none),
		cmocka_unit_test(one::takes_of_many_what_it_wants),
		cmocka_unit_test(one::sheds_the_surplus_then_lowers_its_target),
		cmocka_unit_test(one::lowers_its_target_at_once_without_a_surplus),
		cmocka_unit_test(one::grows_and_keeps_what_it_has),
		cmocka_unit_test(one::grows_back_to_what_it_was),
		cmocka_unit_test(one::knows_the_memory_that_it_was_brought),
		cmocka_unit_test(one::counts_up_to_a_limit),
		cmocka_unit_test(one::says_that_it_is_full_once_it_had_no_room),
		cmocka_unit_test(one::remembers_its_lowest_level),
		cmocka_unit_test(one::keeps_a_bulk_out_while_frozen),
		cmocka_unit_test(one::works_in_a_child_of_a_frozen_parent),
		cmocka_unit_test(many::nothing_is_lost_or_doubled),
		cmocka_unit_test(many::nothing_is_lost_while_resized),
	};
	return cmocka_run_group_tests_name(name, tests, nullptr, nullptr);
}

} // namespace mp::test
