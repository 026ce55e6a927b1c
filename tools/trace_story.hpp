// SPDX-License-Identifier: MIT
//
// trace_story.hpp - what the events of a recording mean together: calls with a
// beginning and an end, sleeps, who woke whom, and each reserve's level over time.
#pragma once

#include "tools/trace_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace trace {

enum class span_kind { alloc, pass, sleep, free, wake };
const char *name_of(span_kind kind);

/// Something that a thread did for a while. Spans of a thread nest.
struct span {
	span_kind kind = span_kind::alloc;
	uint32_t thread = 0;
	uint32_t pool = 0;
	uint64_t begin_ns = 0;
	uint64_t end_ns = 0;
	unsigned depth = 0;      // of spans around it
	bool unfinished = false; // the recording ended first
	std::string title;
	std::vector<std::pair<std::string, std::string>> details;
};

/// Something that happened at once.
struct instant {
	uint32_t thread = 0;
	uint32_t pool = 0;
	uint64_t time_ns = 0;
	size_t event = 0; // in recording::events
};

/// A wake-up: from whoever gave an element back to whoever slept for it.
struct arrow {
	uint32_t pool = 0;
	uint32_t from_thread = 0;
	uint64_t from_ns = 0;
	uint32_t to_thread = 0;
	uint64_t to_ns = 0;
};

/// From here on.
struct level {
	uint32_t pool = 0;
	uint64_t time_ns = 0;
	int64_t elements = 0; // in the reserve
	int64_t asleep = 0;   // threads that wait for one
};

struct story {
	std::vector<span> spans; // by their beginnings, outer ones first
	std::vector<instant> instants;
	std::vector<arrow> arrows;
	std::vector<level> levels; // in the order of time
};

story tell(const recording &r);

} // namespace trace
