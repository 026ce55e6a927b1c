// SPDX-License-Identifier: MIT
//
// lab_keys.cpp - see lab_keys.hpp.
#include "tools/lab_keys.hpp"

#include <cerrno>
#include <csignal>
#include <unistd.h>

namespace lab {

// Ctrl-C comes as a key: so nothing has to be put right by a signal handler.
keyboard::keyboard()
{
	if (tcgetattr(STDIN_FILENO, &before_) != 0)
		return;
	termios raw = before_;
	raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	changed_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

keyboard::~keyboard()
{
	if (changed_)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

key keyboard::read()
{
	constexpr char ctrl_c = 3;
	constexpr char ctrl_d = 4;
	for (;;) {
		char c = 0;
		const ssize_t got = ::read(STDIN_FILENO, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return key::quit;
		switch (c) {
		case '\r':
		case '\n':
		case ' ':
		case 'n':
			return key::on;
		case 'b':
		case 'p':
		case 127:
			return key::back;
		case 'q':
		case ctrl_d:
			return key::quit;
		case ctrl_c:
			if (changed_)
				tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
			signal(SIGINT, SIG_DFL);
			raise(SIGINT);
			return key::quit;
		default:
			break;
		}
	}
}

} // namespace lab
