// SPDX-License-Identifier: MIT
//
// futex_script.hpp - the futex system call, seen and played by a test. For
// programs that are linked with
//
//	-Wl,--wrap=syscall
//
// Without a script the calls go through to the kernel, and are only counted.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace mp::test {

/// One futex wait as the library made it.
struct futex_wait_call {
	const void *word;
	uint32_t expected;
	bool has_deadline;
	uint64_t deadline_ns;
};

/// Plays one wait: what the kernel would return, 0 or an errno. It may do what
/// another thread would do meanwhile.
using futex_step = std::function<int(const futex_wait_call &)>;

/// Begins anew: no script, nothing counted.
void futex_reset();

/// Waits play these steps, one each. One wait too many goes to the kernel.
void futex_play(std::deque<futex_step> steps);

/// A step that only returns `error`, 0 for a wake-up.
futex_step returns(int error);

/// A step that does something first.
template <class Action> futex_step after(Action action, int error)
{
	return [action, error](const futex_wait_call &) {
		action();
		return error;
	};
}

int futex_steps_left();
int futex_waits();

/// The words that wakes were made for, in their order.
std::vector<const void *> futex_wakes();

} // namespace mp::test
