// SPDX-License-Identifier: MIT
//
// futex.cpp - see futex.hpp.
#include "reserve/base/futex.hpp"

#include "reserve/base/clock.hpp"

#include <cerrno>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mp::base {

static_assert(sizeof(futex_word) == sizeof(uint32_t) && futex_word::is_always_lock_free,
	      "the kernel compares the plain 32-bit word");

namespace {

futex_result wait(const void *word, uint32_t expected, uint64_t deadline_ns, int how)
{
	const int kept_errno = errno;
	// FUTEX_WAIT_BITSET takes an absolute time, so that a signal that cuts the
	// sleep short does not lengthen it.
	timespec until;
	until.tv_sec = static_cast<time_t>(deadline_ns / ns_per_s);
	until.tv_nsec = static_cast<long>(deadline_ns % ns_per_s);
	const long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | how, expected,
				    deadline_ns == never_ns ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
	const bool timed_out = result != 0 && errno == ETIMEDOUT;
	errno = kept_errno;
	return timed_out ? futex_result::timed_out : futex_result::woken;
}

void wake(const void *word, int count, int how)
{
	const int kept_errno = errno;
	syscall(SYS_futex, word, FUTEX_WAKE | how, count);
	errno = kept_errno;
}

} // namespace

futex_result futex_wait(futex_word &word, uint32_t expected, uint64_t deadline_ns)
{
	return wait(&word, expected, deadline_ns, FUTEX_PRIVATE_FLAG);
}

void futex_wake(futex_word *word, int count)
{
	wake(word, count, FUTEX_PRIVATE_FLAG);
}

futex_result futex_wait_shared(const void *word, uint32_t expected, uint64_t deadline_ns)
{
	return wait(word, expected, deadline_ns, 0);
}

void futex_wake_shared(const void *word, int count)
{
	wake(word, count, 0);
}

} // namespace mp::base
