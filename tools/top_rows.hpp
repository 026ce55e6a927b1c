// SPDX-License-Identifier: MIT
//
// top_rows.hpp - what `mempool top` shows: a row for each pool and cache, with
// what became of it since the last look, and the level of its reserve at the last looks.
#pragma once

#include "tools/live.hpp"

#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace top {

struct pool_row {
	pid_t pid = 0;
	std::string program;
	mempool_published_pool pool{};
	double allocs_per_s = 0;
	double from_reserve_per_s = 0;
	std::deque<double> levels; // 0: empty, 1: full; the newest last
	bool fresh = true;         // the process answered

	double level() const;
};

struct cache_row {
	pid_t pid = 0;
	std::string program;
	mempool_published_cache cache{};
	double allocs_per_s = 0;
	bool fresh = true;
};

/// What rows are sorted by.
enum class order { level, name, process, allocs, from_reserve, sleeps, longest, certificate };
const char *name_of(order by);

class rows {
      public:
	/// Takes a new look in, and forgets what is no longer there.
	void take(const std::vector<live::snapshot> &all);
	void sort(order by, bool reversed);

	const std::vector<pool_row> &pools() const { return pools_; }
	const std::vector<cache_row> &caches() const { return caches_; }
	unsigned processes() const { return processes_; }

      private:
	struct past {
		uint64_t taken_ns = 0;
		uint64_t allocs = 0;
		uint64_t from_reserve = 0;
		double allocs_per_s = 0;
		double from_reserve_per_s = 0;
		std::deque<double> levels;
		bool seen = false;
	};
	using key = std::tuple<pid_t, char, uint64_t, std::string>;

	static void count(past &p, uint64_t taken_ns, uint64_t allocs, uint64_t from_reserve);
	void take_pool(const live::snapshot &s, const mempool_published_pool &pool);
	void take_cache(const live::snapshot &s, size_t i);

	std::map<key, past> past_;
	std::vector<pool_row> pools_;
	std::vector<cache_row> caches_;
	unsigned processes_ = 0;
};

} // namespace top
