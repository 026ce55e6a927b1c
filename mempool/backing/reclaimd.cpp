// SPDX-License-Identifier: MIT
//
// reclaimd.cpp - see reclaimd.hpp and shrinker.h.
#include "mempool/backing/reclaimd.hpp"

#include "mempool/backing/headroom.hpp"
#include "mempool/backing/reclaim.hpp"
#include "mempool/shrinker.h"
#include "mempool/watch/registry.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/futex.hpp"

#include <cerrno>
#include <csignal>
#include <pthread.h>

namespace mp::backing {
namespace {

enum class life : unsigned { none, changing, running };
constinit std::atomic<life> state{life::none};
constinit std::atomic<bool> ending{false};
constinit base::futex_word work{0};               // 1: there is some
constinit std::atomic<uint64_t> rest_until_ns{0}; // after work in vain
constinit pthread_t thread;

/// Until "high" is free, or nothing more comes back.
void reclaim_to_high()
{
	// Who could give nothing is not asked again with each allocation.
	constexpr uint64_t rest_ns = base::ns_per_s / 10;
	for (unsigned shift = 2; process_headroom().look_anew() && process_headroom().below_low();) {
		const uint64_t freed = reclaim_round(GFP_KERNEL, shift);
		if (ending.load(std::memory_order_relaxed))
			return;
		if (freed == 0 && shift == 0) {
			rest_until_ns.store(base::now_ns() + rest_ns, std::memory_order_relaxed);
			return;
		}
		shift -= shift > 0 ? 1 : 0;
	}
}

void *run(void *)
{
	// relaxed: the word says that there is work, not which; what to do is read
	// anew. ending is set before the word, by an exchange that orders it (ORD-26).
	for (;;) {
		// acquire: pairs with the release in reclaimd_wake() and mempool_reclaimd_stop(), ORD-26
		while (work.exchange(0, std::memory_order_acquire) == 0)
			base::futex_wait(work, 0, base::never_ns);
		if (ending.load(std::memory_order_relaxed))
			return nullptr;
		reclaim_to_high();
	}
}

void rouse()
{
	// release: pairs with the acquire in run(), ORD-26
	if (work.exchange(1, std::memory_order_release) == 0)
		base::futex_wake(&work, 1);
}

/// With all signals blocked, so that none of the host's handlers runs there.
int start_thread()
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int error = pthread_create(&thread, nullptr, run, nullptr);
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	return error;
}

__attribute__((constructor(105))) void register_reclaimd()
{
	// In a child there is no such thread until it starts its own.
	static constexpr watch::fork_ops at_fork = {
		[](void *) {},
		[](void *) {},
		[](void *) { state.store(life::none, std::memory_order_relaxed); },
	};
	static constinit watch::registry_entry entry;
	static_cast<void>(watch::registry_add(watch::registry_kind::memory, entry, nullptr, &at_fork));
}

} // namespace

void reclaimd_wake()
{
	if (state.load(std::memory_order_relaxed) == life::running && process_headroom().below_low() &&
	    base::now_ns() >= rest_until_ns.load(std::memory_order_relaxed)) [[unlikely]]
		rouse();
}

} // namespace mp::backing

using namespace mp;
using namespace mp::backing;

extern "C" int mempool_reclaimd_start()
{
	life none = life::none;
	// acquire: pairs with the release that ends a change, ORD-26
	if (!state.compare_exchange_strong(none, life::changing, std::memory_order_acquire, std::memory_order_relaxed))
		return -EALREADY;
	ending.store(false, std::memory_order_relaxed);
	rest_until_ns.store(0, std::memory_order_relaxed);
	work.store(1, std::memory_order_relaxed); // it looks once by itself
	const int error = start_thread();
	// release: pairs with the acquire of the next change, ORD-26
	state.store(error == 0 ? life::running : life::none, std::memory_order_release);
	return -error;
}

extern "C" int mempool_reclaimd_stop()
{
	if (reclaiming())
		return -EDEADLK;
	life running = life::running;
	// acquire: pairs with the release that ends a change, ORD-26
	if (!state.compare_exchange_strong(running, life::changing, std::memory_order_acquire,
					   std::memory_order_relaxed))
		return -ESRCH;
	ending.store(true, std::memory_order_relaxed);
	rouse();
	pthread_join(thread, nullptr);
	// release: pairs with the acquire of the next change, ORD-26
	state.store(life::none, std::memory_order_release);
	return 0;
}
