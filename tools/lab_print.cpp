// SPDX-License-Identifier: MIT
//
// lab_print.cpp - see lab_print.hpp.
#include "tools/lab_print.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>

namespace lab {
namespace {

constexpr unsigned narrowest = 40;
constexpr unsigned widest = 100;
constexpr unsigned usual = 80;

unsigned columns_of_terminal()
{
	winsize size{};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return usual;
}

/// COLUMNS where it is set, also where there is no terminal.
unsigned columns_wanted()
{
	const char *set = getenv("COLUMNS");
	if (set == nullptr)
		return columns_of_terminal();
	const unsigned long wanted = strtoul(set, nullptr, 10);
	return wanted > 0 ? static_cast<unsigned>(std::min<unsigned long>(wanted, widest)) : columns_of_terminal();
}

} // namespace

look terminal_look(bool auto_play)
{
	look how;
	how.columns = std::clamp(columns_wanted(), narrowest, widest);
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	const bool dumb = terminal == nullptr || std::string(terminal) == "dumb";
	how.colour = isatty(STDOUT_FILENO) != 0 && !dumb && (no_colour == nullptr || no_colour[0] == '\0');
	how.keys = !auto_play && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
	return how;
}

std::string painted(const look &how, ink colour, const std::string &text)
{
	static constexpr const char *codes[] = {"1", "2", "31", "32", "33", "34"};
	if (!how.colour)
		return text;
	return std::string("\033[") + codes[static_cast<size_t>(colour)] + "m" + text + "\033[0m";
}

std::string wrapped(const look &how, const std::string &text, const std::string &first, const std::string &rest)
{
	std::string all;
	std::string line = first;
	bool begun = false;
	bool glued = false; // to what ends in '|': masks may break there
	for (size_t at = 0; at < text.size();) {
		if (text[at] == '\n') {
			all += begun ? line + "\n" : "\n";
			line = rest;
			begun = glued = false;
			at++;
			continue;
		}
		size_t end = std::min(text.find_first_of(" \n|", at), text.size());
		const bool bar = end < text.size() && text[end] == '|';
		end += bar ? 1 : 0;
		const std::string gap = begun && !glued ? " " : "";
		if (begun && line.size() + gap.size() + end - at > how.columns) {
			all += line + "\n";
			line = rest + text.substr(at, end - at);
		} else {
			line += gap + text.substr(at, end - at);
		}
		begun = true;
		glued = bar;
		at = end < text.size() && text[end] == ' ' ? end + 1 : end;
	}
	if (begun || text.empty())
		all += line + "\n";
	return all;
}

void print(const std::string &text)
{
	if (fwrite(text.data(), 1, text.size(), stdout) != text.size() || fflush(stdout) != 0)
		throw std::system_error(errno, std::generic_category(), "standard output");
}

} // namespace lab
