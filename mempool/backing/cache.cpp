// SPDX-License-Identifier: MIT
//
// cache.cpp - objects from slabs, and back. See cache.hpp and slab.h.
#include "mempool/backing/cache.hpp"

#include "mempool/backing/faults.hpp"
#include "mempool/backing/object_debug.hpp"
#include "mempool/watch/context.hpp"

#include "reserve/base/check.hpp"

#include <cerrno>
#include <cstring>
#include <mutex>

namespace mp::backing {
namespace {

void *&link_of(const kmem_cache &cache, void *object)
{
	return *reinterpret_cast<void **>(static_cast<char *>(object) + cache.layout.link_offset);
}

void *slot_object(const kmem_cache &cache, const slab &s, uint32_t slot)
{
	return s.block + size_t{slot} * cache.layout.slot_bytes + cache.layout.object_offset;
}

/// Which list a slab belongs on (INV-5).
uint32_t list_for(const kmem_cache &cache, const slab &s)
{
	if (s.in_use == 0)
		return kmem_cache::empty;
	return s.in_use == cache.layout.slots ? kmem_cache::full : kmem_cache::partial;
}

void file_slab(kmem_cache &cache, slab &s)
{
	const uint32_t to = list_for(cache, s);
	if (s.list_index == to)
		return;
	cache.lists[s.list_index].remove(s);
	s.list_index = to;
	cache.lists[to].add(s);
}

size_t take_from_slab(kmem_cache &cache, slab &s, std::span<void *> out)
{
	size_t taken = 0;
	while (taken < out.size() && s.in_use < cache.layout.slots) {
		void *object = s.first_free;
		if (object != nullptr)
			s.first_free = link_of(cache, object);
		else
			object = slot_object(cache, s, s.carved++);
		s.in_use++;
		out[taken++] = object;
	}
	MP_ASSERT(s.in_use <= s.carved && s.carved <= cache.layout.slots); // INV-5
	file_slab(cache, s);
	return taken;
}

slab *new_slab(kmem_cache &cache, gfp_t gfp_mask)
{
	void *block = nullptr;
	// Slabs are never zeroed: objects are, one by one, when that is asked for.
	slab *s = pages_alloc_slab(cache.layout.order, gfp_mask & ~__GFP_ZERO, &block, cache.name);
	if (s == nullptr)
		return nullptr;
	s->cache = &cache;
	s->block = static_cast<char *>(block);
	s->list_index = kmem_cache::empty;
	if (cache.ctor == nullptr && !cache.debugging())
		return s;

	// Constructors run once an object, and debug data must be there before the
	// first use: such a slab is carved at once.
	for (uint32_t i = cache.layout.slots; i-- > 0;) {
		void *object = slot_object(cache, *s, i);
		if (cache.ctor != nullptr)
			cache.ctor(object);
		if (cache.debugging())
			debug_init_object(cache, object);
		link_of(cache, object) = s->first_free;
		s->first_free = object;
	}
	s->carved = cache.layout.slots;
	return s;
}

void give_to_slab(kmem_cache &cache, slab &s, void *object)
{
	// More came back than went out: the cache's books are wrong already.
	MP_BUG_ON(s.in_use == 0);
	link_of(cache, object) = s.first_free;
	s.first_free = object;
	s.in_use--;
	file_slab(cache, s);
}

/// Takes empty slabs off the cache until `keep` are left, as a chain; the
/// caller holds the lock.
slab *detach_empty(kmem_cache &cache, unsigned keep)
{
	slab *chain = nullptr;
	slab_list &list = cache.lists[kmem_cache::empty];
	while (list.count() > keep) {
		slab *s = list.first();
		list.remove(*s);
		s->next = chain;
		chain = s;
	}
	return chain;
}

void free_slab(deferred_free &item)
{
	auto *s = reinterpret_cast<slab *>(reinterpret_cast<char *>(&item) - offsetof(slab, later));
	pages_free(s->block, s->cache->layout.order);
}
constexpr deferred_op slab_op = {free_slab};

/// Says how many slabs came back; those with readers do so later.
size_t free_chain(kmem_cache &cache, slab *chain)
{
	const bool readers = (cache.flags & SLAB_TYPESAFE_BY_RCU) != 0;
	size_t count = 0;
	for (; chain != nullptr; count += readers ? 0 : 1) {
		slab *next = chain->next;
		if (readers)
			defer_free(chain->later, slab_op);
		else
			pages_free(chain->block, cache.layout.order);
		chain = next;
	}
	return count;
}

/// With the lock: objects that handlers freed go to their slabs.
void collect_deferred(kmem_cache &cache)
{
	if (cache.deferred.load(std::memory_order_relaxed) == nullptr) [[likely]]
		return;
	// acquire: pairs with the release in defer(), ORD-14
	void *object = cache.deferred.exchange(nullptr, std::memory_order_acquire);
	while (object != nullptr) {
		void *next = link_of(cache, object);
		give_to_slab(cache, *block_at(object).in_slab, object);
		object = next;
	}
}

/// The list is only ever emptied whole, so an address that comes back cannot mislead the exchange.
void defer(kmem_cache &cache, void *object)
{
	void *first = cache.deferred.load(std::memory_order_relaxed);
	do {
		link_of(cache, object) = first;
		// release: pairs with the acquire in collect_deferred(), ORD-14
	} while (!cache.deferred.compare_exchange_weak(first, object, std::memory_order_release,
						       std::memory_order_relaxed));
}

size_t take(kmem_cache &cache, gfp_t gfp_mask, std::span<void *> out, unsigned slabs_to_add)
{
	if (base::holds_locks()) [[unlikely]] {
		errno = ENOMEM;
		return 0;
	}
	size_t taken = 0;
	slab *fresh = nullptr;
	for (;;) {
		{
			const std::lock_guard guard(cache.lock);
			collect_deferred(cache);
			if (fresh != nullptr)
				cache.lists[kmem_cache::empty].add(*fresh);
			while (taken < out.size()) {
				slab *s = cache.lists[kmem_cache::partial].first();
				if (s == nullptr)
					s = cache.lists[kmem_cache::empty].first();
				if (s == nullptr)
					break;
				taken += take_from_slab(cache, *s, out.subspan(taken));
			}
		}
		if (taken == out.size() || slabs_to_add == 0)
			return taken;
		slabs_to_add--;
		fresh = new_slab(cache, gfp_mask); // not under the lock: it may map memory
		if (fresh == nullptr)
			return taken;
	}
}

/// Is it an object of this cache, whether in use or not?
bool owns(const kmem_cache &cache, const block_info &info, const void *object)
{
	return info.what == block_info::kind::slab && info.in_slab->cache == &cache && is_object(cache, info, object);
}

/// Not with the lock: whom reports go to may call anything.
void report_stray(const kmem_cache &cache, const char *call, const void *object)
{
	const block_info info = block_at(object);
	const bool in_slab = info.what == block_info::kind::slab;
	const bool ours = in_slab && info.in_slab->cache == &cache;
	base::report(base::severity::bug)
		.line("%s: %p is not an object of this cache", call, object)
		.line("cache '%s'; the address lies %s%s", cache.name,
		      ours      ? "inside one of its objects"
		      : in_slab ? "in cache "
				: "in no cache",
		      in_slab && !ours ? info.in_slab->cache->name : "")
		.emit();
}

/// Pools give their elements to the sheaves unseen, so that a wrong one comes
/// to light here, when nobody knows any more who gave it.
void report_found(const kmem_cache &cache, const void *object)
{
	report_stray(cache, "an earlier free", object);
}

/// With the lock: objects go to their slabs, up to the first that is none of the cache's; says how many.
size_t give_run_to_slabs(kmem_cache &cache, std::span<void *const> objects)
{
	for (size_t i = 0; i < objects.size(); i++) {
		const block_info info = block_at(objects[i]);
		if (!owns(cache, info, objects[i])) [[unlikely]]
			return i;
		give_to_slab(cache, *info.in_slab, objects[i]);
	}
	return objects.size();
}

/// In a handler that may not take the lock.
void defer_run(kmem_cache &cache, std::span<void *const> objects)
{
	for (void *object : objects) {
		if (owns(cache, block_at(object), object)) [[likely]]
			defer(cache, object);
		else
			report_found(cache, object);
	}
}

} // namespace

size_t take_objects(kmem_cache &cache, gfp_t gfp_mask, std::span<void *> out)
{
	return take(cache, gfp_mask, out, UINT32_MAX);
}

size_t take_some_objects(kmem_cache &cache, gfp_t gfp_mask, std::span<void *> out)
{
	const size_t taken = take(cache, gfp_mask, out, 0);
	return taken > 0 ? taken : take(cache, gfp_mask, out, 1);
}

void put_objects(kmem_cache &cache, std::span<void *const> objects)
{
	// One empty slab stays: a load around a slab's border would otherwise take
	// and give pages all the time.
	constexpr unsigned empty_kept = 1;
	if (base::holds_locks()) [[unlikely]]
		return defer_run(cache, objects);
	for (size_t given = 0;; given++) { // past a stray one
		slab *surplus = nullptr;
		{
			const std::lock_guard guard(cache.lock);
			collect_deferred(cache);
			given += give_run_to_slabs(cache, objects.subspan(given));
			surplus = detach_empty(cache, empty_kept);
		}
		free_chain(cache, surplus);
		if (given == objects.size()) [[likely]]
			return;
		report_found(cache, objects[given]);
	}
}

size_t shrink_cache(kmem_cache &cache)
{
	slab *chain = nullptr;
	// Where the kernel lets us not stop the other CPUs, what lies in their sheaves stays.
	static_cast<void>(cache.sheaves.flush());
	{
		const std::lock_guard guard(cache.lock);
		collect_deferred(cache);
		chain = detach_empty(cache, 0);
	}
	return free_chain(cache, chain);
}

bool is_object(const kmem_cache &cache, const block_info &info, const void *address)
{
	const auto offset =
		static_cast<size_t>(static_cast<const char *>(address) - static_cast<const char *>(info.base));
	return cache.layout.starts_object(offset);
}

void free_object(kmem_cache &cache, void *object)
{
	if (cache.debugging() && !debug_check_free(cache, object)) [[unlikely]]
		return;
	if (cache.has_sole_pool.load(std::memory_order_relaxed)) [[unlikely]]
		cache.counters.add(kmem_cache::public_frees);
	if (cache.sheaves.serving()) [[likely]] {
		if (!cache.sheaves.give(object)) [[unlikely]]
			cache.sheaves.free_slow(object);
		return;
	}
	cache.counters.add(kmem_cache::frees);
	put_objects(cache, {&object, 1});
}

} // namespace mp::backing

using namespace mp;
using namespace mp::backing;

namespace {

bool check_owner(const kmem_cache &cache, const void *object)
{
	if (owns(cache, block_at(object), object)) [[likely]]
		return true;
	report_stray(cache, "kmem_cache_free", object);
	return false;
}

/// Objects that are the cache's: this CPU's sheaf is filled up, the rest goes to the slabs in one go.
void free_run(kmem_cache &cache, std::span<void *const> objects)
{
	if (cache.has_sole_pool.load(std::memory_order_relaxed)) [[unlikely]]
		cache.counters.add(kmem_cache::public_frees, objects.size());
	const std::span<void *const> rest = objects.subspan(cache.sheaves.give_run(objects));
	if (rest.empty())
		return;
	cache.counters.add(kmem_cache::frees, rest.size());
	put_objects(cache, rest);
}

void *prepare_object(kmem_cache &cache, void *object, gfp_t gfp_mask)
{
	if (cache.debugging()) [[unlikely]]
		debug_check_alloc(cache, object);
	if ((gfp_mask & __GFP_ZERO) != 0 && cache.ctor == nullptr)
		memset(object, 0, cache.layout.object_bytes);
	return object;
}

/// What a sheaf has, or the slabs have, for who may allocate.
[[gnu::always_inline]] inline void *alloc_ready_object(kmem_cache &cache, gfp_t gfp_mask)
{
	void *object = cache.sheaves.take();
	if (object == nullptr) [[unlikely]] {
		if (cache.sheaves.serving())
			object = cache.sheaves.alloc_slow(gfp_mask);
		else if (take_objects(cache, gfp_mask, {&object, 1}) == 1)
			cache.counters.add(kmem_cache::allocs);
	}
	if (object == nullptr) [[unlikely]] {
		cache.counters.add(kmem_cache::failures);
		return nullptr; // errno is ENOMEM: set by whoever had nothing
	}
	if (cache.has_sole_pool.load(std::memory_order_relaxed)) [[unlikely]]
		cache.counters.add(kmem_cache::public_allocs);
	return prepare_object(cache, object, gfp_mask);
}

} // namespace

void *mp::backing::alloc_object(kmem_cache &cache, gfp_t gfp_mask)
{
	return alloc_ready_object(cache, gfp_mask);
}

extern "C" void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp_flags)
{
	gfp_flags = watch::known_mask(gfp_flags, s->name);
	if (watch::watching() && !watched_may_alloc(*s, gfp_flags, "kmem_cache_alloc")) [[unlikely]]
		return nullptr;
	return alloc_ready_object(*s, gfp_flags);
}

extern "C" void kmem_cache_free(struct kmem_cache *s, void *objp)
{
	if (objp != nullptr && check_owner(*s, objp))
		free_object(*s, objp);
}

extern "C" int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp_flags, size_t nr, void **p)
{
	gfp_flags = watch::known_mask(gfp_flags, s->name);
	if (watch::watching() && !watched_may_alloc(*s, gfp_flags, "kmem_cache_alloc_bulk")) [[unlikely]]
		return 0;
	if (nr > INT32_MAX) {
		s->counters.add(kmem_cache::failures);
		errno = ENOMEM;
		return 0;
	}
	// What lies ready on this CPU, then the rest from the slabs in one go.
	const size_t ready = s->sheaves.take_run({p, nr});
	const size_t taken = take_objects(*s, gfp_flags, {p + ready, nr - ready});
	s->counters.add(kmem_cache::allocs, taken);
	if (s->has_sole_pool.load(std::memory_order_relaxed)) [[unlikely]]
		s->counters.add(kmem_cache::public_allocs, ready + taken);
	if (ready + taken < nr) {
		free_run(*s, {p, ready + taken});
		s->counters.add(kmem_cache::failures);
		errno = ENOMEM;
		return 0;
	}
	for (size_t i = 0; i < nr; i++)
		prepare_object(*s, p[i], gfp_flags);
	return static_cast<int>(nr);
}

extern "C" void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p)
{
	if (!s->sheaves.serving()) {
		for (size_t i = 0; i < nr; i++)
			kmem_cache_free(s, p[i]);
		return;
	}
	// In runs of objects that are what they should be: the others are reported, and left.
	size_t start = 0;
	for (size_t i = 0; i <= nr; i++) {
		if (i < nr && p[i] != nullptr && check_owner(*s, p[i]))
			continue;
		free_run(*s, {p + start, i - start});
		start = i + 1;
	}
}

extern "C" int kmem_cache_shrink(struct kmem_cache *s)
{
	shrink_cache(*s);
	const std::lock_guard guard(s->lock);
	return s->lists[kmem_cache::partial].count() + s->lists[kmem_cache::full].count() > 0 ? 1 : 0;
}
