// SPDX-License-Identifier: MIT
//
// deadlock_report.hpp - what the search for deadlocks found, and how it is said:
// a headline, and a report for each thread, since each has two stacks.
//
// No state of its own.
#pragma once

#include "mempool/watch/tracker.hpp"

namespace mp::watch {

/// Could anybody else free an element? certain: no.
enum class verdict { certain, possible };

struct involved_thread {
	int tid = 0;
	const char *waits_for = nullptr; // a pool's name
	int need = 0;
	base::stack_trace where;
	const char *holds_of = nullptr; // nullptr: nothing that others wait for
	tracker::holding holds;
};

struct find {
	static constexpr unsigned most_threads = 8;

	verdict judged = verdict::possible;
	bool one_pool = false; // all wait for the same
	bool not_yet = false;  // it takes another thread that does the same
	unsigned threads = 0;
	unsigned more_threads = 0; // that found no place here
	involved_thread thread[most_threads];
};

/// Tells all of it, and aborts when `end` says so.
void report(const find &f, bool end);

/// A pool's elements are freed by who took them, and this one was not.
void report_broken_promise(const char *pool_name, const void *element);

} // namespace mp::watch
