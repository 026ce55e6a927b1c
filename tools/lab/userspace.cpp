// SPDX-License-Identifier: MIT
//
// userspace.cpp - why a pointer is not enough in userspace: page faults, fork, and
// the kernel that kills instead of refusing; what the certificate says.
#include "tools/interrupt.hpp"
#include "tools/lab/lessons.hpp"
#include "tools/lab/oom_kill.hpp"
#include "tools/lab_stage.hpp"
#include "tools/memory_cgroup.hpp"

#include <csignal>
#include <exception>
#include <mempool/fault-inject.h>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool-limits.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lab {
namespace {

constexpr int nr_pages = 16;
constexpr size_t page_bytes = 4096;

/// Writes to each page, and counts this thread's page faults meanwhile. (A sanitizer would add its own.)
[[gnu::no_sanitize_address]] long faults_of_touching(const std::vector<void *> &pages)
{
	rusage before{};
	rusage after{};
	getrusage(RUSAGE_THREAD, &before);
	for (void *page : pages)
		*static_cast<volatile char *>(page) = 1;
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_minflt - before.ru_minflt + after.ru_majflt - before.ru_majflt;
}

long touch(actor &who, const std::vector<void *> &pages)
{
	long faults = 0;
	who.call([&] {
		static_cast<void>(faults_of_touching({})); // what this itself needs is there from here on
		faults = faults_of_touching(pages);
	});
	return faults;
}

/// Pages as any program gets them.
std::vector<void *> map_pages(stage &s)
{
	void *start = mmap(nullptr, nr_pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		throw std::runtime_error("memory cannot be mapped");
	madvise(start, nr_pages * page_bytes, MADV_NOHUGEPAGE); // one fault a page, to be counted
	s.at_end([start] { munmap(start, nr_pages * page_bytes); });
	std::vector<void *> pages;
	pages.reserve(nr_pages);
	for (int i = 0; i < nr_pages; i++)
		pages.push_back(static_cast<char *>(start) + static_cast<size_t>(i) * page_bytes);
	return pages;
}

/// A child that lives until its end of the pipe is closed.
struct child {
	pid_t pid = -1;
	int pipe[2] = {-1, -1};

	child()
	{
		if (::pipe(pipe) != 0)
			throw std::runtime_error("a pipe cannot be had");
		pid = fork();
		if (pid == 0) {
			close(pipe[1]);
			char end = 0;
			while (read(pipe[0], &end, 1) > 0) {}
			_exit(0);
		}
		close(pipe[0]);
		if (pid < 0)
			throw std::runtime_error("a child cannot be forked");
	}
	child(const child &) = delete;
	child &operator=(const child &) = delete;
	~child()
	{
		close(pipe[1]);
		int status = 0;
		waitpid(pid, &status, 0);
	}
};

std::vector<void *> take_reserve(stage &s, actor &who, pool &pages)
{
	std::vector<void *> all = s.drain(who, pages);
	s.claim("all of the reserve", nr_pages, static_cast<int64_t>(all.size()));
	return all;
}

void page_faults(stage &s, actor &writer, pool &pages, const std::vector<void *> &ordinary)
{
	s.begin("A pointer to nothing", R"(
In the kernel an allocated page is there. In userspace it is a promise: the kernel gives a page its
memory when it is first touched, by a page fault. When memory has run out by then, there is no NULL
that could be returned any more. 16 pages, as mmap() or malloc() give them, are written to.)");
	s.cite("malloc() and mmap() promise; the page fault at the first touch is the real allocation.");
	s.claim("page faults: one for each", nr_pages, touch(writer, ordinary));
	s.claim("and when they are touched again", 0, touch(writer, ordinary));

	s.begin("The reserve is there", R"(
A pool of 16 pages. Its reserve is made of memory of the pool's own, which exists, and is locked where
that is allowed, before mempool_create() returns. All 16 are taken out and written to.)");
	s.cite("An element that leaves the reserve can be touched without a page fault that needs memory.");
	s.show(anchor::settle_spares);
	const std::vector<void *> reserved = take_reserve(s, writer, pages);
	s.claim("page faults", 0, touch(writer, reserved));
	for (void *element : reserved)
		s.free(writer, pages, element);
}

void forks(stage &s, actor &writer, pool &pages, const std::vector<void *> &ordinary)
{
	s.begin("fork() takes it away again", R"(
After a fork parent and child share each page until one of them writes to it: then the kernel copies
it, by a page fault, which needs memory again. Locked memory is no exception. A child is forked, and
lives; the parent writes to its ordinary pages, which it has written to before.)");
	s.cite("After a fork each private page faults again at the next write, in the parent too, locked or not.");
	const child lives;
	s.claim("page faults: one for each", nr_pages, touch(writer, ordinary));

	s.begin("But not from the reserve", R"(
The same child still lives, and the parent takes its reserve and writes to it. When it forked, the
library's fork handlers made these pages its own again before fork() returned.)");
	s.show(anchor::renew);
	const std::vector<void *> reserved = take_reserve(s, writer, pages);
	s.claim("page faults", 0, touch(writer, reserved));
	for (void *element : reserved)
		s.free(writer, pages, element);
}

void oom_killer(stage &s, actor &writer)
{
	s.begin("No NULL, but a kill", R"(
Linux promises more memory than it has. So malloc() hardly ever returns NULL; when the promises cannot
be kept, the OOM killer ends a process, perhaps yours. A pool whose backing never fails never uses its
reserve. So this library's backings look at their headroom (a budget, limits, the memory cgroup)
before they take memory, and return NULL while there is still some left. Here the budget is 1 MiB.)");
	s.cite("With a limit in sight a backing gives NULL instead of having the process killed.")
		.show(anchor::ask_pages);
	mempool_headroom_state room = {};
	room.size = sizeof(room);
	mempool_headroom(&room);
	mempool_set_limit(room.populated_bytes + (size_t{1} << 20));
	constexpr size_t most_pages = 65536; // free ones that the page layer holds already come first
	std::vector<void *> taken;
	writer.call([&] {
		for (size_t i = 0; i < most_pages; i++)
			if (void *memory = kmalloc(page_bytes, GFP_KERNEL))
				taken.push_back(memory);
			else
				break;
	});
	mempool_headroom(&room);
	s.claim("kmalloc() gave NULL within the budget", taken.size() < most_pages);
	s.claim("because of a watermark", room.refusals > 0);
	for (void *memory : taken)
		kfree(memory);
	mempool_set_limit(0);
}

std::string verdict(bool guaranteed, unsigned doubts)
{
	std::string says = guaranteed ? "It says: guaranteed." : "It says: not guaranteed here, because";
	for (unsigned doubt = 1; doubt != 0 && doubt <= doubts; doubt <<= 1)
		if ((doubts & doubt) != 0)
			says += std::string("; ") + mempool_doubt_text(doubt);
	return says;
}

void show_kill(stage &s, const tools::memory_cgroup &small)
{
	const child_end killed = without_reserve(small);
	if (!killed.story.joined)
		throw tools::no_memory_cgroup("no process can be moved to " + small.procs_file());
	s.begin("The kill itself", R"(
A child is put into a memory cgroup of its own that may hold 32 MiB. It maps 64 MiB, which is promised
to it, and writes to page after page. Nothing else happens to it than that.)");
	s.cite("In a memory cgroup at its limit the kernel kills at the touch; no call returns an error.");
	s.claim("pages that it was promised", wanted_pages, killed.story.promised);
	s.claim("it was never told no", !killed.story.told_no);
	s.claim("the signal that ended it", SIGKILL, killed.killed_by);
	s.claim("kills that its cgroup counted", 1, static_cast<int64_t>(killed.oom_kills));
	s.claim("it was not done", killed.story.written < wanted_pages);
	s.say("It had written to " + std::to_string(killed.story.written) + " of them when it last told.");

	s.begin("And the reserve beside it", R"(
Another child in the same cgroup, under the same limit, wants the same 64 MiB page by page, from a pool
with a reserve of 64 pages. It made the pool after it had joined the cgroup, so that these pages are
charged there, and asked for its certificate. It may not sleep (GFP_NOWAIT).)");
	s.cite("With a limit in sight a backing gives NULL, and the reserve serves. It was charged before.")
		.show(anchor::ask_pages);
	const child_end lives = with_reserve(small);
	s.claim("a signal that ended it: none", 0, lives.killed_by);
	s.claim("its exit status", 0, lives.exit_status);
	s.claim("kills that its cgroup counted", 0, static_cast<int64_t>(lives.oom_kills));
	s.claim("when the backing had no more, the reserve gave", certified_pages, lives.story.from_reserve);
	s.claim("page faults as it wrote to those", 0, lives.story.faults);
	s.claim("then it was told no: NULL, with which it can go on", lives.story.told_no);
	s.claim("and it had written to all that it was given", lives.story.promised, lives.story.written);
	s.say("It got " + std::to_string(lives.story.promised) +
	      " pages. Its certificate, before the first: " + verdict(lives.story.guaranteed, lives.story.doubts));
	s.claim("guaranteed means that there is no doubt", lives.story.guaranteed == (lives.story.doubts == 0));
}

void cannot_show_kill(stage &s, const std::string &why)
{
	s.begin("The kill itself: cannot be shown here", R"(
A child in a small memory cgroup of its own would be killed here, and another one, with a reserve, live.
For that this process would have to be allowed to make a memory cgroup.)");
	s.say("It cannot: " + why +
	      ". Run the lesson as root, or where memory cgroups are delegated to you: systemd-run --user --scope -p "
	      "Delegate=yes mempool lab userspace. Nothing is claimed in this step.");
}

/// The cgroup is removed before a signal that came meanwhile has its effect.
void oom_kill(stage &s)
{
	std::exception_ptr wrong;
	{
		const tools::interrupt_guard guard;
		try {
			const tools::memory_cgroup small("mempool-lab", small_limit_bytes);
			show_kill(s, small);
		} catch (const tools::no_memory_cgroup &e) {
			cannot_show_kill(s, e.what());
		} catch (const std::exception &) {
			wrong = std::current_exception();
		}
	}
	if (const int came = tools::interrupted(); came != 0)
		raise(came);
	if (wrong)
		std::rethrow_exception(wrong);
}

void certificate(stage &s, pool &pages)
{
	s.begin("The certificate", R"(
Whether a reserve is really there can be asked at any time. mempool_certificate() counts what is
pinned, samples whether the pages are in memory, and gives a verdict with its reasons.)");
	s.cite("docs/guarantee.md says what is promised, and what no library can promise.").show(anchor::certificate);
	mempool_cert cert = {};
	cert.size = sizeof(cert);
	const int error = mempool_certificate(pages.get(), &cert);
	s.say(verdict(cert.guaranteed != 0, cert.doubts));
	s.say("What it cannot promise: that a system call on the way does not fail for want of memory, and that the "
	      "OOM killer of the whole machine spares this process.");
	s.claim("it was given", 0, error);
	s.claim("elements in the reserve that are the pool's own", nr_pages, cert.pinned);
	s.claim("pages of it that are not in memory", 0, static_cast<int64_t>(cert.missing_pages));
	s.claim("guaranteed means that there is no doubt", (cert.guaranteed != 0) == (cert.doubts == 0));
}

} // namespace

void userspace(stage &s)
{
	actor &writer = s.thread("writer");
	s.begin("Two kinds of pages", R"(
Why does userspace need more than the kernel's mempool? 16 pages of each kind: ordinary ones, and the
reserve of a pool.)");
	const std::vector<void *> ordinary = map_pages(s);
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.name = "pages";
	pool &pages =
		s.adopt_pool(mempool_create_attr(nr_pages, mempool_alloc_pages, mempool_free_pages, nullptr, &attr));
	s.claim("the reserve is full", nr_pages, pages.level());
	page_faults(s, writer, pages, ordinary);
	forks(s, writer, pages, ordinary);
	oom_killer(s, writer);
	oom_kill(s);
	certificate(s, pages);
}

} // namespace lab
