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
	if ((callers & __GFP_ZERO) != 0 && base::first_time(zero_given))
		base::report(base::severity::warning)
			.line("__GFP_ZERO is not supported: an element from the reserve is not zeroed")
			.line("pool '%s', gfp_mask %#x", control.name, callers)
			.emit();
	return watch::known_mask(callers, control.name);
}

waiting::end waiting::sleep(int need)
{
	const uint64_t start_ns = base::now_ns();
	if (start_ns >= deadline_ns_)
		return end::deadline;
	if (!checked_)
		watch::check_may_sleep(caller_, control_.name);
	checked_ = true;

	using outcome = pool_reserve::sleeper::outcome;
	const uint64_t retry_at_ns = start_ns + retry_ns;
	sleeper_.set_label(trace::sleeper_label(control_.traced));
	MP_TRACE(wait_begin, control_.traced, need, control_.reserve.store().level(), control_.reserve.waiting());
	const outcome how = [&] {
		const bool prove = control_.proves && deadline_ns_ == base::never_ns;
		const watch::contended_sleep sleep(
			prove && watch::debug_on(MEMPOOL_DEBUG_DEADLOCK) ? &control_.contended : nullptr, need);
		return sleeper_.sleep(need, std::min(deadline_ns_, retry_at_ns));
	}();
	MP_TRACE(wait_end, control_.traced, need, static_cast<int>(how), base::now_ns() - start_ns,
		 control_.reserve.store().level());
	if (how == outcome::not_needed)
		return end::woken;
	note_wait(control_, base::now_ns() - start_ns);
	control_.counters.add(how == outcome::woken ? count_wakes : count_timeouts);
	if (how == outcome::woken)
		return end::woken;
	return deadline_ns_ <= retry_at_ns ? end::deadline : end::retry;
}

} // namespace mp::core
