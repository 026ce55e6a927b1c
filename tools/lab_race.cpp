// SPDX-License-Identifier: MIT
//
// lab_race.cpp - see lab_race.hpp.
#include "tools/lab_race.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>

namespace lab {
namespace {

// The giver: 0 store level; 1 barrier; 2 load waiting, and wake; 3 done.
// The sleeper: 0 store waiting; 1 barrier; 2 load level; 3 asleep; 4 done.
constexpr int giver_done = 3;
constexpr int sleeper_asleep = 3;
constexpr int sleeper_done = 4;

using moves = std::vector<race_move>;

/// A move to this and that variable; without one, value is not looked at.
struct deed {
	race_step what;
	const char *variable = "";
	int value = 0;
};

void add(moves &to, bool by_giver, const deed &did, const char *text, const race_state &after)
{
	to.push_back({by_giver, did.what, did.variable, did.value, text, after});
}

void giver_moves(const race_state &s, bool barrier, moves &to)
{
	race_state n = s;
	if (s.giver_level >= 0) {
		n.level = s.giver_level;
		n.giver_level = -1;
		add(to, true, {race_step::writes, "level", n.level},
		    "the giver's element reaches the memory: level is 1", n);
		n = s;
	}
	switch (s.giver) {
	case 0:
		n.giver_level = 1;
		n.giver = 1;
		return add(to, true, {race_step::stores, "level", 1},
			   "the giver puts its element into the reserve: that is in its store buffer", n);
	case 1:
		n.giver = 2;
		if (!barrier)
			return add(to, true, {race_step::goes_on}, "the giver goes on, as there is no barrier", n);
		if (s.giver_level < 0)
			add(to, true, {race_step::barrier},
			    "the giver passes its barrier: what it wrote is in the memory", n);
		return;
	case 2:
		n.giver = giver_done;
		if (s.waiting == 0)
			return add(to, true, {race_step::reads, "waiting", 0},
				   "the giver looks who waits, and sees nobody", n);
		n.woken = 1;
		return add(to, true, {race_step::reads, "waiting", s.waiting},
			   "the giver sees that somebody waits, and wakes it", n);
	default:
		return;
	}
}

void sleeper_moves(const race_state &s, bool barrier, moves &to)
{
	race_state n = s;
	if (s.sleeper_waiting >= 0) {
		n.waiting = s.sleeper_waiting;
		n.sleeper_waiting = -1;
		add(to, false, {race_step::writes, "waiting", n.waiting},
		    "the sleeper's entry reaches the memory: one is waiting", n);
		n = s;
	}
	switch (s.sleeper) {
	case 0:
		n.sleeper_waiting = 1;
		n.sleeper = 1;
		return add(to, false, {race_step::stores, "waiting", 1},
			   "the sleeper enters itself as waiting: that is in its store buffer", n);
	case 1:
		n.sleeper = 2;
		if (!barrier)
			return add(to, false, {race_step::goes_on}, "the sleeper goes on, as there is no barrier", n);
		if (s.sleeper_waiting < 0)
			add(to, false, {race_step::barrier},
			    "the sleeper passes its barrier: what it wrote is in the memory", n);
		return;
	case 2:
		n.sleeper = s.level > 0 ? sleeper_done : sleeper_asleep;
		return add(to, false, {race_step::reads, "level", s.level},
			   s.level > 0 ? "the sleeper looks once more, and finds the element"
				       : "the sleeper looks once more, sees an empty reserve, and sleeps",
			   n);
	case sleeper_asleep:
		n.sleeper = sleeper_done;
		if (s.woken != 0)
			add(to, false, {race_step::is_woken}, "the sleeper is woken, and takes the element", n);
		return;
	default:
		return;
	}
}

struct origin {
	race_state before;
	race_move move;
	bool first = false;
};

moves way_to(const race_state &end, const std::map<race_state, origin> &known)
{
	moves way;
	for (race_state at = end; !known.at(at).first; at = known.at(at).before)
		way.push_back(known.at(at).move);
	std::reverse(way.begin(), way.end());
	return way;
}

} // namespace

const char *name_of(race_step what)
{
	switch (what) {
	case race_step::stores:
		return "stores";
	case race_step::goes_on:
		return "goes on";
	case race_step::barrier:
		return "barrier";
	case race_step::writes:
		return "writes";
	case race_step::reads:
		return "reads";
	case race_step::is_woken:
		return "is woken";
	}
	return "?";
}

bool sleeps(const race_state &state)
{
	return state.sleeper == sleeper_asleep;
}

bool has_ended(const race_state &state)
{
	return state.sleeper == sleeper_done;
}

// Breadth first: the first bad end is a nearest one.
race_result explore_race(bool giver_barrier, bool sleeper_barrier)
{
	race_result result;
	std::map<race_state, origin> known = {{race_state{}, {{}, {}, true}}};
	std::deque<race_state> next = {race_state{}};
	while (!next.empty()) {
		const race_state at = next.front();
		next.pop_front();
		result.states++;
		moves all;
		giver_moves(at, giver_barrier, all);
		sleeper_moves(at, sleeper_barrier, all);
		for (const race_move &m : all)
			if (known.try_emplace(m.after, origin{at, m, false}).second)
				next.push_back(m.after);
		if (!all.empty())
			continue;
		result.ends++;
		if (!sleeps(at))
			continue;
		if (result.lost++ == 0)
			result.counterexample = way_to(at, known);
	}
	return result;
}

} // namespace lab
