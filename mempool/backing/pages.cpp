// SPDX-License-Identifier: MIT
//
// pages.cpp - see pages.hpp.
#include "mempool/backing/pages.hpp"

#include "mempool/backing/chunk.hpp"
#include "mempool/backing/headroom.hpp"
#include "mempool/backing/reclaim.hpp"
#include "mempool/backing/reclaimd.hpp"
#include "mempool/watch/context.hpp"
#include "mempool/watch/fault_point.hpp"
#include "mempool/watch/registry.hpp"

#include "reserve/base/check.hpp"
#include "reserve/base/clock.hpp"
#include "reserve/base/counted_lock.hpp"
#include "reserve/base/futex.hpp"
#include "reserve/base/mapping.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>

namespace mp::backing {
namespace {

/// All chunks, those with free blocks first.
class chunk_list {
      public:
	void add(chunk &c)
	{
		c.previous = nullptr;
		c.next = first_;
		(first_ != nullptr ? first_->previous : last_) = &c;
		first_ = &c;
	}

	void remove(chunk &c)
	{
		(c.previous != nullptr ? c.previous->next : first_) = c.next;
		(c.next != nullptr ? c.next->previous : last_) = c.previous;
	}

	void move_to_end(chunk &c)
	{
		remove(c);
		c.next = nullptr;
		c.previous = last_;
		(last_ != nullptr ? last_->next : first_) = &c;
		last_ = &c;
	}

	chunk *first() const { return first_; }

      private:
	chunk *first_ = nullptr;
	chunk *last_ = nullptr;
};

constinit base::counted_lock pages_lock;
constinit chunk_list chunks;
constinit unsigned chunk_count = 0;
constinit unsigned unused_chunks = 0; // of them without any block handed out

// Blocks that signal handlers freed while their thread may have held the lock.
// The list is only ever emptied whole.
struct deferred_block {
	deferred_block *next;
	unsigned order;
};
constinit std::atomic<deferred_block *> deferred{nullptr};

void defer(void *block, unsigned order)
{
	auto *d = new (block) deferred_block{deferred.load(std::memory_order_relaxed), order};
	// release: pairs with the acquire in collect_deferred(), ORD-14
	while (!deferred.compare_exchange_weak(d->next, d, std::memory_order_release, std::memory_order_relaxed)) {}
}

/// Gives back what handlers could not; not under the lock.
void collect_deferred()
{
	if (deferred.load(std::memory_order_relaxed) == nullptr) [[likely]]
		return;
	// acquire: pairs with the release in defer(), ORD-14
	deferred_block *d = deferred.exchange(nullptr, std::memory_order_acquire);
	while (d != nullptr) {
		deferred_block *next = d->next;
		pages_free(d, d->order);
		d = next;
	}
}

/// A block from the chunks that are there; the caller holds the lock.
void *take_block(unsigned order, block_use use)
{
	for (chunk *c = chunks.first(); c != nullptr && c->has_free(); c = c->next) {
		if (!c->has_free(order))
			continue;
		unused_chunks -= c->unused() ? 1 : 0;
		void *block = c->take(order, use);
		if (!c->has_free())
			chunks.move_to_end(*c); // keeps the search above short
		return block;
	}
	return nullptr;
}

void freeze(void *)
{
	pages_lock.lock();
}
void thaw(void *)
{
	pages_lock.unlock();
}
void thaw_in_child(void *)
{
	pages_lock.reset_in_child();
}

// When the library is loaded, behind the registry's own constructor: so no
// thread can be on its way in while another forks.
constinit bool registered = false;

__attribute__((constructor(102))) void register_pages()
{
	static constexpr watch::fork_ops at_fork = {freeze, thaw, thaw_in_child};
	static constinit watch::registry_entry entry;
	registered = watch::registry_add(watch::registry_kind::memory, entry, nullptr, &at_fork);
}

/// A block that is the caller's: its pages exist afterwards, or there was no headroom for them.
bool make_present(void *block, unsigned order, gfp_t gfp_mask)
{
	chunk *c = chunk::of(block);
	if (c->known_present(block, order)) [[likely]]
		return true;
	headroom &room = process_headroom();
	const size_t bytes = block_bytes(order);
	const size_t missing = bytes - base::present_bytes(block, bytes);
	if (!room.ask_pages(missing, gfp_mask))
		return false;
	const bool present = base::populate(block, bytes);
	room.pages_done(missing, present ? c->note_present(block, order) : 0);
	return present;
}

/// A chunk, if there is headroom for its addresses, and for a block of it.
chunk *map_chunk(unsigned order, gfp_t gfp_mask)
{
	headroom &room = process_headroom();
	const bool watched = room.look();
	if (watched && !room.ask_mapping(unit_bytes, block_bytes(order), gfp_mask))
		return nullptr;
	chunk *fresh = chunk::create();
	if (fresh != nullptr && watched)
		base::keep_pages_small(fresh->base, unit_bytes); // they are asked for one by one
	return fresh;
}

void *find_block(unsigned order, gfp_t gfp_mask, block_use use)
{
	if (!registered || base::holds_locks())
		return nullptr;
	collect_deferred();
	{
		const std::lock_guard guard(pages_lock);
		if (void *block = take_block(order, use))
			return block;
	}
	// Mapping takes its time: not under the lock. Two threads may both add a
	// chunk; the second is kept as the spare one.
	chunk *fresh = map_chunk(order, gfp_mask);
	if (fresh == nullptr)
		return nullptr;
	const std::lock_guard guard(pages_lock);
	chunks.add(*fresh);
	chunk_count++;
	unused_chunks++;
	return take_block(order, use);
}

void *try_alloc(unsigned order, gfp_t gfp_mask, block_use use)
{
	void *block = find_block(order, gfp_mask, use);
	if (block == nullptr || !process_headroom().active() || make_present(block, order, gfp_mask)) [[likely]]
		return block;
	pages_free(block, order);
	return nullptr;
}

void *alloc_block(unsigned order, gfp_t gfp_mask, block_use use, const char *cache_name)
{
	if (page_fault_injected(size_t{1} << order, gfp_mask, cache_name)) [[unlikely]]
		return nullptr;
	gfp_mask = current_gfp_context(gfp_mask); // PAR-34
	const auto try_once = [&] { return try_alloc(order, gfp_mask, use); };
	void *block = try_once();
	if ((gfp_mask & __GFP_KSWAPD_RECLAIM) != 0 && process_headroom().below_low()) [[unlikely]]
		reclaimd_wake();
	if (block == nullptr) [[unlikely]]
		block = after_reclaim(gfp_mask, try_once); // PAR-35
	const gfp_t for_ever = __GFP_NOFAIL | __GFP_DIRECT_RECLAIM;
	while (block == nullptr && (gfp_mask & for_ever) == for_ever) {
		base::futex_word nobody{0};
		base::futex_wait(nobody, 0, base::deadline_after(base::ns_per_s / 100));
		block = try_once();
		if (block == nullptr)
			block = after_reclaim(gfp_mask, try_once);
	}
	if (block == nullptr)
		errno = ENOMEM;
	else if ((gfp_mask & __GFP_ZERO) != 0)
		memset(block, 0, block_bytes(order));
	return block;
}

} // namespace

bool page_fault_injected(size_t pages, gfp_t gfp_mask, const char *cache_name)
{
	if (!watch::fault_hits(watch::fault_point::page_alloc, {cache_name, nullptr}, pages, gfp_mask)) [[likely]]
		return false;
	errno = ENOMEM;
	return true;
}

unsigned order_for(size_t bytes)
{
	if (bytes > block_bytes(max_order))
		return max_order + 1;
	return bytes <= PAGE_SIZE ? 0 : static_cast<unsigned>(std::bit_width((bytes - 1) >> PAGE_SHIFT));
}

void *pages_alloc(unsigned order, gfp_t gfp_mask)
{
	MP_ASSERT(order <= max_order);
	gfp_mask = watch::known_mask(gfp_mask, "pages");
	if (watch::watching()) [[unlikely]]
		watch::check_may_alloc(gfp_mask, "page allocation", "pages");
	return alloc_block(order, gfp_mask, block_use::pages, nullptr);
}

slab *pages_alloc_slab(unsigned order, gfp_t gfp_mask, void **block, const char *cache_name)
{
	MP_ASSERT(order >= min_slab_order && order <= max_order);
	*block = alloc_block(order, gfp_mask, block_use::slab, cache_name);
	if (*block == nullptr)
		return nullptr;
	chunk *c = chunk::of(*block);
	slab *descriptor = c->descriptor_of(*block);
	memset(static_cast<void *>(descriptor), 0, slab_descriptor_bytes);
	return descriptor;
}

void pages_free(void *block, unsigned order)
{
	if (base::holds_locks()) [[unlikely]] {
		defer(block, order);
		return;
	}
	collect_deferred();
	chunk *c = chunk::of(block);
	chunk *surplus = nullptr;
	{
		const std::lock_guard guard(pages_lock);
		const bool was_exhausted = !c->has_free();
		c->give(block, order);
		if (was_exhausted) {
			chunks.remove(*c);
			chunks.add(*c);
		}
		// One unused chunk is kept, so that a load that comes and goes around
		// a chunk's border does not map and unmap each time.
		if (c->unused() && ++unused_chunks > 1) {
			unused_chunks--;
			chunk_count--;
			chunks.remove(*c);
			surplus = c;
		}
	}
	if (surplus != nullptr)
		surplus->destroy();
}

block_info block_at(const void *address)
{
	block_info info;
	region *owner = pagemap_find(address);
	if (owner == nullptr)
		return info;
	if (owner->what == region::kind::mapping) {
		info.what = block_info::kind::mapping;
		info.base = owner->base;
		info.bytes = owner->bytes;
		return info;
	}
	return static_cast<chunk *>(owner)->describe(address);
}

size_t pages_mapped_bytes()
{
	const std::lock_guard guard(pages_lock);
	return size_t{chunk_count} * unit_bytes;
}

} // namespace mp::backing

using namespace mp;

extern "C" unsigned long __get_free_pages(gfp_t gfp_mask, unsigned int order) // NOLINT(bugprone-reserved-identifier)
{
	if (order > backing::max_order) {
		static constinit std::atomic<bool> given{false};
		if ((gfp_mask & __GFP_NOWARN) == 0 && base::first_time(given))
			base::report(base::severity::warning)
				.line("page allocation of order %u: the largest is %u", order, backing::max_order)
				.emit();
		errno = ENOMEM;
		return 0;
	}
	return reinterpret_cast<unsigned long>(backing::pages_alloc(order, gfp_mask));
}

extern "C" void free_pages(unsigned long addr, unsigned int order)
{
	if (addr == 0)
		return;
	auto *block = reinterpret_cast<void *>(addr); // NOLINT(performance-no-int-to-ptr)
	const backing::block_info info = backing::block_at(block);
	if (info.what != backing::block_info::kind::pages || info.base != block || info.order != order) {
		base::report(base::severity::bug)
			.line("free_pages(%p, order %u): no such block is allocated", block, order)
			.emit();
		return;
	}
	backing::pages_free(block, order);
}
