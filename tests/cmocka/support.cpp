// SPDX-License-Identifier: MIT
//
// support.cpp - see support.hpp.
#include "support.hpp"

#include "reserve/base/mapping.hpp"
#include "reserve/base/report.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/wait.h>
#include <unistd.h>

extern "C" void __gcov_dump() __attribute__((weak));

namespace mp::test {
namespace {

// Not part of an object: a failed test leaves by longjmp, and reports that come
// later must still find a place.
struct {
	std::mutex lock;
	std::string text;
	int count = 0;
} caught;

void keep_report(int, const char *text, size_t length_bytes, void *)
{
	const std::lock_guard guard(caught.lock);
	caught.text.append(text, length_bytes);
	caught.count++;
}

uint64_t seed_for(const char *test)
{
	const char *given = getenv("SEED");
	const uint64_t seed = given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
	printf("%s: SEED=%llu\n", test, static_cast<unsigned long long>(seed));
	fflush(stdout);
	return seed;
}

} // namespace

bool sanitized()
{
	return getenv("MEMPOOL_SANITIZER") != nullptr;
}

bool under_tsan()
{
	const char *name = getenv("MEMPOOL_SANITIZER");
	return name != nullptr && strcmp(name, "tsan") == 0;
}

int rounds(int native)
{
	return sanitized() ? (native + 9) / 10 : native;
}

one_cpu::one_cpu()
{
	cpu_set_t here;
	CPU_ZERO(&here);
	CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
	sched_getaffinity(0, sizeof(before_), &before_);
	sched_setaffinity(0, sizeof(here), &here);
}

one_cpu::~one_cpu()
{
	sched_setaffinity(0, sizeof(before_), &before_);
}

random_source::random_source(const char *test) : seed_(seed_for(test)), engine_(seed_) {}

bool thread_sleeps(pid_t thread)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	FILE *stat = fopen(path, "re");
	if (stat == nullptr)
		return false;
	char state = '?';
	const int found = fscanf(stat, "%*d (%*[^)]) %c", &state);
	fclose(stat);
	return found == 1 && state == 'S';
}

void catch_reports()
{
	{
		const std::lock_guard guard(caught.lock);
		caught.text.clear();
		caught.count = 0;
	}
	base::set_sink(keep_report, nullptr);
}

int reports_caught()
{
	const std::lock_guard guard(caught.lock);
	return caught.count;
}

std::string reports()
{
	const std::lock_guard guard(caught.lock);
	return caught.text;
}

bool reported(const char *part)
{
	return reports().find(part) != std::string::npos;
}

void close_map_gate()
{
	base::set_map_gate([](size_t) { return false; });
}

void open_map_gate()
{
	base::set_map_gate(nullptr);
}

pid_t start_child()
{
	fflush(nullptr);
	const pid_t child = fork();
	if (child == 0)
		alarm(static_cast<unsigned>(patience_ns / base::ns_per_s));
	return child;
}

void leave_child(int status)
{
	fflush(nullptr);
	if (__gcov_dump != nullptr)
		__gcov_dump();
	_exit(status);
}

int wait_for_child(pid_t child)
{
	int status = 0;
	pid_t ended = -1;
	do
		ended = waitpid(child, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended != child)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace mp::test
