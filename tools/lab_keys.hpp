// SPDX-License-Identifier: MIT
//
// lab_keys.hpp - single keys from the terminal, without waiting for a line's end.
#pragma once

#include <termios.h>

namespace lab {

enum class key { on, back, quit };

/// While it lives, standard input gives each key as it is pressed. Ctrl-C ends the
/// program as ever, and leaves the terminal as it was.
class keyboard {
      public:
	keyboard();
	keyboard(const keyboard &) = delete;
	keyboard &operator=(const keyboard &) = delete;
	~keyboard();

	/// Waits for a key that means something. The end of the input means quit.
	key read();

      private:
	termios before_{};
	bool changed_ = false;
};

} // namespace lab
