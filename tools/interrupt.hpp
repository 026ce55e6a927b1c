// SPDX-License-Identifier: MIT
//
// interrupt.hpp - Ctrl-C and kill: who has processes to end and files to remove
// does so first, then ends as it was told to.
//
// Race table: one guard at a time, by one thread; interrupted() for any.
#pragma once

#include <array>
#include <csignal>

namespace tools {

/// While it lives, SIGINT, SIGTERM and SIGHUP are noted and nothing more, but for those
/// that were ignored; SIGPIPE is ignored. Then all is as it was.
class interrupt_guard {
      public:
	interrupt_guard();
	interrupt_guard(const interrupt_guard &) = delete;
	interrupt_guard &operator=(const interrupt_guard &) = delete;
	~interrupt_guard();

      private:
	std::array<struct sigaction, 4> before_;
};

/// The signal that came since the last guard was made, 0 when none did. Any thread may ask.
int interrupted();

} // namespace tools
