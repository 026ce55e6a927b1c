// SPDX-License-Identifier: MIT
//
// published.hpp - how snapshots lie in a page (reserve/base/process_page.hpp):
// a head, then two halves, each with room for one snapshot. Snapshot n is
// written into half n % 2, while n - 1, which is complete, can be read in the other.
//
//   head | half 0: its head, pools, caches | half 1: the same
//
// A reader copies the latest snapshot, and knows that it is one and whole when
// the one after the next was not begun meanwhile (ORD-44), and its sum is
// right. A writer that was killed in the middle leaves the one before to be read.
//
// Who wants a new snapshot changes `asked`, which the writer sleeps on, and sleeps
// on `answered`.
//
// Owner of the state: the process whose page it is; others write `asked` alone.
// Race table: one writer, any readers.
#pragma once

#include "mempool/mempool-publish.h"

#include "reserve/base/futex.hpp"
#include "reserve/base/process_page.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mp::watch {

struct published_head {
	uint32_t pool_room;
	uint32_t cache_room;
	base::futex_word asked;
	base::futex_word answered;    // the last of `asked` that the latest snapshot is later than
	std::atomic<uint64_t> begun;  // number of the last snapshot that was begun
	std::atomic<uint64_t> latest; // and of the last that is complete; 0: none yet
	uint64_t reserved[4];
};

struct published_half {
	uint64_t number;
	uint64_t taken_ns;
	uint32_t pools;
	uint32_t caches;
	uint32_t pools_left_out;
	uint32_t caches_left_out;
	uint64_t sum; // over all above, pools and caches
	uint64_t reserved[3];
};
static_assert(sizeof(published_head) == 64 && sizeof(published_half) == 64);
// The layout is the page's version.
static_assert(sizeof(mempool_published_pool) == 224 - 8 + sizeof(mempool_cert) &&
	      sizeof(mempool_published_cache) == 128);

inline constexpr unsigned published_most = 65536;

constexpr size_t caches_offset(uint32_t pool_room)
{
	return sizeof(published_half) + pool_room * sizeof(mempool_published_pool);
}
constexpr size_t half_bytes(uint32_t pool_room, uint32_t cache_room)
{
	return caches_offset(pool_room) + cache_room * sizeof(mempool_published_cache);
}

inline constexpr base::page_kind published_kind = {"pools", 2, sizeof(published_head),
						   "start it with MEMPOOL_PUBLISH=1"};

/// FNV's sum over whole words of 64 bits.
inline uint64_t sum_words(const void *memory, size_t bytes, uint64_t sum = 0xcbf29ce484222325)
{
	const auto *word = static_cast<const uint64_t *>(memory);
	for (size_t i = 0; i < bytes / sizeof(*word); i++)
		sum = (sum ^ word[i]) * 0x100000001b3;
	return sum;
}

/// What half.sum must be.
inline uint64_t sum_of(const published_half &half, const mempool_published_pool *pools,
		       const mempool_published_cache *caches)
{
	const uint64_t sum =
		sum_words(pools, half.pools * sizeof(*pools), sum_words(&half, offsetof(published_half, sum)));
	return sum_words(caches, half.caches * sizeof(*caches), sum);
}

/// An error of a page, as the caller wants to have it.
void tell(const base::page_error &why, mempool_view_error *error);

} // namespace mp::watch
