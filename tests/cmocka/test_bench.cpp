// SPDX-License-Identifier: MIT
//
// test_bench.cpp - the benchmark's arithmetic and its reports, on figures that
// are made up here: medians, ratios, percentiles, the targets, and what is
// written of them.
#include "support.hpp"

#include "tests/bench/histogram.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "cmocka_cpp.hpp"

using namespace bench;

namespace {

const double nan = std::nan("");

bool near(double a, double b)
{
	return std::fabs(a - b) < 1e-9;
}

bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != std::string::npos;
}

series row(const char *name, unsigned roles, std::vector<double> rounds)
{
	return {.name = name,
		.what = "what <" + std::string(name) + "> is",
		.roles = roles,
		.rounds = std::move(rounds)};
}

/// Three tables: a target reached, one missed, and one whose opponent is not there.
results made_up()
{
	results r;
	r.on = {.cpu = "A CPU & more",
		.cpus = 2,
		.kernel = "k",
		.compiler = "c",
		.libc = "l",
		.date = "d",
		.rseq = true};
	r.how.rounds = 3;
	r.versions = {"dpdk 1"};
	r.left_out = {"tbb: not there"};
	r.tables = {
		{"pair-64",
		 "Pair",
		 "ns",
		 {row("mempool", role_ours, {3, 4, 100}), row("dpdk-c", 0, {6, 8, 200}),
		  row("rseq", role_limit, {1, 1, 1})}},
		{"reserve-2t",
		 "Reserve",
		 "ns",
		 {row("mempool", role_ours, {30, 30, 30}), row("slow", 0, {9000, nan, nan}),
		  row("fast", 0, {300, 300, 300}), row("rseq", role_limit, {1, 1, 1})}},
		{"pipe", "Pipe", "ns", {row("mempool", role_ours, {30, 30, 30})}},
		{"callbacks",
		 "Callbacks",
		 "ns",
		 {row("mempool", 0, {11, 12, 13}), row("callbacks", 0, {10, 10.5, 12})}},
		{"memory", "Memory", "B", {row("mempool", role_ours, {64.5})}},
	};
	r.curves = {
		{"grow-size", "Size", "bytes", {16, 64}, {{"mempool", role_ours, {5, nan}}, {"x & y", 0, {50, 5000}}}}};
	judge(r);
	return r;
}

const verdict &judged(const results &r, const std::string &key, const std::string &against)
{
	for (const verdict &v : r.verdicts)
		if (v.key == key && v.against == against)
			return v;
	fail_msg("no verdict on %s against %s", key.c_str(), against.c_str());
	return r.verdicts[0];
}

void medians_pass_over_what_is_missing(void **)
{
	assert_true(std::isnan(median(std::vector<double>{})));
	assert_true(std::isnan(median(std::vector<double>{nan})));
	assert_true(near(median(std::vector<double>{5}), 5));
	assert_true(near(median(std::vector<double>{9, 1, 5}), 5));
	assert_true(near(median(std::vector<double>{9, nan, 1, 5, 7}), 6));
}

void ratios_are_taken_round_by_round(void **)
{
	// The medians' ratio would be 10/4.
	const series a = row("a", 0, {10, 2, 40});
	const series b = row("b", 0, {10, 4, 4});
	assert_true(near(median_ratio(a, b), 1));
	assert_true(near(median_difference(a, b), 0));
	assert_true(near(median_ratio(a, row("c", 0, {nan, 1, nan})), 2));
	assert_true(std::isnan(median_ratio(a, row("d", 0, {}))));
}

void rows_are_sorted_by_their_medians(void **)
{
	const table t = {"", "", "", {row("none", 0, {nan}), row("b", 0, {2, 9, 1}), row("a", 0, {1})}};
	const std::vector<const series *> sorted = by_median(t);
	assert_int_equal(sorted.size(), 3);
	assert_true(sorted[0]->name == "a" && sorted[1]->name == "b" && sorted[2]->name == "none");
}

void spread_is_the_middle_half(void **)
{
	assert_true(std::isnan(spread_percent(row("a", 0, {1, 2, 3}))));
	assert_true(near(spread_percent(row("a", 0, {1000, 9, 10, 11, 1})), 20));
}

void figures_are_short(void **)
{
	assert_string_equal(figure(nan).c_str(), "-");
	assert_string_equal(figure(0.123).c_str(), "0.12");
	assert_string_equal(figure(29.74).c_str(), "29.7");
	assert_string_equal(figure(999.94).c_str(), "999.9");
	assert_string_equal(figure(1000).c_str(), "1,000");
	assert_string_equal(figure(1950000).c_str(), "1,950,000");
	assert_string_equal(figure(-123456).c_str(), "-123,456");
}

void percentiles_are_within_3_percent(void **)
{
	histogram h;
	assert_true(std::isnan(h.percentile(0.5)));
	for (uint64_t i = 1; i <= 100'000; i++)
		h.add(i);
	for (const double part : {0.01, 0.5, 0.99, 0.9999}) {
		const double exact = part * 100'000;
		assert_true(h.percentile(part) >= exact && h.percentile(part) <= exact * 1.032);
	}
	assert_true(near(h.percentile(1), 100'000));
	histogram other;
	other.add(UINT64_MAX);
	h.merge(other);
	assert_int_equal(h.count(), 100'001);
	assert_true(h.greatest() == UINT64_MAX);
}

void targets_are_judged(void **)
{
	const results r = made_up();
	assert_true(near(judged(r, "pair-64", "dpdk-c").reached, 0.5) && judged(r, "pair-64", "dpdk-c").met());
	assert_true(near(judged(r, "pair-64", "rseq").reached, 4) && !judged(r, "pair-64", "rseq").met());
	// The best peer is neither ours nor a limit.
	assert_true(near(judged(r, "reserve-2t", "fast").reached, 0.1) && judged(r, "reserve-2t", "fast").met());
	assert_false(judged(r, "pipe", "dpdk-c").measured());
	assert_true(near(judged(r, "callbacks", "callbacks").reached, 1));
	assert_true(judged(r, "memory", "").met());
	// What was not measured is not judged.
	assert_int_equal(r.verdicts.size(), 6);
}

void markdown_has_all(void **)
{
	const std::string text = markdown(made_up());
	assert_false(contains(text, "Meanwhile"));
	results noisy = made_up();
	noisy.on.others = 1.25;
	assert_true(contains(markdown(noisy), "kept 1.25 of 2 CPUs busy"));
	for (const char *part : {"A CPU & more", "tbb: not there", "| at most 0.75 x dpdk-c | dpdk-c | 0.50 x | yes |",
				 "| at most 1.5 x rseq | rseq | 4.00 x | no |", "| dpdk-c | - x | not measured |",
				 "| slow | 9,000 |", "| mempool | 5.00 | - |"})
		if (!contains(text, part))
			fail_msg("no '%s' in:\n%s", part, text.c_str());
}

void json_has_every_round(void **)
{
	const nlohmann::json j = nlohmann::json::parse(json_text(made_up()));
	assert_int_equal(j["tables"].size(), 5);
	assert_int_equal(j["tables"][0]["rows"][1]["rounds"][2].get<int>(), 200);
	assert_true(j["tables"][1]["rows"][1]["rounds"][1].is_null());
	assert_true(j["targets"][0]["met"].get<bool>());
	assert_true(j["targets"][2]["met"].is_null()); // the pipe's, where nobody is to compare with
	assert_true(j["curves"][0]["lines"][0]["ns"][1].is_null());
}

/// Every element that is opened is closed, no text has a bare & or <, and no coordinate is no number.
void check_svg(const std::string &svg)
{
	size_t depth = 0;
	for (size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
		const size_t end = svg.find('>', at);
		assert_true(end != std::string::npos);
		if (svg[at + 1] == '/')
			depth--;
		else if (svg[end - 1] != '/')
			depth++;
	}
	assert_int_equal(depth, 0);
	assert_false(contains(svg, "& "));
	assert_false(contains(svg, "nan"));
	assert_false(contains(svg, "inf"));
}

void charts_are_sound(void **)
{
	const results r = made_up();
	check_svg(bars_svg(r));
	check_svg(curves_svg(r));
	assert_true(contains(bars_svg(r), "what &lt;dpdk-c&gt; is"));
	assert_true(contains(curves_svg(r), "x &amp; y"));
	check_svg(bars_svg(results()));
	assert_string_equal(curves_svg(results()).c_str(), "");
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(medians_pass_over_what_is_missing),
		cmocka_unit_test(ratios_are_taken_round_by_round),
		cmocka_unit_test(rows_are_sorted_by_their_medians),
		cmocka_unit_test(spread_is_the_middle_half),
		cmocka_unit_test(figures_are_short),
		cmocka_unit_test(percentiles_are_within_3_percent),
		cmocka_unit_test(targets_are_judged),
		cmocka_unit_test(markdown_has_all),
		cmocka_unit_test(json_has_every_round),
		cmocka_unit_test(charts_are_sound),
	};
	return cmocka_run_group_tests_name("bench", tests, nullptr, nullptr);
}
