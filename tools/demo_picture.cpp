// SPDX-License-Identifier: MIT
//
// demo_picture.cpp - see demo_picture.hpp.
#include "tools/demo_picture.hpp"

#include "tools/text.hpp"

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace demo {

using tools::duration;
using tools::text;

namespace {

constexpr unsigned rows = 8;
constexpr unsigned eighths = 8; // of a row
constexpr unsigned margin = 9;  // "    64 | "

/// The lowest level in each column's time; where nothing was sampled, nothing
/// was taken either, and the level is what it was.
std::vector<int> lowest_levels(const run_result &run, unsigned min_nr, unsigned columns)
{
	std::vector<int> lowest(columns, -1);
	for (const sample &s : run.samples) {
		const uint64_t column = std::min<uint64_t>(s.at_ns * columns / run.took_ns, columns - 1);
		lowest[column] = lowest[column] < 0 ? s.level : std::min(lowest[column], s.level);
	}
	int last = static_cast<int>(min_nr);
	for (int &level : lowest)
		last = level = level < 0 ? last : level;
	return lowest;
}

const char *cell(unsigned filled, bool utf8)
{
	static constexpr const char *blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	if (utf8)
		return blocks[filled];
	return filled >= eighths / 2 ? "#" : filled > 0 ? "." : " ";
}

/// How much of a row a level fills. Any level above 0 shows.
unsigned filled_in(unsigned row, int level, unsigned min_nr)
{
	const uint64_t steps =
		level <= 0 ? 0 : std::max<uint64_t>(1, static_cast<uint64_t>(level) * rows * eighths / min_nr);
	const uint64_t below = uint64_t{row} * eighths;
	return steps <= below ? 0 : static_cast<unsigned>(std::min<uint64_t>(steps - below, eighths));
}

/// The line below the picture: what is exhausted, and when.
std::string mark(const run_result &run, unsigned columns)
{
	const std::string name = " memory exhausted ";
	const auto column_of = [&](uint64_t at_ns) {
		return static_cast<size_t>(std::min<uint64_t>(at_ns * columns / run.took_ns, columns - 1));
	};
	const size_t from = column_of(run.exhausted_from_ns);
	const size_t width = column_of(run.exhausted_until_ns) - from + 1;
	if (width >= name.size() + 4) {
		const size_t left = (width - name.size()) / 2;
		return std::string(from, ' ') + "<" + std::string(left - 1, '-') + name +
		       std::string(width - name.size() - left - 1, '-') + ">";
	}
	// Too narrow to write inside: beside it, where there is room.
	const std::string bar(width, '^');
	if (from + width + name.size() <= columns)
		return std::string(from, ' ') + bar + name;
	return std::string(from > name.size() ? from - name.size() : 0, ' ') + name + bar;
}

} // namespace

canvas canvas_of_stdout()
{
	canvas found = {71, false};
	winsize size{};
	const char *columns = getenv("COLUMNS");
	unsigned long width = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		width = size.ws_col;
	else if (columns != nullptr)
		width = strtoul(columns, nullptr, 10);
	found.columns = static_cast<unsigned>(std::clamp<unsigned long>(width, 40, 120)) - margin;
	setlocale(LC_CTYPE, "");
	found.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	return found;
}

std::string picture(const run_result &run, unsigned min_nr, canvas on)
{
	const std::vector<int> lowest = lowest_levels(run, min_nr, on.columns);
	std::string drawn = text("The reserve of %u records over time (the lowest level in every %s)\n", min_nr,
				 duration(run.took_ns / on.columns).c_str());
	for (unsigned row = rows; row-- > 0;) {
		drawn += row == rows - 1 ? text("%6u |", min_nr) : std::string("       |");
		for (const int level : lowest)
			drawn += cell(filled_in(row, level, min_nr), on.utf8);
		drawn += '\n';
	}
	drawn += "     0 +" + std::string(on.columns, '-') + "\n";
	drawn += "        " + mark(run, on.columns) + "\n";
	const std::string end = duration(run.took_ns);
	drawn += "        0 s" + std::string(on.columns - 3 - end.size(), ' ') + end + "\n";
	return drawn;
}

} // namespace demo
