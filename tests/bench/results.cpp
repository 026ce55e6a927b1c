// SPDX-License-Identifier: MIT
//
// results.cpp - medians, ratios, and how a figure is written. No state.
#include "results.hpp"

#include "roles.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace bench {

namespace {

template <class Combine> double median_of_rounds(const series &a, const series &b, Combine combine)
{
	std::vector<double> values;
	for (size_t i = 0; i < std::min(a.rounds.size(), b.rounds.size()); i++)
		values.push_back(combine(a.rounds[i], b.rounds[i]));
	return median(values);
}

template <class T> const T *find_in(const std::vector<T> &all, const std::string &wanted, std::string T::*field)
{
	const auto i = std::find_if(all.begin(), all.end(), [&](const T &one) { return one.*field == wanted; });
	return i == all.end() ? nullptr : &*i;
}

} // namespace

const series *table::find(const std::string &name) const
{
	return find_in(rows, name, &series::name);
}

const table *results::find(const std::string &key) const
{
	return find_in(tables, key, &table::key);
}

double median(std::vector<double> values)
{
	std::erase_if(values, [](double v) { return std::isnan(v); });
	if (values.empty())
		return std::nan("");
	std::sort(values.begin(), values.end());
	const size_t half = values.size() / 2;
	return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double median(const series &s)
{
	return median(s.rounds);
}

std::vector<const series *> by_median(const table &t)
{
	std::vector<const series *> rows;
	for (const series &s : t.rows)
		rows.push_back(&s);
	const auto key = [](const series *s) {
		const double figure = median(*s);
		return std::isnan(figure) ? HUGE_VAL : figure;
	};
	std::stable_sort(rows.begin(), rows.end(), [&](const series *a, const series *b) { return key(a) < key(b); });
	return rows;
}

const char *kind_of(unsigned roles)
{
	if ((roles & role_limit) != 0)
		return "limit";
	return (roles & role_ours) != 0 ? "ours" : "peer";
}

double spread_percent(const series &s)
{
	std::vector<double> values = s.rounds;
	std::erase_if(values, [](double v) { return std::isnan(v); });
	if (values.size() < 4)
		return std::nan("");
	std::sort(values.begin(), values.end());
	const size_t quarter = values.size() / 4;
	return (values[values.size() - 1 - quarter] - values[quarter]) / median(values) * 100;
}

double median_ratio(const series &a, const series &b)
{
	return median_of_rounds(a, b, [](double x, double y) { return x / y; });
}

double median_difference(const series &a, const series &b)
{
	return median_of_rounds(a, b, [](double x, double y) { return x - y; });
}

std::string figure(double value)
{
	if (std::isnan(value))
		return "-";
	std::array<char, 64> text;
	const double size = std::fabs(value);
	snprintf(text.data(), text.size(), size < 10 ? "%.2f" : size < 1000 ? "%.1f" : "%.0f", value);
	std::string s = text.data();
	if (size >= 1000)
		for (size_t at = s.size() - 3; at > static_cast<size_t>(value < 0) && at < s.size(); at -= 3)
			s.insert(at, 1, ',');
	return s;
}

} // namespace bench
