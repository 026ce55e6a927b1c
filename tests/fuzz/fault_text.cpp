// SPDX-License-Identifier: MIT
//
// fault_text.cpp - settings of fault points as text: what MEMPOOL_FAULT, and
// `mempool_fault_apply()` take, and the kernel's four numbers.
//
// Each input meets a table of its own, as one that is full takes no more names.
#include "tests/fuzz/fuzz.hpp"

#include "mempool/watch/fault_table.hpp"

#include <mempool/mempool-debug.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <vector>

using namespace mp::watch;

namespace {

fault_table table;

void copy_live_table()
{
	memcpy(static_cast<void *>(&table), static_cast<void *>(&fault_table_live()), sizeof(table));
}

std::vector<mempool_fault_point> points_of(fault_table &of)
{
	std::vector<mempool_fault_point> points;
	each_point(
		of,
		[](const mempool_fault_point *point, void *arg) {
			static_cast<std::vector<mempool_fault_point> *>(arg)->push_back(*point);
			return 0;
		},
		&points);
	return points;
}

bool same(const std::vector<mempool_fault_point> &a, const std::vector<mempool_fault_point> &b)
{
	return a.size() == b.size() && (a.empty() || memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0);
}

void check_ranges(const mempool_fault_point &p)
{
	FUZZ_CHECK(p.size == sizeof(p) && p.name[0] != 0 && strnlen(p.name, sizeof(p.name)) < sizeof(p.name));
	FUZZ_CHECK(p.probability <= 100 && p.interval <= UINT_MAX && p.times >= -1 && p.space >= 0);
	FUZZ_CHECK(p.verbose <= 2 && p.stacktrace_depth <= 32 && p.min_order <= 10);
}

/// Every attribute as text, which must bring the point back as it is.
std::string to_text(const mempool_fault_point &p)
{
	char text[640];
	const char *mark = strchr(p.name, '@');
	const std::string name =
		mark == nullptr ? p.name : std::string(p.name, mark + 1 - p.name) + '"' + (mark + 1) + '"';
	snprintf(text, sizeof(text),
		 ":interval=%lu,probability=%lu,space=%d,times=%d,verbose=%lu,verbose_ratelimit_interval_ms=%u,"
		 "verbose_ratelimit_burst=%u,task-filter=%c,stacktrace-depth=%lu,require-start=%#lx,require-end=%#lx,"
		 "reject-start=%lu,reject-end=%lu,ignore-gfp-wait=%c,cache-filter=%c,min-order=%u;",
		 p.interval, p.probability, p.space, p.times, p.verbose, p.verbose_ratelimit_interval_ms,
		 p.verbose_ratelimit_burst, p.task_filter ? 'Y' : 'N', p.stacktrace_depth, p.require_start,
		 p.require_end, p.reject_start, p.reject_end, p.ignore_gfp_wait ? 'Y' : 'N', p.cache_filter ? 'Y' : 'N',
		 p.min_order);
	return "+" + name + text;
}

void apply_settings(const char *text)
{
	copy_live_table();
	const std::vector<mempool_fault_point> before = points_of(table);
	mempool_fault_error error = {};
	error.size = sizeof(error);
	if (!apply_text(table, text, error)) {
		FUZZ_CHECK(same(before, points_of(table))); // all or nothing
		FUZZ_CHECK(error.offset <= strlen(text));
		FUZZ_CHECK(error.text[0] != 0 && strnlen(error.text, sizeof(error.text)) < sizeof(error.text));
		// The public call says the same of it, and then changes nothing either.
		const std::vector<mempool_fault_point> live = points_of(fault_table_live());
		mempool_fault_error said = {};
		said.size = sizeof(said);
		FUZZ_CHECK(mempool_fault_apply(0, text, &said) == -EINVAL);
		FUZZ_CHECK(said.offset == error.offset && strcmp(said.text, error.text) == 0);
		FUZZ_CHECK(same(live, points_of(fault_table_live())));
		return;
	}
	const std::vector<mempool_fault_point> set = points_of(table);
	std::string all;
	for (const mempool_fault_point &p : set) {
		check_ranges(p);
		all += to_text(p);
	}
	// A second time it changes nothing; and what is set can be written down and read again.
	FUZZ_CHECK(apply_text(table, text, error) && same(set, points_of(table)));
	copy_live_table();
	FUZZ_CHECK(apply_text(table, all.c_str(), error) && same(set, points_of(table)));
	FUZZ_CHECK(apply_text(table, "off", error));
	for (const mempool_fault_point &p : points_of(table))
		FUZZ_CHECK(p.probability == 0);
}

/// What ours takes the kernel's takes, too, and understands alike.
void set_four(char *text)
{
	fault_attr attr = FAULT_ATTR_INITIALIZER;
	const fault_attr before = attr;
	unsigned long interval = 0;
	unsigned long probability = 0;
	int space = 0;
	int times = 0;
	const bool kernels = sscanf(text, "%lu,%lu,%d,%d", &interval, &probability, &space, &times) == 4;
	if (setup_fault_attr(&attr, text) == 0) {
		FUZZ_CHECK(attr.interval == before.interval && attr.probability == before.probability &&
			   attr.space == before.space && attr.times == before.times && attr.count == before.count);
		return;
	}
	FUZZ_CHECK(kernels);
	FUZZ_CHECK(attr.interval == interval && attr.probability == probability && attr.space == space &&
		   attr.times == times);
	FUZZ_CHECK(attr.probability <= 100 && attr.times >= -1 && attr.space >= 0);
}

} // namespace

int LLVMFuzzerInitialize(int *, char ***)
{
	mempool_set_report_fn([](mempool_report_kind, const char *, size_t, void *) {}, nullptr);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	std::string text(reinterpret_cast<const char *>(data), bytes);
	text = text.c_str(); // it ends where C thinks so
	set_four(text.data());
	apply_settings(text.c_str());
	return 0;
}
