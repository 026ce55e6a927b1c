// SPDX-License-Identifier: MIT
//
// top_rows.cpp - see top_rows.hpp.
#include "tools/top_rows.hpp"

#include <algorithm>

namespace top {
namespace {

constexpr size_t most_levels = 60;

double per_second(uint64_t now, uint64_t before, uint64_t passed_ns)
{
	return now < before ? 0 : static_cast<double>(now - before) * 1e9 / static_cast<double>(passed_ns);
}

} // namespace

double pool_row::level() const
{
	const int full = std::max(pool.stats.min_nr, 1);
	return std::clamp(static_cast<double>(pool.stats.curr_nr) / full, 0.0, 1.0);
}

const char *name_of(order by)
{
	static constexpr const char *names[] = {"level",   "name",   "process",      "allocations",
						"reserve", "sleeps", "longest wait", "certificate"};
	return names[static_cast<unsigned>(by)];
}

void rows::count(past &p, uint64_t taken_ns, uint64_t allocs, uint64_t from_reserve)
{
	p.seen = true;
	if (p.taken_ns != 0 && taken_ns > p.taken_ns) {
		p.allocs_per_s = per_second(allocs, p.allocs, taken_ns - p.taken_ns);
		p.from_reserve_per_s = per_second(from_reserve, p.from_reserve, taken_ns - p.taken_ns);
	}
	p.taken_ns = taken_ns;
	p.allocs = allocs;
	p.from_reserve = from_reserve;
}

void rows::take_pool(const live::snapshot &s, const mempool_published_pool &pool)
{
	past &p = past_[{s.process.pid, 'p', pool.id, pool.name}];
	pool_row row;
	row.pid = s.process.pid;
	row.program = s.process.program;
	row.pool = pool;
	row.fresh = s.problem.empty();
	if (p.taken_ns != s.process.taken_ns) {
		p.levels.push_back(row.level());
		if (p.levels.size() > most_levels)
			p.levels.pop_front();
	}
	count(p, s.process.taken_ns, pool.stats.allocs, pool.stats.from_reserve);
	row.allocs_per_s = p.allocs_per_s;
	row.from_reserve_per_s = p.from_reserve_per_s;
	row.levels = p.levels;
	pools_.push_back(row);
}

void rows::take_cache(const live::snapshot &s, size_t i)
{
	const mempool_published_cache &cache = s.caches[i];
	past &p = past_[{s.process.pid, 'c', live::nth_of_name(s.caches, i), cache.name}];
	count(p, s.process.taken_ns, cache.stats.allocs, 0);
	cache_row row;
	row.pid = s.process.pid;
	row.program = s.process.program;
	row.cache = cache;
	row.allocs_per_s = p.allocs_per_s;
	row.fresh = s.problem.empty();
	caches_.push_back(row);
}

void rows::take(const std::vector<live::snapshot> &all)
{
	for (auto &[k, p] : past_)
		p.seen = false;
	pools_.clear();
	caches_.clear();
	processes_ = static_cast<unsigned>(all.size());
	for (const live::snapshot &s : all) {
		for (const mempool_published_pool &pool : s.pools)
			take_pool(s, pool);
		for (size_t i = 0; i < s.caches.size(); i++)
			take_cache(s, i);
	}
	for (auto at = past_.begin(); at != past_.end();)
		at = at->second.seen ? std::next(at) : past_.erase(at);
}

void rows::sort(order by, bool reversed)
{
	// What is worth a look comes first; equals stay in the order of names and processes.
	const auto name_first = [](const auto &a, const auto &b, const char *x, const char *y) {
		return std::make_tuple(std::string(x), a.pid) < std::make_tuple(std::string(y), b.pid);
	};
	std::sort(pools_.begin(), pools_.end(),
		  [&](const pool_row &a, const pool_row &b) { return name_first(a, b, a.pool.name, b.pool.name); });
	std::sort(caches_.begin(), caches_.end(),
		  [&](const cache_row &a, const cache_row &b) { return name_first(a, b, a.cache.name, b.cache.name); });
	const auto before = [by](const pool_row &a, const pool_row &b) {
		switch (by) {
		case order::level:
			return a.level() < b.level();
		case order::process:
			return a.pid < b.pid;
		case order::allocs:
			return a.allocs_per_s > b.allocs_per_s;
		case order::from_reserve:
			return a.from_reserve_per_s > b.from_reserve_per_s;
		case order::sleeps:
			return a.pool.stats.sleeps > b.pool.stats.sleeps;
		case order::longest:
			return a.pool.stats.wait_longest_ns > b.pool.stats.wait_longest_ns;
		case order::certificate:
			return a.pool.cert.guaranteed < b.pool.cert.guaranteed;
		case order::name:
			break;
		}
		return false;
	};
	std::stable_sort(pools_.begin(), pools_.end(), before);
	std::stable_sort(caches_.begin(), caches_.end(), [by](const cache_row &a, const cache_row &b) {
		return by == order::process ? a.pid < b.pid
		       : by == order::name  ? false
					    : a.allocs_per_s > b.allocs_per_s;
	});
	if (reversed) {
		std::reverse(pools_.begin(), pools_.end());
		std::reverse(caches_.begin(), caches_.end());
	}
}

} // namespace top
