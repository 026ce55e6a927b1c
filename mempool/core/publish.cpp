// SPDX-License-Identifier: MIT
//
// publish.cpp - the process's own page of pools and caches, and the thread that
// fills it when somebody asks. See mempool-publish.h and published.hpp.
//
// Owner of the state: this file. Race table:
//   start, stop / the same   one changes `state`, the others are refused
//   snapshot / anything      as mempool_stats(), mempool_certificate() and the registry's walks
//   fork                     the child has neither page nor thread; it is due to begin anew
#include "mempool/core/publish.hpp"

#include "mempool/core/control.hpp"
#include "mempool/watch/context.hpp"
#include "mempool/watch/published.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/fence.hpp"
#include "reserve/base/report.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>

namespace mp::core {
namespace {

using watch::published_half;
using watch::published_head;

enum class life : unsigned { none, changing, running };
constinit std::atomic<life> state{life::none};
constinit std::atomic<bool> wanted{false}; // a child shall publish, too
constinit std::atomic<bool> ending{false};
constinit pthread_t thread;
constinit base::process_page page;
constinit unsigned room_for_pools = 0;
constinit unsigned room_for_caches = 0;

// In the order of backing_kind.
constexpr const char *backing_names[] = {"callbacks", "slab", "kmalloc", "kvmalloc", "pages"};

/// A snapshot that is being written.
struct snapshot {
	published_half half; // the page may be written to by others: nothing is read back from it
	mempool_published_pool *pools;
	mempool_published_cache *caches;
};

void certify(mempool_t *pool, mempool_published_pool &to)
{
	to.cert.size = sizeof(to.cert);
	// A child's reserve is made at its first use, which this is not.
	to.certified =
		!pool->control->refill.load(std::memory_order_relaxed) && mempool_certificate(pool, &to.cert) == 0;
}

int write_pool(mempool_t *pool, void *arg)
{
	auto &to = *static_cast<snapshot *>(arg);
	if (to.half.pools == room_for_pools) {
		to.half.pools_left_out++;
		return 0;
	}
	mempool_published_pool &p = to.pools[to.half.pools++];
	p = {};
	const mempool_control &control = *pool->control;
	memcpy(p.name, control.name, sizeof(p.name));
	snprintf(p.backing, sizeof(p.backing), "%s", backing_names[static_cast<unsigned>(control.backing)]);
	p.id = reinterpret_cast<uintptr_t>(&control);
	p.element_bytes = control.element_bytes;
	p.stats.size = sizeof(p.stats);
	mempool_stats(pool, &p.stats);
	certify(pool, p);
	return 0;
}

int write_cache(kmem_cache *cache, void *arg)
{
	auto &to = *static_cast<snapshot *>(arg);
	if (to.half.caches == room_for_caches) {
		to.half.caches_left_out++;
		return 0;
	}
	mempool_published_cache &c = to.caches[to.half.caches++];
	c = {};
	memcpy(c.name, cache->name, sizeof(c.name));
	c.stats.size = sizeof(c.stats);
	kmem_cache_stats(cache, &c.stats);
	return 0;
}

published_head &head()
{
	return *static_cast<published_head *>(page.payload());
}

void take_snapshot()
{
	published_head &h = head();
	const uint64_t number = h.latest.load(std::memory_order_relaxed) + 1;
	h.begun.store(number, std::memory_order_relaxed);
	// release: who reads something of what follows sees begun, ORD-44
	base::fence(std::memory_order_release);

	char *at = static_cast<char *>(page.payload()) + sizeof(h) +
		   (number % 2) * watch::half_bytes(room_for_pools, room_for_caches);
	snapshot to = {{},
		       reinterpret_cast<mempool_published_pool *>(at + sizeof(published_half)),
		       reinterpret_cast<mempool_published_cache *>(at + watch::caches_offset(room_for_pools))};
	to.half.number = number;
	to.half.taken_ns = base::now_ns();
	mempool_for_each(write_pool, &to);
	kmem_cache_for_each(write_cache, &to);
	to.half.sum = watch::sum_of(to.half, to.pools, to.caches);
	memcpy(at, &to.half, sizeof(to.half));
	// release: pairs with the reader's look at latest, ORD-44
	h.latest.store(number, std::memory_order_release);
}

void *run(void *)
{
	published_head &h = head();
	for (;;) {
		// acquire: what stop() and who asks wrote before, ORD-45
		const uint32_t asked = h.asked.load(std::memory_order_acquire);
		if (ending.load(std::memory_order_relaxed))
			return nullptr;
		if (asked == h.answered.load(std::memory_order_relaxed)) {
			base::futex_wait_shared(&h.asked, asked, base::never_ns);
			continue;
		}
		take_snapshot();
		// release: after the snapshot, ORD-45
		h.answered.store(asked, std::memory_order_release);
		base::futex_wake_shared(&h.answered, INT_MAX);
	}
}

/// With all signals blocked, so that none of the host's handlers runs there, and
/// with a small stack, unless the host's threads have variables that need more.
int start_thread()
{
	constexpr size_t stack_bytes = 256 << 10;
	sigset_t all;
	sigset_t before;
	pthread_attr_t small;
	sigfillset(&all);
	if (pthread_attr_init(&small) != 0)
		return ENOMEM;
	pthread_attr_setstacksize(&small, stack_bytes);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, &small, run, nullptr);
	if (error == EINVAL)
		error = pthread_create(&thread, nullptr, run, nullptr);
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	pthread_attr_destroy(&small);
	if (error == 0)
		pthread_setname_np(thread, "mempool-publish");
	return error;
}

int begin(base::page_error &error)
{
	const size_t bytes = sizeof(published_head) + 2 * watch::half_bytes(room_for_pools, room_for_caches);
	if (!page.make(watch::published_kind, bytes, error))
		return -error.error;
	head().pool_room = room_for_pools;
	head().cache_room = room_for_caches;
	head().asked.store(1, std::memory_order_relaxed); // a first snapshot, unasked
	ending.store(false, std::memory_order_relaxed);
	int result = page.show(error) ? 0 : error.error;
	if (result == 0) {
		result = start_thread();
		if (result == 0)
			return 0;
		snprintf(error.text, sizeof(error.text), "the thread that publishes cannot be started: %s",
			 strerrordesc_np(result));
	}
	page.remove();
	page.forget();
	return -result;
}

int start(unsigned pools, unsigned caches, base::page_error &error)
{
	life none = life::none;
	// acquire: pairs with the release that ends a change, ORD-45
	if (!state.compare_exchange_strong(none, life::changing, std::memory_order_acquire,
					   std::memory_order_relaxed)) {
		snprintf(error.text, sizeof(error.text), "this process publishes already");
		return -EALREADY;
	}
	room_for_pools = pools;
	room_for_caches = caches;
	const int result = begin(error);
	wanted.store(result == 0, std::memory_order_relaxed);
	// release: pairs with the acquire of the next change, ORD-45
	state.store(result == 0 ? life::running : life::none, std::memory_order_release);
	return result;
}

constexpr unsigned default_room = 256;

/// From a call that may sleep.
void begin_due()
{
	const int kept_errno = errno;
	base::page_error error = {};
	const unsigned pools = room_for_pools != 0 ? room_for_pools : default_room;
	const unsigned caches = room_for_caches != 0 ? room_for_caches : default_room;
	if (const int result = start(pools, caches, error); result != 0 && result != -EALREADY)
		base::report(base::severity::warning)
			.line("pools and caches are not published: %s", error.text)
			.emit_without_stack();
	errno = kept_errno;
}

void after_fork_in_child(void *)
{
	page.forget();
	state.store(life::none, std::memory_order_relaxed);
	if (wanted.load(std::memory_order_relaxed))
		watch::publish_when_due(begin_due);
}

__attribute__((constructor(106))) void begin_if_asked()
{
	static constexpr watch::fork_ops at_fork = {[](void *) {}, [](void *) {}, after_fork_in_child};
	static constinit watch::registry_entry entry;
	static_cast<void>(watch::registry_add(watch::registry_kind::memory, entry, nullptr, &at_fork));
	const char *text = secure_getenv("MEMPOOL_PUBLISH");
	if (text != nullptr && *text != 0 && strcmp(text, "0") != 0)
		watch::publish_when_due(begin_due);
}

__attribute__((destructor(101))) void end()
{
	page.remove();
}

/// False when the options cannot be.
bool read_options(const mempool_publish_options *given, mempool_publish_options &to)
{
	if (given != nullptr) {
		if (given->size < sizeof(given->size) || given->size > sizeof(to))
			return false;
		memcpy(&to, given, given->size);
	}
	to.pools = to.pools == 0 ? default_room : to.pools;
	to.caches = to.caches == 0 ? default_room : to.caches;
	return to.pools <= watch::published_most && to.caches <= watch::published_most;
}

} // namespace

// A program that links the library statically has this file, too: alloc.cpp names it.
const char publishing = 0;

} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" int mempool_publish_start(const struct mempool_publish_options *options, struct mempool_view_error *error)
{
	mempool_publish_options how = {};
	base::page_error why = {};
	int result = -EINVAL;
	if (read_options(options, how))
		result = start(how.pools, how.caches, why);
	else
		snprintf(why.text, sizeof(why.text),
			 "the options are of another version, or there is to be room for more than %u",
			 watch::published_most);
	if (result != 0)
		watch::tell(why, error);
	return result;
}

extern "C" int mempool_publish_stop()
{
	life running = life::running;
	// acquire: pairs with the release that ends a change, ORD-45
	if (!state.compare_exchange_strong(running, life::changing, std::memory_order_acquire,
					   std::memory_order_relaxed))
		return -ESRCH;
	wanted.store(false, std::memory_order_relaxed);
	ending.store(true, std::memory_order_relaxed);
	// release: pairs with the acquire in run(), ORD-45
	head().asked.fetch_add(1, std::memory_order_release);
	base::futex_wake_shared(&head().asked, 1);
	pthread_join(thread, nullptr);
	page.remove();
	page.forget();
	// release: pairs with the acquire of the next change, ORD-45
	state.store(life::none, std::memory_order_release);
	return 0;
}
