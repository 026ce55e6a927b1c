// SPDX-License-Identifier: MIT
//
// trace_levels.cpp - see trace_levels.hpp.
//
// An event says which level its thread saw after what it did, when others may
// have done something, too. So where nothing is missing the level is counted: from
// what the pool's own events say, by what went in and out. Else it is what was seen.
#include "tools/trace_levels.hpp"

#include <map>

namespace trace {
namespace {

struct state {
	bool known = false;
	int64_t elements = 0;
	int64_t asleep = 0;
};

bool is_one_of(const std::string &name, std::initializer_list<const char *> names)
{
	for (const char *one : names)
		if (name == one)
			return true;
	return false;
}

/// False when the event says nothing of the reserve.
bool follow(const recording &r, const event &e, bool complete, state &s)
{
	const std::string &name = r.kinds[e.kind].name;
	const int64_t seen = argument_of(r, e, "level", -1);
	if (name == "wait_begin")
		s.asleep++;
	else if (name == "wait_end" && s.asleep > 0)
		s.asleep--;
	if (seen < 0)
		return false;
	const int64_t count = argument_of(r, e, "count", 0);
	if (!s.known || !complete || is_one_of(name, {"create", "present", "resize", "destroy"}))
		s.elements = seen;
	else if (name == "reserve_take")
		s.elements -= count;
	else if (name == "reserve_give")
		s.elements += count;
	s.known = true;
	if (name == "destroy")
		s.elements = 0;
	return true;
}

} // namespace

std::vector<level> levels_of(const recording &r)
{
	std::map<uint32_t, state> states;
	std::vector<level> levels;
	const bool complete = r.lost.events() == 0;
	for (const event &e : r.events) {
		if (e.pool == 0)
			continue;
		state &s = states[e.pool];
		const state before = s;
		if (follow(r, e, complete, s) &&
		    (!before.known || before.elements != s.elements || before.asleep != s.asleep))
			levels.push_back({e.pool, e.time_ns, s.elements, s.asleep});
	}
	return levels;
}

} // namespace trace
