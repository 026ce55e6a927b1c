// SPDX-License-Identifier: MIT
//
// chart_curves.cpp - a panel of lines for each growth curve, both axes
// logarithmic. No state.
#include "report.hpp"
#include "svg.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

constexpr double margin = 24;
constexpr double panel_width = 560;
constexpr double panel_height = 330;
constexpr double left = 60;
constexpr double right = 120; // for the names at the ends of the lines
constexpr double above = 36;
constexpr double below = 40;
constexpr double top = 56;

/// Where a value lies on one axis.
struct axis {
	double from; // logarithms
	double to;
	double start; // pixels
	double length;

	double place(double value) const { return start + (std::log10(value) - from) / (to - from) * length; }
};

axis x_axis(const curve &c, double x)
{
	return {std::log10(c.at.front()), std::log10(c.at.back()), x + left, panel_width - left - right};
}

axis y_axis(const curve &c, double y)
{
	double low = 9;
	double high = 0;
	for (const curve::line &l : c.lines)
		for (const double ns : l.ns)
			if (ns > 0) {
				low = std::min(low, std::floor(std::log10(ns)));
				high = std::max(high, std::ceil(std::log10(ns)));
			}
	// Upwards: from the foot, with a negative length.
	return {low, std::max(high, low + 1), y + panel_height - below, -(panel_height - above - below)};
}

std::string grid(const curve &c, const axis &across, const axis &up)
{
	std::string out;
	for (double power = up.from; power <= up.to; power++) {
		const double y = up.place(std::pow(10, power));
		out += "<line class=\"grid\" x1=\"" + px(across.start) + "\" x2=\"" + px(across.start + across.length) +
		       "\" y1=\"" + px(y) + "\" y2=\"" + px(y) + "\"/>\n";
		out += svg_text(across.start - 6, y + 4, "faint end", axis_label(std::pow(10, power)));
	}
	for (const double x : c.at)
		out += svg_text(across.place(x), up.start + 16, "faint mid", axis_label(x));
	out += svg_text(across.start + across.length / 2, up.start + 32, "faint mid", c.x);
	return out + svg_text(across.start - 6, up.start + up.length - 10, "faint end", "ns");
}

std::string line(const curve &c, size_t number, const axis &across, const axis &up)
{
	const curve::line &l = c.lines[number];
	const std::string colour = std::to_string(number % 6);
	std::string points;
	std::string dots;
	for (size_t i = 0; i < l.ns.size(); i++) {
		if (!(l.ns[i] > 0))
			continue;
		const std::string x = px(across.place(c.at[i]));
		const std::string y = px(up.place(l.ns[i]));
		points += x + "," + y + " ";
		dots += "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"2.5\" class=\"f" + colour + "\"/>\n";
	}
	return "<polyline class=\"line l" + colour + "\" points=\"" + points + "\"/>\n" + dots;
}

/// The names at the right, moved apart where the lines end close together.
std::string names(const curve &c, const axis &across, const axis &up)
{
	struct place {
		double y;
		size_t number;
	};
	std::vector<place> places;
	for (size_t i = 0; i < c.lines.size(); i++)
		for (size_t at = c.at.size(); at-- > 0;)
			if (c.lines[i].ns[at] > 0) {
				places.push_back({up.place(c.lines[i].ns[at]), i});
				break;
			}
	std::sort(places.begin(), places.end(), [](const place &a, const place &b) { return a.y > b.y; });
	std::string out;
	double lowest = up.start + 14;
	for (const place &p : places) {
		lowest = std::min(p.y, lowest - 14);
		out += svg_text(across.start + across.length + 8, lowest + 4, "f" + std::to_string(p.number % 6),
				c.lines[p.number].name);
	}
	return out;
}

} // namespace

std::string curves_svg(const results &r)
{
	if (r.curves.empty())
		return "";
	std::string panels;
	double x = margin;
	double y = top;
	for (size_t i = 0; i < r.curves.size(); i++) {
		const curve &c = r.curves[i];
		const size_t row = i / 2;
		x = margin + static_cast<double>(i % 2) * (panel_width + margin);
		y = top + static_cast<double>(row) * (panel_height + margin);
		const axis across = x_axis(c, x);
		const axis up = y_axis(c, y);
		panels += svg_text(x, y + 14, "ink head", c.title) + grid(c, across, up);
		// Ours last, on top of the others.
		for (size_t n = c.lines.size(); n-- > 0;)
			panels += line(c, n, across, up);
		panels += names(c, across, up);
	}
	return svg_open(2 * panel_width + 3 * margin, y + panel_height + margin, "How the cost grows") +
	       svg_text(margin, 32, "ink title", "How the cost of one allocation plus one free grows") + panels +
	       "</svg>\n";
}

} // namespace bench
