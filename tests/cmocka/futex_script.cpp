// SPDX-License-Identifier: MIT
//
// futex_script.cpp - see futex_script.hpp.
#include "futex_script.hpp"

#include "reserve/base/clock.hpp"

#include <cerrno>
#include <cstdarg>
#include <ctime>
#include <linux/futex.h>
#include <mutex>
#include <sys/syscall.h>

// Weak: this file is linked to the programs, too, that wrap nothing.
extern "C" long __real_syscall(long number, ...) __attribute__((weak));
extern "C" long __wrap_syscall(long number, ...);

namespace mp::test {
namespace {

struct {
	std::mutex lock;
	std::deque<futex_step> steps;
	int waits = 0;
	std::vector<const void *> wakes;
} seen;

/// Counts the wait; its step, or an empty one.
futex_step next_step()
{
	const std::lock_guard guard(seen.lock);
	seen.waits++;
	if (seen.steps.empty())
		return {};
	futex_step step = seen.steps.front();
	seen.steps.pop_front();
	return step;
}

void count_wake(const void *word)
{
	const std::lock_guard guard(seen.lock);
	seen.wakes.push_back(word);
}

futex_wait_call wait_call(const long (&arg)[6])
{
	const auto *until = reinterpret_cast<const timespec *>(arg[3]);
	const uint64_t ns = until == nullptr ? 0
					     : static_cast<uint64_t>(until->tv_sec) * base::ns_per_s +
						       static_cast<uint64_t>(until->tv_nsec);
	return {reinterpret_cast<const void *>(arg[0]), static_cast<uint32_t>(arg[2]), until != nullptr, ns};
}

} // namespace

void futex_reset()
{
	const std::lock_guard guard(seen.lock);
	seen.steps.clear();
	seen.waits = 0;
	seen.wakes.clear();
}

void futex_play(std::deque<futex_step> steps)
{
	const std::lock_guard guard(seen.lock);
	seen.steps = std::move(steps);
}

futex_step returns(int error)
{
	return [error](const futex_wait_call &) { return error; };
}

int futex_steps_left()
{
	const std::lock_guard guard(seen.lock);
	return static_cast<int>(seen.steps.size());
}

int futex_waits()
{
	const std::lock_guard guard(seen.lock);
	return seen.waits;
}

std::vector<const void *> futex_wakes()
{
	const std::lock_guard guard(seen.lock);
	return seen.wakes;
}

} // namespace mp::test

using namespace mp::test;

extern "C" long __wrap_syscall(long number, ...)
{
	long arg[6];
	va_list args;
	va_start(args, number);
	for (long &a : arg)
		a = va_arg(args, long);
	va_end(args);

	if (number == SYS_futex && (arg[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
		if (const futex_step step = next_step()) {
			const int error = step(wait_call(arg));
			errno = error != 0 ? error : errno;
			return error != 0 ? -1 : 0;
		}
	} else if (number == SYS_futex && (arg[1] & FUTEX_CMD_MASK) == FUTEX_WAKE) {
		count_wake(reinterpret_cast<const void *>(arg[0]));
	}
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
