// SPDX-License-Identifier: MIT
//
// fault_decision.hpp - does this allocation fail? The kernel's attributes in the
// kernel's order (PAR-36), and a random number that can be drawn again.
//
// Not a shared generator decides, but a function of the seed, the point, the
// thread and how often that thread came here: so a seed gives each thread the
// same failures under any scheduling. `times` and `space` are budgets that all
// threads share, as in the kernel: who gets the last of one is up to scheduling.
//
// Freestanding: no allocation, no lock, safe in a signal handler.
// Owner of the state: the caller. Race table: all calls may run together; what
// is a thread's own is only that thread's.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace mp::watch {

/// What is set, as it was when the decision began.
struct fault_rules {
	uint64_t probability = 0; // percent
	uint64_t interval = 1;
	bool task_filter = false;
};

/// Budgets that all threads share.
struct fault_budget {
	std::atomic<int32_t> &times; // failures left; -1: no end
	std::atomic<int32_t> &space; // let through what fits in here first
};

/// What a thread has of its own.
struct fault_thread {
	uint32_t nth = 0;            // the n-th decision from now fails; 0: off
	bool nth_persistent = false; // and all after it
	bool make_it_fail = false;   // let in by a task filter
	uint32_t hits = 0;           // faults since nth was set
	uint64_t identity = 0;
};

/// How the stack filter judges this call; asked at most once, and only when it matters.
using stack_allowed_fn = bool(const void *arg);
struct stack_filter {
	stack_allowed_fn *allowed = nullptr; // nullptr: there is no filter
	const void *arg = nullptr;

	bool passes() const { return allowed == nullptr || allowed(arg); }
};

/// One call: how much is asked for, in the point's own unit; and the draw's ingredients.
struct fault_draw {
	int64_t size;
	uint64_t seed;
	uint64_t point;  // hash of its name
	uint32_t *count; // that thread's decisions at this point that came as far as the draw
};

uint64_t fault_hash(std::string_view text);

/// 0 to 99, the same for the same figures.
unsigned fault_percent(uint64_t seed, uint64_t point, uint64_t thread, uint32_t count);

/// Takes one of `times`; false when there is none left. -1 is never used up.
bool take_time(std::atomic<int32_t> &times);

/// Lets `size` through at the expense of `space`, while that is larger.
bool take_space(std::atomic<int32_t> &space, int64_t size);

inline bool fits(std::atomic<int32_t> &space, int64_t size)
{
	return space.load(std::memory_order_relaxed) > size && take_space(space, size);
}

/// The thread's own count decides alone. It fails with or without `times` left,
/// but takes one.
bool decide_nth(fault_budget budget, fault_thread &thread, stack_filter stack);

/// Here, as most decisions are misses, and the caller pays for each.
inline bool fault_decide(const fault_rules &rules, fault_budget budget, fault_thread &thread, stack_filter stack,
			 const fault_draw &draw)
{
	if (thread.nth != 0) [[unlikely]]
		return decide_nth(budget, thread, stack);
	if (rules.probability == 0)
		return false;
	if (rules.task_filter && !thread.make_it_fail)
		return false;
	if (budget.times.load(std::memory_order_relaxed) == 0)
		return false;
	if (!stack.passes())
		return false;
	if (fits(budget.space, draw.size))
		return false;
	const uint32_t count = ++*draw.count;
	if (rules.interval > 1 && count % rules.interval != 0)
		return false;
	if (rules.probability <= fault_percent(draw.seed, draw.point, thread.identity, count))
		return false;
	if (!take_time(budget.times)) // another thread took the last one meanwhile
		return false;
	thread.hits++;
	return true;
}

} // namespace mp::watch
