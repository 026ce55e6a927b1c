// SPDX-License-Identifier: MIT
//
// size_answer.hpp - what `mempool size` finds out about a pool, and how it is shown.
#pragma once

#include "tools/output.hpp"
#include "tools/size_simulate.hpp"

#include <optional>
#include <string>
#include <vector>

namespace size {

struct row {
	int64_t min_nr = 0;
	outcome result;
};

/// A check against the library: the steps of the load, with a pool of this min_nr.
struct replayed {
	int64_t min_nr = 0;
	uint64_t unserved = 0; // allocations that slept, or failed
};

struct answer {
	load used; // with the what-if in it
	uint64_t max_wait_ns = 0;
	int64_t without_sleep = 1;
	outcome one_less; // with one less: the first who would have slept is what decides it
	int64_t for_wait = 1;
	bool reserve_used = false;     // at all
	std::vector<row> rows;         // for a choice of min_nr, rising
	std::vector<replayed> replays; // with without_sleep, and with one less
	uint64_t lost_events = 0;
};

answer find_answer(const load &recorded, const what_if &other, uint64_t max_wait_ns);

void write_text(const std::vector<answer> &answers, tools::output &to);
void write_json(const std::vector<answer> &answers, tools::output &to);

/// For each pool, how much of the reserve was needed over time, and when it was most.
void write_svg(const std::vector<answer> &answers, tools::output &to);

/// Does to a pool of the library what the load does, one step after the other.
///
/// Throws trace::failure when there is no memory for such a pool.
replayed replay(const load &l, int64_t min_nr);

/// A time for people: "1.25 ms".
std::string time_text(uint64_t ns);

} // namespace size
