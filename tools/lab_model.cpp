// SPDX-License-Identifier: MIT
//
// lab_model.cpp - see lab_model.hpp.
#include "tools/lab_model.hpp"

#include <algorithm>
#include <iterator>

namespace lab {

const char *name_of(doing what)
{
	switch (what) {
	case doing::idle:
		return "idle";
	case doing::running:
		return "running";
	case doing::backing:
		return "backing";
	case doing::asleep:
		return "asleep";
	case doing::woken:
		return "woken";
	case doing::done:
		return "done";
	case doing::failed:
		return "failed";
	}
	return "?";
}

std::vector<claim> run::failed() const
{
	std::vector<claim> all;
	for (const step &s : steps)
		std::copy_if(s.claims.begin(), s.claims.end(), std::back_inserter(all),
			     [](const claim &c) { return !c.holds; });
	return all;
}

} // namespace lab
