// SPDX-License-Identifier: MIT
//
// memory_limits.cpp - see memory_limits.hpp. Nothing here allocates, and all of
// it may run in a signal handler.
#include "reserve/base/memory_limits.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::base {
namespace {

/// The lines of a file of any length; those that are too long are cut.
class line_reader {
      public:
	explicit line_reader(const char *path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}
	~line_reader()
	{
		if (fd_ >= 0)
			::close(fd_);
	}
	line_reader(const line_reader &) = delete;
	line_reader &operator=(const line_reader &) = delete;

	/// The next line, without its end; nullptr after the last.
	char *next()
	{
		size_t length = 0;
		int c = get();
		if (c < 0)
			return nullptr;
		for (; c >= 0 && c != '\n'; c = get())
			if (length < sizeof(line_) - 1)
				line_[length++] = static_cast<char>(c);
		line_[length] = 0;
		return line_;
	}

      private:
	int get()
	{
		if (at_ == filled_) {
			filled_ = fd_ >= 0 ? ::read(fd_, buffer_, sizeof(buffer_)) : 0;
			at_ = 0;
			if (filled_ <= 0) {
				filled_ = 0;
				return -1;
			}
		}
		return static_cast<unsigned char>(buffer_[at_++]);
	}

	int fd_;
	ssize_t at_ = 0;
	ssize_t filled_ = 0;
	char line_[2048];
	char buffer_[1024];
};

template <size_t N> bool join(char (&path)[N], const char *first, const char *second, const char *third = "")
{
	const int length = snprintf(path, N, "%s%s%s", first, second, third);
	return length >= 0 && static_cast<size_t>(length) < N;
}

/// Cuts the next field off a line of fields between single `separator`s.
char *next_field(char *&rest, char separator)
{
	char *field = rest;
	if (field == nullptr)
		return nullptr;
	rest = strchr(field, separator);
	if (rest != nullptr)
		*rest++ = 0;
	return field;
}

bool listed(std::string_view list, std::string_view name)
{
	while (!list.empty()) {
		const std::string_view entry = list.substr(0, list.find(','));
		if (entry == name)
			return true;
		list.remove_prefix(entry.size() < list.size() ? entry.size() + 1 : list.size());
	}
	return false;
}

/// mountinfo writes blanks, tabs, newlines and backslashes as \ooo.
void decode_octal(char *text)
{
	char *to = text;
	while (*text != 0) {
		unsigned code = 0;
		if (sscanf(text, "\\%3o", &code) == 1 && strspn(text + 1, "01234567") >= 3) {
			*to++ = static_cast<char>(code);
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = 0;
}

/// The number behind a name at the start of a line; false when there is none.
bool number_of(const char *text, const char *name, uint64_t &value)
{
	const size_t length = strlen(name);
	for (const char *line = text; line != nullptr; line = strchr(line, '\n')) {
		line += *line == '\n' ? 1 : 0;
		if (strncmp(line, name, length) == 0 && strchr(" :\t", line[length]) != nullptr) {
			value = strtoull(line + length + 1, nullptr, 10);
			return true;
		}
	}
	return false;
}

/// A limit as cgroup files write it; version 1 has a huge number for "max".
uint64_t parse_limit(const char *text)
{
	char *end = nullptr;
	const uint64_t value = strtoull(text, &end, 10);
	return end == text || value >= uint64_t{1} << 62 ? no_limit : value;
}

/// The path as seen from a mount that shows `mount_root` of the hierarchy.
const char *below_mount(const char *path, const char *mount_root)
{
	const size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
	// Outside what the mount shows, or of another namespace: its top is all we see.
	if (strncmp(path, mount_root, length) != 0 || (path[length] != '/' && path[length] != 0) ||
	    strstr(path, "/..") != nullptr)
		return "";
	return strcmp(path + length, "/") == 0 ? "" : path + length;
}

} // namespace

void kept_file::name(const char *path)
{
	close();
	path_ = path;
}

bool kept_file::is_ours() const
{
	struct stat now;
	return fd_ >= 0 && fstat(fd_, &now) == 0 && now.st_dev == device_ && now.st_ino == inode_;
}

bool kept_file::read(char *text, size_t room)
{
	if (!is_ours()) { // whoever has the number now keeps it
		struct stat now;
		fd_ = *path_ != 0 ? open(path_, O_RDONLY | O_CLOEXEC) : -1;
		if (fd_ < 0 || fstat(fd_, &now) != 0)
			return false;
		device_ = now.st_dev;
		inode_ = now.st_ino;
	}
	const ssize_t length = pread(fd_, text, room - 1, 0);
	if (length <= 0)
		return false;
	text[length] = 0;
	return true;
}

void kept_file::close()
{
	if (is_ours())
		::close(fd_);
	fd_ = -1;
}

memory_reading memory_limits::read(bool with_machine, bool find_cgroup)
{
	const int kept_errno = errno;
	in_this_process();
	read_limit(RLIMIT_AS, last_.space);
	read_limit(RLIMIT_DATA, last_.data);
	if (last_.space.limits() || last_.data.limits())
		read_used();
	if (find_cgroup)
		look_for_cgroup();
	if (last_.cgroup.limits())
		read_cgroup();
	if (with_machine)
		read_machine();
	else
		last_.machine = {};
	errno = kept_errno;
	return last_;
}

void memory_limits::tell_cgroup(char *path, size_t room) const
{
	char own[path_room];
	bool version_2 = false;
	const int kept_errno = errno;
	snprintf(path, room, "%s", own_group(own, version_2) ? own : "");
	errno = kept_errno;
}

void memory_limits::close()
{
	for (kept_file *f : {&statm_, &meminfo_, &limit_, &usage_, &stat_})
		f->close();
}

/// The first time in a process: in a forked child /proc/self is another one.
void memory_limits::in_this_process()
{
	if (process_ == getpid())
		return;
	process_ = getpid();
	if (join(statm_path_, root_, "/proc/self/statm"))
		statm_.name(statm_path_);
	if (join(meminfo_path_, root_, "/proc/meminfo"))
		meminfo_.name(meminfo_path_);
}

void memory_limits::read_limit(int resource, limit_reading &to) const
{
	rlimit limit;
	const int failed = get_limit_ != nullptr ? get_limit_(resource, &limit)
						 : getrlimit(static_cast<__rlimit_resource>(resource), &limit);
	if (failed == 0)
		to.limit_bytes = limit.rlim_cur == RLIM_INFINITY ? no_limit : limit.rlim_cur;
}

void memory_limits::read_used()
{
	unsigned long long size = 0;
	unsigned long long data = 0;
	if (!statm_.read(text_, sizeof(text_)) ||
	    sscanf(text_, "%llu %*u %*u %*u %*u %llu", &size, &data) != 2) // size, ..., data and stack
		return;
	const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
	last_.space.used_bytes = size * page_bytes;
	last_.data.used_bytes = data * page_bytes;
}

/// Our group's path in the hierarchy that has the memory controller.
bool memory_limits::own_group(char (&path)[path_room], bool &version_2) const
{
	char name[path_room];
	if (!join(name, root_, "/proc/self/cgroup"))
		return false;
	line_reader groups(name);
	bool found = false;
	while (char *rest = groups.next()) {
		const char *hierarchy = next_field(rest, ':');
		const char *controllers = next_field(rest, ':');
		if (rest == nullptr)
			continue;
		const bool unified = strcmp(hierarchy, "0") == 0 && *controllers == 0;
		// Where both are there, the controller is in the one that names it.
		if (listed(controllers, "memory") || (unified && !found)) {
			found = join(path, rest, "");
			version_2 = unified;
		}
	}
	return found;
}

/// Where that group is mounted. A line of mountinfo:
/// 36 35 98:0 /root /mount/point options - type source options-of-all
bool memory_limits::group_folder(const char *path, bool version_2, char (&folder)[path_room],
				 size_t &mount_length) const
{
	char name[path_room];
	if (!join(name, root_, "/proc/self/mountinfo"))
		return false;
	line_reader mounts(name);
	while (char *rest = mounts.next()) {
		char *tail = strstr(rest, " - ");
		if (tail == nullptr)
			continue;
		*tail = 0;
		tail += 3;
		const char *type = next_field(tail, ' ');
		next_field(tail, ' ');
		if (tail == nullptr || strcmp(type, version_2 ? "cgroup2" : "cgroup") != 0 ||
		    (!version_2 && !listed(tail, "memory")))
			continue;
		for (int i = 0; i < 3; i++)
			next_field(rest, ' ');
		char *mount_root = next_field(rest, ' ');
		char *mount_point = next_field(rest, ' ');
		if (mount_root == nullptr || mount_point == nullptr)
			continue;
		decode_octal(mount_root);
		decode_octal(mount_point);
		mount_length = strlen(root_) + strlen(mount_point);
		return join(folder, root_, mount_point, below_mount(path, mount_root));
	}
	return false;
}

namespace {

/// Beyond memory.high threads are held up, which is no better here than to be killed beyond memory.max.
constexpr std::array limits_of_version_1 = {"/memory.limit_in_bytes"};
constexpr std::array limits_of_version_2 = {"/memory.max", "/memory.high"};

} // namespace

/// The lowest limit of this group, and its file; false where the group has none, as the topmost of version 2.
bool memory_limits::limit_in(const char *folder, bool version_2, group_limit &lowest) const
{
	bool seen = false;
	const std::span<const char *const> files =
		version_2 ? std::span<const char *const>(limits_of_version_2) : limits_of_version_1;
	for (const char *of : files) {
		char name[path_room];
		if (!join(name, folder, of))
			continue;
		line_reader file(name);
		const char *line = file.next();
		if (line == nullptr)
			continue;
		seen = true;
		if (const uint64_t bytes = parse_limit(line); bytes < lowest.bytes)
			lowest = {bytes, of};
	}
	return seen;
}

void memory_limits::keep_group(const char *folder, bool version_2, const char *limit_file)
{
	char name[path_room] = {};
	if (*folder != 0 && !join(name, folder, limit_file))
		return;
	if (strcmp(name, limit_path_) == 0)
		return; // as before: its files stay open
	version_2_ = version_2;
	memcpy(limit_path_, name, sizeof(name));
	usage_path_[0] = stat_path_[0] = 0;
	if (*folder != 0 && (!join(usage_path_, folder, version_2 ? "/memory.current" : "/memory.usage_in_bytes") ||
			     !join(stat_path_, folder, "/memory.stat")))
		usage_path_[0] = stat_path_[0] = 0;
	limit_.name(limit_path_);
	usage_.name(usage_path_);
	stat_.name(stat_path_);
}

void memory_limits::look_for_cgroup()
{
	char path[path_room];
	char folder[path_room];
	bool version_2 = false;
	size_t mount_length = 0;
	if (!own_group(path, version_2) || !group_folder(path, version_2, folder, mount_length))
		return; // what is known stays: at the limit, files cannot be opened
	bool seen = false;
	for (size_t length = strlen(folder);; length = static_cast<size_t>(strrchr(folder, '/') - folder)) {
		if (length < mount_length)
			break;
		folder[length] = 0;
		group_limit lowest;
		seen |= limit_in(folder, version_2, lowest);
		if (lowest.file != nullptr) {
			keep_group(folder, version_2, lowest.file);
			last_.cgroup.limit_bytes = lowest.bytes;
			return;
		}
		if (length == mount_length)
			break;
	}
	if (!seen)
		return;
	last_.cgroup = {};
	keep_group("", version_2, "");
}

void memory_limits::read_cgroup()
{
	if (limit_.read(text_, sizeof(text_)))
		last_.cgroup.limit_bytes = parse_limit(text_);
	if (!usage_.read(text_, sizeof(text_)))
		return;
	const uint64_t used_bytes = strtoull(text_, nullptr, 10);
	uint64_t inactive_bytes = 0;
	// File pages that nobody used lately are given up before anybody is killed.
	if (stat_.read(text_, sizeof(text_)))
		static_cast<void>(
			number_of(text_, version_2_ ? "inactive_file" : "total_inactive_file", inactive_bytes));
	last_.cgroup.used_bytes = used_bytes > inactive_bytes ? used_bytes - inactive_bytes : 0;
}

void memory_limits::read_machine()
{
	uint64_t total_kib = 0;
	uint64_t available_kib = 0;
	if (!meminfo_.read(text_, sizeof(text_)) || !number_of(text_, "MemTotal", total_kib) ||
	    !number_of(text_, "MemAvailable", available_kib))
		return;
	last_.machine.limit_bytes = total_kib * 1024;
	last_.machine.used_bytes = total_kib > available_kib ? (total_kib - available_kib) * 1024 : 0;
}

} // namespace mp::base
