// SPDX-License-Identifier: MIT
//
// trace_perfetto.cpp - recordings as Chrome trace events, see trace_convert.hpp.
//
// Spans are complete events ("X"), what happens at once is an instant ("i"), a
// reserve's level a counter ("C"), and a wake-up a flow ("s", "f") from the span
// in which somebody wakes to the end of the span in which somebody sleeps.
#include "tools/trace_convert.hpp"

#include "tools/trace_story.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace trace {
namespace {

using json = nlohmann::ordered_json;

/// Microseconds, to the nanosecond: a double would do for 104 days, but not print so.
std::string micros(uint64_t ns)
{
	std::string digits = std::to_string(ns % 1000);
	digits.insert(0, 3 - digits.size(), '0');
	return std::to_string(ns / 1000) + "." + digits;
}

std::string quoted(const std::string &text)
{
	return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

class writer {
      public:
	writer(tools::output &to, uint64_t zero_ns) : to_(to), zero_ns_(zero_ns) {}

	void write(const recording &r)
	{
		r_ = &r;
		const story told = tell(r);
		names();
		for (const span &s : told.spans)
			slice(s);
		for (const instant &i : told.instants)
			note(i);
		for (const level &l : told.levels)
			counters(l);
		for (const arrow &a : told.arrows)
			flow(a);
		for (const gap &g : r.gaps)
			lost(g);
	}

      private:
	std::string at(uint64_t time_ns) const { return micros(std::max(time_ns, zero_ns_) - zero_ns_); }

	/// What every event has, up to the comma before its own.
	std::string head(const char *phase, const std::string &name, uint32_t thread) const
	{
		return std::string("{\"ph\":\"") + phase + "\",\"pid\":" + std::to_string(r_->pid) +
		       ",\"tid\":" + std::to_string(thread) + ",\"name\":" + quoted(name) + ",";
	}

	void put(const std::string &event)
	{
		to_.write(first_ ? "\n" : ",\n");
		to_.write(event);
		first_ = false;
	}

	void names()
	{
		put(head("M", "process_name", r_->pid) + "\"args\":{\"name\":" + quoted(r_->program) + "}}");
		for (const auto &[thread, name] : r_->threads)
			put(head("M", "thread_name", thread) +
			    "\"args\":{\"name\":" + quoted(name.empty() ? r_->program : name) + "}}");
	}

	void slice(const span &s)
	{
		json args = {{"pool", pool_label(*r_, s.pool)}};
		for (const auto &[name, text] : s.details)
			args[name] = text;
		if (s.unfinished)
			args["unfinished"] = true;
		put(head("X", s.title, s.thread) + "\"cat\":\"" + name_of(s.kind) + "\",\"ts\":" + at(s.begin_ns) +
		    ",\"dur\":" + micros(s.end_ns - s.begin_ns) + ",\"args\":" + dumped(args) + "}");
	}

	void note(const instant &i)
	{
		const event &e = r_->events[i.event];
		const event_kind &kind = r_->kinds[e.kind];
		json args = json::object();
		if (e.pool != 0)
			args["pool"] = pool_label(*r_, e.pool);
		for (unsigned a = 0; a < kind.args.size(); a++)
			args[kind.args[a].name] = argument_text(*r_, e, a);
		put(head("i", kind.name, i.thread) + "\"cat\":\"event\",\"s\":\"t\",\"ts\":" + at(i.time_ns) +
		    ",\"args\":" + dumped(args) + "}");
	}

	void counters(const level &l)
	{
		const std::string pool = pool_label(*r_, l.pool);
		put(head("C", "reserve " + pool, r_->pid) + "\"ts\":" + at(l.time_ns) +
		    ",\"args\":{\"level\":" + std::to_string(l.elements) + "}}");
		int64_t &asleep = asleep_[{r_->pid, l.pool}];
		if (asleep != l.asleep)
			put(head("C", "asleep in " + pool, r_->pid) + "\"ts\":" + at(l.time_ns) +
			    ",\"args\":{\"threads\":" + std::to_string(l.asleep) + "}}");
		asleep = l.asleep;
	}

	/// It ends a nanosecond before the sleep does, to lie in it.
	void flow(const arrow &a)
	{
		const std::string id = "\"cat\":\"wake\",\"id\":" + std::to_string(++flows_) + ",\"ts\":";
		put(head("s", "wake", a.from_thread) + id + at(a.from_ns) + "}");
		put(head("f", "wake", a.to_thread) + "\"bp\":\"e\"," + id + at(a.to_ns - 1) + "}");
	}

	void lost(const gap &g)
	{
		put(head("i", std::to_string(g.events) + " older events lost", g.thread) +
		    "\"cat\":\"lost\",\"s\":\"t\",\"ts\":" + at(g.until_ns) +
		    ",\"args\":{\"events\":" + std::to_string(g.events) + "}}");
	}

	static std::string dumped(const json &value)
	{
		return value.dump(-1, ' ', false, json::error_handler_t::replace);
	}

	tools::output &to_;
	uint64_t zero_ns_;
	const recording *r_ = nullptr;
	bool first_ = true;
	uint64_t flows_ = 0;
	std::map<std::pair<uint32_t, uint32_t>, int64_t> asleep_;
};

json described(const recording &r)
{
	return {{"file", r.path},
		{"program", r.program},
		{"pid", r.pid},
		{"start_realtime_ns", std::to_string(r.start_realtime_ns)},
		{"events", r.events.size()},
		{"lost", r.lost.events()},
		{"overwritten", r.lost.overwritten},
		{"unplaced", r.lost.unplaced},
		{"unfinished", r.lost.unfinished},
		{"nameless_pools", r.lost.pools},
		{"stackless_events", r.lost.stacks}};
}

} // namespace

void write_perfetto(const std::vector<recording> &recordings, tools::output &to)
{
	uint64_t zero_ns = UINT64_MAX;
	json about = json::array();
	for (const recording &r : recordings) {
		zero_ns = std::min(zero_ns, r.start_ns);
		about.push_back(described(r));
	}
	to.write("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"made by\":\"mempool trace\",\"recordings\":" +
		 about.dump(-1, ' ', false, json::error_handler_t::replace) + "},\"traceEvents\":[");
	writer w(to, zero_ns);
	for (const recording &r : recordings)
		w.write(r);
	to.write("\n]}\n");
}

} // namespace trace
