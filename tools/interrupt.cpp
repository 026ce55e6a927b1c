// SPDX-License-Identifier: MIT
//
// interrupt.cpp - see interrupt.hpp.
#include "tools/interrupt.hpp"

#include <atomic>

namespace tools {
namespace {

constexpr int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
constinit std::atomic<int> came{0};
static_assert(std::atomic<int>::is_always_lock_free); // a signal handler writes it

void note(int signal_nr)
{
	came.store(signal_nr, std::memory_order_relaxed);
}

} // namespace

interrupt_guard::interrupt_guard()
{
	static_assert(std::size(handled) == std::tuple_size_v<decltype(before_)>);
	came.store(0, std::memory_order_relaxed);
	for (size_t i = 0; i < before_.size(); i++) {
		struct sigaction action = {}; // no SA_RESTART: what sleeps is to look around
		action.sa_handler = handled[i] == SIGPIPE ? SIG_IGN : note;
		sigaction(handled[i], &action, &before_[i]);
		if (before_[i].sa_handler == SIG_IGN) // as by nohup; it is not for us to hear of it
			sigaction(handled[i], &before_[i], nullptr);
	}
}

interrupt_guard::~interrupt_guard()
{
	for (size_t i = 0; i < before_.size(); i++)
		sigaction(handled[i], &before_[i], nullptr);
}

int interrupted()
{
	return came.load(std::memory_order_relaxed);
}

} // namespace tools
