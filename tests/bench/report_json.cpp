// SPDX-License-Identifier: MIT
//
// report_json.cpp - the report that programs read, with every round. No state.
#include "report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace bench {

namespace {

using nlohmann::ordered_json;

/// JSON knows no NaN.
ordered_json number(double value)
{
	return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json numbers(const std::vector<double> &values)
{
	ordered_json all = ordered_json::array();
	for (const double v : values)
		all.push_back(number(v));
	return all;
}

ordered_json rows_of(const table &t)
{
	ordered_json rows = ordered_json::array();
	for (const series &s : t.rows)
		rows.push_back({{"name", s.name},
				{"what", s.what},
				{"kind", kind_of(s.roles)},
				{"median", number(median(s))},
				{"rounds", numbers(s.rounds)},
				{"failures", s.failures}});
	return rows;
}

ordered_json lines_of(const curve &c)
{
	ordered_json lines = ordered_json::array();
	for (const curve::line &l : c.lines)
		lines.push_back({{"name", l.name}, {"kind", kind_of(l.roles)}, {"ns", numbers(l.ns)}});
	return lines;
}

ordered_json verdict_of(const verdict &v)
{
	return {{"workload", v.key},
		{"rule", v.rule},
		{"against", v.against},
		{"bound", v.bound},
		{"reached", number(v.reached)},
		{"unit", v.unit},
		{"stretch", v.stretch},
		{"met", v.measured() ? ordered_json(v.met()) : ordered_json(nullptr)}};
}

} // namespace

std::string json_text(const results &r)
{
	ordered_json j;
	j["machine"] = {{"cpu", r.on.cpu},       {"cpus", r.on.cpus},
			{"kernel", r.on.kernel}, {"compiler", r.on.compiler},
			{"libc", r.on.libc},     {"date", r.on.date},
			{"rseq", r.on.rseq},     {"others_cpus", number(r.on.others)}};
	j["settings"] = {{"rounds", r.how.rounds},
			 {"slice_ms", r.how.slice_ms},
			 {"quick", r.how.quick},
			 {"tabled", r.how.tabled},
			 {"clock_ns", number(r.how.clock_ns)}};
	j["versions"] = r.versions;
	j["left_out"] = r.left_out;
	j["targets"] = ordered_json::array();
	for (const verdict &v : r.verdicts)
		j["targets"].push_back(verdict_of(v));
	j["tables"] = ordered_json::array();
	for (const table &t : r.tables)
		j["tables"].push_back({{"key", t.key}, {"title", t.title}, {"unit", t.unit}, {"rows", rows_of(t)}});
	j["curves"] = ordered_json::array();
	for (const curve &c : r.curves)
		j["curves"].push_back({{"key", c.key},
				       {"title", c.title},
				       {"x", c.x},
				       {"at", numbers(c.at)},
				       {"lines", lines_of(c)}});
	return j.dump(1, '\t', false, ordered_json::error_handler_t::replace) + "\n";
}

} // namespace bench
