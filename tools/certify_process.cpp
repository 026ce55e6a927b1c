// SPDX-License-Identifier: MIT
//
// certify_process.cpp - the certificates that another process publishes. See
// certify_pools.hpp.
#include "tools/certify_pools.hpp"
#include "tools/live.hpp"

#include <stdexcept>

namespace certify {

std::vector<finding> look_at_process(pid_t pid, std::string &whose)
{
	constexpr uint64_t patience_ns = 5'000'000'000;
	live::processes only(pid);
	const std::vector<live::snapshot> seen = only.look(patience_ns);
	if (seen.empty())
		throw std::runtime_error("certify: " + only.problem());
	if (!seen[0].problem.empty()) // an old certificate says nothing of now
		throw std::runtime_error("certify: " + seen[0].problem);
	const live::snapshot &s = seen[0];
	whose = s.process.program;
	if (s.pools.empty())
		throw std::runtime_error("certify: process " + std::to_string(pid) + " has no pool");
	std::vector<finding> found;
	for (size_t i = s.pools.size(); i-- > 0;) { // the oldest first
		const mempool_published_pool &pool = s.pools[i];
		finding f;
		f.backing = std::string(pool.name) + " (" + pool.backing + ")";
		f.at_fork = at_fork_names().at(pool.cert.at_fork % at_fork_names().size());
		f.first_use_pending = pool.certified == 0;
		f.cert = pool.cert;
		found.push_back(std::move(f));
	}
	return found;
}

} // namespace certify
