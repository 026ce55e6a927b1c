// SPDX-License-Identifier: MIT
//
// lab_near.cpp - see lab_near.hpp.
#include "tools/lab_near.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lab {
namespace {

/// Letters to change, add or leave out to make one of the other (Levenshtein).
size_t distance(const std::string &a, const std::string &b)
{
	std::vector<size_t> row(b.size() + 1);
	std::iota(row.begin(), row.end(), size_t{0});
	for (size_t i = 0; i < a.size(); i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b.size(); j++) {
			const size_t above = row[j + 1];
			row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
			diagonal = above;
		}
	}
	return row.back();
}

bool is_near(const std::string &given, const std::string &name)
{
	constexpr size_t enough_to_tell = 3; // letters
	return distance(given, name) <= std::max<size_t>(2, name.size() / 4) ||
	       (given.size() >= enough_to_tell && name.find(given) != std::string::npos);
}

} // namespace

std::string near_matches(const std::string &given, const std::vector<std::string> &names)
{
	constexpr size_t most = 4;
	std::vector<std::pair<size_t, std::string>> found;
	for (const std::string &name : names)
		if (is_near(given, name))
			found.emplace_back(distance(given, name), name);
	std::sort(found.begin(), found.end());
	found.resize(std::min(found.size(), most));
	std::string all;
	for (size_t i = 0; i < found.size(); i++)
		all += (i == 0 ? "" : i + 1 == found.size() ? " or " : ", ") + ("'" + found[i].second + "'");
	return all;
}

} // namespace lab
