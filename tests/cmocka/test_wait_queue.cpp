// SPDX-License-Identifier: MIT
//
// test_wait_queue.cpp - who is woken, and in which order; how a sleep ends. One
// thread plays all: what the kernel and other threads do is scripted.
// link: -Wl,--wrap=syscall
#include "futex_script.hpp"
#include "support.hpp"

#include "reserve/wait_queue.hpp"

#include <cerrno>
#include <functional>
#include <initializer_list>
#include <linux/futex.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using reserve::wait_queue;
using reserve::waiter;

namespace {

/// A queue, and some waiters of which the first few stand in it.
struct line {
	explicit line(std::initializer_list<int> needs)
	{
		futex_reset();
		for (const int need : needs)
			queue.enqueue(waiters[count++], need);
	}

	/// Which waiter a futex word lies in.
	int owner_of(const void *word) const
	{
		for (int i = 0; i < 8; i++)
			if (word >= &waiters[i] && word < &waiters[i + 1])
				return i;
		return -1;
	}

	void wake(int available_now, int full_at, bool news = true)
	{
		available = available_now;
		full = full_at;
		queue.wake(news);
	}

	/// Wakes, and expects these to be woken, in this order.
	void wakes(int available_now, int full_at, std::initializer_list<int> expected, bool news = true)
	{
		futex_reset();
		wake(available_now, full_at, news);
		const std::vector<const void *> words = futex_wakes();
		assert_int_equal(words.size(), expected.size());
		size_t i = 0;
		for (const int who : expected)
			assert_int_equal(owner_of(words[i++]), who);
	}

	static int look_available(void *of, int)
	{
		auto *l = static_cast<line *>(of);
		if (l->on_look) {
			const std::function<void()> once = std::move(l->on_look);
			l->on_look = nullptr;
			once();
		}
		return l->available;
	}
	static int look_full(void *of) { return static_cast<line *>(of)->full; }

	int available = 0;
	int full = 1;
	std::function<void()> on_look; // called once, while the queue's lock is held
	wait_queue queue{reserve::supply{look_available, look_full, this}};
	waiter waiters[9];
	int count = 0;
};

void wakes_first_who_came_first(void **)
{
	line l({1, 1, 1, 1});
	assert_int_equal(l.queue.waiting(), 4);
	l.wakes(1, 4, {0});
	assert_int_equal(l.queue.waiting(), 3);
	l.wakes(2, 4, {1, 2});
	l.wakes(4, 4, {3});
	l.wakes(4, 4, {});
	assert_int_equal(l.queue.waiting(), 0);
}

void wakes_nobody_without_elements(void **)
{
	line l({1, 3});
	l.wakes(0, 2, {});
	assert_int_equal(l.queue.waiting(), 2);
}

void keeps_the_place_of_who_queues_again(void **)
{
	line l({1, 1, 1});
	l.wakes(1, 3, {0});
	l.queue.enqueue(l.waiters[0], 1); // somebody else got the element
	l.wakes(1, 3, {0});
	assert_false(l.queue.cancel(l.waiters[1])); // its time was over: it tries, and queues again
	l.queue.enqueue(l.waiters[3], 1);
	l.queue.enqueue(l.waiters[1], 1);
	l.queue.enqueue(l.waiters[0], 2); // with another need, too
	l.wakes(5, 5, {0, 1, 2, 3});
}

void passes_over_who_needs_more(void **)
{
	line l({3, 1, 2, 1});
	l.wakes(2, 4, {1, 3}); // 2 of 3, 1 taken, 1 of 2, 1 taken
	assert_int_equal(l.queue.waiting(), 2);
	l.wakes(3, 4, {0});
	l.wakes(3, 4, {2});
}

void counts_what_the_woken_will_take(void **)
{
	line l({2, 2, 1});
	l.wakes(3, 4, {0, 2});
	l.wakes(1, 4, {});
	l.wakes(2, 4, {1});
}

void wakes_the_hopeless_by_a_full_store(void **)
{
	line l({5, 1});
	l.wakes(3, 4, {1}); // not full: the hopeless sleeps on, and holds nobody back
	assert_int_equal(l.queue.waiting(), 1);
	l.queue.enqueue(l.waiters[2], 4);
	l.wakes(4, 4, {0, 2}); // it uses nothing up
	assert_int_equal(l.queue.waiting(), 0);
}

void leaves_the_hopeless_alone_without_news(void **)
{
	line l({5, 4});
	l.wakes(4, 4, {1}, false);
	l.wakes(4, 4, {}, false);
	l.wakes(4, 4, {0}, true);
}

void takes_out_of_the_middle(void **)
{
	line l({1, 1, 1, 1, 1});
	assert_false(l.queue.cancel(l.waiters[2]));
	assert_false(l.queue.cancel(l.waiters[0]));
	assert_false(l.queue.cancel(l.waiters[4]));
	assert_int_equal(l.queue.waiting(), 2);
	l.wakes(5, 5, {1, 3});
	assert_true(l.queue.cancel(l.waiters[1])); // woken before
}

void sleeps_until_the_state_says_so(void **)
{
	line l({1});
	futex_play({returns(0), returns(EINTR), returns(EAGAIN), // none of these is a wake-up
		    after([&l] { l.wake(1, 1); }, 0)});
	errno = 77;
	assert_true(l.queue.sleep(l.waiters[0], patient()));
	assert_int_equal(futex_steps_left(), 0);
	assert_int_equal(futex_waits(), 4);
	assert_int_equal(errno, 77);
	assert_int_equal(l.queue.waiting(), 0);
}

void does_not_sleep_when_woken_before(void **)
{
	line l({1});
	l.wakes(1, 1, {0});
	assert_true(l.queue.sleep(l.waiters[0], patient()));
	assert_int_equal(futex_waits(), 0);
}

void leaves_the_line_at_its_deadline(void **)
{
	line l({1, 1});
	futex_play({returns(EINTR), returns(ETIMEDOUT)});
	errno = 77;
	assert_false(l.queue.sleep(l.waiters[0], patient()));
	assert_int_equal(errno, 77);
	assert_int_equal(l.queue.waiting(), 1);
	l.wakes(2, 2, {1});
}

void is_woken_when_wake_and_deadline_meet(void **)
{
	line l({1});
	futex_play({after([&l] { l.wake(1, 1); }, ETIMEDOUT)});
	assert_true(l.queue.sleep(l.waiters[0], patient()));
	assert_int_equal(l.queue.waiting(), 0);
}

void hands_the_deadline_to_the_kernel(void **)
{
	line l({1});
	const uint64_t deadline_ns = 7 * base::ns_per_s + 123'456'789;
	futex_wait_call first = {};
	futex_wait_call again = {};
	futex_play({[&](const futex_wait_call &call) {
			    first = call;
			    return EINTR;
		    },
		    [&](const futex_wait_call &call) {
			    again = call;
			    return ETIMEDOUT;
		    }});
	assert_false(l.queue.sleep(l.waiters[0], deadline_ns));
	assert_int_equal(l.owner_of(first.word), 0);
	assert_true(first.has_deadline && first.deadline_ns == deadline_ns);
	assert_true(again.has_deadline && again.deadline_ns == deadline_ns); // absolute: an interruption adds nothing

	l.queue.enqueue(l.waiters[0], 1);
	futex_play({[&](const futex_wait_call &call) {
		first = call;
		l.wake(1, 1);
		return 0;
	}});
	assert_true(l.queue.sleep(l.waiters[0], base::never_ns));
	assert_false(first.has_deadline);
}

void a_real_deadline_passes(void **)
{
	line l({1});
	const uint64_t deadline_ns = base::deadline_after(2'000'000);
	assert_false(l.queue.sleep(l.waiters[0], deadline_ns));
	assert_true(base::now_ns() >= deadline_ns);
	assert_int_equal(l.queue.waiting(), 0);
	l.queue.enqueue(l.waiters[0], 1);
	assert_false(l.queue.sleep(l.waiters[0], 0)); // one that is over already
}

void is_empty_in_a_child(void **)
{
	line l({1, 2, 1});
	l.queue.freeze();
	const int status = in_child([&l] {
		l.queue.thaw_in_child();
		waiter mine;
		futex_reset();
		l.wake(4, 4);
		if (l.queue.waiting() != 0 || !futex_wakes().empty())
			return 1;
		l.queue.enqueue(mine, 1);
		if (l.queue.waiting() != 1)
			return 2;
		l.wake(4, 4);
		return l.queue.cancel(mine) && futex_wakes().size() == 1 ? 0 : 3;
	});
	l.queue.thaw();
	assert_int_equal(status, 0);
	l.wakes(4, 4, {0, 1, 2}); // the parent's sleepers are still there
}

/// ORD-9: who asks while the lock is held is served by its holder. Here it is
/// held by the thread itself, as when a signal handler gives an element.
void the_holder_wakes_for_who_found_the_lock_taken(void **)
{
	line l({1, 1, 1});
	l.available = 1;
	int woken_by_the_handler = -1;
	l.on_look = [&] {
		l.available = 2; // one more has come
		l.queue.wake(true);
		woken_by_the_handler = static_cast<int>(futex_wakes().size());
	};
	l.queue.wake(true);
	assert_int_equal(woken_by_the_handler, 0); // it did not wait, and did nothing
	assert_int_equal(l.queue.waiting(), 0);    // two by the first round, and then there were still two
}

void a_wake_during_fork_comes_after_it(void **)
{
	line l({1});
	l.queue.freeze();
	l.wake(1, 1);
	assert_int_equal(l.queue.waiting(), 1);
	l.queue.thaw();
	assert_int_equal(l.queue.waiting(), 0);
	assert_int_equal(futex_wakes().size(), 1);
}

void goes_round_again_for_who_asked_meanwhile(void **)
{
	line l({1, 1});
	l.available = 1;
	l.on_look = [&] { // what is asked for after the look needs another one
		l.available = 0;
		l.queue.wake(true);
		l.on_look = [&] { l.available = 1; };
	};
	l.queue.wake(true);
	assert_int_equal(l.queue.waiting(), 1);
	assert_int_equal(futex_wakes().size(), 1);
}

/// The queue as a list sorted by ticket, and nothing else.
struct model {
	struct place {
		uint64_t ticket;
		int who;
		int need;
	};
	std::vector<place> places;

	void enqueue(place p)
	{
		auto at = places.begin();
		while (at != places.end() && at->ticket < p.ticket)
			++at;
		places.insert(at, p);
	}

	std::vector<int> wake(int available, int full, bool news)
	{
		std::vector<int> woken;
		std::vector<place> left;
		for (const place &p : places) {
			const bool hopeless = p.need > full;
			const bool served =
				available > 0 && available >= (hopeless ? full : p.need) && (news || !hopeless);
			if (!served) {
				left.push_back(p);
				continue;
			}
			woken.push_back(p.who);
			available -= hopeless ? 0 : p.need;
		}
		places = left;
		return woken;
	}
};

/// The queue and the model, step by step side by side.
struct comparison {
	line l{};
	model m;
	uint64_t tickets[8] = {};
	uint64_t last_ticket = 0;
	bool queued[8] = {};

	void wake(int available, bool news)
	{
		constexpr int full = 5;
		futex_reset();
		const std::vector<int> expected = m.wake(available, full, news);
		l.wake(available, full, news);
		const std::vector<const void *> words = futex_wakes();
		assert_int_equal(words.size(), expected.size());
		for (size_t n = 0; n < expected.size(); n++) {
			assert_int_equal(l.owner_of(words[n]), expected[n]);
			queued[expected[n]] = false;
		}
	}

	void cancel(int who)
	{
		assert_false(l.queue.cancel(l.waiters[who]));
		queued[who] = false;
		std::erase_if(m.places, [who](const model::place &p) { return p.who == who; });
	}

	void enqueue(int who, int need)
	{
		tickets[who] = tickets[who] != 0 ? tickets[who] : ++last_ticket;
		l.queue.enqueue(l.waiters[who], need);
		m.enqueue({tickets[who], who, need});
		queued[who] = true;
	}
};

void behaves_as_a_sorted_list_does(void **)
{
	random_source random("behaves_as_a_sorted_list_does");
	for (int round = 0; round < rounds(2000); round++) {
		comparison c;
		for (int i = 0; i < 60; i++) {
			const int who = random.below(8);
			if (random.below(3) == 0)
				c.wake(random.below(6), random.coin());
			else if (c.queued[who])
				c.cancel(who);
			else
				c.enqueue(who, 1 + random.below(6));
			assert_int_equal(c.l.queue.waiting(), c.m.places.size());
		}
	}
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(wakes_first_who_came_first),
		cmocka_unit_test(wakes_nobody_without_elements),
		cmocka_unit_test(keeps_the_place_of_who_queues_again),
		cmocka_unit_test(passes_over_who_needs_more),
		cmocka_unit_test(counts_what_the_woken_will_take),
		cmocka_unit_test(wakes_the_hopeless_by_a_full_store),
		cmocka_unit_test(leaves_the_hopeless_alone_without_news),
		cmocka_unit_test(takes_out_of_the_middle),
		cmocka_unit_test(sleeps_until_the_state_says_so),
		cmocka_unit_test(does_not_sleep_when_woken_before),
		cmocka_unit_test(leaves_the_line_at_its_deadline),
		cmocka_unit_test(is_woken_when_wake_and_deadline_meet),
		cmocka_unit_test(hands_the_deadline_to_the_kernel),
		cmocka_unit_test(a_real_deadline_passes),
		cmocka_unit_test(is_empty_in_a_child),
		cmocka_unit_test(the_holder_wakes_for_who_found_the_lock_taken),
		cmocka_unit_test(a_wake_during_fork_comes_after_it),
		cmocka_unit_test(goes_round_again_for_who_asked_meanwhile),
		cmocka_unit_test(behaves_as_a_sorted_list_does),
	};
	return cmocka_run_group_tests_name("wait_queue", tests, nullptr, nullptr);
}
