// SPDX-License-Identifier: MIT
//
// stepping_atomics.hpp - the library's own atomics, with what tests need to
// play several threads in one: a CPU number of their choice, and an action that
// happens at a step, once, in the middle of an operation. Whatever such an
// action does is what another thread, or a signal handler, may do there.
#pragma once

#include "reserve/atomics.hpp"

#include <functional>
#include <map>
#include <utility>

namespace mp::test {

struct stepping_atomics : reserve::native_atomics {
	static inline thread_local unsigned cpu_now = 0;
	static inline unsigned cpu_count = 4;
	static unsigned cpu() { return cpu_now; }
	static unsigned cpus() { return cpu_count; }

	/// Not in threads: what is to happen at the next such step.
	static inline std::map<reserve::step, std::function<void()>> actions;
	static void at(reserve::step s)
	{
		if (actions.empty())
			return;
		const auto found = actions.find(s);
		if (found == actions.end())
			return;
		const std::function<void()> once = std::move(found->second);
		actions.erase(found);
		once();
	}
};

} // namespace mp::test
