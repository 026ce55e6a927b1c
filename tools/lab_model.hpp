// SPDX-License-Identifier: MIT
//
// lab_model.hpp - what a lesson of the lab was when it had been run: steps, each
// with what happened in it and how things stood after it. The terminal, the page
// and the JSON file show this and nothing else.
//
// All of it comes from events that the library recorded while the lesson ran, but
// for the words. Plain values; no state.
#pragma once

#include <cstdint>
#include <mempool/gfp.h>
#include <string>
#include <vector>

namespace lab {

/// A rule, in one line. `par`: its row in docs/parity.md; 0: the kernel has no such rule.
struct fact {
	int par = 0;
	std::string text;
};

/// The line of ours behind a step.
struct source {
	std::string anchor; // its name in lab_anchors.hpp
	std::string file;   // from the root of the source
	int line = 0;       // 0: this build does not know it
	std::string text;   // the line itself
};

/// A place of a reserve, and what is in it.
struct slot {
	std::string element;   // its name in this lesson, such as "e2"; empty: nothing is here
	bool pinned = false;   // of the pool's own memory, which stays
	bool guest = false;    // the backing's, in the place of one that is pinned and out
	bool poisoned = false; // filled with 0x6b when it came in
	bool operator==(const slot &) const = default;
};

struct pool_state {
	uint32_t number = 0; // as events name it
	std::string name;
	int level = 0; // as the library counts it
	int min_nr = 0;
	int sleepers = 0;
	std::string backing;     // what it would do now, such as "works" or "fails"
	std::vector<slot> slots; // max(min_nr, 1) of them
};

enum class doing {
	idle,    // waits for its part in the lesson
	running, // in a call, or its own work
	backing, // asks the backing
	asleep,  // sleeps in the pool's queue
	woken,   // was woken, or the clock ended its sleep, and it starts over
	done,    // its call came back with what it wanted
	failed,  // its call came back with NULL or an error
};
const char *name_of(doing what);

/// A thread.
struct lane {
	std::string name;
	uint32_t thread = 0; // as events name it, gettid()
	doing now = doing::idle;
	std::string text;               // the same in words, such as "asleep in 'requests'"
	std::vector<std::string> holds; // elements that it has taken and not given back
};

/// A pass of an allocation: the mask that the backing was asked with.
struct pass {
	std::string lane;
	std::string pool;
	int number = 1; // 1: the first; 2: the second, and any after a sleep
	gfp_t mask = 0;
	std::string text;    // the mask in words
	std::string callers; // the caller's mask in words; empty while its call has not come back
	std::string added;   // against the caller's, in words; empty: nothing
	std::string removed;
};

/// An argument of an event, named as in mempool-trace.h.
struct argument {
	std::string name;
	uint64_t value = 0; // as it was recorded; signed numbers as two's complement
	std::string text;   // in words: "e2", "GFP_KERNEL", "5.0 s"
};

/// The kind of an event that no library recorded: a step of a model, in a lesson that explores one.
inline constexpr const char *model_event = "model";

/// A recorded event.
struct event {
	uint64_t time_ns = 0; // since the lesson began
	std::string lane;
	std::string kind; // as in mempool-trace.h, such as "reserve_take"
	std::string pool; // its name; empty: about no pool
	std::vector<argument> args;
	std::string text;        // all of it in words
	doing now = doing::idle; // what its lane does from here on
	int level = -1;          // its pool's level after it, as the slots show it; -1: about no pool
	std::vector<slot> slots; // its pool's after it
};

/// What a step said would happen, against what was recorded.
struct claim {
	std::string name; // "two-passes.3": the third of its lesson
	std::string text;
	std::string expected;
	std::string observed;
	bool holds = false;
};

struct step {
	std::string title;
	std::string narration; // sentences; paragraphs are separated by an empty line
	uint64_t begin_ns = 0; // since the lesson began
	uint64_t end_ns = 0;
	std::vector<fact> facts;
	std::vector<source> sources;
	std::vector<pass> passes;
	std::vector<event> events;
	std::vector<claim> claims;
	std::vector<pool_state> pools; // after it, as are the lanes
	std::vector<lane> lanes;
};

/// A lesson that was run.
struct run {
	std::string name;
	std::string title;
	std::vector<step> steps;
	uint64_t lost_events = 0; // that were not kept; a claim says that there are none

	/// The claims that do not hold.
	std::vector<claim> failed() const;
};

} // namespace lab
