// SPDX-License-Identifier: MIT
//
// trace_file.hpp - a recording, read from its file: events in the order of time,
// names, and what is missing. See mempool/mempool-trace-file.h.
//
// Nothing in the file is believed: it may be cut off, of another machine or
// version, written to at this moment, or something else altogether.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace trace {

/// An argument of an event: what it is called, and of what kind, as MEMPOOL_TRACE_EVENTS() says.
struct argument {
	std::string name;
	char kind = 'd';
};

struct event_kind {
	std::string name;
	std::vector<argument> args;
};

struct pool {
	std::string name;
	std::string label; // the name; with its number, too, where others have the same
	int min_nr = 0;
	uint64_t element_bytes = 0;
};

inline constexpr unsigned argument_count = 4;

struct event {
	uint64_t time_ns = 0;
	uint64_t number = 0; // of its ring
	uint32_t ring = 0;
	uint32_t thread = 0;
	uint32_t pool = 0;
	uint32_t stack = 0;
	uint16_t kind = 0; // in recording::kinds
	uint16_t cpu = 0;
	uint64_t args[argument_count] = {};
};

/// Events that one ring no longer has: they were before its thread's first one.
struct gap {
	uint32_t thread = 0;
	uint64_t until_ns = 0;
	uint64_t events = 0;
};

struct losses {
	uint64_t overwritten = 0;
	uint64_t unplaced = 0; // of threads without a ring
	uint64_t threads = 0;
	uint64_t pools = 0;
	uint64_t stacks = 0;
	uint64_t unfinished = 0; // being written when this was read, or when the process ended
	uint64_t events() const { return overwritten + unplaced + unfinished; }
};

struct recording {
	std::string path;
	std::string program;
	uint32_t pid = 0;
	uint64_t start_ns = 0;
	uint64_t start_realtime_ns = 0;
	uint64_t end_ns = 0; // of the recording, or of its last event
	uint32_t events_per_ring = 0;
	std::vector<event_kind> kinds;
	std::map<uint32_t, pool> pools;
	std::map<uint32_t, std::string> threads;
	std::vector<event> events;
	std::vector<gap> gaps;
	std::vector<std::vector<uint64_t>> stacks; // an event's stack n is entry n - 1
	std::string maps;                          // as in /proc/self/maps, code only
	losses lost;
};

/// Throws failure, which names the file and what is wrong with it.
recording read_recording(const std::string &path);

/// Does it begin as a recording does? False also when there is no such file.
bool looks_like_recording(const std::string &path);

/// An argument for people: "0x7f12", "GFP_KERNEL", "1.2 ms".
std::string argument_text(const recording &r, const event &e, unsigned arg);

/// The argument of this name; `otherwise` where the event has none.
int64_t argument_of(const recording &r, const event &e, const char *name, int64_t otherwise);

/// How a pool is called.
std::string pool_label(const recording &r, uint32_t number);

} // namespace trace
