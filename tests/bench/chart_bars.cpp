// SPDX-License-Identifier: MIT
//
// chart_bars.cpp - a panel of bars for each table, in two columns, on
// logarithmic scales. No state.
#include "report.hpp"
#include "roles.hpp"
#include "svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace bench {

namespace {

constexpr double margin = 24;
constexpr double panel_width = 560;
constexpr double label_width = 165;
constexpr double value_width = 70;
constexpr double bar_height = 17;
constexpr double head_height = 30;
constexpr double foot_height = 26;
constexpr double top = 78;

/// Powers of ten that hold all figures of one unit.
struct scale {
	double low = 0; // exponents of ten
	double high = 1;

	double place(double value) const
	{
		const double width = panel_width - label_width - value_width;
		return std::clamp((std::log10(value) - low) / (high - low), 0.004, 1.0) * width;
	}
};

double greatest(const table &t)
{
	double most = 0;
	for (const series &row : t.rows)
		most = std::max(most, std::isnan(median(row)) ? 0 : median(row));
	return most;
}

/// Tables in which nobody collapses share a scale, on which small differences show; so do the others.
scale scale_of(const results &r, const table &wanted)
{
	constexpr double collapse = 1000;
	const double first = wanted.unit == "ns" ? 0 : 1;
	scale s = {first, first + 1};
	for (const table &t : r.tables)
		if (t.unit == wanted.unit && (greatest(t) > collapse) == (greatest(wanted) > collapse))
			s.high = std::max(s.high, std::ceil(std::log10(greatest(t))));
	return s;
}

/// Those that have a length.
std::vector<const series *> rows_of(const table &t)
{
	std::vector<const series *> rows = by_median(t);
	std::erase_if(rows, [](const series *s) { return !(median(*s) > 0); });
	return rows;
}

double height_of(const table &t)
{
	return head_height + foot_height + bar_height * static_cast<double>(rows_of(t).size());
}

std::string grid(const scale &s, double x, double y, double height, const std::string &unit)
{
	std::string out;
	for (double power = s.low; power <= s.high; power++) {
		const double at = x + label_width + s.place(std::pow(10, power));
		out += "<line class=\"grid\" x1=\"" + px(at) + "\" x2=\"" + px(at) + "\" y1=\"" + px(y) + "\" y2=\"" +
		       px(y + height) + "\"/>\n";
		// Every second one where they would run into each other.
		if (s.high - s.low <= 5 || static_cast<int>(power - s.low) % 2 == 0)
			out += svg_text(at, y + height + 13, "faint mid", axis_label(std::pow(10, power)));
	}
	return out + svg_text(x + panel_width, y + height + 13, "faint end", unit);
}

std::string panel(const table &t, const scale &s, double x, double y)
{
	const std::vector<const series *> rows = rows_of(t);
	const double height = bar_height * static_cast<double>(rows.size());
	std::string out = svg_text(x, y + 18, "ink head", t.title);
	double at = y + head_height;
	out += grid(s, x, at, height, t.unit);
	for (const series *row : rows) {
		const double width = s.place(median(*row));
		const std::string bold = (row->roles & role_ours) != 0 ? " bold" : "";
		out += svg_text(x + label_width - 8, at + 13, "ink end" + bold, row->name);
		out += "<rect class=\"" + std::string(kind_of(row->roles)) + "\" x=\"" + px(x + label_width) +
		       "\" y=\"" + px(at + 3) + "\" width=\"" + px(width) + "\" height=\"" + px(bar_height - 5) +
		       "\" rx=\"2\"><title>" + escaped(row->what) + "</title></rect>\n";
		out += svg_text(x + label_width + width + 6, at + 13, "ink" + bold, figure(median(*row)));
		at += bar_height;
	}
	return out;
}

std::string legend(double x, double y)
{
	struct item {
		const char *name;
		const char *text;
	};
	constexpr std::array<item, 3> items = {
		{{"ours", "libmempool"}, {"peer", "peers"}, {"limit", "what the machine allows"}}};
	std::string out;
	for (const item &i : items) {
		out += "<rect class=\"" + std::string(i.name) + "\" x=\"" + px(x) + "\" y=\"" + px(y - 10) +
		       "\" width=\"12\" height=\"12\" rx=\"2\"/>\n" + svg_text(x + 18, y, "ink", i.text);
		x += 110;
	}
	return out;
}

} // namespace

std::string bars_svg(const results &r)
{
	std::array<double, 2> ends = {top, top};
	std::string panels;
	for (const table &t : r.tables) {
		// Into the column that is shorter, the left one when in doubt.
		const size_t column = ends[1] < ends[0] ? 1 : 0;
		panels += panel(t, scale_of(r, t), margin + static_cast<double>(column) * (panel_width + margin),
				ends[column]);
		ends[column] += height_of(t) + 12;
	}
	const double width = 2 * panel_width + 3 * margin;
	const double height = std::max(ends[0], ends[1]) + margin / 2;
	return svg_open(width, height, "Cost of one allocation plus one free") +
	       svg_text(margin, 32, "title",
			"One allocation plus one free: less is better, each line is ten times the last") +
	       legend(margin, 58) +
	       svg_text(margin + 440, 58, "faint",
			r.on.cpu + ", " + std::to_string(r.on.cpus) + " CPUs, " + r.on.kernel + ", " + r.on.date) +
	       panels + "</svg>\n";
}

} // namespace bench
