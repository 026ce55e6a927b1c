// SPDX-License-Identifier: MIT
//
// memory_cgroup.hpp - a memory cgroup of one run's own, of version 1 or 2, with
// the OOM killer on: where memory ends, the kernel kills who touches more.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace tools {

/// There are none here, or none may be made; says which, and why.
struct no_memory_cgroup : std::runtime_error {
	using std::runtime_error::runtime_error;
	bool not_allowed = false; // there are some
};

class memory_cgroup {
      public:
	/// Makes one beside or below this process's own, NAME with its number behind it.
	/// Throws no_memory_cgroup.
	memory_cgroup(const std::string &name, uint64_t limit_bytes);
	memory_cgroup(const memory_cgroup &) = delete;
	memory_cgroup &operator=(const memory_cgroup &) = delete;
	~memory_cgroup(); // whose processes have ended

	/// The file that a process joins by, writing 0.
	std::string procs_file() const { return folder_ + "/cgroup.procs"; }

	/// How often the OOM killer came.
	uint64_t oom_kills() const;

      private:
	std::string folder_;
	bool version_2_ = false;
};

} // namespace tools
