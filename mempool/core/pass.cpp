// SPDX-License-Identifier: MIT
//
// pass.cpp - see pass.hpp.
#include "mempool/core/pass.hpp"

#include "mempool/watch/context.hpp"

#include "reserve/base/report.hpp"

#include <algorithm>

namespace mp::core {
namespace {

void note_wait(mempool_control &control, uint64_t waited_ns)
{
	control.counters.add(count_sleeps);
	control.counters.add(count_wait_ns, waited_ns);
	uint64_t longest = control.wait_longest_ns.load(std::memory_order_relaxed);
	while (waited_ns > longest &&
	       !control.wait_longest_ns.compare_exchange_weak(longest, waited_ns, std::memory_order_relaxed)) {}
}

} // namespace

gfp_t check_mask(const mempool_control &control, gfp_t callers)
{
	static constinit std::atomic<bool> zero_given{false};
	static constinit std::atomic<bool> unknown_given{false};
	if ((callers & __GFP_ZERO) != 0 && base::first_time(zero_given))
		base::report(base::severity::warning)
			.line("__GFP_ZERO is not supported: an element from the reserve is not zeroed")
			.line("pool '%s', gfp_mask %#x", control.name, callers)
			.emit();
	const gfp_t unknown = callers & ~__GFP_BITS_MASK;
	if (unknown != 0 && base::first_time(unknown_given))
		base::report(base::severity::warning)
			.line("unknown bits %#x in gfp_mask %#x are ignored", unknown, callers)
			.line("pool '%s'", control.name)
			.emit();
	return callers & __GFP_BITS_MASK;
}

sleep_end sleep_for(mempool_control &control, pool_reserve::sleeper &sleeper, int need, uint64_t deadline_ns)
{
	const uint64_t start_ns = base::now_ns();
	if (start_ns >= deadline_ns)
		return sleep_end::deadline;
	watch::check_may_sleep("mempool_alloc", control.name, true);

	using outcome = pool_reserve::sleeper::outcome;
	const uint64_t retry_at_ns = start_ns + retry_ns;
	const outcome how = sleeper.sleep(need, std::min(deadline_ns, retry_at_ns));
	if (how == outcome::not_needed)
		return sleep_end::woken;
	note_wait(control, base::now_ns() - start_ns);
	control.counters.add(how == outcome::woken ? count_wakes : count_timeouts);
	if (how == outcome::woken)
		return sleep_end::woken;
	return deadline_ns <= retry_at_ns ? sleep_end::deadline : sleep_end::retry;
}

} // namespace mp::core
