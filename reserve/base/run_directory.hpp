// SPDX-License-Identifier: MIT
//
// run_directory.hpp - the directories that pages of processes lie in, and what
// the system says of a process. See process_page.hpp.
//
// No state of its own. Race table: all calls may run together.
// Context: allocates nothing.
#pragma once

#include "reserve/base/process_page.hpp"

namespace mp::base {

/// Where a process tries to put its page, the first place first; or where it may
/// have done so that had another environment.
struct run_directories {
	explicit run_directories(bool of_others);
	unsigned count = 0;
	char path[3][page_path_bytes - 64];
};

/// The directory, when it is this user's alone; made, if that is wanted. -1: `error` says why not.
int open_run_directory(const char *path, bool make, page_error &error);

/// As printf(); for a result: false.
__attribute__((format(printf, 3, 4))) bool fails(page_error &error, int number, const char *format, ...);

/// When a process began, in ticks after the machine; 0: there is none, or it has ended.
uint64_t process_start_ticks(pid_t pid);

/// The one that this process's numbers are of; 0: not known.
uint64_t pid_namespace();

} // namespace mp::base
