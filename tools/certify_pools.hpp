// SPDX-License-Identifier: MIT
//
// certify_pools.hpp - the pools that `mempool certify` looks at, and what their
// certificates say: in this process, or in it and a child of its own.
#pragma once

#include "tools/certify.hpp"

#include <mempool/mempool-certificate.h>
#include <string>
#include <vector>

namespace certify {

/// A pool that was to be made, and what became of it in one process.
struct finding {
	std::string backing;
	std::string at_fork;
	std::string process; // "parent", "child"; empty when there was no fork
	int error = 0;       // why there is no certificate: an errno
	mempool_cert cert = {};

	/// In a child that was to have none of it nothing was promised.
	bool left_out() const;
	bool kept() const { return error == 0 && (cert.guaranteed != 0 || left_out()); }
};

/// All pools that were asked for, looked at.
std::vector<finding> look(const options &wanted);

} // namespace certify
