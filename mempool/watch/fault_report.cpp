// SPDX-License-Identifier: MIT
//
// fault_report.cpp - see fault_report.hpp.
#include "mempool/watch/fault_report.hpp"

#include "mempool/watch/fault_thread.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/report.hpp"

#include <atomic>

namespace mp::watch {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
enum rate_word { began_ns, given, suppressed };

std::atomic_ref<uint64_t> word_of(uint64_t *rate, rate_word which)
{
	return std::atomic_ref<uint64_t>(rate[which]);
}

/// As the kernel's: a burst in an interval, which begins with the first report.
bool may_say_more(const fault_settings &settings, uint64_t *rate)
{
	if (settings.ratelimit_interval_ms == 0)
		return true;
	const uint64_t interval_ns = settings.ratelimit_interval_ms * (base::ns_per_s / 1000);
	const uint64_t now_ns = base::now_ns();
	uint64_t began = word_of(rate, began_ns).load(relaxed);
	if ((began == 0 || now_ns - began > interval_ns) &&
	    word_of(rate, began_ns).compare_exchange_strong(began, now_ns, relaxed))
		word_of(rate, given).store(0, relaxed);
	if (word_of(rate, given).fetch_add(1, relaxed) < settings.ratelimit_burst)
		return true;
	word_of(rate, suppressed).fetch_add(1, relaxed);
	return false;
}

} // namespace

void report_fault(const fault_told &what, const fault_settings &settings, uint64_t *rate)
{
	if (settings.verbose == 0 || !may_say_more(settings, rate))
		return;
	const auto seed = static_cast<unsigned long long>(what.seed);
	base::report r(base::severity::note);
	r.line("a fault is injected: %.*s%s%s%s, size %zu", static_cast<int>(what.point.size()), what.point.data(),
	       *what.name != 0 ? " of '" : "", what.name, *what.name != 0 ? "'" : "", what.size);
	if (what.count == 0)
		r.line("the thread's nth, seed %#llx, thread '%s'", seed, fault_thread_name());
	else
		r.line("seed %#llx, thread '%s', its decision %u here", seed, fault_thread_name(), what.count);
	r.line("interval %llu, probability %llu, space %d, times %d",
	       static_cast<unsigned long long>(settings.interval),
	       static_cast<unsigned long long>(settings.probability), settings.space, settings.times);
	if (const uint64_t n = word_of(rate, suppressed).exchange(0, relaxed))
		r.line("%llu such reports before it were suppressed", static_cast<unsigned long long>(n));
	if (settings.verbose > 1)
		r.emit();
	else
		r.emit_without_stack();
}

} // namespace mp::watch
