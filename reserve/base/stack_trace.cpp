// SPDX-License-Identifier: MIT
//
// stack_trace.cpp - see stack_trace.hpp.
#include "reserve/base/stack_trace.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <initializer_list>
#include <link.h>
#include <unwind.h>

// The linker's: where the code that this file is linked into begins and ends.
extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));
}

namespace mp::base {
namespace {

struct collector {
	stack_trace *trace;
	unsigned skip;
};

_Unwind_Reason_Code collect(_Unwind_Context *context, void *arg)
{
	auto *into = static_cast<collector *>(arg);
	const uintptr_t pc = _Unwind_GetIP(context);
	if (pc == 0)
		return _URC_END_OF_STACK;
	if (into->skip > 0) {
		into->skip--;
		return _URC_NO_REASON;
	}
	if (into->trace->depth == stack_trace::max_depth)
		return _URC_END_OF_STACK;
	into->trace->pc[into->trace->depth++] = reinterpret_cast<void *>(pc);
	return _URC_NO_REASON;
}

struct walk {
	unsigned frames_left;
	bool (*visit)(uintptr_t pc, void *arg);
	void *arg;
};

_Unwind_Reason_Code show(_Unwind_Context *context, void *arg)
{
	auto *w = static_cast<walk *>(arg);
	const uintptr_t pc = _Unwind_GetIP(context);
	if (pc == 0 || w->frames_left-- == 0 || !w->visit(pc, w->arg))
		return _URC_END_OF_STACK;
	return _URC_NO_REASON;
}

struct search {
	unsigned frames_left;
	bool found;
};

_Unwind_Reason_Code look_for_signal_frame(_Unwind_Context *context, void *arg)
{
	auto *s = static_cast<search *>(arg);
	// The unwinder says "before the instruction" exactly for a frame that a
	// signal interrupted, as its pc is no return address.
	int before_instruction = 0;
	if (_Unwind_GetIPInfo(context, &before_instruction) == 0)
		return _URC_END_OF_STACK;
	s->found = before_instruction != 0;
	return s->found || --s->frames_left == 0 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/// The object file that code lies in: where it begins, and its name without folders.
struct object_file {
	uintptr_t start = 0;
	const char *name = nullptr; // nullptr: it is not known
};

object_file object_of(uintptr_t pc)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
	// Of what finds objects this alone takes no lock.
	dl_find_object found;
	if (_dl_find_object(reinterpret_cast<void *>(pc), &found) != 0)
		return {};
	const char *path = found.dlfo_link_map->l_name;
	if (*path == 0)
		path = program_invocation_short_name;
	const char *slash = strrchr(path, '/');
	return {found.dlfo_link_map->l_addr, slash != nullptr ? slash + 1 : path};
#else
	static_cast<void>(pc);
	return {};
#endif
}

/// Does it start other people's threads?
bool is_runtime(const char *name)
{
	for (const char *known :
	     {"libc.so", "libc-", "libpthread", "ld-linux", "libstdc++", "libc++", "libtsan", "libasan", "libubsan"})
		if (strncmp(name, known, strlen(known)) == 0)
			return true;
	return false;
}

/// As "object+0x12e0". The name is cut rather than the number.
void write_place(const object_file &object, uintptr_t pc, char *text, size_t bytes)
{
	char offset[24];
	const int digits = snprintf(offset, sizeof(offset), "+%#zx", static_cast<size_t>(pc - object.start));
	snprintf(text, bytes, "%.*s%s", static_cast<int>(bytes) - 1 - digits, object.name, offset);
}

struct origin {
	object_file object;
	uintptr_t function;
};

_Unwind_Reason_Code look_for_origin(_Unwind_Context *context, void *arg)
{
	const uintptr_t function = _Unwind_GetRegionStart(context);
	const object_file object = function != 0 ? object_of(function) : object_file{};
	if (object.name != nullptr && !is_runtime(object.name))
		*static_cast<origin *>(arg) = {object, function};
	return _URC_NO_REASON;
}

} // namespace

bool thread_origin(char *text, size_t bytes)
{
	origin outermost = {};
	_Unwind_Backtrace(look_for_origin, &outermost);
	if (outermost.object.name == nullptr)
		return false;
	write_place(outermost.object, outermost.function, text, bytes);
	return true;
}

bool code_place(uintptr_t pc, char *text, size_t bytes)
{
	const object_file object = object_of(pc);
	if (object.name == nullptr)
		return false;
	write_place(object, pc, text, bytes);
	return true;
}

__attribute__((noinline)) stack_trace stack_trace::here(unsigned skip)
{
	stack_trace trace;
	collector into{&trace, skip + 1};
	_Unwind_Backtrace(collect, &into);
	return trace;
}

uintptr_t stack_trace::call_site() const
{
	for (unsigned i = 0; i < depth; i++) {
		const auto address = reinterpret_cast<uintptr_t>(pc[i]);
		if (address < reinterpret_cast<uintptr_t>(__ehdr_start) ||
		    address >= reinterpret_cast<uintptr_t>(etext))
			return address;
	}
	return 0;
}

void walk_stack_with(unsigned depth, bool (*visit)(uintptr_t pc, void *arg), void *arg)
{
	walk w{.frames_left = depth, .visit = visit, .arg = arg};
	_Unwind_Backtrace(show, &w);
}

bool in_our_library(uintptr_t pc)
{
	const char *name = object_of(pc).name;
	return name != nullptr && strncmp(name, "libmempool.so", strlen("libmempool.so")) == 0;
}

bool in_signal_handler()
{
	search s{.frames_left = 256, .found = false};
	_Unwind_Backtrace(look_for_signal_frame, &s);
	return s.found;
}

} // namespace mp::base
