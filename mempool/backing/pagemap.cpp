// SPDX-License-Identifier: MIT
//
// pagemap.cpp - see pagemap.hpp.
#include "mempool/backing/pagemap.hpp"

#include "reserve/pinned.hpp"

#include <atomic>

namespace mp::backing {
namespace {

constexpr unsigned level_bits = 13;
constexpr size_t level_size = size_t{1} << level_bits;
constexpr unsigned address_bits = unit_shift + 2 * level_bits;
static_assert(address_bits == 48);

struct leaf {
	std::atomic<region *> owner[level_size];
};

constinit std::atomic<leaf *> root[level_size] = {};

struct position {
	bool valid;
	size_t in_root;
	size_t in_leaf;
};

position position_of(const void *address)
{
	const auto bits = reinterpret_cast<uintptr_t>(address);
	const size_t unit = bits >> unit_shift;
	return {bits >> address_bits == 0, unit >> level_bits, unit & (level_size - 1)};
}

leaf *leaf_for(std::atomic<leaf *> &slot)
{
	// acquire: pairs with the release below, ORD-8
	leaf *present = slot.load(std::memory_order_acquire);
	if (present != nullptr)
		return present;
	auto *fresh = static_cast<leaf *>(reserve::present_alloc(sizeof(leaf)));
	if (fresh == nullptr)
		return nullptr;
	// release: pairs with the acquire in leaf_for() and pagemap_find(), ORD-8
	if (slot.compare_exchange_strong(present, fresh, std::memory_order_acq_rel, std::memory_order_acquire))
		return fresh;
	reserve::present_free(fresh, sizeof(leaf)); // another thread was first
	return present;
}

} // namespace

bool pagemap_set(const void *base, region *owner)
{
	const position at = position_of(base);
	if (!at.valid)
		return false;
	leaf *into = leaf_for(root[at.in_root]);
	if (into == nullptr)
		return false;
	// release: pairs with the acquire in pagemap_find(), ORD-8
	into->owner[at.in_leaf].store(owner, std::memory_order_release);
	return true;
}

region *pagemap_find(const void *address)
{
	const position at = position_of(address);
	if (!at.valid)
		return nullptr;
	// acquire: pairs with the releases in leaf_for() and pagemap_set(), ORD-8
	const leaf *in = root[at.in_root].load(std::memory_order_acquire);
	return in == nullptr ? nullptr : in->owner[at.in_leaf].load(std::memory_order_acquire);
}

} // namespace mp::backing
