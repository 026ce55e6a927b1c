// SPDX-License-Identifier: MIT
//
// lab_lessons.cpp - see lab_lessons.hpp.
#include "tools/lab_lessons.hpp"

#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <algorithm>

namespace lab {

const std::vector<lesson> &lessons()
{
	static const std::vector<lesson> all = {
		{"ordinary-day", "the backing serves, and the reserve is not touched", ordinary_day},
		{"first-failure", "the backing has nothing, and the reserve steps in", first_failure},
		{"two-passes", "why an allocation asks twice, and may not reclaim at first", two_passes},
	};
	return all;
}

const lesson *find_lesson(const std::string &name)
{
	const auto at =
		std::find_if(lessons().begin(), lessons().end(), [&](const lesson &l) { return l.name == name; });
	return at != lessons().end() ? &*at : nullptr;
}

run play(const lesson &what)
{
	auto s = std::make_unique<stage>(what.name, what.title);
	try {
		what.act(*s);
		return s->finish();
	} catch (const stuck &e) {
		run ended = s->give_up(e.what());
		if (s->anybody_busy())
			static_cast<void>(s.release()); // a thread is still in a call, with the pool and all
		return ended;
	}
}

} // namespace lab
