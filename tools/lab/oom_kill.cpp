// SPDX-License-Identifier: MIT
//
// oom_kill.cpp - see oom_kill.hpp.
#include "tools/lab/oom_kill.hpp"

#include "tools/interrupt.hpp"
#include "tools/memory_cgroup.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool-limits.h>
#include <mempool/mempool.h>
#include <poll.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lab {
namespace {

constexpr size_t page_bytes = 4096;
constexpr auto patience = std::chrono::seconds(60); // a machine may be loaded, and a cgroup's OOM killer switched off

/// In a child: its story so far, to the parent.
class teller {
      public:
	teller(int fd, const tools::memory_cgroup &inside) : fd_(fd)
	{
		const int procs = open(inside.procs_file().c_str(), O_WRONLY | O_CLOEXEC);
		story.joined = procs >= 0 && write(procs, "0", 1) == 1;
		if (procs >= 0)
			close(procs);
		tell();
	}
	void tell() const
	{
		const child_story so_far = story;
		if (write(fd_, &so_far, sizeof(so_far)) != sizeof(so_far)) // all at once: it is less than PIPE_BUF
			_exit(1);
	}
	child_story story;

      private:
	int fd_;
};

void touch_ordinary_pages(teller &out)
{
	void *start =
		mmap(nullptr, wanted_pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED) {
		out.story.told_no = true;
		return;
	}
	madvise(start, wanted_pages * page_bytes, MADV_NOHUGEPAGE); // page after page, to be counted
	out.story.promised = wanted_pages;
	out.tell();
	for (int64_t i = 0; i < wanted_pages; i++) {
		memset(static_cast<char *>(start) + static_cast<size_t>(i) * page_bytes, 1, page_bytes);
		out.story.written = i + 1;
		if (i % 256 == 0)
			out.tell();
	}
}

long faults_so_far()
{
	rusage used{};
	getrusage(RUSAGE_THREAD, &used);
	return used.ru_minflt + used.ru_majflt;
}

/// (A sanitizer would look into memory of its own for each, by page faults that are counted.)
[[gnu::no_sanitize_address]] void write_all(void *page)
{
	for (size_t i = 0; i < page_bytes; i++)
		static_cast<volatile char *>(page)[i] = 1;
}

void note_certificate(mempool_t *pool, child_story &story)
{
	mempool_cert cert = {};
	cert.size = sizeof(cert);
	if (mempool_certificate(pool, &cert) != 0)
		return;
	story.guaranteed = cert.guaranteed != 0;
	story.doubts = cert.doubts;
}

void take_from_pool(teller &out)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.name = "certified";
	mempool_t *pool = mempool_create_attr(certified_pages, mempool_alloc_pages, mempool_free_pages, nullptr, &attr);
	if (pool == nullptr)
		return;
	note_certificate(pool, out.story);
	out.tell();
	for (int64_t i = 0; i < wanted_pages; i++) {
		const int level = mempool_curr_nr(pool);
		void *element = mempool_alloc(pool, GFP_NOWAIT);
		if (element == nullptr) {
			out.story.told_no = true;
			break;
		}
		out.story.promised++;
		if (i % 256 == 0)
			out.tell(); // before it is written to: who is killed by that has not written to all
		const bool reserved = mempool_curr_nr(pool) < level;
		const long before = faults_so_far();
		write_all(element);
		if (reserved) {
			out.story.from_reserve++;
			out.story.faults += faults_so_far() - before;
		}
		out.story.written++;
	}
}

/// Who is spared by what it inherited (oom_score_adj -1000) would not be killed.
void may_be_killed()
{
	const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	static_cast<void>(write(fd, "0", 1)); // raising it is allowed to everybody
	close(fd);
}

/// Reads what it tells until it has ended, however that comes about.
void listen_to(pid_t child, int fd, child_story &last)
{
	const auto give_up = std::chrono::steady_clock::now() + patience;
	while (std::chrono::steady_clock::now() < give_up && tools::interrupted() == 0) {
		pollfd waits = {fd, POLLIN, 0};
		if (poll(&waits, 1, 20) <= 0) // nothing yet, or a signal
			continue;
		child_story story;
		const ssize_t got = read(fd, &story, sizeof(story));
		if (got == static_cast<ssize_t>(sizeof(story)))
			last = story;
		else if (got == 0)
			return;
	}
	kill(child, SIGKILL);
}

child_end run_child(const tools::memory_cgroup &inside, void (*what)(teller &))
{
	int pipe[2] = {-1, -1};
	if (pipe2(pipe, O_CLOEXEC) != 0)
		throw std::runtime_error("a pipe cannot be had");
	child_end ended;
	const uint64_t kills_before = inside.oom_kills();
	const pid_t parent = getpid();
	const pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) // who died before that
			_exit(1);
		may_be_killed();
		for (const int signal_nr : {SIGINT, SIGTERM, SIGHUP})
			signal(signal_nr, SIG_IGN); // the parent's, who ends this one
		close(pipe[0]);
		teller out(pipe[1], inside);
		if (out.story.joined)
			what(out);
		out.tell();
		_exit(0);
	}
	close(pipe[1]);
	if (child > 0)
		listen_to(child, pipe[0], ended.story);
	close(pipe[0]);
	if (child < 0)
		throw std::runtime_error("a child cannot be forked");
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
	ended.killed_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ended.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ended.oom_kills = inside.oom_kills() - kills_before;
	return ended;
}

} // namespace

child_end without_reserve(const tools::memory_cgroup &inside)
{
	return run_child(inside, touch_ordinary_pages);
}

child_end with_reserve(const tools::memory_cgroup &inside)
{
	return run_child(inside, take_from_pool);
}

} // namespace lab
