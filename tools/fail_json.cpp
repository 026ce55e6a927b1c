// SPDX-License-Identifier: MIT
//
// fail_json.cpp - see fail_report.hpp: the parts for programs, JSON and JUnit XML.
#include "tools/fail_report.hpp"
#include "tools/fail_token.hpp"
#include "tools/pages.hpp"
#include "tools/text.hpp"

#include <nlohmann/json.hpp>

namespace fail {
namespace {

using json = nlohmann::ordered_json;

json stack_json(const call_stack &calls, symbols &names)
{
	json all = json::array();
	for (const place &p : calls) {
		const symbol &s = names.find(p);
		json frame = {{"module", p.module}, {"offset", p.offset}};
		if (!s.function.empty())
			frame["function"] = s.function;
		if (!s.file.empty()) {
			frame["file"] = s.file;
			frame["line"] = s.line;
		}
		all.push_back(std::move(frame));
	}
	return all;
}

json injection_json(const injection &i, symbols &names)
{
	return {{"n", i.n},           {"process", i.process}, {"thread", i.thread},
		{"call", i.function}, {"bytes", i.bytes},     {"stack", stack_json(i.calls, names)}};
}

json finding_json(const finding &f, const account &a)
{
	json j;
	j["verdict"] = name_of(f.what);
	j["title"] = f.title;
	j["why"] = f.why;
	j["known"] = f.known;
	j["fingerprint"] = f.fingerprint;
	j["token"] = f.token;
	j["replay"] = replay_command(f.token, a.wanted);
	j["runs"] = f.runs;
	j["stack"] = stack_json(f.shown.calls, a.names);
	j["failed"] = json::array();
	for (const injection &i : f.failed)
		j["failed"].push_back(injection_json(i, a.names));
	j["failures"] = f.failures;
	j["also"] = f.also;
	return j;
}

/// Text for XML, of which each byte must be UTF-8.
std::string escaped(const std::string &text)
{
	// nlohmann's replacement of what is not UTF-8, and a way back.
	return pages::escaped(
		json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>());
}

std::string case_of(const finding &f, size_t number, const account &a)
{
	std::string all = "  <testcase classname=\"mempool.fail." + std::string(name_of(f.what)) + "\" name=\"" +
			  escaped(f.title + " [" + f.fingerprint + "]") + "\">\n";
	if (f.known)
		all += "    <skipped message=\"accepted earlier\"/>\n";
	else
		all += "    <failure type=\"" + std::string(name_of(f.what)) + "\" message=\"" + escaped(f.why) +
		       "\">" + escaped(text_of(f, number, a.names) + "   " + replay_command(f.token, a.wanted)) +
		       "</failure>\n";
	return all + "  </testcase>\n";
}

} // namespace

std::string as_json(const account &a)
{
	static constexpr const char *modes[] = {"stacks", "every", "nth", "random", "pairs"};
	json j;
	j["ok"] = a.found.fresh() == 0;
	j["command"] = a.wanted.command;
	j["program"] = a.program;
	j["mode"] = modes[static_cast<size_t>(a.wanted.mode)];
	j["persistent"] = a.wanted.persistent;
	j["shard"] = {a.wanted.shard, a.wanted.shards};
	const trial &unharmed = a.known.unharmed();
	j["unharmed"] = {{"allocations", unharmed.seen.allocations()},
			 {"stacks", unharmed.seen.sites.size()},
			 {"processes", unharmed.seen.processes.size()},
			 {"took_ns", unharmed.took_ns},
			 {"notes", a.known.notes()}};
	j["runs"] = a.found.runs();
	j["resumed"] = a.done.resumed;
	j["left"] = a.done.left;
	j["foreign"] = a.done.foreign;
	j["lost_sight"] = a.done.lost_sight;
	j["interrupted"] = a.done.interrupted;
	j["took_ns"] = a.done.took_ns;
	j["verdicts"] = json::object();
	for (size_t v = 0; v < verdict_count; v++)
		j["verdicts"][name_of(static_cast<verdict>(v))] = a.found.count(static_cast<verdict>(v));
	j["findings"] = json::array();
	for (const finding &f : a.found.all())
		j["findings"].push_back(finding_json(f, a));
	j["all_runs"] = json::array();
	for (const mark &m : a.done.marks)
		j["all_runs"].push_back({{"n", m.n},
					 {"process", m.process},
					 {"verdict", name_of(m.what)},
					 {"why", m.why},
					 {"site", m.site},
					 {"token", token_of(m.planned, a.wanted, 0, m.what)}});
	// A path or an output may hold bytes that are not UTF-8: they must not end the program.
	return j.dump(1, '\t', false, json::error_handler_t::replace) + "\n";
}

std::string as_junit(const account &a)
{
	std::string cases;
	for (size_t i = 0; i < a.found.all().size(); i++)
		cases += case_of(a.found.all()[i], i + 1, a);
	// A case of its own for the rest, so that a clean sweep is one that passed, not an empty suite.
	const uint64_t survived = a.found.count(verdict::same) + a.found.count(verdict::refused) +
				  a.found.count(verdict::silent) + a.found.count(verdict::unreached);
	cases += "  <testcase classname=\"mempool.fail\" name=\"" +
		 escaped(tools::grouped(survived) + " of " + tools::grouped(a.found.runs()) + " runs survived") +
		 "\"/>\n";
	const size_t known = a.found.all().size() - a.found.fresh();
	return tools::text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"mempool fail\" "
			   "tests=\"%zu\" failures=\"%llu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\">\n",
			   a.found.all().size() + 1, static_cast<unsigned long long>(a.found.fresh()), known,
			   static_cast<double>(a.done.took_ns) / 1e9) +
	       "  <properties><property name=\"program\" value=\"" + escaped(a.program) + "\"/></properties>\n" +
	       cases + "</testsuite>\n</testsuites>\n";
}

} // namespace fail
