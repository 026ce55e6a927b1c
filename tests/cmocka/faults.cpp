// SPDX-License-Identifier: MIT
//
// faults.cpp - see faults.hpp.
#include "faults.hpp"

#include "reserve/base/mapping.hpp"

#include <atomic>
#include <cstdlib>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

// Weak: this file is linked to the programs, too, that wrap nothing.
extern "C" {
using atfork_fn = void();
__attribute__((weak)) void *__real_mmap(void *at, size_t bytes, int access, int flags, int file, off_t offset);
__attribute__((weak)) int __real_munmap(void *at, size_t bytes);
__attribute__((weak)) int __real_madvise(void *at, size_t bytes, int advice);
__attribute__((weak)) int __real_pthread_atfork(atfork_fn *prepare, atfork_fn *parent, atfork_fn *child);
void *__wrap_mmap(void *at, size_t bytes, int access, int flags, int file, off_t offset);
int __wrap_munmap(void *at, size_t bytes);
int __wrap_madvise(void *at, size_t bytes, int advice);
__attribute__((weak)) int __real_mlock(const void *at, size_t bytes);
int __wrap_mlock(const void *at, size_t bytes);
int __wrap_pthread_atfork(atfork_fn *prepare, atfork_fn *parent, atfork_fn *child);
}

namespace mp::test {
namespace {

std::atomic<int> calls_left[3] = {}; // 0: not armed
std::atomic<bool> for_ever{false};
std::atomic<bool> fired{false};
std::atomic<int> error_left{ENOMEM};
std::atomic<long> mapped{0};

bool fails(fault kind)
{
	std::atomic<int> &left = calls_left[static_cast<int>(kind)];
	if (left == 0 || --left > 0)
		return false;
	left = for_ever ? 1 : 0;
	fired = true;
	errno = error_left;
	return true;
}

bool populating_is_watched()
{
	return calls_left[static_cast<int>(fault::populate)] != 0;
}

} // namespace

const char *name_of(fault kind)
{
	constexpr const char *names[] = {"gate", "mmap", "populate"};
	return names[static_cast<int>(kind)];
}

void arm_fault(fault kind, int n, bool and_all_later, int error)
{
	error_left = error;
	base::set_map_gate([](size_t) { return !fails(fault::gate); });
	for_ever = and_all_later;
	fired = false;
	calls_left[static_cast<int>(kind)] = n;
}

bool disarm_fault()
{
	base::set_map_gate(nullptr);
	for (std::atomic<int> &left : calls_left)
		left = 0;
	return fired;
}

long mapped_bytes()
{
	return mapped;
}

} // namespace mp::test

using namespace mp::test;

void *__wrap_mmap(void *at, size_t bytes, int access, int flags, int file, off_t offset)
{
	if (fails(fault::map))
		return MAP_FAILED;
	void *memory = __real_mmap(at, bytes, access, flags, file, offset);
	if (memory != MAP_FAILED)
		mapped += static_cast<long>(bytes);
	return memory;
}

int __wrap_munmap(void *at, size_t bytes)
{
	mapped -= static_cast<long>(bytes);
	return __real_munmap(at, bytes);
}

int __wrap_madvise(void *at, size_t bytes, int advice)
{
	if (advice == MADV_POPULATE_WRITE && fails(fault::populate))
		return -1;
	return __real_madvise(at, bytes, advice);
}

/// Locking would make the pages present without anybody asking for that.
int __wrap_mlock(const void *at, size_t bytes)
{
	if (populating_is_watched()) {
		errno = EPERM;
		return -1;
	}
	return __real_mlock(at, bytes);
}

int __wrap_pthread_atfork(atfork_fn *prepare, atfork_fn *parent, atfork_fn *child)
{
	return getenv(no_fork_handlers) != nullptr ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}
