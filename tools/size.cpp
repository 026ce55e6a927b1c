// SPDX-License-Identifier: MIT
//
// size.cpp - see size.hpp.
#include "tools/size.hpp"

#include "tools/size_answer.hpp"
#include "tools/trace.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace size {
namespace {

struct quantity {
	double value;
	std::string unit;
};

/// A number, and what stands behind it; nothing when there is no number.
std::optional<quantity> parse_quantity(const std::string &text)
{
	size_t used = 0;
	try {
		const double value = std::stod(text, &used);
		return quantity{value, text.substr(used)};
	} catch (const std::exception &) {
		return std::nullopt;
	}
}

/// In ns: "5s", "10ms", "2.5us", "100ns"; nothing when it is none.
std::optional<uint64_t> parse_time(const std::string &text)
{
	const auto q = parse_quantity(text);
	if (!q)
		return std::nullopt;
	const double scale = q->unit == "ns"   ? 1
			     : q->unit == "us" ? 1e3
			     : q->unit == "ms" ? 1e6
			     : q->unit == "s"  ? 1e9
					       : 0;
	if (scale == 0 || !std::isfinite(q->value) || q->value < 0 || q->value * scale > 1e18)
		return std::nullopt;
	return static_cast<uint64_t>(q->value * scale);
}

/// "2", "2x", "0.5x".
std::optional<double> parse_rate(const std::string &text)
{
	const auto q = parse_quantity(text);
	if (!q || (!q->unit.empty() && q->unit != "x") || !(q->value >= 0.001 && q->value <= 1000))
		return std::nullopt;
	return q->value;
}

bool is_number(const std::string &text)
{
	return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The recording that a process writes now: a file that it has mapped.
std::string recording_of(const std::string &pid)
{
	std::ifstream maps("/proc/" + pid + "/maps");
	if (!maps)
		throw trace::failure("there is no process " + pid +
				     ", or it is another user's; the name of a recording may be given instead");
	std::string line;
	while (std::getline(maps, line)) {
		const size_t path_at = line.find('/');
		if (path_at == std::string::npos || line.find("rw-s") == std::string::npos)
			continue;
		std::string path = line.substr(path_at);
		if (trace::looks_like_recording(path))
			return path;
	}
	throw trace::failure("process " + pid +
			     " records nothing: start it with MEMPOOL_TRACE=FILE, or under 'mempool trace'");
}

what_if other_of(const options &wanted)
{
	what_if other;
	if (!wanted.rate.empty())
		other.rate = *parse_rate(wanted.rate);
	if (!wanted.outage.empty())
		other.outage_ns = *parse_time(wanted.outage);
	if (!wanted.outage_at.empty())
		other.outage_at_ns = *parse_time(wanted.outage_at);
	return other;
}

std::vector<answer> answers_for(const trace::recording &recorded, const options &wanted)
{
	std::vector<answer> answers;
	for (const load &l : loads_of(recorded)) {
		if (!wanted.pool.empty() && l.pool != wanted.pool)
			continue;
		answer a = find_answer(l, other_of(wanted), *parse_time(wanted.max_wait));
		a.lost_events = recorded.lost.events();
		if (wanted.verify) {
			a.replays.push_back(replay(a.used, a.without_sleep));
			if (a.without_sleep > 1)
				a.replays.push_back(replay(a.used, a.without_sleep - 1));
		}
		answers.push_back(std::move(a));
	}
	return answers;
}

/// With the answer nobody is left without, with one less somebody is.
bool holds(const answer &a)
{
	return std::all_of(a.replays.begin(), a.replays.end(),
			   [&](const replayed &r) { return (r.unserved == 0) == (r.min_nr >= a.without_sleep); });
}

} // namespace

void declare(CLI::App &app, options &wanted)
{
	CLI::App *sub = app.add_subcommand("size", "How large must min_nr be? Answered from a recording");
	sub->add_option("SOURCE", wanted.source, "A recording by 'mempool trace', or a process that makes one now")
		->type_name("PID|FILE")
		->required();
	sub->add_option("--pool", wanted.pool, "Only the pool of this name (default: all)")->type_name("NAME");
	sub->add_option("--max-wait", wanted.max_wait, "The longest wait that is bearable")
		->capture_default_str()
		->type_name("TIME");
	sub->add_option("--outage", wanted.outage, "What if the backings gave nothing for so long, at the worst time")
		->type_name("TIME");
	sub->add_option("--outage-at", wanted.outage_at,
			"So long after the recording began, rather than at the worst time")
		->type_name("TIME");
	sub->add_option("--rate", wanted.rate, "What if allocations came so many times as fast")->type_name("2x");
	sub->add_flag("--verify", wanted.verify,
		      "Do the same to pools of the library: with the answer, and with one less")
		->disable_flag_override();
	sub->add_flag("--json", wanted.json, "Print one JSON object")->disable_flag_override();
	sub->add_option("--svg", wanted.svg, "Draw what was out of the reserves over time")->type_name("FILE");
	sub->footer("Times are numbers with ns, us, ms or s.\n"
		    "Examples:\n"
		    "  mempool trace --events 1000000 -- ./daemon; mempool size mempool.trace\n"
		    "  mempool size --outage 5s --rate 2x --svg size.svg mempool.trace\n"
		    "Exit status: 0; 1 when the recording cannot be used, or --verify does not hold; 2: the command\n"
		    "line is wrong.");
}

std::string refusal(const options &wanted)
{
	const auto bad_time = [](const char *option, const std::string &text) {
		return std::string("size: ") + option + " '" + text + "' is no time: a number with ns, us, ms or s";
	};
	if (!parse_time(wanted.max_wait))
		return bad_time("--max-wait", wanted.max_wait);
	if (!wanted.outage.empty() && !parse_time(wanted.outage))
		return bad_time("--outage", wanted.outage);
	if (!wanted.outage_at.empty() && !parse_time(wanted.outage_at))
		return bad_time("--outage-at", wanted.outage_at);
	if (!wanted.outage_at.empty() && wanted.outage.empty())
		return "size: --outage-at says when, and --outage for how long: both are needed";
	if (!wanted.rate.empty() && !parse_rate(wanted.rate))
		return "size: --rate '" + wanted.rate + "' is none: a number of 0.001 to 1000, such as 2x";
	return "";
}

namespace {

int advise(const options &wanted)
{
	const std::string path = is_number(wanted.source) && !std::filesystem::exists(wanted.source)
					 ? recording_of(wanted.source)
					 : wanted.source;
	const trace::recording recorded = trace::read_recording(path);
	const std::vector<answer> answers = answers_for(recorded, wanted);
	if (answers.empty())
		throw trace::failure("'" + path + "' has no allocation of " +
				     (wanted.pool.empty() ? "any pool" : "a pool '" + wanted.pool + "'"));
	tools::output out("-");
	(wanted.json ? write_json : write_text)(answers, out);
	out.commit();
	if (!wanted.svg.empty()) {
		tools::output picture(wanted.svg);
		write_svg(answers, picture);
		picture.commit();
	}
	for (const answer &a : answers)
		if (!holds(a)) {
			fprintf(stderr, "mempool size: pool '%s': the library does otherwise than the simulation\n",
				a.used.pool.c_str());
			return 1;
		}
	return 0;
}

} // namespace

int run(const options &wanted)
{
	try {
		return advise(wanted);
	} catch (const trace::failure &e) {
		fprintf(stderr, "mempool size: %s\n", e.what());
		return e.status;
	}
}

} // namespace size
