// SPDX-License-Identifier: MIT
//
// top.cpp - see top.hpp.
#include "tools/top.hpp"

#include "tools/text.hpp"
#include "tools/top_screen.hpp"

#include <algorithm>
#include <climits>
#include <csignal>
#include <iostream>

namespace top {
namespace {

constexpr uint64_t ns_per_ms = 1'000'000;
constexpr uint64_t answer_ns = 300 * ns_per_ms; // who takes longer is shown as he was

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int)
{
	interrupted = 1;
}

/// Does what was typed. False: that was "quit".
bool obey(const typed &t, view &how, uint64_t &next_ns)
{
	constexpr int page = 10;
	switch (t.what) {
	case key::quit:
		return false;
	case key::help:
		how.help = !how.help;
		break;
	case key::reverse:
		how.reversed = !how.reversed;
		break;
	case key::next_kind:
		how.what = static_cast<shown>((static_cast<int>(how.what) + 1) % 3);
		how.first = 0;
		break;
	case key::faster:
		how.interval_s = std::max(0.1, how.interval_s / 2);
		next_ns = 0;
		break;
	case key::slower:
		how.interval_s = std::min(60.0, how.interval_s * 2);
		break;
	case key::now:
		next_ns = 0;
		break;
	case key::up:
	case key::page_up:
		how.first -= t.what == key::up ? 1 : page;
		break;
	case key::down:
	case key::page_down:
		how.first += t.what == key::down ? 1 : page;
		break;
	case key::order_key:
		how.by = t.by;
		break;
	case key::none:
	case key::resized:
	case key::other:
		break;
	}
	return true;
}

bool all_answered(const std::vector<live::snapshot> &all)
{
	return std::all_of(all.begin(), all.end(), [](const live::snapshot &s) { return s.problem.empty(); });
}

/// What happened to processes that could be looked at before.
void note_problem(const live::processes &at, const std::vector<live::snapshot> &all, std::string &last, view &how)
{
	if (all.empty() && at.problem().empty())
		how.note = "no process of yours publishes: start one with MEMPOOL_PUBLISH=1";
	else if (at.problem() != last)
		how.note = last = at.problem();
	else if (!all.empty() && (how.note.rfind("no process", 0) == 0 ||
				  (how.note.find("did not answer") != std::string::npos && all_answered(all))))
		how.note.clear();
}

} // namespace

void add(CLI::App &app, options &wanted)
{
	CLI::App *top = app.add_subcommand("top", "Watch the pools and caches of running processes on the screen");
	top->add_option("PID", wanted.pid, "The number of a process of yours (default: all that publish)")
		->check(CLI::Range(1, INT_MAX));
	top->add_option("--interval", wanted.interval_s, "Look each so many seconds")
		->capture_default_str()
		->type_name("SECONDS")
		->check(CLI::Range(0.1, 60.0));
	top->footer("A process publishes when it is started with MEMPOOL_PUBLISH=1, or calls mempool_publish_start().\n"
		    "Keys: h shows them all, q quits.\n");
}

int run(const options &wanted)
{
	live::processes at(wanted.pid);
	if (wanted.pid != 0 && at.look(answer_ns).empty()) {
		std::cerr << "mempool: top: " << at.problem() << '\n';
		return 1;
	}
	struct sigaction on_signal = {};
	on_signal.sa_handler = interrupt;
	screen display;
	sigaction(SIGINT, &on_signal, nullptr);
	sigaction(SIGTERM, &on_signal, nullptr);

	rows all;
	view how;
	std::string last_problem;
	uint64_t next_ns = 0;
	how.interval_s = wanted.interval_s;
	while (interrupted == 0) {
		if (tools::now_ns() >= next_ns) {
			const std::vector<live::snapshot> seen = at.look(answer_ns);
			all.take(seen);
			note_problem(at, seen, last_problem, how);
			next_ns = tools::now_ns() + static_cast<uint64_t>(how.interval_s * 1e9);
		}
		all.sort(how.by, how.reversed);
		display.draw(all, how);
		const uint64_t now = tools::now_ns();
		const int left_ms = next_ns > now ? static_cast<int>((next_ns - now) / ns_per_ms) + 1 : 0;
		if (!obey(display.wait(left_ms), how, next_ns))
			break;
	}
	return 0;
}

} // namespace top
