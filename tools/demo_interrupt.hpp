// SPDX-License-Identifier: MIT
//
// demo_interrupt.hpp - Ctrl-C and kill: the demo ends its daemon and removes
// its files, then ends as it was told to.
#pragma once

namespace demo {

/// While it lives, SIGINT, SIGTERM and SIGHUP are noted and nothing more; SIGPIPE is ignored.
class interrupt_guard {
      public:
	interrupt_guard();
	interrupt_guard(const interrupt_guard &) = delete;
	interrupt_guard &operator=(const interrupt_guard &) = delete;
	~interrupt_guard();
};

/// The signal that came, 0 when none did. Any thread may ask.
int interrupted();

} // namespace demo
