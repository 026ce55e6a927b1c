// SPDX-License-Identifier: MIT
//
// stat_forms.cpp - snapshots as tables, as JSON, and as /proc/slabinfo. See stat.hpp.
#include "tools/stat.hpp"

#include "tools/text.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <mempool/mempool-certificate.h>
#include <nlohmann/json.hpp>

namespace stat_command {
namespace {

using tools::text;
using json_t = nlohmann::ordered_json;

template <class Named> int width_of_names(const std::vector<Named> &all)
{
	size_t width = 12;
	for (const Named &one : all)
		width = std::max(width, strlen(one.name));
	return static_cast<int>(width);
}

std::string pool_table(const live::snapshot &s)
{
	const int width = width_of_names(s.pools);
	std::string out = text("%-*s %-9s %8s %7s %7s %7s %8s %13s %13s %9s %7s %10s  %s\n", width, "pool", "backing",
			       "bytes", "min_nr", "level", "lowest", "waiting", "allocs", "from reserve", "failures",
			       "sleeps", "longest", "certificate");
	for (const mempool_published_pool &p : s.pools)
		out += text("%-*s %-9s %8llu %7d %7d %7d %8d %13llu %13llu %9llu %7llu %10s  %s\n", width, p.name,
			    p.backing, static_cast<unsigned long long>(p.element_bytes), p.stats.min_nr,
			    p.stats.curr_nr, p.stats.lowest_nr, p.stats.waiters,
			    static_cast<unsigned long long>(p.stats.allocs),
			    static_cast<unsigned long long>(p.stats.from_reserve),
			    static_cast<unsigned long long>(p.stats.failures),
			    static_cast<unsigned long long>(p.stats.sleeps),
			    tools::duration(p.stats.wait_longest_ns).c_str(), live::verdict(p).c_str());
	return out;
}

std::string cache_table(const live::snapshot &s)
{
	const int width = width_of_names(s.caches);
	std::string out = text("%-*s %8s %8s %10s %8s %13s %13s %9s\n", width, "cache", "bytes", "slot", "objects",
			       "slabs", "allocs", "frees", "failures");
	for (const mempool_published_cache &c : s.caches)
		out += text("%-*s %8u %8u %10llu %8llu %13llu %13llu %9llu\n", width, c.name, c.stats.object_size,
			    c.stats.slot_size, static_cast<unsigned long long>(c.stats.objects),
			    static_cast<unsigned long long>(c.stats.slabs),
			    static_cast<unsigned long long>(c.stats.allocs),
			    static_cast<unsigned long long>(c.stats.frees),
			    static_cast<unsigned long long>(c.stats.failures));
	return out;
}

json_t doubts_of(const mempool_published_pool &pool)
{
	json_t all = json_t::array();
	for (unsigned bit = 1; bit != 0 && bit <= pool.cert.doubts; bit <<= 1)
		if ((pool.cert.doubts & bit) != 0)
			all.push_back(mempool_doubt_text(bit));
	return all;
}

json_t pool_as_json(const mempool_published_pool &p)
{
	const mempool_statistics &s = p.stats;
	return {{"name", p.name},
		{"id", p.id},
		{"backing", p.backing},
		{"element_bytes", p.element_bytes},
		{"min_nr", s.min_nr},
		{"curr_nr", s.curr_nr},
		{"lowest_nr", s.lowest_nr},
		{"waiters", s.waiters},
		{"allocs", s.allocs},
		{"frees", s.frees},
		{"from_reserve", s.from_reserve},
		{"to_reserve", s.to_reserve},
		{"backing_failures", s.backing_failures},
		{"failures", s.failures},
		{"sleeps", s.sleeps},
		{"wakes", s.wakes},
		{"timeouts", s.timeouts},
		{"wait_total_ns", s.wait_total_ns},
		{"wait_longest_ns", s.wait_longest_ns},
		{"certified", p.certified != 0},
		{"guaranteed", p.cert.guaranteed != 0},
		{"verdict", live::verdict(p)},
		{"doubts", doubts_of(p)}};
}

json_t cache_as_json(const mempool_published_cache &c)
{
	const kmem_cache_statistics &s = c.stats;
	return {{"name", c.name},
		{"object_size", s.object_size},
		{"slot_size", s.slot_size},
		{"slab_bytes", s.slab_bytes},
		{"objects_per_slab", s.objects_per_slab},
		{"slabs", s.slabs},
		{"objects", s.objects},
		{"allocs", s.allocs},
		{"frees", s.frees},
		{"failures", s.failures}};
}

} // namespace

std::string as_table(const std::vector<live::snapshot> &all)
{
	std::string out;
	for (const live::snapshot &s : all) {
		out += text("%sprocess %d (%s), snapshot %llu, %.1f s ago\n", out.empty() ? "" : "\n", s.process.pid,
			    s.process.program, static_cast<unsigned long long>(s.process.snapshot), s.age_s());
		out += s.pools.empty() ? "no pools\n" : pool_table(s);
		out += s.caches.empty() ? "no caches\n" : "\n" + cache_table(s);
		if (s.process.pools_left_out + s.process.caches_left_out > 0)
			out += text("and %u pools and %u caches that had no room: see mempool_publish_start(3)\n",
				    s.process.pools_left_out, s.process.caches_left_out);
	}
	return out;
}

std::string as_json(const std::vector<live::snapshot> &all)
{
	json_t out = {{"processes", json_t::array()}};
	for (const live::snapshot &s : all) {
		json_t one = {{"pid", s.process.pid},
			      {"program", s.process.program},
			      {"snapshot", s.process.snapshot},
			      {"taken_ns", s.process.taken_ns},
			      {"fresh", s.problem.empty()},
			      {"pools_left_out", s.process.pools_left_out},
			      {"caches_left_out", s.process.caches_left_out},
			      {"pools", json_t::array()},
			      {"caches", json_t::array()}};
		for (const mempool_published_pool &p : s.pools)
			one["pools"].push_back(pool_as_json(p));
		for (const mempool_published_cache &c : s.caches)
			one["caches"].push_back(cache_as_json(c));
		out["processes"].push_back(one);
	}
	return out.dump(-1, ' ', false, json_t::error_handler_t::replace) + "\n";
}

std::string as_slabinfo(const live::snapshot &one)
{
	std::string out =
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
		"<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
	for (const mempool_published_cache &c : one.caches) {
		const kmem_cache_statistics &s = c.stats;
		std::string name = c.name; // columns are told apart by spaces
		std::replace_if(
			name.begin(), name.end(), [](unsigned char ch) { return std::isspace(ch) != 0; }, '_');
		out += text("%-17s %6llu %6llu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6llu %6llu %6u\n",
			    name.c_str(), static_cast<unsigned long long>(s.objects),
			    static_cast<unsigned long long>(s.slabs) * s.objects_per_slab, s.slot_size,
			    s.objects_per_slab, s.slab_bytes / 4096, 0U, 0U, 0U,
			    static_cast<unsigned long long>(s.slabs), static_cast<unsigned long long>(s.slabs), 0U);
	}
	return out;
}

} // namespace stat_command
