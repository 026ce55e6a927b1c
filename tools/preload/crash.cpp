// SPDX-License-Identifier: MIT
//
// crash.cpp - where a fatal signal came from. Stands before sigaction() and
// signal(): the program's own handlers run as before, after ours; without one the
// signal ends the process as it would have.
//
// Owner of the state: this process. Race table: as sigaction(2) has it; a thread
// that changes a handler while another one is struck may see either.
#include "tools/preload/next.hpp"
#include "tools/preload/stacks.hpp"
#include "tools/preload/threads.hpp"

#include <array>
#include <cerrno>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr size_t main_signal_stack_bytes = size_t{64} << 10;

/// What the program has set.
struct program_action {
	std::atomic<bool> ours; // our handler is installed for this signal
	struct sigaction action;
};
constinit std::array<program_action, std::size(fatal)> wanted = {};
constinit thread_local bool recording = false;

program_action *slot_of(int signal)
{
	for (size_t i = 0; i < std::size(fatal); i++)
		if (fatal[i] == signal)
			return &wanted[i];
	return nullptr;
}

bool is_handler(const struct sigaction &action)
{
	return (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

void record_crash(int signal, const siginfo_t &info, bool handled)
{
	crash_record *record = claim(shared->answers.crashes);
	if (record == nullptr)
		return;
	record->process = self_number;
	record->signal = signal;
	record->code = info.si_code;
	record->address = info.si_code > 0 ? reinterpret_cast<uintptr_t>(info.si_addr) : 0;
	record->candidates = self->candidates.load(relaxed);
	record->failed = self->failed.load(relaxed);
	record->handled = handled ? 1 : 0;
	record->thread = mine.record;
	prctl(PR_GET_NAME, record->thread_name);
	raw_stack raw;
	take_stack(raw, true);
	describe(raw, orders_here.orders->stack_depth, record->stack);
	record->ready.set();
}

/// By the default action, as if we had never been here.
void die_of(int signal, const siginfo_t &info)
{
	struct sigaction plain = {};
	plain.sa_handler = SIG_DFL;
	next.sigaction(signal, &plain, nullptr);
	// A fault happens again, with all its particulars, as soon as we return. What was sent is sent again.
	if (info.si_code <= 0)
		syscall(SYS_tgkill, getpid(), gettid(), signal);
}

void on_fatal(int signal, siginfo_t *info, void *context)
{
	const int error = errno;
	program_action *slot = slot_of(signal);
	const struct sigaction action = slot->action;
	const bool handled = is_handler(action);
	if (recording) { // it struck in here: no second try
		die_of(signal, *info);
		return;
	}
	recording = true;
	{
		const at_work inside;
		record_crash(signal, *info, handled);
	}
	recording = false;
	errno = error;
	if (!handled) {
		die_of(signal, *info);
		return;
	}
	if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
		struct sigaction plain = {};
		slot->action = plain;
		slot->ours = false;
	}
	if ((action.sa_flags & SA_SIGINFO) != 0)
		action.sa_sigaction(signal, info, context);
	else
		action.sa_handler(signal);
}

/// What is to be installed so that the program's wish, and ours, is met.
struct sigaction joined(const struct sigaction &wish)
{
	struct sigaction ours = wish;
	ours.sa_sigaction = on_fatal;
	ours.sa_flags |= SA_SIGINFO;
	if (!is_handler(wish)) {
		ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
		sigemptyset(&ours.sa_mask);
	}
	return ours;
}

int set_fatal(program_action &slot, int signal, const struct sigaction *wish, struct sigaction *before)
{
	const struct sigaction was = slot.action;
	if (wish != nullptr) {
		const bool ignored = (wish->sa_flags & SA_SIGINFO) == 0 && wish->sa_handler == SIG_IGN;
		const struct sigaction ours = ignored ? *wish : joined(*wish);
		slot.action = *wish;
		if (next.sigaction(signal, &ours, nullptr) != 0) {
			slot.action = was;
			return -1;
		}
	}
	if (before != nullptr)
		*before = was;
	return 0;
}

} // namespace

void catch_crashes()
{
	void *memory = own_pages(main_signal_stack_bytes);
	if (memory != nullptr)
		use_signal_stack(memory, main_signal_stack_bytes);
	for (size_t i = 0; i < std::size(fatal); i++) {
		struct sigaction before = {};
		// Whoever is here already, such as a sanitizer, stays.
		if (next.sigaction(fatal[i], nullptr, &before) != 0 || is_handler(before))
			continue;
		wanted[i].action = before;
		wanted[i].ours = true;
		if (before.sa_handler == SIG_IGN)
			continue;
		const struct sigaction ours = joined(before);
		next.sigaction(fatal[i], &ours, nullptr);
	}
}

} // namespace mp::preload

using namespace mp::preload;

PRELOAD_EXPORT int sigaction(int signal, const struct sigaction *wish, struct sigaction *before)
{
	if (!can_go_on() || next.sigaction == nullptr) {
		errno = EAGAIN;
		return -1;
	}
	program_action *slot = is_active() ? slot_of(signal) : nullptr;
	if (slot == nullptr || !slot->ours.load(relaxed))
		return next.sigaction(signal, wish, before);
	return set_fatal(*slot, signal, wish, before);
}

PRELOAD_EXPORT sighandler_t signal(int signal, sighandler_t handler)
{
	if (can_go_on() && next.signal != nullptr && (!is_active() || slot_of(signal) == nullptr))
		return next.signal(signal, handler);
	struct sigaction wish = {};
	struct sigaction before = {};
	wish.sa_handler = handler;
	wish.sa_flags = SA_RESTART; // as glibc's signal()
	sigaddset(&wish.sa_mask, signal);
	return sigaction(signal, &wish, &before) == 0 ? before.sa_handler : SIG_ERR;
}
