// SPDX-License-Identifier: MIT
//
// lab_terminal.cpp - see lab_terminal.hpp.
#include "tools/lab_terminal.hpp"

#include "tools/lab_keys.hpp"
#include "tools/lab_words.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace lab {
namespace {

constexpr size_t most_events = 24; // that a step lists; the page has all

std::string padded(std::string text, size_t width)
{
	text.resize(std::max(width, text.size()), ' ');
	return text;
}

std::string heading(const look &how, const std::string &text)
{
	return "\n" + painted(how, ink::faint, wrapped(how, text, "", "  "));
}

std::string title_text(const run &lesson, size_t number, const look &how)
{
	const std::string where =
		lesson.name + "  " + std::to_string(number + 1) + " of " + std::to_string(lesson.steps.size());
	const std::string title = lesson.steps[number].title;
	const size_t used = where.size() + 8;
	std::string rule(how.columns > used ? how.columns - used : 0, '-');
	return painted(how, ink::faint, "-- " + where + " " + rule) + "\n" +
	       painted(how, ink::bold, wrapped(how, title, "", "")) + "\n";
}

char mark_of(const slot &s)
{
	if (s.poisoned)
		return '!';
	return s.guest ? '~' : s.pinned ? '#' : ' ';
}

/// The reserve as a grid, and what the marks in it mean.
std::string grid(const pool_state &pool, const look &how)
{
	size_t width = 2;
	std::string marks;
	for (const slot &s : pool.slots) {
		width = std::max(width, s.element.size());
		if (!s.element.empty() && marks.find(mark_of(s)) == std::string::npos)
			marks += mark_of(s);
	}
	std::string all;
	std::string line;
	size_t used = 2;
	for (const slot &s : pool.slots) {
		if (used + width + 3 > how.columns) {
			all += "  " + line + "\n";
			line.clear();
			used = 2;
		}
		const std::string text = "[" + padded(s.element, width) + (s.element.empty() ? ' ' : mark_of(s)) + "]";
		line += painted(how, s.element.empty() ? ink::faint : ink::blue, text);
		used += width + 3;
	}
	all += "  " + line + "\n";
	std::string legend;
	if (marks.find('#') != std::string::npos)
		legend += "# the pool's own memory, pinned  ";
	if (marks.find('~') != std::string::npos)
		legend += "~ the backing's, adopted  ";
	if (marks.find('!') != std::string::npos)
		legend += "! poisoned";
	return legend.empty() ? all : all + painted(how, ink::faint, wrapped(how, legend, "  ", "  "));
}

std::string pools_text(const step &s, const look &how)
{
	std::string all;
	for (const pool_state &p : s.pools) {
		std::string head = "reserve of '" + p.name + "': " + std::to_string(p.level) + " of " +
				   std::to_string(std::max(p.min_nr, 1));
		if (p.min_nr == 0)
			head += " (min_nr 0)";
		if (!p.backing.empty())
			head += "; the backing " + p.backing;
		if (p.sleepers > 0)
			head += "; " + std::to_string(p.sleepers) + " asleep";
		all += heading(how, head) + grid(p, how);
	}
	return all;
}

char letter_of(doing what)
{
	switch (what) {
	case doing::idle:
		return '.';
	case doing::running:
		return '=';
	case doing::backing:
		return 'B';
	case doing::asleep:
		return 'z';
	case doing::woken:
		return 'w';
	case doing::done:
		return '+';
	case doing::failed:
		return 'x';
	}
	return '?';
}

/// What goes on until the lane's next event; anything else is over with its own.
char lasting(doing what)
{
	return what == doing::asleep || what == doing::backing ? letter_of(what) : '.';
}

/// What a lane did when the step before had ended.
doing before(const run &lesson, size_t number, const lane &l)
{
	if (number > 0)
		for (const lane &then : lesson.steps[number - 1].lanes)
			if (then.name == l.name)
				return then.now;
	return doing::idle;
}

/// A character for each event of the step: what this lane did then.
std::string strip(const step &s, const lane &l, doing at_first, size_t room)
{
	char now = lasting(at_first);
	std::string all;
	for (const event &e : s.events) {
		const bool own = e.lane == l.name;
		all += own ? letter_of(e.now) : now;
		if (own)
			now = lasting(e.now);
	}
	return all.size() > room ? all.substr(all.size() - room) : all;
}

std::string lane_text(const step &s, const lane &l, doing at_first, size_t width, const look &how)
{
	std::string text = l.text;
	for (size_t i = 0; i < std::min<size_t>(l.holds.size(), 6); i++)
		text += (i == 0 ? "; holds " : " ") + l.holds[i];
	if (l.holds.size() > 6)
		text += " and " + std::to_string(l.holds.size() - 6) + " more";
	const ink colour = l.now == doing::asleep   ? ink::yellow
			   : l.now == doing::failed ? ink::red
			   : l.now == doing::idle   ? ink::faint
						    : ink::green;
	const size_t room = how.columns - std::min<size_t>(how.columns, width + 14);
	return "  " + padded(l.name, width) + "  " + painted(how, colour, padded(name_of(l.now), 8)) + "  " +
	       strip(s, l, at_first, room) + "\n" +
	       wrapped(how, text, std::string(width + 4, ' '), std::string(width + 4, ' '));
}

std::string lanes_text(const run &lesson, size_t number, const look &how)
{
	const step &s = lesson.steps[number];
	if (s.lanes.empty())
		return "";
	std::string all = heading(how, "threads");
	size_t width = 4;
	for (const lane &l : s.lanes)
		width = std::max(width, l.name.size());
	for (const lane &l : s.lanes)
		all += lane_text(s, l, before(lesson, number, l), width, how);
	if (!s.events.empty())
		all += painted(
			how, ink::faint,
			wrapped(how,
				"an event each: = works, B asks the backing, z sleeps, w is woken, + has it, x NULL",
				"  ", "  "));
	return all;
}

std::string passes_text(const step &s, const look &how)
{
	std::string all;
	size_t told = 0;
	for (const pass &p : s.passes) {
		if (++told > 4)
			break;
		if (all.empty())
			all = heading(how, "what the backing was asked with");
		all += wrapped(how, p.lane + ", pass " + std::to_string(p.number) + ": " + p.text, "  ", "    ");
		if (!p.added.empty())
			all += wrapped(how, "added to " + p.callers + ": " + p.added, "    ", "      ");
		if (!p.removed.empty())
			all += wrapped(how, "taken away: " + p.removed, "    ", "      ");
	}
	if (s.passes.size() > 4)
		all += "  and " + std::to_string(s.passes.size() - 4) + " more passes\n";
	return all;
}

std::string events_text(const step &s, const look &how)
{
	if (s.events.empty())
		return "";
	std::string all =
		heading(how, s.events.front().kind == model_event ? "what happens in the model" : "what was recorded");
	size_t width = 4;
	for (const event &e : s.events)
		width = std::max(width, e.lane.size());
	const uint64_t from = s.events.front().time_ns;
	const size_t shown = s.events.size() > most_events ? most_events / 2 : s.events.size();
	for (size_t i = 0; i < s.events.size(); i++) {
		if (i == shown && shown < s.events.size()) {
			i = s.events.size() - shown;
			all += "  ... " + std::to_string(i - shown) + " events more ...\n";
		}
		const event &e = s.events[i];
		const std::string when = "+" + tools::duration(e.time_ns - std::min(e.time_ns, from));
		const std::string front = "  " + padded(when, 8) + " " + padded(e.lane, width) + "  ";
		all += wrapped(how, e.text, front, std::string(front.size() + 2, ' '));
	}
	return all;
}

std::string claims_text(const step &s, const look &how)
{
	if (s.claims.empty())
		return "";
	std::string all = heading(how, "claimed, and checked against that");
	for (const claim &c : s.claims) {
		const std::string mark = c.holds ? painted(how, ink::green, "ok  ") : painted(how, ink::red, "FAIL");
		std::string text = wrapped(how, c.text + ": " + c.observed, "       ", "       ");
		if (!c.holds) {
			text = wrapped(how, c.name + ": " + c.text, "       ", "       ") +
			       wrapped(how, "expected: " + c.expected, "       ", "         ") +
			       wrapped(how, "observed: " + c.observed, "       ", "         ");
		}
		all += "  " + mark + " " + text.substr(7);
	}
	return all;
}

std::string rules_text(const step &s, const look &how)
{
	std::string all;
	for (const fact &f : s.facts)
		all += wrapped(how, (f.par > 0 ? "PAR-" + std::to_string(f.par) + "  " : "Here  ") + f.text, "  ",
			       "    ");
	for (const source &line : s.sources) {
		const std::string where = line.line > 0 ? line.file + ":" + std::to_string(line.line) : line.file;
		all += "  " + painted(how, ink::bold, where) + "\n";
		if (!line.text.empty())
			all += wrapped(how, line.text, "    ", "        ");
	}
	return all.empty() ? "" : heading(how, "why") + all;
}

} // namespace

std::string step_text(const run &lesson, size_t number, const look &how)
{
	const step &s = lesson.steps[number];
	return title_text(lesson, number, how) + wrapped(how, s.narration, "", "") + pools_text(s, how) +
	       lanes_text(lesson, number, how) + passes_text(s, how) + events_text(s, how) + claims_text(s, how) +
	       rules_text(s, how);
}

std::string verdict_text(const run &lesson, const look &how)
{
	size_t claims = 0;
	for (const step &s : lesson.steps)
		claims += s.claims.size();
	const size_t failed = lesson.failed().size();
	if (failed == 0)
		return painted(how, ink::green, lesson.name + ": all " + std::to_string(claims) + " claims hold") +
		       "\n";
	return painted(how, ink::red,
		       lesson.name + ": " + std::to_string(failed) + " of " + std::to_string(claims) +
			       " claims do not hold") +
	       "\n";
}

bool show(const run &lesson, const look &how)
{
	if (!how.keys) {
		for (size_t i = 0; i < lesson.steps.size(); i++)
			print(step_text(lesson, i, how) + "\n");
		print(verdict_text(lesson, how));
		return true;
	}
	keyboard keys;
	for (size_t at = 0; at < lesson.steps.size();) {
		const bool last = at + 1 == lesson.steps.size();
		print("\033[H\033[2J" + step_text(lesson, at, how) + "\n" + (last ? verdict_text(lesson, how) : "") +
		      painted(how, ink::faint,
			      last ? "Enter: done, b: back, q: quit " : "Enter: on, b: back, q: quit "));
		const key pressed = keys.read();
		if (pressed == key::quit) {
			print("\n");
			return false;
		}
		if (pressed == key::on)
			at++;
		else if (at > 0)
			at--;
	}
	print("\n");
	return true;
}

} // namespace lab
