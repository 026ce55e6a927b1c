// SPDX-License-Identifier: MIT
//
// size_answer.cpp - see size_answer.hpp.
#include "tools/size_answer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace size {
namespace {

using json = nlohmann::ordered_json;

/// What is worth a row: the answers, what it is now, and some between.
std::vector<int64_t> choice_of(const answer &a)
{
	std::set<int64_t> chosen = {1, a.without_sleep, a.for_wait, std::max<int64_t>(1, a.used.min_nr)};
	for (const int quarter : {1, 2, 3})
		chosen.insert(std::max<int64_t>(1, a.without_sleep * quarter / 4));
	if (a.without_sleep > 1)
		chosen.insert(a.without_sleep - 1);
	return {chosen.begin(), chosen.end()};
}

uint64_t since_start_ns(const load &l, uint64_t at_ns)
{
	return at_ns - std::min(at_ns, l.start_ns);
}

std::string seconds_text(const load &l, uint64_t at_ns)
{
	char text[48];
	snprintf(text, sizeof(text), "%.6f s", static_cast<double>(since_start_ns(l, at_ns)) / 1e9);
	return text;
}

std::string thread_text(const load &l, uint32_t thread)
{
	const auto named = l.threads.find(thread);
	return std::to_string(thread) + (named == l.threads.end() ? "" : " '" + named->second + "'");
}

size_t dry_calls(const load &l)
{
	return static_cast<size_t>(
		std::count_if(l.demands.begin(), l.demands.end(), [](const demand &d) { return d.need > 0; }));
}

std::string wait_text(const outcome &o)
{
	if (o.longest_wait_ns == never_ns)
		return "for ever";
	return o.longest_wait_ns == 0 ? "-" : time_text(o.longest_wait_ns);
}

void write_pool(const answer &a, tools::output &to)
{
	const load &l = a.used;
	char line[256];
	const auto say = [&](const char *format, auto... values) {
		snprintf(line, sizeof(line), format, values...);
		to.write(line);
	};
	to.write("pool '" + l.pool + "', min_nr " + std::to_string(l.min_nr) +
		 (l.resized ? ", which changed meanwhile: what follows is for one that does not\n" : "\n"));
	say("  %zu allocations; for %zu the backing gave nothing, for %s at the longest\n", l.demands.size(),
	    dry_calls(l), time_text(l.longest_outage_ns).c_str());
	say("  recorded: %llu sleeps, the longest %s; %llu allocations failed\n",
	    static_cast<unsigned long long>(l.sleeps), time_text(l.longest_wait_ns).c_str(),
	    static_cast<unsigned long long>(l.failures));
	say("  no sleep and no failure with min_nr %lld", static_cast<long long>(a.without_sleep));
	if (a.without_sleep == 1)
		say(a.reserve_used ? ": one element is enough\n" : ": the reserve was not needed\n");
	else
		say("; decided at %s, by thread %s\n", seconds_text(l, a.one_less.unserved_ns).c_str(),
		    thread_text(l, a.one_less.unserved_thread).c_str());
	say("  no wait above %s with min_nr %lld\n\n", time_text(a.max_wait_ns).c_str(),
	    static_cast<long long>(a.for_wait));
	say("  %10s  %10s  %10s  %s\n", "min_nr", "sleeps", "failures", "longest wait");
	for (const row &r : a.rows)
		say("  %10lld  %10llu  %10llu  %s\n", static_cast<long long>(r.min_nr),
		    static_cast<unsigned long long>(r.result.sleeps),
		    static_cast<unsigned long long>(r.result.failures), wait_text(r.result).c_str());
	for (const replayed &r : a.replays)
		say("  replayed with the library, min_nr %lld: %llu allocations slept or failed\n",
		    static_cast<long long>(r.min_nr), static_cast<unsigned long long>(r.unserved));
}

} // namespace

std::string time_text(uint64_t ns)
{
	char text[32];
	const double value = static_cast<double>(ns);
	if (ns == 0)
		return "0";
	if (value < 1e3)
		snprintf(text, sizeof(text), "%.0f ns", value);
	else if (value < 1e6)
		snprintf(text, sizeof(text), "%.3g us", value / 1e3);
	else if (value < 1e9)
		snprintf(text, sizeof(text), "%.3g ms", value / 1e6);
	else
		snprintf(text, sizeof(text), "%.4g s", value / 1e9);
	return text;
}

answer find_answer(const load &recorded, const what_if &other, uint64_t max_wait_ns)
{
	answer a;
	a.used = changed(recorded, other);
	a.max_wait_ns = max_wait_ns;
	a.without_sleep = min_nr_without_sleep(a.used);
	a.reserve_used = dry_calls(a.used) > 0;
	if (a.without_sleep > 1)
		a.one_less = simulate(a.used, a.without_sleep - 1);
	a.for_wait = min_nr_for_wait(a.used, max_wait_ns, a.without_sleep);
	for (const int64_t min_nr : choice_of(a))
		a.rows.push_back({min_nr, simulate(a.used, min_nr)});
	return a;
}

void write_text(const std::vector<answer> &answers, tools::output &to)
{
	for (const answer &a : answers) {
		to.write(&a == answers.data() ? "" : "\n");
		write_pool(a, to);
	}
	if (!answers.empty() && answers[0].lost_events > 0)
		to.write("\n" + std::to_string(answers[0].lost_events) +
			 " events were lost: what was needed may have been more. Record with more --events.\n");
}

void write_json(const std::vector<answer> &answers, tools::output &to)
{
	json all = {{"pools", json::array()}};
	for (const answer &a : answers) {
		json rows = json::array();
		for (const row &r : a.rows)
			rows.push_back({{"min_nr", r.min_nr},
					{"sleeps", r.result.sleeps},
					{"failures", r.result.failures},
					{"longest_wait_ns", r.result.longest_wait_ns == never_ns
								    ? json(nullptr)
								    : json(r.result.longest_wait_ns)}});
		json replays = json::array();
		for (const replayed &r : a.replays)
			replays.push_back({{"min_nr", r.min_nr}, {"unserved", r.unserved}});
		all["pools"].push_back(
			{{"pool", a.used.pool},
			 {"min_nr", a.used.min_nr},
			 {"allocations", a.used.demands.size()},
			 {"allocations_without_backing", dry_calls(a.used)},
			 {"longest_outage_ns", a.used.longest_outage_ns},
			 {"recorded_sleeps", a.used.sleeps},
			 {"recorded_longest_wait_ns", a.used.longest_wait_ns},
			 {"recorded_failures", a.used.failures},
			 {"min_nr_without_sleep", a.without_sleep},
			 {"decided_at_ns",
			  a.without_sleep > 1 ? json(since_start_ns(a.used, a.one_less.unserved_ns)) : json(nullptr)},
			 {"decided_by_thread", a.without_sleep > 1 ? json(a.one_less.unserved_thread) : json(nullptr)},
			 {"max_wait_ns", a.max_wait_ns},
			 {"min_nr_for_max_wait", a.for_wait},
			 {"simulated", rows},
			 {"replayed", replays}});
		all["lost_events"] = a.lost_events;
	}
	to.write(all.dump(2) + "\n");
}

} // namespace size
