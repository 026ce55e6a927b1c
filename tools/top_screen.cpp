// SPDX-License-Identifier: MIT
//
// top_screen.cpp - see top_screen.hpp.
#include "tools/top_screen.hpp"

#include "tools/text.hpp"

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstring>
#include <ctime>
#include <langinfo.h>
#include <ncurses.h>
#include <stdexcept>
#include <unistd.h>

namespace top {
namespace {

using tools::text;

// Colours by how full a reserve is, and for headings.
enum pair : short { full_pair = 1, dip_pair, low_pair, heading_pair };

int colour_of(double level)
{
	if (level >= 1)
		return COLOR_PAIR(full_pair);
	if (level >= 0.5)
		return COLOR_PAIR(dip_pair) | A_BOLD;
	return COLOR_PAIR(low_pair) | A_BOLD | (level <= 0 ? A_REVERSE : 0);
}

const char *mark_of(double level, bool blocks)
{
	static constexpr const char *drawn[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static constexpr const char *plain[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
	const long i = std::lround(level * 7);
	return (blocks ? drawn : plain)[i < 0 ? 0 : i > 7 ? 7 : i];
}

/// 12345678 as "12.3M", at most 6 characters.
std::string brief(double number)
{
	static constexpr const char units[] = " kMGT";
	size_t unit = 0;
	while (number >= 9999.5 && unit + 2 < sizeof(units)) {
		number /= 1000;
		unit++;
	}
	return unit == 0 ? text("%.0f", number) : text("%.*f%c", number < 100 ? 1 : 0, number, units[unit]);
}

/// A column of the pools' table, and how much it is missed where there is no room for it.
struct column {
	const char *title;
	int width;    // negative: text to the left
	int priority; // those with the least stay longest
	std::string (*cell)(const pool_row &row);
};

constexpr int spark_column = 3;
constexpr column columns[] = {
	{"PID", 7, 3, [](const pool_row &r) { return std::to_string(r.pid); }},
	{"PROGRAM", -12, 7, [](const pool_row &r) { return r.program; }},
	{"POOL", -18, 0, [](const pool_row &r) { return std::string(r.pool.name); }},
	{"RESERVE", -20, 1, [](const pool_row &) { return std::string(); }},
	{"LEVEL", 11, 0, [](const pool_row &r) { return text("%d/%d", r.pool.stats.curr_nr, r.pool.stats.min_nr); }},
	{"LOWEST", 6, 4, [](const pool_row &r) { return std::to_string(r.pool.stats.lowest_nr); }},
	{"ALLOC/S", 7, 5, [](const pool_row &r) { return brief(r.allocs_per_s); }},
	{"RESRV/S", 7, 6, [](const pool_row &r) { return brief(r.from_reserve_per_s); }},
	{"FAILED", 6, 9, [](const pool_row &r) { return brief(static_cast<double>(r.pool.stats.failures)); }},
	{"SLEEPS", 6, 2, [](const pool_row &r) { return brief(static_cast<double>(r.pool.stats.sleeps)); }},
	{"ASLEEP", 6, 2, [](const pool_row &r) { return std::to_string(r.pool.stats.waiters); }},
	{"LONGEST", 8, 2, [](const pool_row &r) { return tools::duration(r.pool.stats.wait_longest_ns); }},
	{"CERTIFICATE", -12, 3,
	 [](const pool_row &r) { return r.fresh ? live::verdict(r.pool) : std::string("no answer"); }},
};

/// Which columns there is room for.
std::vector<size_t> columns_for(int width)
{
	std::vector<size_t> chosen;
	for (int most = 9; most >= 0; most--) {
		chosen.clear();
		int used = 0;
		for (size_t i = 0; i < std::size(columns); i++)
			if (columns[i].priority <= most) {
				chosen.push_back(i);
				used += std::abs(columns[i].width) + 1;
			}
		if (used - 1 <= width)
			break;
	}
	return chosen;
}

std::string fitted(std::string what, int width)
{
	const auto most = static_cast<size_t>(std::abs(width));
	if (what.size() > most)
		what = what.substr(0, most - 1) + "~";
	return text("%*s", width, what.c_str());
}

/// The screen from a line on; what goes beyond its end is scrolled to.
struct writer {
	int line;
	int skip;   // rows that are still to be left out
	int bottom; // the last line that may be used

	bool next()
	{
		if (skip > 0) {
			skip--;
			return false;
		}
		if (line > bottom)
			return false;
		move(line++, 0);
		return true;
	}
};

void draw_spark(const pool_row &row, bool blocks, int width)
{
	const auto room = static_cast<size_t>(width);
	const size_t from = row.levels.size() > room ? row.levels.size() - room : 0;
	for (size_t i = row.levels.size() - from; i < room; i++)
		addch(' ');
	for (size_t i = from; i < row.levels.size(); i++) {
		attron(colour_of(row.levels[i]));
		addstr(mark_of(row.levels[i], blocks));
		attroff(colour_of(row.levels[i]));
	}
}

void draw_heading(const std::string &line)
{
	attron(COLOR_PAIR(heading_pair) | A_REVERSE);
	addnstr(line.c_str(), COLS);
	for (int x = static_cast<int>(line.size()); x < COLS; x++)
		addch(' ');
	attroff(COLOR_PAIR(heading_pair) | A_REVERSE);
}

void draw_pools(const rows &all, writer &at, bool blocks)
{
	const std::vector<size_t> chosen = columns_for(COLS);
	std::string heading;
	for (const size_t i : chosen)
		heading += (heading.empty() ? "" : " ") + fitted(columns[i].title, columns[i].width);
	if (at.line <= at.bottom) {
		move(at.line++, 0);
		draw_heading(heading);
	}
	for (const pool_row &row : all.pools()) {
		if (!at.next())
			continue;
		const bool asleep = row.pool.stats.waiters > 0;
		for (const size_t i : chosen) {
			const int attributes = i == spark_column                        ? 0
					       : strcmp(columns[i].title, "LEVEL") == 0 ? colour_of(row.level())
					       : asleep && strcmp(columns[i].title, "ASLEEP") == 0
						       ? COLOR_PAIR(low_pair) | A_BOLD
						       : (row.fresh ? 0 : A_DIM);
			if (i != chosen.front())
				addch(' ');
			if (i == spark_column) {
				draw_spark(row, blocks, std::abs(columns[i].width));
				continue;
			}
			attron(attributes);
			addstr(fitted(columns[i].cell(row), columns[i].width).c_str());
			attroff(attributes);
		}
	}
}

void draw_caches(const rows &all, writer &at)
{
	if (at.line <= at.bottom) {
		move(at.line++, 0);
		draw_heading(text("%7s %-12s %-24s %8s %8s %10s %8s %8s %8s", "PID", "PROGRAM", "CACHE", "SIZE", "SLOT",
				  "OBJECTS", "SLABS", "ALLOC/S", "FAILED"));
	}
	for (const cache_row &row : all.caches()) {
		if (!at.next())
			continue;
		const kmem_cache_statistics &s = row.cache.stats;
		const std::string line =
			text("%7d %s %s %8u %8u %10s %8s %8s %8s", row.pid, fitted(row.program, -12).c_str(),
			     fitted(row.cache.name, -24).c_str(), s.object_size, s.slot_size,
			     brief(static_cast<double>(s.objects)).c_str(), brief(static_cast<double>(s.slabs)).c_str(),
			     brief(row.allocs_per_s).c_str(), brief(static_cast<double>(s.failures)).c_str());
		addnstr(line.c_str(), COLS);
	}
}

constexpr const char *help_lines[] = {
	"h ?        this help, and back",
	"q          quit",
	"l          sort by level: the emptiest reserve first",
	"n          by name",
	"p          by process",
	"a          by allocations a second",
	"f          by elements from the reserve a second",
	"s          by sleeps",
	"w          by the longest wait",
	"c          by certificate: what is not guaranteed first",
	"r          reverse the order",
	"Tab        pools and caches, pools alone, caches alone",
	"+ -        look more often, less often",
	"Space      look now",
	"arrows, Page Up, Page Down   scroll",
	"",
	"RESERVE shows the level at the last looks, the newest to the right.",
	"Green: full. Yellow: below min_nr. Red: below half of it; reversed: empty.",
	"CERTIFICATE says whether the reserve is guaranteed, or the weightiest reason",
	"why not: mempool stat PID --json has them all.",
};

void draw_help(writer &at)
{
	for (const char *line : help_lines)
		if (at.next())
			addnstr(line, COLS);
}

std::string clock_text()
{
	const time_t now = time(nullptr);
	tm local = {};
	localtime_r(&now, &local);
	return text("%02d:%02d:%02d", local.tm_hour, local.tm_min, local.tm_sec);
}

} // namespace

screen::screen()
{
	if (isatty(STDOUT_FILENO) == 0 || isatty(STDIN_FILENO) == 0)
		throw std::runtime_error("top: this is no terminal: mempool stat prints the figures");
	setlocale(LC_CTYPE, "");
	blocks_ = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (newterm(nullptr, stdout, stdin) == nullptr)
		throw std::runtime_error("top: this terminal is not known, see TERM: mempool stat prints the figures");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	start_color();
	use_default_colors();
	init_pair(full_pair, COLOR_GREEN, -1);
	init_pair(dip_pair, COLOR_YELLOW, -1);
	init_pair(low_pair, COLOR_RED, -1);
	init_pair(heading_pair, COLOR_CYAN, -1);
}

screen::~screen()
{
	endwin();
}

void screen::draw(const rows &all, view &how)
{
	erase();
	const std::string title =
		text("mempool top  %s  processes: %u, pools: %zu, caches: %zu  every %.1f s  by %s%s  h: help",
		     clock_text().c_str(), all.processes(), all.pools().size(), all.caches().size(), how.interval_s,
		     name_of(how.by), how.reversed ? ", reversed" : "");
	attron(A_BOLD);
	mvaddnstr(0, 0, title.c_str(), COLS);
	attroff(A_BOLD);
	mvaddnstr(1, 0, how.note.c_str(), COLS);
	const int rows_there = static_cast<int>((how.what != shown::caches ? all.pools().size() : 0) +
						(how.what != shown::pools ? all.caches().size() : 0));
	how.first = std::clamp(how.first, 0, std::max(0, rows_there - 1));
	writer at = {2, how.first, LINES - 1};
	if (how.help) {
		at.skip = 0;
		draw_help(at);
	} else {
		if (how.what != shown::caches)
			draw_pools(all, at, blocks_);
		if (how.what == shown::both)
			at.line++;
		if (how.what != shown::pools)
			draw_caches(all, at);
	}
	refresh();
}

typed screen::wait(int ms)
{
	timeout(std::max(ms, 0));
	switch (const int c = getch()) {
	case ERR:
		return {};
	case 'q':
	case 'Q':
		return {key::quit};
	case 'h':
	case '?':
		return {key::help};
	case 'r':
		return {key::reverse};
	case '\t':
		return {key::next_kind};
	case '+':
		return {key::faster};
	case '-':
		return {key::slower};
	case ' ':
		return {key::now};
	case KEY_UP:
		return {key::up};
	case KEY_DOWN:
		return {key::down};
	case KEY_PPAGE:
		return {key::page_up};
	case KEY_NPAGE:
		return {key::page_down};
	case KEY_RESIZE:
		return {key::resized};
	default: {
		static constexpr char keys[] = "lnpafswc"; // in the order of `order`
		const char *at = c > 0 && c < 128 ? strchr(keys, c) : nullptr;
		return at != nullptr ? typed{key::order_key, static_cast<order>(at - keys)} : typed{key::other};
	}
	}
}

} // namespace top
