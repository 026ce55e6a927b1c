// SPDX-License-Identifier: MIT
//
// rseq.cpp - the fence. See rseq.hpp.
#include "reserve/base/rseq.hpp"

#include <cerrno>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mp::base {

bool rseq_fence()
{
	const int errno_before = errno;
	const auto call = [](int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; };
	bool done = call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
	// The first time in this process it must be announced.
	if (!done)
		done = call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) &&
		       call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
	errno = errno_before;
	return done;
}

} // namespace mp::base
