// SPDX-License-Identifier: MIT
//
// ours.cpp - libmempool as it is measured: through the functions that the
// shared library exports, called by way of the same table as everybody.
//
// A context is shared by its threads. To measure another kind of pool, give
// `pools` one more row with the attributes that it is made with.
#include "lists.hpp"

#include <atomic>
#include <cstdlib>
#include <mempool/mempool-publish.h>
#include <mempool/mempool-trace.h>
#include <mempool/mempool.h>

namespace bench {
namespace {

// The reserve of a pool that is measured on its ordinary path: it stays full.
constexpr int ordinary_min_nr = 16;

struct pool_kind {
	void (*set)(mempool_attr *attr); // NULL: a pool as mempool_create() makes it
};

struct context {
	kmem_cache *cache = nullptr;
	mempool_t *pool = nullptr;
	size_t size = 0;
	std::atomic<bool> fails = false; // of the backing
};

mempool_attr attributes(const peer *self)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	if (const auto *kind = static_cast<const pool_kind *>(self->data); kind != nullptr && kind->set != nullptr)
		kind->set(&attr);
	return attr;
}

void destroy(void *p)
{
	auto *c = static_cast<context *>(p);
	c->fails = false;
	mempool_destroy(c->pool);
	kmem_cache_destroy(c->cache);
	delete c;
}

// c, or NULL where something of it could not be had.
void *complete(context *c, bool made)
{
	if (made)
		return c;
	destroy(c);
	return nullptr;
}

// A cache, and a pool in front of it.

void *create_cache(const peer *, const demand *wanted)
{
	auto *c = new context;
	c->cache = kmem_cache_create("bench", static_cast<unsigned>(wanted->size), 0, 0, nullptr);
	return complete(c, c->cache != nullptr);
}

void *create_slab_pool(const peer *self, const demand *wanted)
{
	auto *c = static_cast<context *>(create_cache(self, wanted));
	if (c == nullptr)
		return nullptr;
	const mempool_attr attr = attributes(self);
	c->pool = mempool_create_attr(ordinary_min_nr, mempool_alloc_slab, mempool_free_slab, c->cache, &attr);
	return complete(c, c->pool != nullptr);
}

BENCH_HOT void *pool_alloc(void *p)
{
	return mempool_alloc(static_cast<context *>(p)->pool, GFP_KERNEL);
}

BENCH_HOT void pool_free(void *p, void *element)
{
	mempool_free(element, static_cast<context *>(p)->pool);
}

BENCH_HOT void *cache_alloc(void *p)
{
	return kmem_cache_alloc(static_cast<context *>(p)->cache, GFP_KERNEL);
}

BENCH_HOT void cache_free(void *p, void *element)
{
	kmem_cache_free(static_cast<context *>(p)->cache, element);
}

// kmalloc.

void *create_size(const peer *, const demand *wanted)
{
	auto *c = new context;
	c->size = wanted->size;
	return c;
}

BENCH_HOT void *kmalloc_alloc(void *p)
{
	return kmalloc(static_cast<context *>(p)->size, GFP_KERNEL);
}

BENCH_HOT void kmalloc_free(void *, void *element)
{
	kfree(element);
}

// A user's own callbacks: with the pool in front of them, and called through the same two pointers.

void *user_alloc(gfp_t, void *data)
{
	return malloc(static_cast<const context *>(data)->size);
}

void user_free(void *element, void *)
{
	free(element);
}

// Read at run time, so that the compiler cannot see through them. The library cannot either.
mempool_alloc_t *volatile user_alloc_pointer = user_alloc;
mempool_free_t *volatile user_free_pointer = user_free;

void *create_user_pool(const peer *self, const demand *wanted)
{
	auto *c = static_cast<context *>(create_size(self, wanted));
	const mempool_attr attr = attributes(self);
	c->pool = mempool_create_attr(ordinary_min_nr, user_alloc_pointer, user_free_pointer, c, &attr);
	return complete(c, c->pool != nullptr);
}

BENCH_HOT void *direct_alloc(void *p)
{
	return user_alloc_pointer(GFP_KERNEL, p);
}

BENCH_HOT void direct_free(void *p, void *element)
{
	user_free_pointer(element, p);
}

// All from the reserve: the backing gives the reserve's elements, and then nothing more.

void *failing_alloc(gfp_t, void *data)
{
	const auto *c = static_cast<const context *>(data);
	return c->fails.load(std::memory_order_relaxed) ? nullptr : malloc(c->size);
}

void *create_failing_pool(const peer *self, const demand *wanted)
{
	auto *c = static_cast<context *>(create_size(self, wanted));
	const mempool_attr attr = attributes(self);
	c->pool = mempool_create_attr(static_cast<int>(wanted->count), failing_alloc, user_free, c, &attr);
	c->fails = true;
	return complete(c, c->pool != nullptr);
}

BENCH_HOT void *atomic_alloc(void *p)
{
	return mempool_alloc(static_cast<context *>(p)->pool, GFP_ATOMIC);
}

BENCH_HOT void *preallocated_alloc(void *p)
{
	return mempool_alloc_preallocated(static_cast<context *>(p)->pool);
}

// Events are recorded by all of a process, so only while this peer has its turn: into the calling thread's ring, of
// which only the newest are kept.

void start_recording(unsigned flags)
{
	mempool_trace_options options = {};
	options.size = sizeof(options);
	options.threads = 4;
	options.flags = flags;
	if (mempool_trace_start(nullptr, &options) != 0)
		abort(); // a figure without it would be a lie
}

void begin_recording(void *)
{
	start_recording(0);
}

void begin_recording_stacks(void *)
{
	start_recording(MEMPOOL_TRACE_STACKS);
}

void end_recording(void *)
{
	mempool_trace_stop();
}

// Publishing, too: by a thread that takes a snapshot again and again.

void begin_publishing(void *)
{
	if (mempool_publish_start(nullptr, nullptr) != 0)
		abort();
}

void end_publishing(void *)
{
	mempool_publish_stop();
}

constexpr pool_kind plain = {nullptr};

constexpr unsigned ours = role_ours;
const peer peers[] = {
	{"mempool", "mempool_alloc(GFP_KERNEL), mempool_free of a slab pool", ours | role_ordinary, &plain,
	 create_slab_pool, destroy, calls_of<pool_alloc, pool_free>, nullptr, nullptr},
	{"kmem_cache", "kmem_cache_alloc, kmem_cache_free", ours | role_ordinary, nullptr, create_cache, destroy,
	 calls_of<cache_alloc, cache_free>, nullptr, nullptr},
	{"kmalloc", "kmalloc, kfree", ours | role_ordinary, nullptr, create_size, destroy,
	 calls_of<kmalloc_alloc, kmalloc_free>, nullptr, nullptr},
	{"mempool", "mempool_alloc(GFP_ATOMIC), whose backing fails each time, and mempool_free", ours | role_reserve,
	 &plain, create_failing_pool, destroy, calls_of<atomic_alloc, pool_free>, nullptr, nullptr},
	{"preallocated", "mempool_alloc_preallocated, mempool_free", ours | role_reserve, &plain, create_failing_pool,
	 destroy, calls_of<preallocated_alloc, pool_free>, nullptr, nullptr},
	{"mempool", "a pool over callbacks that call malloc and free", ours | role_callbacks, &plain, create_user_pool,
	 destroy, calls_of<pool_alloc, pool_free>, nullptr, nullptr},
	{"callbacks", "the same callbacks, called through the same pointers", role_callbacks | role_limit, nullptr,
	 create_size, destroy, calls_of<direct_alloc, direct_free>, nullptr, nullptr},
	{"mempool", "mempool_alloc(GFP_KERNEL), mempool_free of a slab pool; nothing is recorded",
	 ours | role_recording, &plain, create_slab_pool, destroy, calls_of<pool_alloc, pool_free>, nullptr, nullptr},
	{"recording", "the same while events are recorded: four for each pair", ours | role_recording, &plain,
	 create_slab_pool, destroy, calls_of<pool_alloc, pool_free>, begin_recording, end_recording},
	{"with stacks", "the same with call stacks", ours | role_recording, &plain, create_slab_pool, destroy,
	 calls_of<pool_alloc, pool_free>, begin_recording_stacks, end_recording},
	{"mempool", "mempool_alloc(GFP_KERNEL), mempool_free of a slab pool that is published", ours | role_publishing,
	 &plain, create_slab_pool, destroy, calls_of<pool_alloc, pool_free>, begin_publishing, end_publishing},
	{"not published", "the same without", ours | role_publishing, &plain, create_slab_pool, destroy,
	 calls_of<pool_alloc, pool_free>, nullptr, nullptr},
};

} // namespace

std::span<const peer> our_peers()
{
	return peers;
}

} // namespace bench
