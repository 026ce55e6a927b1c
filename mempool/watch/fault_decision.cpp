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

bool take_time(std::atomic<int32_t> &times)
{
	int32_t left = times.load(std::memory_order_relaxed);
	while (left > 0 && !times.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {}
	return left != 0;
}

bool take_space(std::atomic<int32_t> &space, int64_t size)
{
	int32_t left = space.load(std::memory_order_relaxed);
	while (left > size) {
		if (space.compare_exchange_weak(left, static_cast<int32_t>(left - size), std::memory_order_relaxed))
			return true;
	}
	return false;
}

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

} // namespace mp::watch
