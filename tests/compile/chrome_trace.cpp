// SPDX-License-Identifier: MIT
//
// chrome_trace.cpp - a reader of Chrome's trace event format, for trace.sh:
// "chrome_trace FILE" checks that it is one, that spans nest, that flows join,
// that every thread has a name, and prints what there is as one JSON object.
//
// Exit status: 0; 1, and standard error says which event is wrong.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using nlohmann::json;
using track = std::pair<int64_t, int64_t>; // a thread: its process, and itself

struct slice {
	double begin;
	double end;
	std::string category;
};

[[noreturn]] void wrong(const std::string &why, const json &event)
{
	throw std::runtime_error(why + ": " + event.dump());
}

class checker {
      public:
	void take(const json &e)
	{
		for (const char *member : {"ph", "pid", "tid", "name"})
			if (!e.contains(member))
				wrong(std::string("without ") + member, e);
		const std::string phase = e["ph"];
		const track on = {e["pid"], e["tid"]};
		if (phase == "M")
			return name(e, on);
		if (!e.at("ts").is_number() || e["ts"] < 0)
			wrong("a time that is none", e);
		used_[on] = true;
		if (phase == "X")
			span(e, on);
		else if (phase == "C")
			counters_[e["name"]].emplace_back(e["ts"], e["args"].begin().value());
		else if (phase == "i")
			instants_[e["name"]] += e.at("s") == "t" ? 1 : 0;
		else if (phase == "s" || phase == "f")
			flow(e, on, phase == "s");
		else
			wrong("an unknown phase", e);
	}

	json judge()
	{
		for (auto &[on, slices] : slices_)
			nest(slices);
		for (const auto &[on, yes] : used_)
			if (names_.count(on) == 0)
				throw std::runtime_error("no name for thread " + std::to_string(on.second));
		join();
		json levels;
		for (auto &[counter, values] : counters_) {
			for (size_t i = 1; i < values.size(); i++)
				if (values[i].first < values[i - 1].first)
					throw std::runtime_error("the counter " + counter + " goes back in time");
			levels[counter] = values.back().second;
		}
		json threads;
		for (const auto &[on, name] : names_)
			threads.push_back(name);
		return {{"spans", spans_},         {"instants", instants_}, {"levels", levels},
			{"flows", starts_.size()}, {"threads", threads},    {"results", results_}};
	}

      private:
	void name(const json &e, const track &on)
	{
		if (e["name"] == "thread_name")
			names_[on] = e.at("args").at("name");
		else if (e["name"] == "process_name")
			names_.try_emplace(on, e.at("args").at("name"));
	}

	void span(const json &e, const track &on)
	{
		if (!e.at("dur").is_number() || e["dur"] < 0)
			wrong("a duration that is none", e);
		const double begin = e["ts"];
		slices_[on].push_back({begin, begin + e["dur"].get<double>(), e.at("cat")});
		spans_[e["cat"]]++;
		if (e["args"].contains("result"))
			results_[e["args"]["result"]]++;
		if (e["args"].contains("backing"))
			results_["backing_fail"]++;
	}

	void flow(const json &e, const track &on, bool is_start)
	{
		auto &flows = is_start ? starts_ : ends_;
		if (!flows.try_emplace(e.at("id"), on, e["ts"].get<double>()).second)
			wrong("a flow's number twice", e);
		if (!is_start && e.at("bp") != "e")
			wrong("not bound to what is around it", e);
	}

	/// They come in the order of their beginnings; outer ones first.
	static void nest(const std::vector<slice> &slices)
	{
		constexpr double rounding = 1e-4; // of sums of microseconds, as doubles
		std::vector<slice> open;
		for (const slice &s : slices) {
			while (!open.empty() && open.back().end <= s.begin + rounding)
				open.pop_back();
			if (!open.empty() && s.end > open.back().end + rounding)
				throw std::runtime_error("a " + s.category + " at " + std::to_string(s.begin) +
							 " us overlaps the end of a " + open.back().category);
			open.push_back(s);
		}
	}

	bool lies_in(const std::pair<track, double> &at, const char *category)
	{
		for (const slice &s : slices_[at.first])
			if (s.category == category && s.begin <= at.second + 1e-4 && at.second <= s.end + 1e-4)
				return true;
		return false;
	}

	void join()
	{
		if (starts_.size() != ends_.size())
			throw std::runtime_error("flows that begin and flows that end differ in number");
		for (const auto &[id, from] : starts_) {
			const auto to = ends_.find(id);
			if (to == ends_.end() || to->second.second < from.second)
				throw std::runtime_error("flow " + std::to_string(id) +
							 " does not end, or before it begins");
			if (!lies_in(from, "wake") || !lies_in(to->second, "sleep"))
				throw std::runtime_error("flow " + std::to_string(id) + " joins nothing");
		}
	}

	std::map<track, std::string> names_;
	std::map<track, bool> used_;
	std::map<track, std::vector<slice>> slices_;
	std::map<std::string, uint64_t> spans_;
	std::map<std::string, uint64_t> results_;
	std::map<std::string, uint64_t> instants_;
	std::map<std::string, std::vector<std::pair<double, int64_t>>> counters_;
	std::map<int64_t, std::pair<track, double>> starts_;
	std::map<int64_t, std::pair<track, double>> ends_;
};

} // namespace

int main(int, char **argv)
try {
	std::ifstream from(argv[1]);
	const json trace = json::parse(from);
	checker c;
	for (const json &event : trace.at("traceEvents"))
		c.take(event);
	json found = c.judge();
	found["lost"] = 0;
	for (const json &r : trace.at("otherData").at("recordings"))
		found["lost"] = found["lost"].get<uint64_t>() + r.at("lost").get<uint64_t>();
	std::cout << found.dump() << '\n';
	return 0;
} catch (const std::exception &e) {
	std::cerr << "chrome_trace: " << e.what() << '\n';
	return 1;
}
