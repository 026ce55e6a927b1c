// SPDX-License-Identifier: MIT
//
// certify_words.cpp - see certify_words.hpp. docs/guarantee.md tells the same at length.
#include "tools/certify_words.hpp"

#include "tools/text.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sstream>

namespace certify {
namespace {

using tools::grouped;
using tools::text;

constexpr size_t columns = 80;

const char *const raise_limit = "raise it with `ulimit -l` before the start or LimitMEMLOCK= in a systemd unit, or "
				"give the capability CAP_IPC_LOCK (AmbientCapabilities=CAP_IPC_LOCK)";

std::string limit(size_t bytes)
{
	return bytes == SIZE_MAX ? "none" : amount(bytes);
}

/// Why something is not locked.
std::string lock_advice(int error, const mempool_cert &cert)
{
	switch (error) {
	case EPERM:
		return text("RLIMIT_MEMLOCK is 0, and CAP_IPC_LOCK is not held: %s.", raise_limit);
	case ENOMEM:
		return text(
			"RLIMIT_MEMLOCK is %s, and what the process locks does not fit in; or there was no memory: %s.",
			limit(cert.memlock_limit_bytes).c_str(), raise_limit);
	case EAGAIN:
		return "The kernel could not lock all of it just then. Make the pool when memory is not short.";
	case EFAULT:
		return "After a fork there was no memory for pages that the fork had made shared. Fork when memory is "
		       "not short, or use another fork mode. A child of _Fork() or of the bare system call has them, "
		       "too, until it has ended.";
	case ENOLCK:
		return "It was locked, and somebody has unlocked it: munlock() or munlockall() in the program; or the "
		       "library is a static one, and so the program's to lock: mlockall(MCL_CURRENT).";
	default:
		return text("The kernel says: %s.", strerror(error));
	}
}

const char *residency_text(unsigned residency)
{
	switch (residency) {
	case MEMPOOL_RESIDENCY_BEST_EFFORT:
		return "best-effort";
	case MEMPOOL_RESIDENCY_REQUIRED:
		return "required";
	default:
		return "none";
	}
}

line at_fork_line(const mempool_cert &cert)
{
	switch (cert.at_fork) {
	case MEMPOOL_AT_FORK_PARENT_ONLY:
		return {"at fork", "parent-only",
			"A child has none of the reserve, and nothing is promised to it. The "
			"parent pays nothing at fork()."};
	case MEMPOOL_AT_FORK_WIPE:
		return {"at fork", "wipe",
			"A child begins with a reserve of its own, all bytes 0, made to exist when it "
			"first uses the pool. The parent pays nothing at fork()."};
	default:
		return {"at fork", "copy",
			"A child has a copy. Both sides' pages are made their own before fork() "
			"returns, which takes the time to copy them."};
	}
}

std::string lock_state(int error)
{
	return error == 0 ? "locked" : text("not locked: %s", strerror(error));
}

void add_elements(std::vector<line> &lines, const mempool_cert &cert)
{
	const bool homeless = cert.reserve_bytes == 0;
	lines.push_back({"residency", residency_text(cert.residency), "What was asked for when the pool was made."});
	lines.push_back(
		{"elements",
		 text("%d of %d in the reserve, %zu bytes each",
		      cert.pinned + cert.adopted_resident + cert.adopted_unknown, cert.min_nr, cert.element_bytes),
		 "Less than the second number is an ordinary state while elements are out in an emergency."});
	lines.push_back({"of the pool's own", text("%d, and %d out", cert.pinned, cert.pinned_out),
			 homeless ? "The pool has no memory of its own: elements lie where the backing made them."
				  : "They lie in memory that the pool made for them. They always come home to it."});
	lines.push_back(
		{"adopted", text("%d in memory, %d not known", cert.adopted_resident, cert.adopted_unknown),
		 homeless
			 ? "All elements of such a pool. In memory are those whose pages all are there now."
			 : "Elements that the backing made and the reserve took in for others that are out. They leave "
			   "when those come home."});
	lines.push_back({"pool's memory", amount(cert.reserve_bytes), "What its own elements are made of."});
	lines.push_back(
		{"locked", text("%s; %s", amount(cert.locked_bytes).c_str(), lock_state(cert.lock_errno).c_str()),
		 cert.lock_errno == 0
			 ? "Elements, where the pool made them, and the pool's own structures. Locked pages are "
			   "neither swapped out nor given back. It counts towards RLIMIT_MEMLOCK."
			 : lock_advice(cert.lock_errno, cert)});
	lines.push_back({"structures", lock_state(cert.structures_errno),
			 cert.structures_errno == 0
				 ? "What handing out an element touches besides: the pool, its store and queue, the "
				   "library's own data and code."
				 : lock_advice(cert.structures_errno, cert)});
	lines.push_back({"missing pages", grouped(cert.missing_pages),
			 "Pages of elements that are not in memory now: the next touch of each is a page fault."});
	lines.push_back(
		{"unlocked pages", grouped(cert.unlocked_pages),
		 "Pages of elements that are not locked now, as the kernel says when it is asked page by page."});
	lines.push_back({"shared pages", grouped(cert.shared_pages),
			 "Pages of elements that another process has, too: the next write to each is a page fault that "
			 "needs memory for a copy."});
	lines.push_back(at_fork_line(cert));
	lines.push_back(
		{"mergeable", cert.mergeable != 0 ? "yes" : "no",
		 cert.mergeable != 0
			 ? "Nothing keeps KSM from merging pages of elements, if somebody asked for that with "
			   "madvise(MADV_MERGEABLE) or prctl(PR_SET_MEMORY_MERGE). A merged page is copied at the "
			   "next write."
			 : "KSM may not merge pages of elements, which it would copy at the next write."});
}

void add_limits(std::vector<line> &lines, const mempool_cert &cert)
{
	lines.push_back(
		{"page faults", grouped(cert.minor_faults) + " without input, " + grouped(cert.major_faults) + " with",
		 "Of the whole process since the pool was made, whatever they were for. While it does not grow, no "
		 "element took one."});
	lines.push_back({"RLIMIT_MEMLOCK", limit(cert.memlock_limit_bytes),
			 "What the process may lock in all. It does not bind one that holds CAP_IPC_LOCK."});
	lines.push_back(
		{"RLIMIT_AS", limit(cert.address_space_limit_bytes),
		 "The address space that the process may use. At its end backings fail, and the reserve serves."});
	lines.push_back(
		{"RLIMIT_DATA", limit(cert.data_limit_bytes), "The same for private memory that can be written."});
	lines.push_back({"memory cgroup", cert.cgroup[0] != '\0' ? cert.cgroup : "not known",
			 "The control group that is charged for the process's memory."});
	lines.push_back(
		{"cgroup's limit",
		 cert.cgroup_limit_bytes == SIZE_MAX ? "none, or not known" : amount(cert.cgroup_limit_bytes),
		 "Where it ends, backings that do not look die or stall; the reserve has been charged already."});
}

} // namespace

std::string amount(size_t bytes)
{
	if (bytes < 1024)
		return text("%zu bytes", bytes);
	const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = static_cast<double>(bytes) / 1024;
	unsigned unit = 0;
	for (; value >= 1024 && unit < 3; unit++)
		value /= 1024;
	return text("%.4g %s", value, units[unit]);
}

std::string wrapped(const std::string &prose, size_t first, size_t then)
{
	std::istringstream words(prose);
	std::string all;
	std::string row(first, ' ');
	bool empty = true;
	for (std::string word; words >> word; empty = false) {
		if (!empty && row.size() + 1 + word.size() > columns) {
			all += row + "\n";
			row = std::string(then, ' ');
			empty = true;
		}
		row += (empty ? "" : " ") + word;
	}
	return all + row + "\n";
}

const std::vector<unsigned> &all_doubts()
{
	static const std::vector<unsigned> bits = {
		MEMPOOL_DOUBT_SIZE,    MEMPOOL_DOUBT_BACKING, MEMPOOL_DOUBT_UNLOCKED, MEMPOOL_DOUBT_STRUCTURES,
		MEMPOOL_DOUBT_MISSING, MEMPOOL_DOUBT_ADOPTED, MEMPOOL_DOUBT_LEVEL,    MEMPOOL_DOUBT_CHILD,
		MEMPOOL_DOUBT_CGROUP,  MEMPOOL_DOUBT_SHARED};
	return bits;
}

const char *doubt_name(unsigned doubt)
{
	static const char *const names[] = {"size",    "backing", "unlocked", "structures", "missing",
					    "adopted", "level",   "child",    "cgroup",     "shared"};
	const int bit = __builtin_ctz(doubt);
	return bit < 10 ? names[bit] : "unknown";
}

std::string advice_on(unsigned doubt, const mempool_cert &cert)
{
	switch (doubt) {
	case MEMPOOL_DOUBT_SIZE:
		return "Set mempool_attr.residency to MEMPOOL_RESIDENCY_BEST_EFFORT and mempool_attr.element_size to "
		       "an "
		       "element's bytes: they are then locked where they lie.";
	case MEMPOOL_DOUBT_BACKING:
		return "The residency is MEMPOOL_RESIDENCY_NONE, or the cache was made with debug flags or under "
		       "MEMPOOL_DEBUG, so that it must see each object. Leave that off where the guarantee counts.";
	case MEMPOOL_DOUBT_UNLOCKED:
		return lock_advice(cert.lock_errno, cert);
	case MEMPOOL_DOUBT_STRUCTURES:
		return lock_advice(cert.structures_errno, cert);
	case MEMPOOL_DOUBT_MISSING:
		return "Without the lock the kernel may take pages back, by swap or by KSM. Lock them: see "
		       "RLIMIT_MEMLOCK.";
	case MEMPOOL_DOUBT_ADOPTED:
		return "Give back what is out. Each element of the pool's own replaces an adopted one when it comes "
		       "home.";
	case MEMPOOL_DOUBT_LEVEL:
		return "Elements are out, and will be taken in when they are freed. If the level stays low on an "
		       "ordinary day, something holds them: the debug option track says who.";
	case MEMPOOL_DOUBT_CHILD:
		return "It was asked for: mempool_attr.at_fork is parent-only. A child that needs a reserve too wants "
		       "copy or wipe, or a pool of its own.";
	case MEMPOOL_DOUBT_CGROUP:
		return "Join the cgroup before the pools are made.";
	case MEMPOOL_DOUBT_SHARED:
		return "A child has them that was made by _Fork() or by the bare system call, which run no handlers: "
		       "use fork(), or posix_spawn(). Or KSM merged them, and there was no memory to undo that.";
	default:
		return "";
	}
}

std::string advice_on_failure(int error)
{
	switch (error) {
	case EPERM:
		return text("RLIMIT_MEMLOCK is 0, CAP_IPC_LOCK is not held, and residency is required: %s.",
			    raise_limit);
	case ENOMEM:
		return text("There is no memory for it, or residency is required and RLIMIT_MEMLOCK is too low: see "
			    "`ulimit "
			    "-a`; %s.",
			    raise_limit);
	case EINVAL:
		return "The library says why in its report. Mind --size and --min-nr; and a cache that looks at every "
		       "object, as "
		       "under MEMPOOL_DEBUG, leaves no choice of --at-fork.";
	default:
		return "See what the library reports.";
	}
}

std::vector<line> lines_of(const mempool_cert &cert)
{
	std::vector<line> lines;
	lines.push_back({"verdict", cert.guaranteed != 0 ? "guaranteed" : "not guaranteed",
			 "Guaranteed is: an element that leaves the reserve can be touched, every byte, without a page "
			 "fault that needs memory, and so can all that is needed to hand it out."});
	add_elements(lines, cert);
	add_limits(lines, cert);
	return lines;
}

} // namespace certify
