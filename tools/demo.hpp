// SPDX-License-Identifier: MIT
//
// demo.hpp - `mempool demo`: a real daemon on real log lines while its memory
// runs out, once with malloc and once with a mempool, and every line compared.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace demo {

struct options {
	std::string input; // a file; empty: this machine's own logs
	std::string keep;  // a folder for the files that were written; empty: keep none
	std::string logd;  // the daemon; empty: look for it
	uint64_t messages = 50000;
	unsigned senders = 4;
	unsigned min_nr = 64;
	bool json = false;
	bool cgroup = false; // memory ends in a memory cgroup, not as address space does
};

/// The demo cannot go on; `status` is what the process ends with.
struct failure : std::runtime_error {
	explicit failure(const std::string &why, int exit_status = 1) : std::runtime_error(why), status(exit_status) {}
	int status;
};

/// Runs the demo. 0 when mempool lost nothing, malloc lost some and the files
/// are what they must be; 1 otherwise. Throws failure when it could not be done.
int run(const options &wanted);

} // namespace demo
