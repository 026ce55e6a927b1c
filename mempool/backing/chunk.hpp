// SPDX-License-Identifier: MIT
//
// chunk.hpp - 4 MiB of pages and the description of each: which are free,
// which belong to one block, which block holds a slab.
//
// Owner of the state: pages.cpp, under its lock. Race table: describe() and
// descriptor_of() may run beside all else; they read the description of blocks
// that the caller owns, which nobody changes.
#pragma once

#include "mempool/backing/pagemap.hpp"
#include "mempool/backing/pages.hpp"

#include <atomic>

namespace mp::backing {

enum class block_use : uint8_t { inside, free, pages, slab };

class chunk : public region {
      public:
	/// Maps and describes a chunk, all of it free; nullptr when it cannot be had.
	static chunk *create();
	void destroy();

	/// The chunk that a block lies in.
	static chunk *of(const void *block) { return static_cast<chunk *>(pagemap_find(block)); }

	bool has_free() const { return free_orders_ != 0; }
	/// A block of the order, or a larger one that can be split?
	bool has_free(unsigned order) const { return free_orders_ >> order != 0; }
	/// Nothing of it is handed out?
	bool unused() const { return (free_orders_ >> max_order) != 0; }

	void *take(unsigned order, block_use use);
	void give(void *block, unsigned order);

	block_info describe(const void *address) const;
	slab *descriptor_of(const void *block) const;

	/// Pages of a block that is the caller's: are all known to be present? From now on they are.
	bool known_present(const void *block, unsigned order) const;
	/// Says how many bytes were not known to be before.
	size_t note_present(const void *block, unsigned order);
	/// Bytes that note_present() was told of.
	size_t noted_bytes() const;

	chunk *next = nullptr;
	chunk *previous = nullptr;

      private:
	static constexpr unsigned pages_per_chunk = unit_bytes / PAGE_SIZE;
	static constexpr unsigned descriptors = pages_per_chunk >> min_slab_order;
	static constexpr uint16_t none = 0xffff;

	// A page in the middle of a block says how far its head is, as the order of
	// the block it belongs to: heads lie at multiples of the block's size.
	struct page {
		std::atomic<block_use> use;
		std::atomic<uint8_t> order;
		uint16_t previous; // of the free blocks of one order
		uint16_t next;
	};

	unsigned index_of(const void *address) const
	{
		return static_cast<unsigned>((static_cast<const char *>(address) - static_cast<char *>(base)) >>
					     PAGE_SHIFT);
	}
	void *address_of(unsigned index) const { return static_cast<char *>(base) + size_t{index} * PAGE_SIZE; }

	void link_free(unsigned index, unsigned order);
	void unlink_free(unsigned index, unsigned order);

	template <class Word> void each_word(const void *block, unsigned order, Word visit) const;

	// A bit a page: it was made present. Of a block's bits its owner alone
	// changes any; others' lie in the same words.
	std::atomic<uint64_t> present_[pages_per_chunk / 64];
	unsigned free_orders_; // bit n: a free block of order n is there
	uint16_t first_free_[max_order + 1];
	page pages_[pages_per_chunk];
	alignas(slab_descriptor_bytes) char descriptors_[descriptors][slab_descriptor_bytes];
};

} // namespace mp::backing
