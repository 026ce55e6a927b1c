// SPDX-License-Identifier: MIT
//
// memory_cgroup.cpp - see memory_cgroup.hpp.
#include "tools/memory_cgroup.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace tools {
namespace {

constexpr const char *mount_2 = "/sys/fs/cgroup";
constexpr const char *mount_1 = "/sys/fs/cgroup/memory";

/// 0, or errno.
int write_file(const std::string &path, const std::string &value)
{
	const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	const int error = write(fd, value.data(), value.size()) < 0 ? errno : 0;
	close(fd);
	return error;
}

bool is_there(const std::string &path)
{
	return access(path.c_str(), F_OK) == 0;
}

/// This process's cgroup: of version 2, or of version 1's memory controller. "/" when it cannot be told.
std::string own_cgroup(bool version_2)
{
	std::ifstream file("/proc/self/cgroup");
	for (std::string line; std::getline(file, line);) { // "9:memory:/path", "0::/path"
		const size_t first = line.find(':');
		const size_t second = line.find(':', first + 1);
		if (first == std::string::npos || second == std::string::npos)
			continue;
		const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
		if (version_2 ? controllers == ",," : controllers.find(",memory,") != std::string::npos)
			return line.substr(second + 1);
	}
	return "/";
}

/// Folders in which one may be made, the best first. Version 2 wants no
/// processes in a group that has others below: so beside this one, not in it.
std::vector<std::string> candidates(bool version_2)
{
	const std::string mount = version_2 ? mount_2 : mount_1;
	std::string own = own_cgroup(version_2);
	if (version_2)
		own.resize(own.find_last_of('/') == std::string::npos ? 0 : own.find_last_of('/'));
	std::vector<std::string> folders;
	if (!own.empty() && own != "/")
		folders.push_back(mount + own);
	folders.push_back(mount); // in a container, the path may be the host's
	return folders;
}

/// Removes the groups of this name whose makers were killed before they could: NAME.PID, nobody in it, PID gone.
void remove_left(const std::string &parent, const std::string &name)
{
	std::error_code ended;
	const std::filesystem::directory_iterator end;
	for (std::filesystem::directory_iterator at(parent, ended); !ended && at != end; at.increment(ended)) {
		const std::string folder = at->path().filename();
		pid_t maker = 0;
		if (folder.compare(0, name.size() + 1, name + ".") != 0 ||
		    std::from_chars(folder.data() + name.size() + 1, folder.data() + folder.size(), maker).ptr !=
			    folder.data() + folder.size())
			continue;
		if (maker > 0 && kill(maker, 0) != 0 && errno == ESRCH)
			rmdir(at->path().c_str());
	}
}

no_memory_cgroup refused(const std::string &folder, int error)
{
	no_memory_cgroup why(folder + " cannot be made, or takes no limit: " + strerror(error));
	why.not_allowed = true;
	return why;
}

} // namespace

memory_cgroup::memory_cgroup(const std::string &name, uint64_t limit_bytes)
{
	const bool has_1 = is_there(std::string(mount_1) + "/memory.limit_in_bytes");
	version_2_ = !has_1 && is_there(std::string(mount_2) + "/cgroup.controllers");
	if (!has_1 && !version_2_)
		throw no_memory_cgroup("no memory cgroups under " + std::string(mount_2));

	int error = 0;
	const std::string own = "/" + name + "." + std::to_string(getpid());
	for (const std::string &parent : candidates(version_2_)) {
		if (version_2_) // as far as it is not already so
			write_file(parent + "/cgroup.subtree_control", "+memory");
		remove_left(parent, name);
		folder_ = parent + own;
		if (mkdir(folder_.c_str(), 0755) != 0) {
			error = errno;
			continue;
		}
		error = write_file(folder_ + (version_2_ ? "/memory.max" : "/memory.limit_in_bytes"),
				   std::to_string(limit_bytes));
		if (error == 0)
			break;
		rmdir(folder_.c_str());
	}
	if (error != 0)
		throw refused(folder_, error);
	// Where swap is, memory would end later; where it is not, these files may be missing.
	write_file(folder_ + (version_2_ ? "/memory.swap.max" : "/memory.swappiness"), "0");
}

memory_cgroup::~memory_cgroup()
{
	// Who was killed leaves it a moment after it was waited for.
	for (int tries = 0; rmdir(folder_.c_str()) != 0 && errno == EBUSY && tries < 100; tries++)
		poll(nullptr, 0, 20);
}

uint64_t memory_cgroup::oom_kills() const
{
	std::ifstream file(folder_ + (version_2_ ? "/memory.events" : "/memory.oom_control"));
	uint64_t value = 0;
	for (std::string name; file >> name >> value;)
		if (name == "oom_kill")
			return value;
	return 0;
}

} // namespace tools
