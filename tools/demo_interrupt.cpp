// SPDX-License-Identifier: MIT
//
// demo_interrupt.cpp - see demo_interrupt.hpp.
#include "tools/demo_interrupt.hpp"

#include <atomic>
#include <csignal>

namespace demo {
namespace {

constexpr int noted[] = {SIGINT, SIGTERM, SIGHUP};
constinit std::atomic<int> came{0};
static_assert(std::atomic<int>::is_always_lock_free); // a signal handler writes it

void note(int signal_nr)
{
	came.store(signal_nr, std::memory_order_relaxed);
}

void handle(int signal_nr, void (*handler)(int))
{
	struct sigaction action = {};
	action.sa_handler = handler;
	sigaction(signal_nr, &action, nullptr); // no SA_RESTART: what sleeps is to look around
}

} // namespace

interrupt_guard::interrupt_guard()
{
	for (const int signal_nr : noted)
		handle(signal_nr, note);
	handle(SIGPIPE, SIG_IGN);
}

interrupt_guard::~interrupt_guard()
{
	for (const int signal_nr : noted)
		handle(signal_nr, SIG_DFL);
	handle(SIGPIPE, SIG_DFL);
}

int interrupted()
{
	return came.load(std::memory_order_relaxed);
}

} // namespace demo
