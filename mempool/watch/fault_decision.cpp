// SPDX-License-Identifier: MIT
//
// fault_decision.cpp - see fault_decision.hpp.
#include "mempool/watch/fault_decision.hpp"

#include <bit>

namespace mp::watch {
namespace {

/// The finaliser of splitmix64: each bit of the input changes half of the output's.
uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9;
	x ^= x >> 27;
	x *= 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/// Takes one of `times`; false when there is none left. -1 is never used up.
bool take_time(std::atomic<int32_t> &times)
{
	int32_t left = times.load(std::memory_order_relaxed);
	while (left > 0 && !times.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {}
	return left != 0;
}

/// Lets `size` through at the expense of `space`, while that is larger.
bool fits(std::atomic<int32_t> &space, int64_t size)
{
	int32_t left = space.load(std::memory_order_relaxed);
	while (left > size) {
		if (space.compare_exchange_weak(left, static_cast<int32_t>(left - size), std::memory_order_relaxed))
			return true;
	}
	return false;
}

/// The thread's own count decides alone. It fails with or without `times` left,
/// but takes one.
bool decide_nth(fault_budget budget, fault_thread &thread, stack_filter stack)
{
	if (!stack.passes())
		return false;
	if (thread.nth > 1) {
		thread.nth--;
		return false;
	}
	if (!thread.nth_persistent)
		thread.nth = 0;
	static_cast<void>(take_time(budget.times));
	thread.hits++;
	return true;
}

} // namespace

uint64_t fault_hash(std::string_view text)
{
	uint64_t hash = 0xcbf29ce484222325; // FNV-1a
	for (const char c : text)
		hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
	return mix(hash);
}

unsigned fault_percent(uint64_t seed, uint64_t point, uint64_t thread, uint32_t count)
{
	// splitmix64, begun where seed, point and thread say, which are hashes already but for the seed.
	constexpr uint64_t step = 0x9e3779b97f4a7c15;
	const uint64_t begin = mix(seed + step) ^ point ^ std::rotl(thread, 32);
	return static_cast<unsigned>(mix(begin + count * step) % 100);
}

bool fault_decide(const fault_rules &rules, fault_budget budget, fault_thread &thread, stack_filter stack,
		  const fault_draw &draw)
{
	if (thread.nth != 0)
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
