// SPDX-License-Identifier: MIT
//
// start.cpp - the process's beginning and end: main() begins, it exits.
//
// Stands before __libc_start_main(), exit(), _exit(), _Exit() and quick_exit().
#include "tools/preload/cxx.hpp"
#include "tools/preload/leaks.hpp"
#include "tools/preload/next.hpp"
#include "tools/preload/roots.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mp::preload {
namespace {

using main_function = int(int, char **, char **);
constinit main_function *program_main = nullptr;

int begin_main(int argc, char **argv, char **environment)
{
	if (is_active())
		self->main_began.store(1, std::memory_order_relaxed);
	const int status = program_main(argc, argv, environment);
	live_stack = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
	return status;
}

void note_exit(uint32_t how, int status)
{
	// A child of vfork() is not this process, though it has its memory.
	if (!is_active() || self->pid != getpid())
		return;
	self->status.store(status, std::memory_order_relaxed);
	self->exited.store(how, std::memory_order_relaxed);
}

/// Registered before the loader's own: all handlers and destructors have run.
void at_exit(int status, void *)
{
	if (!is_active())
		return;
	const at_work inside;
	if (orders_here.orders->leak_check != 0)
		check_leaks();
	note_exit(exit_by_exit, status);
}

__attribute__((constructor)) void loaded()
{
	begin();
	if (is_active()) {
		const at_work inside;
		find_library_of_cxx();
		on_exit(at_exit, nullptr);
	}
}

} // namespace
} // namespace mp::preload

using namespace mp::preload;

PRELOAD_EXPORT int __libc_start_main(main_function *real_main, int argc, char **argv, void (*init)(void),
				     void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
	using start_function =
		int(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
	auto *start = reinterpret_cast<start_function *>(dlsym(RTLD_NEXT, "__libc_start_main"));
	program_main = real_main;
	return start(begin_main, argc, argv, init, fini, loader_fini, stack_end);
}

/// Not called when main() returns.
PRELOAD_EXPORT void exit(int status)
{
	__builtin_unwind_init();    // what registers hold is to lie in this frame
	volatile uintptr_t end = 0; // below the registers; what lies further down is of calls that are over
	live_stack = reinterpret_cast<uintptr_t>(&end);
	if (can_go_on())
		next.exit(status);
	_exit(status);
}

PRELOAD_EXPORT void _exit(int status)
{
	note_exit(exit_at_once, status);
	if (can_go_on())
		next.exit_now(status);
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

PRELOAD_EXPORT void _Exit(int status)
{
	_exit(status);
}

PRELOAD_EXPORT void quick_exit(int status)
{
	note_exit(exit_at_once, status);
	next.quick_exit(status);
	__builtin_unreachable();
}
