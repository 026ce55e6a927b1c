// SPDX-License-Identifier: MIT
//
// lab_json.cpp - see lab_json.hpp.
#include "tools/lab_json.hpp"

#include <nlohmann/json.hpp>

namespace lab {
namespace {

using json = nlohmann::ordered_json;

json to(const pool_state &p);
json to(const event &e);
json to(const step &s);
json to(const run &r);

json to(const slot &s)
{
	return {{"element", s.element}, {"pinned", s.pinned}, {"guest", s.guest}, {"poisoned", s.poisoned}};
}
json to(const fact &f)
{
	return {{"par", f.par}, {"text", f.text}};
}
json to(const source &s)
{
	return {{"anchor", s.anchor}, {"file", s.file}, {"line", s.line}, {"text", s.text}};
}
json to(const argument &a)
{
	return {{"name", a.name}, {"value", std::to_string(a.value)}, {"text", a.text}};
}
json to(const pass &p)
{
	return {{"lane", p.lane}, {"pool", p.pool},       {"number", p.number}, {"mask", p.mask},
		{"text", p.text}, {"callers", p.callers}, {"added", p.added},   {"removed", p.removed}};
}
json to(const claim &c)
{
	return {{"name", c.name},
		{"text", c.text},
		{"expected", c.expected},
		{"observed", c.observed},
		{"holds", c.holds}};
}
json to(const lane &l)
{
	return {{"name", l.name}, {"thread", l.thread}, {"now", name_of(l.now)}, {"text", l.text}, {"holds", l.holds}};
}

template <class T> json list(const std::vector<T> &of)
{
	json all = json::array();
	for (const T &one : of)
		all.push_back(to(one));
	return all;
}

json to(const pool_state &p)
{
	return {{"number", p.number},     {"name", p.name},       {"level", p.level},      {"min_nr", p.min_nr},
		{"sleepers", p.sleepers}, {"backing", p.backing}, {"slots", list(p.slots)}};
}
json to(const event &e)
{
	return {{"time_ns", e.time_ns},  {"lane", e.lane},       {"kind", e.kind},
		{"pool", e.pool},        {"args", list(e.args)}, {"text", e.text},
		{"now", name_of(e.now)}, {"level", e.level},     {"slots", list(e.slots)}};
}
json to(const step &s)
{
	return {{"title", s.title},         {"narration", s.narration}, {"begin_ns", s.begin_ns},
		{"end_ns", s.end_ns},       {"facts", list(s.facts)},   {"sources", list(s.sources)},
		{"passes", list(s.passes)}, {"events", list(s.events)}, {"claims", list(s.claims)},
		{"pools", list(s.pools)},   {"lanes", list(s.lanes)}};
}
json to(const run &r)
{
	return {{"name", r.name},
		{"title", r.title},
		{"failed", r.failed().size()},
		{"lost_events", r.lost_events},
		{"steps", list(r.steps)}};
}

} // namespace

std::string to_json(const std::vector<run> &runs)
{
	return json{{"version", 1}, {"lessons", list(runs)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace lab
