// SPDX-License-Identifier: MIT
//
// chunk.cpp - see chunk.hpp. The buddy system: a block's buddy is the other
// half of the block of the next order; two free buddies are merged (INV-6).
#include "mempool/backing/chunk.hpp"

#include "mempool/backing/headroom.hpp"

#include "reserve/base/check.hpp"
#include "reserve/base/mapping.hpp"
#include "reserve/pinned.hpp"

#include <bit>
#include <new>

namespace mp::backing {

chunk *chunk::create()
{
	void *header = reserve::present_alloc(sizeof(chunk));
	if (header == nullptr)
		return nullptr;
	auto *c = new (header) chunk; // all else is zero already
	c->what = kind::pages;
	c->bytes = unit_bytes;
	c->free_orders_ = 0;
	for (uint16_t &first : c->first_free_)
		first = none;

	c->base = base::map_aligned(unit_bytes, unit_bytes);
	if (c->base == nullptr || !pagemap_set(c->base, c)) {
		if (c->base != nullptr)
			base::unmap_memory(c->base, unit_bytes);
		reserve::present_free(header, sizeof(chunk));
		return nullptr;
	}
	c->link_free(0, max_order);
	return c;
}

void chunk::destroy()
{
	if (const size_t counted = noted_bytes(); counted > 0)
		process_headroom().given_back(counted);
	static_cast<void>(pagemap_set(base, nullptr));
	base::unmap_memory(base, unit_bytes);
	reserve::present_free(this, sizeof(chunk));
}

void chunk::link_free(unsigned index, unsigned order)
{
	page &head = pages_[index];
	head.use.store(block_use::free, std::memory_order_relaxed);
	head.order.store(static_cast<uint8_t>(order), std::memory_order_relaxed);
	head.previous = none;
	head.next = first_free_[order];
	if (head.next != none)
		pages_[head.next].previous = static_cast<uint16_t>(index);
	first_free_[order] = static_cast<uint16_t>(index);
	free_orders_ |= 1U << order;
}

void chunk::unlink_free(unsigned index, unsigned order)
{
	page &head = pages_[index];
	MP_ASSERT(head.use.load(std::memory_order_relaxed) == block_use::free); // INV-6
	if (head.previous != none)
		pages_[head.previous].next = head.next;
	else
		first_free_[order] = head.next;
	if (head.next != none)
		pages_[head.next].previous = head.previous;
	if (first_free_[order] == none)
		free_orders_ &= ~(1U << order);
	head.use.store(block_use::inside, std::memory_order_relaxed);
}

void *chunk::take(unsigned order, block_use use)
{
	unsigned have = order + static_cast<unsigned>(std::countr_zero(free_orders_ >> order));
	const unsigned index = first_free_[have];
	unlink_free(index, have);
	while (have > order) {
		have--;
		link_free(index + (1U << have), have); // the upper half stays free
	}
	for (unsigned i = index; i < index + (1U << order); i++)
		pages_[i].order.store(static_cast<uint8_t>(order), std::memory_order_relaxed);
	pages_[index].use.store(use, std::memory_order_relaxed);
	return address_of(index);
}

void chunk::give(void *block, unsigned order)
{
	unsigned index = index_of(block);
	MP_ASSERT(pages_[index].order.load(std::memory_order_relaxed) == order);
	pages_[index].use.store(block_use::inside, std::memory_order_relaxed);
	while (order < max_order) {
		const unsigned buddy = index ^ (1U << order);
		if (pages_[buddy].use.load(std::memory_order_relaxed) != block_use::free ||
		    pages_[buddy].order.load(std::memory_order_relaxed) != order)
			break;
		unlink_free(buddy, order);
		index &= buddy;
		order++;
	}
	link_free(index, order);
}

/// The words that hold a block's bits, and which bits.
template <class Word> void chunk::each_word(const void *block, unsigned order, Word visit) const
{
	const unsigned first = index_of(block);
	const unsigned pages = 1U << order;
	if (pages < 64)
		return visit(first / 64, ((uint64_t{1} << pages) - 1) << first % 64);
	for (unsigned i = first / 64; i < (first + pages) / 64; i++)
		visit(i, ~uint64_t{0});
}

bool chunk::known_present(const void *block, unsigned order) const
{
	bool all = true;
	each_word(block, order, [&](unsigned word, uint64_t bits) {
		all &= (present_[word].load(std::memory_order_relaxed) & bits) == bits;
	});
	return all;
}

size_t chunk::note_present(const void *block, unsigned order)
{
	size_t pages = 0;
	each_word(block, order, [&](unsigned word, uint64_t bits) {
		const uint64_t before = present_[word].fetch_or(bits, std::memory_order_relaxed);
		pages += static_cast<size_t>(std::popcount(bits & ~before));
	});
	return pages * PAGE_SIZE;
}

size_t chunk::noted_bytes() const
{
	size_t pages = 0;
	for (const std::atomic<uint64_t> &word : present_)
		pages += static_cast<size_t>(std::popcount(word.load(std::memory_order_relaxed)));
	return pages * PAGE_SIZE;
}

block_info chunk::describe(const void *address) const
{
	block_info info;
	unsigned index = index_of(address);
	info.order = pages_[index].order.load(std::memory_order_relaxed);
	index &= ~0U << info.order;
	info.base = address_of(index);
	info.bytes = block_bytes(info.order);
	// Pages in the middle of free memory remember an order of old; the head
	// that it leads to is then not theirs.
	if (pages_[index].order.load(std::memory_order_relaxed) != info.order) {
		info.what = block_info::kind::free_memory;
		return info;
	}
	switch (pages_[index].use.load(std::memory_order_relaxed)) {
	case block_use::pages:
		info.what = block_info::kind::pages;
		break;
	case block_use::slab:
		info.what = block_info::kind::slab;
		info.in_slab = descriptor_of(info.base);
		break;
	case block_use::free:
	case block_use::inside:
		info.what = block_info::kind::free_memory;
		break;
	}
	return info;
}

slab *chunk::descriptor_of(const void *block) const
{
	return reinterpret_cast<slab *>(const_cast<char *>(descriptors_[index_of(block) >> min_slab_order]));
}

} // namespace mp::backing
