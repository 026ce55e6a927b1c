// SPDX-License-Identifier: MIT
//
// fault_show.cpp - fault points in words. See fault.hpp.
#include "tools/fault.hpp"

#include "tools/text.hpp"

#include <climits>
#include <cstring>
#include <fstream>
#include <mempool/fault-inject.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace fault {
namespace {

using tools::text;
using json_t = nlohmann::ordered_json;
using points = std::vector<mempool_fault_point>;

struct described {
	const char *name;
	const char *what;
};

constexpr described known_points[] = {
	{"failslab", "kmem_cache_alloc() and kmalloc(); size in bytes"},
	{"fail_page_alloc", "the page layer; size in pages"},
	{"fail_mempool_alloc", "a pool's backing, in each pass of mempool_alloc(): the reserve is asked then"},
	{"fail_mempool_alloc_bulk", "a pool's backing in mempool_alloc_bulk(), once a call"},
	{"fail_mempool_resize", "mempool_resize(): -ENOMEM"},
	{"fail_mempool_create", "making a pool: NULL, or -ENOMEM"},
	{"fail_kmem_cache_create", "kmem_cache_create(): NULL"},
	{"delay_mempool_free", "a freed element comes into the reserve later"},
	{"drain_mempool_reserve", "the reserve counts as empty, once in a call that asks it"},
};

constexpr described known_attributes[] = {
	{"probability", "percent of the decisions that come so far, 0 to 100; 0: off"},
	{"interval", "of those, only every so many-th"},
	{"times", "failures left; -1: no end"},
	{"space", "what fits in here is let through first, in the point's unit"},
	{"verbose", "0: no report of a failure; 1: a line; 2: with the stack"},
	{"task-filter", "Y: only threads that called mempool_fault_set_make_it_fail()"},
	{"stacktrace-depth", "frames that the four below look at, 0 to 32"},
	{"require-start", "a frame's address must be from this on"},
	{"require-end", "and below this"},
	{"reject-start", "no frame's address may be from this on"},
	{"reject-end", "and below this; both 0: any may"},
	{"ignore-gfp-wait", "Y: allocations that may wait are let through; failslab and fail_page_alloc"},
	{"cache-filter", "Y: only caches made with SLAB_FAILSLAB; failslab"},
	{"min-order", "blocks of fewer than 2^this pages are let through; fail_page_alloc"},
};

points points_of(pid_t pid)
{
	points all;
	const int result = mempool_fault_each(
		pid,
		[](const mempool_fault_point *point, void *arg) {
			static_cast<points *>(arg)->push_back(*point);
			return 0;
		},
		&all);
	if (result != 0) {
		mempool_fault_error error = {};
		error.size = sizeof(error);
		static_cast<void>(mempool_fault_reach(pid, &error)); // says what happened meanwhile
		throw std::runtime_error(std::string("fault show: ") +
					 (error.text[0] != 0 ? error.text : strerror(-result)));
	}
	return all;
}

json_t as_json(const mempool_fault_point &p)
{
	return {{"name", p.name},
		{"probability", p.probability},
		{"interval", p.interval},
		{"times", p.times},
		{"space", p.space},
		{"verbose", p.verbose},
		{"task-filter", p.task_filter},
		{"stacktrace-depth", p.stacktrace_depth},
		{"require-start", p.require_start},
		{"require-end", p.require_end},
		{"reject-start", p.reject_start},
		{"reject-end", p.reject_end},
		{"ignore-gfp-wait", p.ignore_gfp_wait},
		{"cache-filter", p.cache_filter},
		{"min-order", p.min_order},
		{"decisions", p.decisions},
		{"failures", p.failures}};
}

/// What is set otherwise than it is by default, beyond the columns.
std::string others(const mempool_fault_point &p)
{
	std::string all;
	const auto add = [&all](bool differs, const std::string &what) {
		if (differs)
			all += (all.empty() ? "" : ",") + what;
	};
	const auto range = [&](const char *what, unsigned long start, unsigned long end, unsigned long no_end) {
		add(start != 0 || end != no_end, text("%s-start=%#lx,%s-end=%#lx", what, start, what, end));
	};
	add(p.verbose != 2, text("verbose=%lu", p.verbose));
	add(p.task_filter, "task-filter=Y");
	add(p.stacktrace_depth != 32, text("stacktrace-depth=%lu", p.stacktrace_depth));
	range("require", p.require_start, p.require_end, ULONG_MAX);
	range("reject", p.reject_start, p.reject_end, 0);
	add(!p.ignore_gfp_wait && (strncmp(p.name, "failslab", 8) == 0 || strncmp(p.name, "fail_page_alloc", 15) == 0),
	    "ignore-gfp-wait=N");
	add(p.cache_filter, "cache-filter=Y");
	add(p.min_order != 1 && strncmp(p.name, "fail_page_alloc", 15) == 0, text("min-order=%u", p.min_order));
	return all;
}

std::string program_of(pid_t pid)
{
	std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
	std::string name;
	std::getline(file, name);
	return name;
}

} // namespace

std::string show(pid_t pid, bool json)
{
	const points all = points_of(pid);
	if (json) {
		json_t out = {{"pid", pid}, {"program", program_of(pid)}, {"points", json_t::array()}};
		for (const mempool_fault_point &p : all)
			out["points"].push_back(as_json(p));
		return out.dump(-1, ' ', false, json_t::error_handler_t::replace) + "\n";
	}
	int width = 24;
	for (const mempool_fault_point &p : all)
		width = std::max(width, static_cast<int>(strlen(p.name)));
	std::string out = text("process %d (%s)\n%-*s %11s %8s %6s %6s %12s %9s\n", pid, program_of(pid).c_str(), width,
			       "point", "probability", "interval", "times", "space", "decisions", "failures");
	for (const mempool_fault_point &p : all) {
		const std::string probability = p.probability == 0 ? "off" : text("%lu %%", p.probability);
		const std::string more = others(p);
		out += text("%-*s %11s %8lu %6d %6d %12llu %9llu%s%s\n", width, p.name, probability.c_str(), p.interval,
			    p.times, p.space, static_cast<unsigned long long>(p.decisions),
			    static_cast<unsigned long long>(p.failures), more.empty() ? "" : "  ", more.c_str());
	}
	return out;
}

std::string list(bool json)
{
	if (json) {
		json_t out = {{"points", json_t::array()}, {"attributes", json_t::array()}};
		for (const described &d : known_points)
			out["points"].push_back({{"name", d.name}, {"description", d.what}});
		for (const described &d : known_attributes)
			out["attributes"].push_back({{"name", d.name}, {"description", d.what}});
		return out.dump() + "\n";
	}
	std::string out = "Points; POINT@NAME is the same for the pool or cache of this name alone:\n";
	for (const described &d : known_points)
		out += text("  %-24s %s\n", d.name, d.what);
	out += "\nAttributes, as POINT.ATTRIBUTE=VALUE or POINT:ATTRIBUTE=VALUE,ATTRIBUTE=VALUE:\n";
	for (const described &d : known_attributes)
		out += text("  %-24s %s\n", d.name, d.what);
	return out + "\nPOINT=INTERVAL,PROBABILITY,SPACE,TIMES is the kernel's short form; seed=N; off: all points.\n";
}

} // namespace fault
