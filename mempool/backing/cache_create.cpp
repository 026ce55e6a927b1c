// SPDX-License-Identifier: MIT
//
// cache_create.cpp - making and ending caches, and what each was made with. See slab.h.
#include "mempool/backing/cache.hpp"
#include "mempool/backing/object_debug.hpp"
#include "mempool/watch/debug.hpp"
#include "mempool/watch/fault_point.hpp"

#include "reserve/base/report.hpp"
#include "reserve/pinned.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

namespace mp::backing {
namespace {

using counters_t = base::striped_counters<kmem_cache::field_count>;

void freeze(void *cache)
{
	static_cast<kmem_cache *>(cache)->sheaves.freeze();
	static_cast<kmem_cache *>(cache)->lock.lock();
}
void thaw(void *cache)
{
	static_cast<kmem_cache *>(cache)->lock.unlock();
	static_cast<kmem_cache *>(cache)->sheaves.thaw();
}
void thaw_in_child(void *cache)
{
	static_cast<kmem_cache *>(cache)->lock.reset_in_child();
	static_cast<kmem_cache *>(cache)->sheaves.thaw_in_child();
}
constexpr watch::fork_ops cache_at_fork = {freeze, thaw, thaw_in_child};

/// Why a cache cannot be made so; nullptr when it can.
const char *refusal(const char *name, unsigned size_bytes, unsigned align_bytes, slab_flags_t flags)
{
	if (name == nullptr || name[0] == '\0')
		return "it has no name";
	if (strnlen(name, KMEM_CACHE_NAME_MAX) == KMEM_CACHE_NAME_MAX)
		return "its name is too long";
	if (size_bytes == 0 || size_bytes > KMALLOC_MAX_SIZE)
		return "the size must be 1 byte to KMALLOC_MAX_SIZE";
	if (align_bytes != 0 && (!std::has_single_bit(align_bytes) || align_bytes > PAGE_SIZE))
		return "the alignment must be 0, or a power of two up to PAGE_SIZE";
	if ((flags & ~slab_known_flags) != 0)
		return "a flag is unknown";
	return nullptr;
}

slab_flags_t flags_from_debug()
{
	slab_flags_t flags = 0;
	flags |= watch::debug_on(MEMPOOL_DEBUG_POISON) ? SLAB_POISON : 0;
	flags |= watch::debug_on(MEMPOOL_DEBUG_REDZONE) ? SLAB_RED_ZONE : 0;
	flags |= watch::debug_on(MEMPOOL_DEBUG_USER) ? SLAB_STORE_USER : 0;
	flags |= watch::debug_on(MEMPOOL_DEBUG_CHECKS) ? SLAB_CONSISTENCY_CHECKS : 0;
	return flags;
}

/// Is a slot handed out? Plain caches keep no record, so the free list tells.
bool is_live(const kmem_cache &cache, const slab &s, char *object)
{
	if (cache.debugging())
		return debug_is_live(cache, object);
	for (void *o = s.first_free; o != nullptr;) {
		if (o == object)
			return false;
		o = *reinterpret_cast<void **>(static_cast<char *>(o) + cache.layout.link_offset);
	}
	return true;
}

/// Names some of the objects that were not freed.
void list_live(base::report &r, const kmem_cache &cache, const slab *s)
{
	constexpr unsigned shown = 8;
	unsigned found = 0;
	for (; s != nullptr; s = s->next) {
		for (uint32_t i = 0; i < s->carved && found < shown; i++) {
			char *object = s->block + size_t{i} * cache.layout.slot_bytes + cache.layout.object_offset;
			if (!is_live(cache, *s, object))
				continue;
			r.line("object %p", static_cast<void *>(object));
			if ((cache.flags & SLAB_STORE_USER) != 0 && found == 0)
				r.stack("taken by",
					reinterpret_cast<object_record *>(object + cache.layout.record_offset)
						->taken_by);
			found++;
		}
	}
}

kmem_cache *build_cache(const char *name, const slot_layout &layout, slab_flags_t flags, void (*ctor)(void *),
			bool with_sheaves)
{
	const unsigned stripes = counters_t::stripes_wanted();
	constexpr size_t head_bytes =
		(sizeof(kmem_cache) + base::cache_line_bytes - 1) / base::cache_line_bytes * base::cache_line_bytes;
	const size_t control_bytes = head_bytes + stripes * counters_t::stripe_bytes;
	auto *block = static_cast<char *>(reserve::pinned_alloc(control_bytes));
	if (block == nullptr) {
		errno = ENOMEM;
		return nullptr;
	}
	auto *cache = new (block) kmem_cache{};
	cache->layout = layout;
	cache->flags = flags;
	cache->ctor = ctor;
	memcpy(cache->name, name, strlen(name) + 1);
	cache->counters.init(block + head_bytes, stripes);
	cache->control_bytes = control_bytes;
	if ((!with_sheaves || cache->debugging() || cache->sheaves.init(*cache)) &&
	    watch::registry_add(watch::registry_kind::cache, cache->registered, cache, &cache_at_fork)) {
		if (with_sheaves)
			reclaim_add(guest_kind::cache, cache->at_reclaim, cache);
		return cache;
	}
	cache->sheaves.destroy();
	reserve::pinned_free(block, control_bytes);
	errno = ENOMEM;
	return nullptr;
}

} // namespace

kmem_cache *create_plain_cache(const char *name, unsigned size_bytes)
{
	slot_layout layout;
	return make_layout(layout, size_bytes, 0, 0, false) ? build_cache(name, layout, 0, nullptr, false) : nullptr;
}

kmem_cache *create_cache(const char *name, unsigned size_bytes, unsigned align_bytes, slab_flags_t flags,
			 void (*ctor)(void *))
{
	slot_layout layout;
	// Readers may look at free objects, whose bytes must stay what they were.
	const slab_flags_t never = (flags & SLAB_TYPESAFE_BY_RCU) != 0 ? SLAB_POISON : 0;
	const slab_flags_t with_debug = (flags | flags_from_debug()) & ~never;
	flags &= ~never;
	if (make_layout(layout, size_bytes, align_bytes, with_debug, ctor != nullptr))
		return build_cache(name, layout, with_debug, ctor, true);
	if (make_layout(layout, size_bytes, align_bytes, flags, ctor != nullptr))
		return build_cache(name, layout, flags, ctor, true);
	errno = ENOMEM; // debug data that was asked for makes it larger than any block
	return nullptr;
}

void abandon_cache(kmem_cache &cache)
{
	watch::registry_unlink(cache.registered);
}

} // namespace mp::backing

using namespace mp;
using namespace mp::backing;

extern "C" struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
						slab_flags_t flags, void (*ctor)(void *object))
{
	kmem_cache *cache = nullptr;
	const char *why = refusal(name, size, align, flags);
	if (why != nullptr) {
		base::report(base::severity::bug)
			.line("kmem_cache_create: %s", why)
			.line("name '%.80s', size %u, align %u, flags %#x", name != nullptr ? name : "(null)", size,
			      align, flags)
			.emit();
		errno = EINVAL;
	} else if (watch::fault_hits(watch::fault_point::kmem_cache_create, {name, nullptr}, size, GFP_KERNEL)) {
		errno = ENOMEM;
	} else {
		cache = create_cache(name, size, align, flags, ctor);
	}
	if (cache == nullptr && (flags & SLAB_PANIC) != 0)
		base::fatal("kmem_cache_create: cannot create cache '%.80s', and SLAB_PANIC is set",
			    name != nullptr ? name : "(null)");
	return cache;
}

extern "C" void kmem_cache_destroy(struct kmem_cache *s)
{
	if (s == nullptr)
		return;
	if (s->at_reclaim.object != nullptr)
		reclaim_remove(guest_kind::cache, s->at_reclaim);
	watch::registry_remove(s->registered);
	s->sheaves.destroy();
	kmem_cache_shrink(s);
	if ((s->flags & SLAB_TYPESAFE_BY_RCU) != 0)
		rcu_free_barrier(); // its slabs know the cache

	size_t live = 0;
	for (const unsigned i : {kmem_cache::partial, kmem_cache::full})
		for (const slab *in = s->lists[i].first(); in != nullptr; in = in->next)
			live += in->in_use;
	if (live == 0) {
		reserve::pinned_free(s, s->control_bytes);
		return;
	}
	// The objects' users may still touch them: slabs and cache stay, for good.
	base::report r(base::severity::bug);
	r.line("kmem_cache_destroy: %zu objects of cache '%s' are still allocated; their memory is kept", live,
	       s->name);
	list_live(r, *s, s->lists[kmem_cache::partial].first());
	list_live(r, *s, s->lists[kmem_cache::full].first());
	r.emit();
}

extern "C" unsigned int kmem_cache_size(struct kmem_cache *s)
{
	return s->layout.object_bytes;
}

extern "C" const char *kmem_cache_name(struct kmem_cache *s)
{
	return s->name;
}
