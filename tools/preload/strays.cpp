// SPDX-License-Identifier: MIT
//
// strays.cpp - see strays.hpp.
#include "tools/preload/strays.hpp"

#include <array>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

constinit std::array<std::atomic<uintptr_t>, 1024> strays = {}; // 0: free
/// None behind it was ever used.
constinit std::atomic<size_t> used{0};

} // namespace

bool keep_stray(uintptr_t start)
{
	for (size_t i = 0; i < strays.size(); i++) {
		uintptr_t was = 0;
		if (!strays[i].compare_exchange_strong(was, start, relaxed))
			continue;
		size_t before = used.load(relaxed);
		while (before <= i && !used.compare_exchange_weak(before, i + 1, relaxed)) {}
		return true;
	}
	return false;
}

bool take_stray(uintptr_t start)
{
	for (size_t i = 0; i < used.load(relaxed); i++) {
		uintptr_t was = start;
		if (strays[i].compare_exchange_strong(was, 0, relaxed))
			return true;
	}
	return false;
}

} // namespace mp::preload
