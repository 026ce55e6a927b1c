// SPDX-License-Identifier: MIT
//
// object_debug.cpp - see object_debug.hpp.
#include "mempool/backing/object_debug.hpp"

#include "mempool/watch/poison.hpp"

#include "reserve/base/report.hpp"

#include <cstring>

namespace mp::backing {
namespace {

// Values that damage or chance will hardly write.
constexpr uint32_t state_free = 0xf4eef4ee;
constexpr uint32_t state_live = 0x11fe11fe;

constexpr uint8_t zone_free = 0xbb; // red zones of a free object
constexpr uint8_t zone_live = 0xcc; // and of one in use

object_record &record_of(const kmem_cache &cache, void *object)
{
	return *reinterpret_cast<object_record *>(static_cast<char *>(object) + cache.layout.record_offset);
}

struct zone {
	uint8_t *start;
	size_t bytes;
};

zone left_zone(const kmem_cache &cache, void *object)
{
	const size_t bytes = cache.layout.object_offset;
	return {static_cast<uint8_t *>(object) - bytes, bytes};
}

zone right_zone(const kmem_cache &cache, void *object)
{
	const slot_layout &l = cache.layout;
	const uint32_t end = l.link_offset != 0 ? l.link_offset : l.record_offset;
	return {static_cast<uint8_t *>(object) + l.object_bytes, end - l.object_bytes};
}

bool has(const kmem_cache &cache, slab_flags_t flag)
{
	return (cache.flags & flag) != 0;
}

void paint_zones(const kmem_cache &cache, void *object, uint8_t colour)
{
	for (const zone z : {left_zone(cache, object), right_zone(cache, object)})
		memset(z.start, colour, z.bytes);
}

/// The headline, and all that is known of the object, whose record is sound.
void describe(base::report &r, const kmem_cache &cache, void *object, const char *what)
{
	r.line("%s", what);
	r.line("cache '%s', object %p, size %u", cache.name, object, cache.layout.object_bytes);
	if (has(cache, SLAB_STORE_USER)) {
		const object_record &record = record_of(cache, object);
		r.stack("taken by", record.taken_by).stack("given back by", record.given_by);
	}
}

void check_zone(const kmem_cache &cache, void *object, zone z, uint8_t colour, const char *what)
{
	for (size_t i = 0; i < z.bytes; i++) {
		if (z.start[i] == colour)
			continue;
		base::report r(base::severity::bug);
		describe(r, cache, object, what);
		r.line("at %p, should be %02x", static_cast<void *>(z.start + i), colour)
			.bytes(z.start, z.bytes, i)
			.emit();
		return;
	}
}

void check_zones(const kmem_cache &cache, void *object, uint8_t colour)
{
	check_zone(cache, object, left_zone(cache, object), colour, "left red zone overwritten");
	check_zone(cache, object, right_zone(cache, object), colour, "right red zone overwritten");
}

bool poisons(const kmem_cache &cache)
{
	// A constructed object must keep its bytes while it is free.
	return has(cache, SLAB_POISON) && cache.ctor == nullptr;
}

void make_free(kmem_cache &cache, void *object)
{
	if (poisons(cache))
		watch::poison(object, cache.layout.object_bytes);
	if (has(cache, SLAB_RED_ZONE))
		paint_zones(cache, object, zone_free);
}

} // namespace

void debug_init_object(kmem_cache &cache, void *object)
{
	memset(static_cast<char *>(object) + cache.layout.record_offset, 0,
	       has(cache, SLAB_STORE_USER) ? sizeof(object_record) : sizeof(uint32_t));
	record_of(cache, object).state.store(state_free, std::memory_order_relaxed);
	make_free(cache, object);
}

void debug_check_alloc(kmem_cache &cache, void *object)
{
	if (has(cache, SLAB_RED_ZONE)) {
		check_zones(cache, object, zone_free);
		paint_zones(cache, object, zone_live);
	}
	if (poisons(cache)) {
		const size_t size_bytes = cache.layout.object_bytes;
		const size_t wrong = watch::poison_damage(object, size_bytes);
		if (wrong < size_bytes) {
			base::report r(base::severity::bug);
			describe(r, cache, object, "poison overwritten: written to after its free");
			r.bytes(object, size_bytes, wrong).emit();
		}
		watch::poison_as_in_use(object, size_bytes);
	}
	object_record &record = record_of(cache, object);
	record.state.store(state_live, std::memory_order_relaxed);
	if (has(cache, SLAB_STORE_USER))
		record.taken_by = base::stack_trace::here(1);
}

bool debug_check_free(kmem_cache &cache, void *object)
{
	object_record &record = record_of(cache, object);
	const uint32_t state = record.state.exchange(state_free, std::memory_order_relaxed);
	if (state != state_live) {
		base::report r(base::severity::bug);
		if (state == state_free)
			describe(r, cache, object, "double free: the object is free already");
		else
			r.line("object record overwritten: %#x", state)
				.line("cache '%s', object %p", cache.name, object);
		r.emit();
		if (state == state_free)
			return false;
	}
	if (has(cache, SLAB_RED_ZONE))
		check_zones(cache, object, zone_live);
	if (has(cache, SLAB_STORE_USER))
		record.given_by = base::stack_trace::here(1);
	make_free(cache, object);
	return true;
}

bool debug_is_live(const kmem_cache &cache, void *object)
{
	return record_of(cache, object).state.load(std::memory_order_relaxed) == state_live;
}

} // namespace mp::backing
