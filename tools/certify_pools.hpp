// SPDX-License-Identifier: MIT
//
// certify_pools.hpp - the pools that `mempool certify` looks at, and what their
// certificates say: in this process, or in it and a child of its own.
#pragma once

#include "tools/certify.hpp"

#include <mempool/mempool-certificate.h>
#include <string>
#include <sys/types.h>
#include <vector>

namespace certify {

/// A pool that was to be made, and what became of it in one process.
struct finding {
	std::string backing;
	std::string at_fork;
	std::string process;            // "parent", "child"; empty when there was no fork
	int error = 0;                  // why there is no certificate: an errno
	bool first_use_pending = false; // in a child whose reserve is made then: neither is there one
	mempool_cert cert = {};

	/// In a child that was to have none of it nothing was promised.
	bool left_out() const;
	bool has_cert() const { return error == 0 && !first_use_pending; }
	bool kept() const { return has_cert() && (cert.guaranteed != 0 || left_out()); }
};

/// All pools that were asked for, looked at.
std::vector<finding> look(const options &wanted);

/// The pools of a process that publishes them, as they are now; `whose` receives
/// what it is called. Throws std::runtime_error when it cannot be looked at.
std::vector<finding> look_at_process(pid_t pid, std::string &whose);

} // namespace certify
