// SPDX-License-Identifier: MIT
//
// memory_limits.hpp - how much memory this process may have, and has, as the
// machine tells it: resource limits, the memory cgroup, the machine itself.
//
// Files stay open from one reading to the next: at the limit, open() fails for
// want of memory. A host program may close or reuse our descriptors (daemons do
// so), and a forked child must not read its parent's figures: each reading
// looks whose file it has.
//
// Owner of the state: the object. Race table: one caller at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/resource.h>
#include <sys/types.h>

namespace mp::base {

inline constexpr uint64_t no_limit = UINT64_MAX;

struct limit_reading {
	uint64_t limit_bytes = no_limit;
	uint64_t used_bytes = 0;

	bool limits() const { return limit_bytes != no_limit; }
	uint64_t free_bytes() const { return limit_bytes > used_bytes ? limit_bytes - used_bytes : 0; }
};

struct memory_reading {
	limit_reading space;   // RLIMIT_AS
	limit_reading data;    // RLIMIT_DATA
	limit_reading cgroup;  // the nearest one that limits, from ours upwards
	limit_reading machine; // MemTotal, less MemAvailable
};

/// A file that is read again and again.
class kept_file {
      public:
	/// From now on this path, which must live as long; "" for none.
	void name(const char *path);
	/// Reads the beginning, as a string; false when it cannot be had.
	bool read(char *text, size_t room);
	void close();

      private:
	bool is_ours() const;

	const char *path_ = "";
	int fd_ = -1;
	dev_t device_ = 0;
	ino_t inode_ = 0;
};

class memory_limits {
      public:
	using get_limit_fn = int(int resource, rlimit *limit);

	/// `root` is put before each path, for tests; `get_limit` is getrlimit() or a test's.
	explicit constexpr memory_limits(const char *root = "", get_limit_fn *get_limit = nullptr)
		: root_(root), get_limit_(get_limit)
	{
	}

	/// What cannot be read keeps its last value. `find_cgroup`: looks for the
	/// cgroup anew, which reads files that are opened for it.
	memory_reading read(bool with_machine, bool find_cgroup);

	/// The memory cgroup that this process is in, below its mount, cut short to
	/// the room; empty when that cannot be told.
	void tell_cgroup(char *path, size_t room) const;

	/// Closes what is still ours.
	void close();

      private:
	static constexpr size_t path_room = 640;

	struct group_limit {
		uint64_t bytes = no_limit;
		const char *file = nullptr; // its name, with the slash before it
	};

	void in_this_process();
	void read_limit(int resource, limit_reading &to) const;
	void read_used();
	void look_for_cgroup();
	bool own_group(char (&path)[path_room], bool &version_2) const;
	bool group_folder(const char *path, bool version_2, char (&folder)[path_room], size_t &mount_length) const;
	bool limit_in(const char *folder, bool version_2, group_limit &lowest) const;
	void keep_group(const char *folder, bool version_2, const char *limit_file);
	void read_cgroup();
	void read_machine();

	const char *root_;
	get_limit_fn *get_limit_;
	pid_t process_ = 0;
	bool version_2_ = false;
	kept_file statm_;
	kept_file meminfo_;
	kept_file limit_;
	kept_file usage_;
	kept_file stat_;
	char statm_path_[path_room] = {};
	char meminfo_path_[path_room] = {};
	char limit_path_[path_room] = {};
	char usage_path_[path_room] = {};
	char stat_path_[path_room] = {};
	memory_reading last_;
	char text_[8192] = {}; // what was read: not on the stack of who allocates when memory ends
};

} // namespace mp::base
