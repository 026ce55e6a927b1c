// SPDX-License-Identifier: MIT
//
// stack_trace.hpp - who called: return addresses, taken without allocating.
//
// The unwinder of libgcc is linked in statically; it looks frames up without
// a lock and allocates nothing, so it may be used in a signal handler.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mp::base {

struct stack_trace {
	static constexpr unsigned max_depth = 8;

	uint32_t depth = 0;
	void *pc[max_depth] = {};

	/// The caller's stack, innermost first, less `skip` frames beyond here() itself.
	static stack_trace here(unsigned skip);

	/// The innermost address that does not lie in this library: who called it.
	/// 0 when all do, as in a program that the library is linked into.
	uintptr_t call_site() const;
};

/// Shows the return addresses of the caller's stack, innermost first, up to
/// `depth` of them, until `visit` returns false.
void walk_stack_with(unsigned depth, bool (*visit)(uintptr_t pc, void *arg), void *arg);

template <class Visit> void walk_stack(unsigned depth, Visit visit)
{
	walk_stack_with(
		depth, [](uintptr_t pc, void *arg) { return (*static_cast<Visit *>(arg))(pc); }, &visit);
}

/// What this thread began with, the same in each run of a program: the outermost
/// function that is neither the C library's nor a C++ library's, as
/// "object+0x12e0", cut off where `bytes` end. False where that is not known.
bool thread_origin(char *text, size_t bytes);

/// Where code lies, as "object+0x12e0", which `addr2line -e object 0x12e0` takes; cut
/// off where `bytes` end. False where that is not known. Takes no lock.
bool code_place(uintptr_t pc, char *text, size_t bytes);

/// Does this code lie in our shared library? Of the one linked in statically nobody knows.
bool in_our_library(uintptr_t pc);

/// Does a signal handler run in this thread now? Walks the whole stack: about a
/// microsecond, so it is for slow paths only.
bool in_signal_handler();

} // namespace mp::base
