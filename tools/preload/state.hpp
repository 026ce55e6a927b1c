// SPDX-License-Identifier: MIT
//
// state.hpp - what the preloaded library knows: its stage, its process's record,
// its orders, and what is each thread's own.
//
// Owner of the state: this process; the records lie in the shared page. Race
// table: begin() may be entered by every thread, one of them does the work; the
// plan does not change once the stage is `active`, and a fork's child changes
// `self` while it is alone.
#pragma once

#include "tools/preload/protocol.hpp"

#include <cerrno>
#include <sys/types.h>

#define PRELOAD_EXPORT extern "C" __attribute__((visibility("default")))

namespace mp::preload {

enum class stage : uint32_t {
	none,      // nothing is known yet
	starting,  // somebody is in begin(): memory comes from the cradle
	early,     // the next functions are known; the environment may not be there yet
	attaching, // somebody looks for the orders
	passive,   // no orders: calls go through
	active,    // there are orders
};
inline constinit std::atomic<stage> now{stage::none};

/// The orders, copied when the page was taken, and what follows from them.
struct plan {
	const order_sheet *orders; // in memory of our own
	bool plain;                // no filter and no stack is to be looked at
	bool needs_hash;           // each candidate's
	bool here;                 // something may fail in this process
	bool track;                // live blocks are kept in a table
	uint64_t plain_from;       // with `plain`: candidates below it pass
};
inline constinit plan orders_here = {};
inline constinit page *shared = nullptr;
inline constinit process_record *self = nullptr; // never nullptr while active
inline constinit uint32_t self_number = 0;       // 0: there was no room for a record

struct thread_state {
	bool busy;       // we are at work here: what is allocated meanwhile is not the program's
	uint32_t locks;  // parts of the table of blocks that this thread has locked
	uint32_t record; // index + 1
	uint32_t children;
	uint32_t draws;
	uint64_t identity;
	char path[32];
};
inline constinit thread_local thread_state mine = {};

/// From here to its end, this thread's calls go through, and errno stays. Nests.
class at_work {
      public:
	at_work() : before_(mine.busy), error_(errno) { mine.busy = true; }
	at_work(const at_work &) = delete;
	at_work &operator=(const at_work &) = delete;
	~at_work()
	{
		mine.busy = before_;
		errno = error_;
	}

      private:
	bool before_;
	int error_;
};

/// Finds the next functions and takes the page; or returns while another thread does.
void begin();

/// attach.cpp: takes the page that the environment names, if it does. False: there are no orders.
bool attach();

/// crash.cpp: from now on fatal signals are recorded.
void catch_crashes();

/// A line on stderr, made of these parts.
void complain(std::string_view a, std::string_view b, std::string_view c);

/// Memory of our own, from the operating system; nullptr when there is none. It is never given back.
void *own_pages(size_t bytes);
/// Does own_pages() own that?
bool is_own_memory(uintptr_t start);

/// The next free record, or nullptr when there is no room.
template <class Record, size_t Room> Record *claim(records<Record, Room> &from)
{
	const uint64_t index = from.counted.fetch_add(1, std::memory_order_relaxed);
	return index < Room ? &from.at[index] : nullptr;
}

template <size_t Room> void copy_text(char (&to)[Room], std::string_view from)
{
	const size_t bytes = std::min(from.size(), Room - 1);
	memcpy(to, from.data(), bytes);
	to[bytes] = 0;
}

} // namespace mp::preload
