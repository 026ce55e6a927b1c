// SPDX-License-Identifier: MIT
//
// lab_print.hpp - text for a terminal: wrapped, coloured, written whole.
#pragma once

#include <string>

namespace lab {

/// What the terminal can do.
struct look {
	unsigned columns = 80; // 40 to 100
	bool colour = false;
	bool keys = false; // both ends are a terminal: steps are turned by keys
};

/// As standard output and the environment have it. NO_COLOR is honoured.
look terminal_look(bool auto_play);

enum class ink { bold, faint, red, green, yellow, blue };

/// The text in this colour, where there is colour.
std::string painted(const look &how, ink colour, const std::string &text);

/// Paragraphs, broken at spaces; the first line begins with `first`, the others with `rest`.
std::string wrapped(const look &how, const std::string &text, const std::string &first, const std::string &rest);

/// To standard output; throws std::system_error when it cannot take it.
void print(const std::string &text);

} // namespace lab
