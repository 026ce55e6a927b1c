// SPDX-License-Identifier: MIT
//
// userspace.cpp - why a pointer is not enough in userspace: page faults, fork, and
// the kernel that kills instead of refusing; what the certificate says.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

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

/// Writes to each page, and counts this thread's page faults meanwhile.
long faults_of_touching(const std::vector<void *> &pages)
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
	s.say("mempool demo --cgroup shows the kill itself, in a memory cgroup of its own.");
	for (void *memory : taken)
		kfree(memory);
	mempool_set_limit(0);
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
	std::string says = cert.guaranteed != 0 ? "It says: guaranteed." : "It says: not guaranteed here, because";
	for (unsigned doubt = 1; doubt != 0 && doubt <= cert.doubts; doubt <<= 1)
		if ((cert.doubts & doubt) != 0)
			says += std::string("; ") + mempool_doubt_text(doubt);
	s.say(says);
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
	certificate(s, pages);
}

} // namespace lab
