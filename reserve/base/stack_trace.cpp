// SPDX-License-Identifier: MIT
//
// stack_trace.cpp - see stack_trace.hpp.
#include "reserve/base/stack_trace.hpp"

#include <unwind.h>

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

} // namespace

__attribute__((noinline)) stack_trace stack_trace::here(unsigned skip)
{
	stack_trace trace;
	collector into{&trace, skip + 1};
	_Unwind_Backtrace(collect, &into);
	return trace;
}

void walk_stack_with(unsigned depth, bool (*visit)(uintptr_t pc, void *arg), void *arg)
{
	walk w{.frames_left = depth, .visit = visit, .arg = arg};
	_Unwind_Backtrace(show, &w);
}

bool in_signal_handler()
{
	search s{.frames_left = 256, .found = false};
	_Unwind_Backtrace(look_for_signal_frame, &s);
	return s.found;
}

} // namespace mp::base
