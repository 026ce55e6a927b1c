// SPDX-License-Identifier: MIT
//
// missing_barrier.cpp - how a wake-up gets lost without a barrier: everything that
// two threads can do is tried, and the shortest way to the loss shown as a run.
#include "tools/lab/lessons.hpp"
#include "tools/lab_race.hpp"
#include "tools/lab_stage.hpp"
#include "tools/text.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace lab {
namespace {

pool_state reserve_of(const race_state &s)
{
	pool_state p;
	p.name = "as the memory has it";
	p.min_nr = 1;
	p.level = s.level;
	p.sleepers = s.waiting;
	p.slots.resize(1);
	if (s.level > 0)
		p.slots[0].element = "e1";
	return p;
}

std::vector<lane> lanes_of(const race_state &s)
{
	lane giver;
	giver.name = "giver";
	giver.now = s.giver == 3 ? doing::done : s.giver == 0 ? doing::idle : doing::running;
	giver.text = s.giver_level >= 0 ? "in its store buffer: level = 1" : "its store buffer is empty";
	lane sleeper;
	sleeper.name = "sleeper";
	sleeper.now = sleeps(s)        ? doing::asleep
		      : has_ended(s)   ? doing::done
		      : s.sleeper == 0 ? doing::idle
				       : doing::running;
	sleeper.text = s.sleeper_waiting >= 0 ? "in its store buffer: waiting = 1" : "its store buffer is empty";
	return {giver, sleeper};
}

void show_counterexample(stage &s, const race_result &lost)
{
	size_t number = 0;
	for (const race_move &move : lost.counterexample) {
		const bool last = ++number == lost.counterexample.size();
		s.begin("Without a barrier, " + std::to_string(number) + " of " +
				std::to_string(lost.counterexample.size()),
			"The " + move.text.substr(4) + ".");
		event e;
		e.lane = move.by_giver ? "giver" : "sleeper";
		e.kind = model_event;
		e.pool = "as the memory has it";
		e.args = {{name_of(move.what), static_cast<uint64_t>(move.value), move.variable}};
		e.text = move.text;
		e.now = lanes_of(move.after)[move.by_giver ? 0 : 1].now;
		e.level = move.after.level;
		e.slots = reserve_of(move.after).slots;
		s.tell({reserve_of(move.after)}, lanes_of(move.after), {e});
		if (!last)
			continue;
		s.say("An element is in the reserve, a thread sleeps for it, and nobody will ever wake it. In the "
		      "kernel it "
		      "would have its 5 s; a protocol without a clock would hang for ever.");
		s.claim("there is an element", 1, move.after.level);
		s.claim("and a thread that sleeps", sleeps(move.after));
		s.claim("the giver is done", move.after.giver == 3);
	}
}

/// What the thread that is held in the gap and the one that directs tell each other.
struct gap {
	std::atomic<bool> reached = false;
	std::atomic<bool> over = false;
};

/// How this step's sleep ended; empty: nobody wanted to sleep.
std::string end_of_sleep(stage &s)
{
	std::string how;
	for (const event &e : s.events())
		if (e.kind == "wait_end")
			how = e.args[1].text;
	return how;
}

void held_in_the_gap(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &giver = s.thread("giver");
	actor &sleeper = s.thread("sleeper");
	mempool_debug_set(MEMPOOL_DEBUG_DEADLOCK);
	pool &requests = s.make_pool("handed-on", 1, backing);
	backing.fails();
	void *element = s.alloc(sleeper, requests, GFP_KERNEL);
	s.begin("Held in the gap", R"(
Between the sleeper's last look at the reserve and its entry in the queue is a gap: who gives an element
then finds nobody to wake. Here the sleeper is held in it. It has handed its only element to the giver
and wants another; MEMPOOL_DEBUG=deadlock looks just before a thread enters the queue, sees what that
may lead to, and reports it. The report is told to the sleeper's own thread, and the lesson keeps it
there until the giver has given the element back. So the sleeper enters itself, looks once more, and
that is what saves it.)");
	s.cite(24).show(anchor::reserve_sleep);
	const auto held = std::make_shared<gap>(); // a thread that is left behind may still look at it
	s.on_report([held] {
		held->reached.store(true);
		held->over.wait(false);
	});
	s.begin_alloc(sleeper, requests, GFP_KERNEL);
	wait_until("the sleeper is in the gap", [&] { return held->reached.load() || !sleeper.busy(); });
	s.free(giver, requests, element);
	s.claim("the giver saw nobody to wake", "free reserve_give", s.story(giver));
	held->over.store(true);
	held->over.notify_all();
	void *got = s.wake_up(sleeper);
	mempool_debug_set(0);
	s.claim("the sleeper did not sleep: the element was there", "there was no need for it", end_of_sleep(s));
	s.claim("it has it", s.name(element), s.name(got));
	s.claim("sleeps that only the clock ended", 0, static_cast<int64_t>(requests.stats().timeouts));
	s.free(sleeper, requests, got);
}

/// Two threads that want the same element, round by round.
struct contest {
	pool &requests;
	int rounds;
	std::atomic<int> begun = 0;      // the last round in which somebody had it
	std::atomic<int> done[2] = {};   // rounds, of each thread
	int without[2] = {};             // how often each got none
	std::atomic<bool> alone = false; // the other did not come to sleep, although it was waited for
};

/// In one of so many rounds a thread sleeps, unless its last look finds the element.
constexpr int rounds_a_sleep = 5;

/// Whoever has the element first keeps it until the other has entered itself as
/// waiting, which is on its way to sleep then, and for a while of another length
/// each time; or, in most rounds, only for that while.
void hold(contest &all, int round)
{
	constexpr uint64_t most_ns = 10000000000; // the other does come, but claims must be looked at if it does not
	if (round % rounds_a_sleep == 0 && !all.alone.load()) {
		const uint64_t give_up = tools::now_ns() + most_ns;
		while (all.requests.sleepers() == 0 && !all.alone.load()) {
			std::this_thread::yield();
			all.alone.store(tools::now_ns() > give_up);
		}
	}
	for (int i = 0; i < round % 16; i++)
		static_cast<void>(all.requests.level());
}

/// Each time together with the other: nothing that comes later makes up for a wake-up that is lost.
void fight(contest &all, int me)
{
	constexpr uint64_t patience = 20000000000; // ns: a lost wake-up is found by the pool's own clock before
	std::atomic<int> &others = all.done[1 - me];
	for (int i = 1; i <= all.rounds; i++) {
		void *element = mempool_alloc_timeout(all.requests.get(), GFP_KERNEL, patience);
		if (element == nullptr)
			all.without[me]++;
		else if (all.begun.exchange(i) < i)
			hold(all, i);
		mempool_free(element, all.requests.get());
		all.done[me].store(i);
		while (others.load() < i)
			std::this_thread::yield();
	}
}

void real_library(stage &s)
{
	constexpr int rounds = 5000;
	scripted_backing &backing = s.make_backing();
	actor &left = s.thread("left");
	actor &right = s.thread("right");
	s.begin("The real library", R"(
Two threads want the same element 5000 times, at the same time, from a pool whose backing never gives
any. Whoever has it keeps it for a while, of another length each time, and in each fifth round until
the other is on its way to sleep. A wake-up that got lost would show: only the clock could end that
sleep, after 5 s, and the pool counts such sleeps. (This is too much to be recorded; the pool's
statistics tell.))");
	s.cite(24).cite(12).show(anchor::note_given).show(anchor::reserve_sleep);
	pool &requests = s.make_pool("requests", 1, backing, MEMPOOL_STORE_SPREAD);
	backing.fails();
	contest all{requests, rounds};
	s.quietly([&] {
		left.start([&] { fight(all, 0); });
		right.start([&] { fight(all, 1); });
		left.finish();
		right.finish();
	});
	const mempool_statistics stats = requests.stats();
	s.claim("allocations", int64_t{2} * rounds, static_cast<int64_t>(stats.allocs));
	s.claim("allocations that ended without an element", 0, all.without[0] + all.without[1]);
	s.claim("sleeps that only the clock ended", 0, static_cast<int64_t>(stats.timeouts));
	s.claim("and the threads did sleep, 100 times at least", stats.sleeps >= rounds / rounds_a_sleep / 10);
	s.say("Threads slept " + std::to_string(stats.sleeps) + " times, and were woken as often.");
	s.claim("each sleep ended by a wake-up", static_cast<int64_t>(stats.sleeps), static_cast<int64_t>(stats.wakes));
}

} // namespace

void missing_barrier(stage &s)
{
	s.begin("A sleeper and a giver", R"(
The sleeper enters itself as waiting, looks at the reserve once more, and sleeps if that is empty. The
giver puts an element in, looks whether somebody waits, and wakes it. Each writes first and reads
then. So one of them must see what the other wrote: or must it?

A CPU does not write to memory at once. It keeps the value in a store buffer, and goes on; its next
read may reach the memory before that. A barrier makes it wait until the buffer is empty.)");
	s.cite(24).show(anchor::note_given).show(anchor::reserve_sleep);
	s.tell({reserve_of({})}, lanes_of({}), {});
	const race_result lost = explore_race(false, false);
	s.claim("without barriers, everything tried: a wake-up can get lost", lost.lost > 0);
	show_counterexample(s, lost);

	s.begin("With both barriers", R"(
The same two threads, with a barrier between the store and the load of each. Everything that can
happen is tried again, each order of each step. make model does so, with Spin, for three threads, two
elements and the whole protocol.)");
	s.tell({reserve_of({})}, lanes_of({}), {});
	const race_result both = explore_race(true, true);
	s.say(std::to_string(both.states) + " states were looked at, " + std::to_string(both.ends) +
	      " of them ends; without barriers there are " + std::to_string(lost.states) + " and " +
	      std::to_string(lost.ends) + ".");
	s.claim("ends in which a wake-up is lost", 0, static_cast<int64_t>(both.lost));
	s.claim("there are ends: the sleeper always gets its element", both.ends > 0);

	s.begin("One barrier is not enough", R"(
A barrier orders one thread. Its partner in the other thread is what it stands against: take either
away, and the loss is there again. That is why each barrier of this library names its partner.)");
	s.show(anchor::note_given).show(anchor::reserve_sleep);
	s.tell({reserve_of({})}, lanes_of({}), {});
	s.claim("with the giver's alone a wake-up can get lost", explore_race(true, false).lost > 0);
	s.claim("with the sleeper's alone, too", explore_race(false, true).lost > 0);
	held_in_the_gap(s);
	real_library(s);
}

} // namespace lab
