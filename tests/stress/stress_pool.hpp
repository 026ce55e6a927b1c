// SPDX-License-Identifier: MIT
//
// stress_pool.hpp - a pool under stress, and what must be true of its elements:
// each has one owner, keeps its content while it is out, and comes back.
//
// Owner of the state: main() makes and ends the pools. Race table:
//   took, gives_back / the same    a shard's mutex
//   budget_alloc, budget_free      atomic
//   fail / any                     atomic
#pragma once

#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>

namespace stress {

constexpr int bulk_max = 4; // elements in one bulk; no reserve is ever smaller, so each bulk can be served

/// One line a failure; the first ones are printed.
class verdicts {
      public:
	[[gnu::format(printf, 2, 3)]] void fail(const char *format, ...)
	{
		char text[200];
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
		if (failures_.fetch_add(1) < 10) {
			printf("FAILED: %s\n", text);
			fflush(stdout);
		}
	}
	unsigned failures() const { return failures_.load(); }

      private:
	std::atomic<unsigned> failures_{0};
};

/// Where elements come from.
enum class backing { slab, kmalloc, kvmalloc, pages, budget };
constexpr const char *backing_names[] = {"slab", "kmalloc", "kvmalloc", "pages", "budget"};

class pool {
      public:
	pool(backing kind, size_t size_bytes, int min_nr, int budget)
		: kind_(kind), size_bytes_(size_bytes), budget_(budget), whole_budget_(budget)
	{
		struct mempool_attr attr = MEMPOOL_ATTR_INIT;
		const std::string name = std::string("stress-") + backing_names[static_cast<int>(kind)];
		attr.name = name.c_str();
		if (kind == backing::slab || kind == backing::budget)
			cache_ = kmem_cache_create(attr.name, static_cast<unsigned>(size_bytes), 0, 0, nullptr);
		void *const bytes = reinterpret_cast<void *>(size_bytes);
		int error = -1;
		switch (kind) {
		case backing::slab:
			error = mempool_init_attr(&pool_, min_nr, mempool_alloc_slab, mempool_free_slab, cache_, &attr);
			break;
		case backing::kmalloc:
			error = mempool_init_attr(&pool_, min_nr, mempool_kmalloc, mempool_kfree, bytes, &attr);
			break;
		case backing::kvmalloc:
			error = mempool_init_attr(&pool_, min_nr, mempool_kvmalloc, mempool_kvfree, bytes, &attr);
			break;
		case backing::pages: // of order 1
			size_bytes_ = PAGE_SIZE * 2;
			error = mempool_init_attr(&pool_, min_nr, mempool_alloc_pages, mempool_free_pages,
						  reinterpret_cast<void *>(1), &attr);
			break;
		case backing::budget:
			error = mempool_init_attr(&pool_, min_nr, budget_alloc, budget_free, this, &attr);
			break;
		}
		if (error != 0)
			verdicts_.fail("pool %s: cannot be made: %d", name.c_str(), error);
	}
	pool(const pool &) = delete;
	pool &operator=(const pool &) = delete;

	mempool_t *handle() { return &pool_; }
	const char *name() const { return backing_names[static_cast<int>(kind_)]; }
	struct kmem_cache *cache() const { return cache_; }
	verdicts &judge() { return verdicts_; }

	/// The calling thread took an element: it must be nobody's. Stamps it.
	void took(void *element, uint32_t stamp)
	{
		{
			shard &s = shard_of(element);
			const std::lock_guard guard(s.lock);
			if (!s.out.insert(element).second)
				verdicts_.fail("pool %s: element %p was handed out twice", name(), element);
		}
		write_stamp(element, stamp);
	}

	/// It is about to give an element back.
	void gives_back(void *element, uint32_t stamp)
	{
		if (!has_stamp(element, stamp))
			verdicts_.fail("pool %s: element %p changed while it was out", name(), element);
		shard &s = shard_of(element);
		const std::lock_guard guard(s.lock);
		if (s.out.erase(element) != 1)
			verdicts_.fail("pool %s: element %p was not out", name(), element);
	}

	/// First and last words, and some between: a write by anybody else shows.
	void write_stamp(void *element, uint32_t stamp) const
	{
		auto *words = static_cast<uint32_t *>(element);
		for (size_t i = 0; i < words_of(); i += stride)
			words[i] = stamp + static_cast<uint32_t>(i);
		words[words_of() - 1] = ~stamp;
	}
	bool has_stamp(const void *element, uint32_t stamp) const
	{
		const auto *words = static_cast<const uint32_t *>(element);
		for (size_t i = 0; i + 1 < words_of(); i += stride)
			if (words[i] != stamp + static_cast<uint32_t>(i))
				return false;
		return words[words_of() - 1] == ~stamp;
	}

	/// All threads are done, and have given everything back.
	void end()
	{
		for (shard &s : shards_)
			if (!s.out.empty())
				verdicts_.fail("pool %s: %zu elements are still out", name(), s.out.size());
		struct mempool_statistics stats = {};
		stats.size = sizeof(stats);
		mempool_stats(&pool_, &stats);
		if (stats.allocs != stats.frees)
			verdicts_.fail("pool %s: %llu allocs, %llu frees", name(),
				       static_cast<unsigned long long>(stats.allocs),
				       static_cast<unsigned long long>(stats.frees));
		if (stats.waiters != 0)
			verdicts_.fail("pool %s: %d sleepers are left", name(), stats.waiters);
		refill(stats.min_nr);
		printf("  %-8s %10llu allocs, %9llu from the reserve, %8llu sleeps, longest %6.1f ms, lowest %d of "
		       "%d\n",
		       name(), static_cast<unsigned long long>(stats.allocs),
		       static_cast<unsigned long long>(stats.from_reserve),
		       static_cast<unsigned long long>(stats.sleeps), static_cast<double>(stats.wait_longest_ns) / 1e6,
		       stats.lowest_nr, stats.min_nr);
		mempool_exit(&pool_);
		if (budget_.load() != whole_budget_)
			verdicts_.fail("pool %s: %d of %d elements came back", name(), budget_.load(), whole_budget_);
		end_cache();
	}

      private:
	static constexpr size_t stride = 16; // words
	size_t words_of() const { return size_bytes_ / sizeof(uint32_t); }

	/// A backing with a fixed number of elements, so that the reserve is needed and threads sleep.
	static void *budget_alloc(gfp_t gfp_mask, void *data)
	{
		auto &self = *static_cast<pool *>(data);
		int left = self.budget_.load();
		do {
			if (left == 0)
				return nullptr;
		} while (!self.budget_.compare_exchange_weak(left, left - 1));
		void *element = kmem_cache_alloc(self.cache_, gfp_mask);
		if (element == nullptr)
			self.budget_.fetch_add(1);
		return element;
	}
	static void budget_free(void *element, void *data)
	{
		auto &self = *static_cast<pool *>(data);
		kmem_cache_free(self.cache_, element);
		self.budget_.fetch_add(1);
	}

	/// Growing may have stopped early; what is freed from now on must fill the rest (PAR-27).
	void refill(int min_nr)
	{
		const int full = kind_ == backing::budget ? std::min(min_nr, whole_budget_) : min_nr;
		for (int i = mempool_curr_nr(&pool_); i < full; i++)
			mempool_free(pool_.alloc(GFP_KERNEL, pool_.pool_data), &pool_);
		if (mempool_curr_nr(&pool_) != full || mempool_is_saturated(&pool_) != (full == min_nr))
			verdicts_.fail("pool %s: the reserve has %d of %d at the end", name(), mempool_curr_nr(&pool_),
				       full);
	}

	void end_cache()
	{
		if (cache_ == nullptr)
			return;
		struct kmem_cache_statistics stats = {};
		stats.size = sizeof(stats);
		kmem_cache_stats(cache_, &stats);
		if (stats.objects != 0)
			verdicts_.fail("pool %s: the cache misses %llu objects", name(),
				       static_cast<unsigned long long>(stats.objects));
		if (kmem_cache_shrink(cache_) != 0)
			verdicts_.fail("pool %s: the empty cache keeps slabs", name());
		kmem_cache_destroy(cache_);
	}

	struct shard {
		std::mutex lock;
		std::set<void *> out;
	};
	shard &shard_of(const void *element)
	{
		return shards_[(reinterpret_cast<uintptr_t>(element) >> 6) % shards_.size()];
	}

	mempool_t pool_ = {};
	backing kind_;
	size_t size_bytes_;
	struct kmem_cache *cache_ = nullptr;
	std::atomic<int> budget_;
	int whole_budget_;
	std::array<shard, 64> shards_;
	verdicts verdicts_;
};

} // namespace stress
