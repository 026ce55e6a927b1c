// SPDX-License-Identifier: MIT
//
// nth_scenarios.hpp - what test_nth_failure.cpp lets fail: each way in which the
// library comes to memory of its own.
#pragma once

#include "faults.hpp"
#include "support.hpp"

#include "mempool/mempool-debug.h"
#include "mempool/mempool-stats.h"
#include "mempool/mempool.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mp::test {

// What the scenarios work on; each runs in its own process.
inline mempool_t embedded = {};
inline mempool_t *made = nullptr;
inline kmem_cache *cache = nullptr;
inline void *memory[64] = {};
inline int error = 0; // what a call that returns one returned
inline int own_elements_out = 0;

struct scenario {
	const char *name;
	void (*prepare)();
	bool (*attempt)(); // the call; false when it failed
	bool (*failed_well)();
	void (*undo)();           // after a success
	bool may_survive = false; // a failure inside need not be one of the call: without a sheaf it works, too
	bool needs_no_fork_handlers = false;
};

inline void *own_alloc(gfp_t, void *)
{
	own_elements_out++;
	return malloc(32);
}

inline void own_free(void *element, void *)
{
	own_elements_out--;
	free(element);
}

inline bool is_zeroed(const mempool_t &pool)
{
	const mempool_t zeroed = {};
	return memcmp(&pool, &zeroed, sizeof(pool)) == 0;
}

inline bool init_failed_well()
{
	return error == -ENOMEM && is_zeroed(embedded) && own_elements_out == 0;
}

inline bool null_failed_well()
{
	return errno == ENOMEM && own_elements_out == 0;
}

inline void exit_embedded()
{
	mempool_exit(&embedded);
}

inline void destroy_made()
{
	mempool_destroy(made);
}

inline bool init_own()
{
	error = mempool_init(&embedded, 3, own_alloc, own_free, nullptr);
	return error == 0;
}

inline bool create_own()
{
	made = mempool_create(3, own_alloc, own_free, nullptr);
	return made != nullptr;
}

inline void track()
{
	mempool_debug_set(MEMPOOL_DEBUG_TRACK);
}

inline bool create_kmalloc()
{
	made = mempool_create_kmalloc_pool(4, 64);
	return made != nullptr;
}

inline bool init_kmalloc()
{
	error = mempool_init_kmalloc_pool(&embedded, 4, 64);
	return error == 0;
}

inline void make_cache()
{
	cache = kmem_cache_create("prepared", 3000, 0, 0, nullptr);
}

inline bool create_slab()
{
	made = mempool_create_slab_pool(40, cache); // of several slabs
	return made != nullptr;
}

inline bool create_pages()
{
	made = mempool_create_page_pool(3, 0);
	return made != nullptr;
}

inline bool create_large_pages()
{
	made = mempool_create_page_pool(3, MAX_PAGE_ORDER); // a chunk each
	return made != nullptr;
}

inline bool create_kvmalloc()
{
	made = mempool_create_kvmalloc_pool(2, KMALLOC_MAX_SIZE + 1); // a mapping each
	return made != nullptr;
}

inline void make_own_pool()
{
	init_own();
}

inline bool grow_own()
{
	error = mempool_resize(&embedded, 3000);
	return error == 0;
}

inline bool grow_failed_well()
{
	return error == -ENOMEM && embedded.min_nr == 3 && mempool_curr_nr(&embedded) == 3 && own_elements_out == 3;
}

inline void shrink_own()
{
	mempool_resize(&embedded, 3);
	mempool_exit(&embedded); // the larger array goes with it
	init_own();
}

inline void make_kmalloc_pool()
{
	// So that there are a chunk and enough sheaves, also when nobody needs them.
	static void *elements[700];
	for (void *&e : elements)
		e = kmalloc(8192, GFP_KERNEL);
	for (void *e : elements)
		kfree(e);
	mempool_init_kmalloc_pool(&embedded, 2, 8192);
}

inline bool grow_kmalloc()
{
	error = mempool_resize(&embedded, 600); // more than a chunk
	if (error != 0 || embedded.min_nr != 600)
		return false;
	while (mempool_curr_nr(&embedded) < 600) // what is missing comes by frees
		if (void *element = kmalloc(8192, GFP_KERNEL))
			mempool_free(element, &embedded);
		else
			disarm_fault(); // for ever is over now
	return true;
}

inline bool grow_kmalloc_failed_well()
{
	return error == -ENOMEM && embedded.min_nr == 2 && mempool_curr_nr(&embedded) == 2;
}

inline void end_kmalloc_pool()
{
	mempool_exit(&embedded);
	// Or the next pool's elements would come from whichever chunk the sheaves hold.
	kmem_cache_for_each([](kmem_cache *s, void *) { return kmem_cache_shrink(s) * 0; }, nullptr);
	make_kmalloc_pool();
}

inline bool create_cache()
{
	cache = kmem_cache_create("plain", 100, 0, 0, nullptr);
	return cache != nullptr;
}

inline bool create_debug_cache()
{
	cache = kmem_cache_create("debug", 100, 0, SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER, nullptr);
	return cache != nullptr;
}

inline void destroy_cache()
{
	kmem_cache_destroy(cache);
}

inline void free_memory()
{
	const int kept = errno;
	for (void *&m : memory) {
		kvfree(m);
		m = nullptr;
	}
	errno = kept;
}

inline bool kmalloc_each_class()
{
	constexpr size_t sizes[] = {
		8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 20'000, KMALLOC_MAX_SIZE};
	int i = 0;
	for (const size_t size : sizes) {
		memory[i] = kmalloc(size, GFP_KERNEL);
		if (memory[i++] == nullptr) {
			free_memory();
			return false;
		}
	}
	return true;
}

inline bool take_object()
{
	memory[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	return memory[0] != nullptr;
}

inline bool take_bulk()
{
	const int taken = kmem_cache_alloc_bulk(cache, GFP_KERNEL, 60, memory);
	if (taken == 60)
		return true;
	memset(static_cast<void *>(memory), 0, sizeof(memory)); // undefined
	return false;
}

inline bool kvmalloc_large()
{
	memory[0] = kvmalloc(2 * KMALLOC_MAX_SIZE, GFP_KERNEL);
	return memory[0] != nullptr;
}

inline bool kvmalloc_middle()
{
	memory[0] = kvmalloc(200'000, GFP_KERNEL); // pages, or else a mapping
	return memory[0] != nullptr;
}

inline void make_tracked_pool()
{
	track();
	init_own();
}

/// More elements than the tracker has room for at first. It may give up, but
/// must not accuse anybody.
inline bool track_many()
{
	static void *elements[2000];
	for (void *&e : elements)
		e = mempool_alloc(&embedded, GFP_KERNEL);
	for (void *e : elements)
		mempool_free(e, &embedded);
	return own_elements_out == 3 && reports_caught() == 0;
}

inline void end_tracked_pool()
{
	mempool_exit(&embedded);
	init_own();
}

inline constexpr scenario scenarios[] = {
	{"mempool_init", nullptr, init_own, init_failed_well, exit_embedded},
	{"mempool_init, tracked", track, init_own, init_failed_well, exit_embedded},
	{"mempool_create", nullptr, create_own, null_failed_well, destroy_made},
	{"mempool_create, tracked", track, create_own, null_failed_well, destroy_made},
	{"kmalloc pool", nullptr, create_kmalloc, null_failed_well, destroy_made, true},
	{"kmalloc pool, embedded, tracked", track, init_kmalloc, init_failed_well, exit_embedded, true},
	{"slab pool", make_cache, create_slab, null_failed_well, destroy_made, true},
	{"page pool", nullptr, create_pages, null_failed_well, destroy_made},
	{"page pool of large blocks", nullptr, create_large_pages, null_failed_well, destroy_made},
	{"kvmalloc pool", nullptr, create_kvmalloc, null_failed_well, destroy_made},
	{"mempool_resize", make_own_pool, grow_own, grow_failed_well, shrink_own},
	{"mempool_resize of a kmalloc pool", make_kmalloc_pool, grow_kmalloc, grow_kmalloc_failed_well,
	 end_kmalloc_pool, true},
	{"kmem_cache_create", nullptr, create_cache, null_failed_well, destroy_cache},
	{"kmem_cache_create, debugging", nullptr, create_debug_cache, null_failed_well, destroy_cache},
	{"first kmalloc of each class", nullptr, kmalloc_each_class, null_failed_well, free_memory, true},
	{"first object", make_cache, take_object, null_failed_well, free_memory, true},
	{"first bulk", make_cache, take_bulk, null_failed_well, free_memory, true},
	{"large kvmalloc", nullptr, kvmalloc_large, null_failed_well, free_memory, false, true},
	{"middle kvmalloc", nullptr, kvmalloc_middle, null_failed_well, free_memory, true, true},
	{"tracker growth", make_tracked_pool, track_many, null_failed_well, end_tracked_pool, true},
};

} // namespace mp::test
