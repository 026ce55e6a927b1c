// SPDX-License-Identifier: MIT
//
// lab_race.hpp - a machine of two threads and a memory, small enough to try out
// everything that can happen. Each thread has a store buffer, as real CPUs have: what
// it wrote reaches the memory later, and its own next reads may come first.
//
// The threads are a sleeper and a giver, as in tests/model/wait.pml, with one
// element and one round. What one of their steps does is one step here.
#pragma once

#include <string>
#include <vector>

namespace lab {

/// What memory holds, and how far the threads are.
struct race_state {
	// The memory.
	int level = 0;
	int waiting = 0;
	int woken = 0;
	// Store buffers: -1, or what is on its way.
	int giver_level = -1;     // to `level`
	int sleeper_waiting = -1; // to `waiting`
	// The next instruction of each.
	int giver = 0;
	int sleeper = 0;
	auto operator<=>(const race_state &) const = default;
};

/// What a move was in the machine. tests/compile/lab_model.sh plays the writes and
/// the reads of a run in the Spin model, which has no store buffers.
enum class race_step {
	stores,   // a value into its store buffer
	goes_on,  // from its store to its load, without a barrier
	barrier,  // or by passing one
	writes,   // what was in the store buffer reaches the memory
	reads,    // from the memory
	is_woken, // and takes the element
};
const char *name_of(race_step what);

/// Something that happened: who did it, and what, and how things were then.
struct race_move {
	bool by_giver = false;
	race_step what = race_step::goes_on;
	const char *variable = ""; // that is stored, written or read, as the Spin model has it
	int value = 0;             // its value
	std::string text;
	race_state after;
};

struct race_result {
	size_t states = 0;                     // that there are
	size_t ends = 0;                       // of those, in which nobody can do anything more
	size_t lost = 0;                       // of those, with an element in the reserve and the sleeper asleep
	std::vector<race_move> counterexample; // a shortest way to such an end; empty: there is none
};

/// Tries everything. The barriers stand between each thread's store and the load after it.
race_result explore_race(bool giver_barrier, bool sleeper_barrier);

/// Is the sleeper asleep, or has it its element?
bool sleeps(const race_state &state);
bool has_ended(const race_state &state);

} // namespace lab
