// SPDX-License-Identifier: MIT
//
// certify.hpp - `mempool certify`: pools of each backing with each fork mode,
// made here and now, under the limits that hold here, or those of a process that
// publishes them, and their certificates.
#pragma once

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <vector>

namespace certify {

struct options {
	pid_t pid = 0; // its pools, rather than some that are made here; 0: none
	int min_nr = 64;
	size_t size_bytes = 256;
	std::vector<std::string> backings; // empty: all of them
	std::vector<std::string> at_fork;  // empty: all of them
	std::string residency = "best-effort";
	bool fork = false;
	bool json = false;
};

/// What the options can be, for the command line.
const std::vector<std::string> &backing_names();
const std::vector<std::string> &at_fork_names();
const std::vector<std::string> &residency_names();

/// Why these options do not go together; empty when they do.
std::string refusal(const options &wanted);

/// Prints the pools' certificates. 0 when all of them are
/// guaranteed, 1 when not. Throws std::system_error when it could not be done.
int run(const options &wanted);

} // namespace certify
