// SPDX-License-Identifier: MIT
//
// faults.hpp - lets the n-th call of one kind fail that the library makes for
// memory, and counts what it holds. For programs that are linked with
//
//	-Wl,--wrap=mmap,--wrap=munmap,--wrap=madvise,--wrap=pthread_atfork
#pragma once

#include <cerrno>

namespace mp::test {

enum class fault {
	gate,     // the library's own gate before each mapping
	map,      // mmap() itself
	populate, // madvise(MADV_POPULATE_WRITE)
};

const char *name_of(fault kind);

/// The n-th such call from now on fails, n from 1; with `and_all_later` those
/// after it, too. `error` is the errno that it leaves; ENOMEM is what to expect.
void arm_fault(fault kind, int n, bool and_all_later, int error = ENOMEM);

/// No more failures. Says whether there was one.
bool disarm_fault();

/// Bytes mapped by the library and not unmapped.
long mapped_bytes();

/// In the environment of a program it makes pthread_atfork() fail, which the
/// library calls before main().
inline constexpr const char no_fork_handlers[] = "MEMPOOL_TEST_NO_FORK_HANDLERS";

} // namespace mp::test
