// SPDX-License-Identifier: MIT
//
// demo_report.cpp - see demo_report.hpp.
#include "tools/demo_report.hpp"

#include "tools/demo_daemon.hpp"
#include "tools/demo_picture.hpp"
#include "tools/text.hpp"

#include <nlohmann/json.hpp>

namespace demo {

using tools::duration;
using tools::grouped;
using tools::text;

namespace {

std::string row(const char *what, const std::string &of_malloc, const std::string &of_mempool)
{
	return text("%-34s %14s %14s\n", what, of_malloc.c_str(), of_mempool.c_str());
}

std::string table(const outcome &o)
{
	const run_result &a = o.malloc_run;
	const run_result &b = o.mempool_run;
	const logd_figures &fa = a.figures;
	const logd_figures &fb = b.figures;
	const std::string none = "-";
	const auto of = [&](const run_result &run, const std::string &figure) {
		return run.oom_killed ? none : figure;
	};
	std::string all = row("", "malloc", "mempool");
	all += row("messages sent", grouped(a.sent), grouped(b.sent));
	all += row("messages written", grouped(a.compared.written), grouped(b.compared.written));
	all += row("messages lost", grouped(a.compared.lost), grouped(b.compared.lost));
	all += row("lines that differ", grouped(a.compared.wrong), grouped(b.compared.wrong));
	if (o.wanted.cgroup)
		all += row("killed by the OOM killer", a.oom_killed ? "yes" : "no", b.oom_killed ? "yes" : "no");
	all += row("allocation failures", of(a, grouped(fa.lost)), of(b, grouped(fb.lost)));
	all += row("backing had nothing to give", none, of(b, grouped(fb.backing_failures)));
	all += row("served from the reserve", none, of(b, grouped(fb.from_reserve)));
	all += row("lowest level of the reserve", none, of(b, text("%d of %u", fb.lowest, o.wanted.min_nr)));
	all += row("sleeps until a record came back", none, of(b, grouped(fb.sleeps)));
	all += row("longest sleep", none, of(b, duration(fb.wait_longest_ns)));
	all += row("receipt to write, p50", of(a, duration(fa.p50_ns)), of(b, duration(fb.p50_ns)));
	all += row("receipt to write, p99", of(a, duration(fa.p99_ns)), of(b, duration(fb.p99_ns)));
	all += row("receipt to write, longest", of(a, duration(fa.longest_ns)), of(b, duration(fb.longest_ns)));
	all += row("eaten by the hoarder", text("%.0f MiB", static_cast<double>(a.hoarded_bytes) / (1 << 20)),
		   text("%.0f MiB", static_cast<double>(b.hoarded_bytes) / (1 << 20)));
	all += row("memory was exhausted for", duration(a.exhausted_until_ns - a.exhausted_from_ns),
		   duration(b.exhausted_until_ns - b.exhausted_from_ns));
	return all;
}

/// What the pool's certificate said at the end, in a line.
std::string certificate(const run_result &run)
{
	if (run.oom_killed)
		return "";
	std::string doubts;
	for (const std::string &doubt : run.figures.doubts)
		doubts += (doubts.empty() ? "" : "; ") + doubt;
	return "certificate: " + (run.figures.guaranteed ? "guaranteed" : "not guaranteed: " + doubts) + "\n";
}

std::string summary(const outcome &o)
{
	// What a dead daemon could not be sent is lost, too.
	const auto total = [&](const run_result &run) {
		return std::to_string(run.oom_killed ? o.what.messages() : run.sent);
	};
	return "demo: mempool lost " + std::to_string(o.mempool_run.compared.lost) + " of " + total(o.mempool_run) +
	       ", malloc lost " + std::to_string(o.malloc_run.compared.lost) + " of " + total(o.malloc_run);
}

nlohmann::ordered_json run_as_json(const run_result &run)
{
	nlohmann::ordered_json j;
	j["oom_killed"] = run.oom_killed;
	j["sent"] = run.sent;
	j["written"] = run.compared.written;
	j["lost"] = run.compared.lost;
	j["wrong"] = run.compared.wrong;
	j["allocation_failures"] = run.figures.lost;
	j["p50_ns"] = run.figures.p50_ns;
	j["p99_ns"] = run.figures.p99_ns;
	j["longest_ns"] = run.figures.longest_ns;
	j["hoarded_bytes"] = run.hoarded_bytes;
	j["exhausted_from_ns"] = run.exhausted_from_ns;
	j["exhausted_until_ns"] = run.exhausted_until_ns;
	j["took_ns"] = run.took_ns;
	return j;
}

void add_pool(nlohmann::ordered_json &j, const run_result &run, unsigned min_nr)
{
	j["min_nr"] = min_nr;
	j["guaranteed"] = run.figures.guaranteed;
	j["doubts"] = run.figures.doubts;
	j["backing_failures"] = run.figures.backing_failures;
	j["from_reserve"] = run.figures.from_reserve;
	j["lowest"] = run.figures.lowest;
	j["sleeps"] = run.figures.sleeps;
	j["wait_total_ns"] = run.figures.wait_total_ns;
	j["wait_longest_ns"] = run.figures.wait_longest_ns;
	j["level"] = nlohmann::ordered_json::array();
	for (const sample &s : run.samples)
		j["level"].push_back({s.at_ns, s.level});
}

void judge(const run_result &run, std::vector<std::string> &complaints)
{
	const std::string &who = run.allocator;
	if (run.compared.wrong > 0)
		complaints.push_back(who + ": " + grouped(run.compared.wrong) +
				     " lines are not what was sent; the first: " + run.compared.first_wrong);
	if (run.oom_killed)
		return; // the rest it could not say
	if (run.figures.received != run.sent)
		complaints.push_back(who + ": logd received " + grouped(run.figures.received) + " of " +
				     grouped(run.sent) + " messages");
	if (run.figures.lost != run.compared.lost)
		complaints.push_back(who + ": logd says that it lost " + grouped(run.figures.lost) + ", but " +
				     grouped(run.compared.lost) + " are missing from its file");
}

} // namespace

std::vector<std::string> complaints_about(const run_result &malloc_run, const run_result &mempool_run)
{
	std::vector<std::string> complaints;
	judge(malloc_run, complaints);
	judge(mempool_run, complaints);
	if (mempool_run.oom_killed)
		complaints.emplace_back("mempool: logd was killed by the OOM killer");
	if (mempool_run.compared.lost > 0)
		complaints.push_back("mempool lost " + grouped(mempool_run.compared.lost) + " messages");
	if (malloc_run.compared.lost == 0)
		complaints.emplace_back("malloc lost nothing: its memory was not exhausted, so nothing is shown");
	return complaints;
}

std::string report_for_people(const outcome &o)
{
	std::string all = "\n" + table(o) + "\n";
	all += picture(o.mempool_run, o.wanted.min_nr, canvas_of_stdout());
	all += "\nEvery line of both files was compared with what was sent: " +
	       grouped(o.malloc_run.compared.written + o.mempool_run.compared.written) + " lines are right, " +
	       grouped(o.malloc_run.compared.wrong + o.mempool_run.compared.wrong) + " are not.\n";
	return all + certificate(o.mempool_run) + summary(o) + "\n";
}

std::string report_as_json(const outcome &o)
{
	nlohmann::ordered_json j;
	j["ok"] = o.complaints.empty();
	j["summary"] = summary(o);
	j["messages"] = o.what.messages();
	j["senders"] = o.what.senders();
	j["input"] = o.what.files();
	j["cgroup"] = o.wanted.cgroup;
	j["memory_limit_bytes"] = o.wanted.cgroup ? cgroup_limit_bytes : memory_limit_bytes;
	j["malloc"] = run_as_json(o.malloc_run);
	j["mempool"] = run_as_json(o.mempool_run);
	add_pool(j["mempool"], o.mempool_run, o.wanted.min_nr);
	j["complaints"] = o.complaints;
	// A path may hold bytes that are not UTF-8: they must not end the program.
	return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace demo
