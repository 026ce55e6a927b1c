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

// The kernel's default: a burst of 10 in an interval of 5 s.
constexpr uint64_t interval_ns = 5 * base::ns_per_s;
constexpr unsigned burst = 10;

constinit std::atomic<uint64_t> began_ns{0};
constinit std::atomic<unsigned> given{0};
constinit std::atomic<unsigned> suppressed{0};

bool may_say_more()
{
	const uint64_t now_ns = base::now_ns();
	uint64_t began = began_ns.load(std::memory_order_relaxed);
	if (began == 0 || now_ns - began > interval_ns)
		if (began_ns.compare_exchange_strong(began, now_ns, std::memory_order_relaxed))
			given.store(0, std::memory_order_relaxed);
	if (given.fetch_add(1, std::memory_order_relaxed) < burst)
		return true;
	suppressed.fetch_add(1, std::memory_order_relaxed);
	return false;
}

} // namespace

void report_fault(const fault_told &what, unsigned verbose, bool may_report)
{
	if (verbose == 0 || !may_report || !may_say_more())
		return;
	base::report r(base::severity::note);
	r.line("a fault is injected: %.*s%s%s%s, size %zu", static_cast<int>(what.point.size()), what.point.data(),
	       *what.name != 0 ? " of '" : "", what.name, *what.name != 0 ? "'" : "", what.size);
	if (what.by_nth)
		r.line("the thread's nth, in thread '%s'", fault_thread_name());
	else
		r.line("seed %#llx, thread '%s', its decision %u here", static_cast<unsigned long long>(what.seed),
		       fault_thread_name(), what.count);
	if (const unsigned n = suppressed.exchange(0, std::memory_order_relaxed))
		r.line("%u such reports before it were suppressed", n);
	if (verbose > 1)
		r.emit();
	else
		r.emit_without_stack();
}

} // namespace mp::watch
