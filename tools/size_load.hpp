// SPDX-License-Identifier: MIT
//
// size_load.hpp - what a recording says of the use of one pool: when elements
// were wanted, whether the backing had one, and how long each was held.
#pragma once

#include "tools/trace_file.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace size {

inline constexpr uint64_t never_ns = UINT64_MAX;

/// An allocation, as it would be made with any min_nr.
struct demand {
	/// When it took what it got, or went to sleep.
	uint64_t at_ns = 0;
	/// From when it was served, at least 1; never_ns: it is not freed, or its free is not known by element.
	uint64_t hold_ns = never_ns;
	int64_t count = 1; // elements in all
	int64_t need = 0;  // of these, from the reserve: the backing had no more. 0: it served them all
	/// From when on the backing would serve it after all: at once, in the second pass, or while it sleeps.
	uint64_t backing_ns = never_ns;
	bool may_sleep = true;
	uint32_t thread = 0;

	bool has_second_pass() const { return backing_ns <= at_ns; }
};

/// A free of elements whose allocation is not known one by one.
struct release {
	uint64_t at_ns = 0;
	int64_t count = 1;
};

struct load {
	std::string pool;
	int64_t min_nr = 0;  // in the recording, when it ended
	int64_t missing = 0; // of the reserve, when the recording began
	bool resized = false;
	uint64_t start_ns = 0;
	uint64_t end_ns = 0;
	std::vector<demand> demands; // by time
	std::vector<release> releases;
	std::map<uint32_t, std::string> threads; // their names
	uint64_t sleeps = 0;                     // as they were recorded
	uint64_t longest_wait_ns = 0;
	uint64_t failures = 0;
	uint64_t longest_outage_ns = 0; // between an allocation that the backing failed and the next one that it served
};

/// One for each pool that was used; by name.
std::vector<load> loads_of(const trace::recording &r);

} // namespace size
