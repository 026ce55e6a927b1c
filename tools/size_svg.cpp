// SPDX-License-Identifier: MIT
//
// size_svg.cpp - for each pool, how much of the reserve was needed over time, the
// min_nr that would have been enough, and the moment that decides it.
#include "tools/pages.hpp"
#include "tools/size_answer.hpp"

#include <algorithm>
#include <cstdio>

namespace size {
namespace {

constexpr double width = 800, height = 220, left = 60, right = 48, top = 36, bottom = 32;

/// What lacks in the reserve, from step to step, with a min_nr that is enough.
std::vector<std::pair<uint64_t, int64_t>> needed_over_time(const answer &a)
{
	std::vector<std::pair<uint64_t, int64_t>> points = {{a.used.start_ns, a.used.missing}};
	int64_t lacking = a.used.missing;
	simulate(a.used, a.without_sleep, [&](const step &s) {
		lacking = s.is_take ? lacking + s.count : std::max<int64_t>(0, lacking - s.count);
		if (lacking != points.back().second)
			points.emplace_back(s.at_ns, lacking);
	});
	points.emplace_back(std::max(a.used.end_ns, points.back().first), lacking);
	return points;
}

template <class... Values> void say(tools::output &to, const char *format, Values... values)
{
	char line[512];
	snprintf(line, sizeof(line), format, values...);
	to.write(line);
}

void draw(const answer &a, double y0, tools::output &to)
{
	const auto points = needed_over_time(a);
	const uint64_t start_ns = points.front().first;
	const double span = std::max(1.0, static_cast<double>(points.back().first - start_ns));
	const auto most = static_cast<double>(std::max<int64_t>({1, a.without_sleep, a.used.min_nr}));
	const auto x = [&](uint64_t at_ns) {
		return left + (width - left - right) * static_cast<double>(at_ns - start_ns) / span;
	};
	const auto y = [&](int64_t n) {
		return y0 + height - bottom - (height - top - bottom) * static_cast<double>(n) / most;
	};
	say(to, "<text x=\"%g\" y=\"%g\" class=\"title\">%s: needed of the reserve</text>\n", left, y0 + 20,
	    pages::escaped(a.used.pool).substr(0, 120).c_str());
	to.write("<path class=\"needed\" d=\"");
	say(to, "M%.1f %.1f", x(start_ns), y(0));
	for (const auto &[at_ns, lacking] : points) // up or down where it changed
		say(to, "H%.1fV%.1f", x(at_ns), y(lacking));
	say(to, "V%.1fZ\"/>\n", y(0));
	say(to, "<path class=\"enough\" d=\"M%g %.1fH%g\"/>\n", left, y(a.without_sleep), width - right);
	say(to, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%lld</text>\n", left - 6, y(a.without_sleep) + 4,
	    static_cast<long long>(a.without_sleep));
	if (a.used.min_nr != a.without_sleep) {
		say(to, "<path class=\"now\" d=\"M%g %.1fH%g\"/>\n", left, y(a.used.min_nr), width - right);
		say(to, "<text x=\"%g\" y=\"%.1f\">%lld</text>\n", width - right + 6, y(a.used.min_nr) + 4,
		    static_cast<long long>(a.used.min_nr));
	}
	if (a.without_sleep > 1)
		say(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", x(a.one_less.unserved_ns), y(a.without_sleep));
	say(to, "<text x=\"%g\" y=\"%g\">0 s</text><text x=\"%g\" y=\"%g\" text-anchor=\"end\">%.3f s</text>\n", left,
	    y0 + height - 12, width - right, y0 + height - 12, span / 1e9);
}

} // namespace

void write_svg(const std::vector<answer> &answers, tools::output &to)
{
	const double all = height * static_cast<double>(std::max<size_t>(1, answers.size()));
	say(to,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" font-family=\"sans-serif\" "
	    "font-size=\"12\">\n",
	    width, all);
	to.write("<style>.title{font-weight:bold}.needed{fill:#8ab4d8;stroke:#2a6496}.enough{stroke:#2b7a2b;stroke-"
		 "width:2}"
		 ".now{stroke:#b04a00;stroke-dasharray:6 4}text{fill:#222}circle{fill:#2b7a2b}</style>\n");
	say(to, "<rect width=\"%g\" height=\"%g\" fill=\"#fff\"/>\n", width, all);
	for (size_t i = 0; i < answers.size(); i++)
		draw(answers[i], height * static_cast<double>(i), to);
	to.write("</svg>\n");
}

} // namespace size
