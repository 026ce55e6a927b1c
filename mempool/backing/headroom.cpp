// SPDX-License-Identifier: MIT
//
// headroom.cpp - see headroom.hpp and mempool-limits.h.
#include "mempool/backing/headroom.hpp"

#include "mempool/watch/registry.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/report.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>

namespace mp::backing {

watermarks watermarks_for(uint64_t limit_bytes, uint64_t min_bytes)
{
	constexpr uint64_t least = uint64_t{256} << 10;
	constexpr uint64_t most = uint64_t{64} << 20;
	if (min_bytes == 0)
		min_bytes = std::clamp(limit_bytes / 32, least, most);
	return {min_bytes, min_bytes + min_bytes / 4, min_bytes + min_bytes / 2};
}

bool parse_bytes(const char *text, size_t &bytes)
{
	if (*text < '0' || *text > '9')
		return false;
	char *end = nullptr;
	const int kept_errno = errno;
	errno = 0;
	const unsigned long long value = strtoull(text, &end, 10);
	const bool too_large = errno != 0;
	errno = kept_errno;
	static constexpr char suffixes[] = "KMG";
	unsigned shift = 0;
	if (*end != 0) {
		const char *suffix = strchr(suffixes, *end >= 'a' ? *end - ('a' - 'A') : *end);
		if (suffix == nullptr || end[1] != 0)
			return false;
		shift = 10 * static_cast<unsigned>(suffix - suffixes + 1);
	}
	if (too_large || value > SIZE_MAX >> shift)
		return false;
	bytes = static_cast<size_t>(value) << shift;
	return true;
}

bool headroom::refuse()
{
	refusals_.fetch_add(1, std::memory_order_relaxed);
	errno = ENOMEM;
	return false;
}

/// The limits that a request meets, with what they leave.
unsigned headroom::accounts(account (&out)[most_accounts], need what) const
{
	unsigned count = 0;
	const auto add = [&](mempool_limit_kind kind, const base::limit_reading &r) {
		if (r.limits())
			out[count++] = {kind, r.limit_bytes, r.free_bytes(), watermarks_for(r.limit_bytes, min_bytes_)};
	};
	if (what != need::space) {
		if (budget_bytes_ != 0)
			add(MEMPOOL_LIMIT_BUDGET, {budget_bytes_, populated_bytes_.load(std::memory_order_relaxed)});
		add(MEMPOOL_LIMIT_CGROUP, last_.cgroup);
		add(MEMPOOL_LIMIT_MACHINE, last_.machine);
	}
	if (what != need::pages) {
		add(MEMPOOL_LIMIT_ADDRESS_SPACE, last_.space);
		add(MEMPOOL_LIMIT_DATA, last_.data);
	}
	return count;
}

/// Bytes that may be taken before the first limit is at its watermark; below 0, past it already.
int64_t headroom::room(need what, bool high) const
{
	account all[most_accounts];
	int64_t least = std::numeric_limits<int64_t>::max();
	for (unsigned i = accounts(all, what); i-- > 0;) {
		const uint64_t floor = high ? all[i].marks.min_bytes / 2 : all[i].marks.min_bytes;
		least = std::min(least, static_cast<int64_t>(all[i].free_bytes) - static_cast<int64_t>(floor));
	}
	if (what == need::pages && least != std::numeric_limits<int64_t>::max())
		least -= static_cast<int64_t>(in_flight_bytes_.load(std::memory_order_relaxed));
	return least;
}

/// With the lock.
void headroom::judge_low()
{
	account all[most_accounts];
	bool some_below_low = false;
	bool all_at_high = true;
	for (unsigned i = accounts(all, need::both); i-- > 0;) {
		some_below_low |= all[i].free_bytes < all[i].marks.low_bytes;
		all_at_high &= all[i].free_bytes >= all[i].marks.high_bytes;
	}
	// In between it stays as it was.
	if (some_below_low || all_at_high)
		below_low_.store(some_below_low, std::memory_order_relaxed);
}

/// A reading, which ends the credit of the last one. With the lock.
void headroom::read()
{
	constexpr uint64_t cgroup_serves_ns = base::ns_per_s;
	const uint64_t now = from_.now_ns();
	// Below "low" no file is opened that is not needed: that takes memory.
	const bool find =
		!looked_ || (now - looked_at_ns_ >= cgroup_serves_ns && !below_low_.load(std::memory_order_relaxed));
	if (find) {
		looked_ = true;
		looked_at_ns_ = now;
	}
	// acquire: pairs with the release in use_credit(), ORD-25
	static_cast<void>(credit_bytes_.exchange(0, std::memory_order_acquire));
	last_ = from_.read(mode_ == MEMPOOL_WATERMARKS_ON, find);
	const bool limited = budget_bytes_ != 0 || last_.space.limits() || last_.data.limits() || last_.cgroup.limits();
	active_.store(mode_ == MEMPOOL_WATERMARKS_ON || (mode_ == MEMPOOL_WATERMARKS_AUTO && limited),
		      std::memory_order_relaxed);
	judge_low();
}

bool headroom::look()
{
	if (base::holds_locks())
		return active();
	const std::lock_guard guard(lock_);
	// While a refusal stands, nothing that is asked for next will be had anyway.
	const bool certain = active() && from_.now_ns() < refuse_until_ns_;
	if (mode_ != MEMPOOL_WATERMARKS_OFF && !certain)
		read();
	return active();
}

bool headroom::look_anew()
{
	if (!base::holds_locks()) {
		const std::lock_guard guard(lock_);
		if (mode_ != MEMPOOL_WATERMARKS_OFF)
			read();
	}
	return active();
}

bool headroom::ask_space(size_t bytes, gfp_t gfp_mask)
{
	if (base::holds_locks())
		return refuse();
	const std::lock_guard guard(lock_);
	read();
	const int64_t left = room(need::space, (gfp_mask & __GFP_HIGH) != 0);
	return left >= 0 && bytes <= static_cast<uint64_t>(left) ? true : refuse();
}

bool headroom::ask_mapping(size_t space_bytes, size_t page_bytes, gfp_t gfp_mask)
{
	if (!ask_pages(page_bytes, gfp_mask))
		return false;
	pages_done(page_bytes, 0);
	return ask_space(space_bytes, gfp_mask);
}

bool headroom::use_credit(size_t bytes)
{
	if (from_.now_ns() >= credit_until_ns_.load(std::memory_order_relaxed))
		return false;
	uint64_t credit = credit_bytes_.load(std::memory_order_relaxed);
	while (credit >= bytes)
		// release: whoever ends the credit sees what it was used for, ORD-25
		if (credit_bytes_.compare_exchange_weak(credit, credit - bytes, std::memory_order_release,
							std::memory_order_relaxed))
			return true;
	return false;
}

bool headroom::ask_pages(size_t bytes, gfp_t gfp_mask)
{
	in_flight_bytes_.fetch_add(bytes, std::memory_order_relaxed);
	if (use_credit(bytes))
		return true;
	if (!base::holds_locks()) {
		const std::lock_guard guard(lock_);
		const bool high = (gfp_mask & __GFP_HIGH) != 0;
		// At the limit many ask in vain: one who reads serves them all for a
		// moment. In flight is what we ask for, too.
		const bool certain = from_.now_ns() < refuse_until_ns_ && room(need::pages, high) < 0;
		if (!certain)
			read();
		if (!certain && room(need::pages, high) >= 0) {
			const int64_t spare = room(need::pages, false) / 8;
			if (spare >= static_cast<int64_t>(credit_least_bytes)) {
				credit_until_ns_.store(from_.now_ns() + reading_serves_ns, std::memory_order_relaxed);
				credit_bytes_.store(std::min(static_cast<uint64_t>(spare), credit_max_bytes),
						    std::memory_order_relaxed);
			}
			return true;
		}
		if (!certain)
			refuse_until_ns_ = from_.now_ns() + refusal_serves_ns;
	}
	in_flight_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
	return refuse();
}

void headroom::pages_done(size_t asked_bytes, size_t counted_bytes)
{
	populated_bytes_.fetch_add(counted_bytes, std::memory_order_relaxed);
	in_flight_bytes_.fetch_sub(asked_bytes, std::memory_order_relaxed);
}

void headroom::given_back(size_t bytes)
{
	populated_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void headroom::set_limit(size_t bytes)
{
	const std::lock_guard guard(lock_);
	budget_bytes_ = bytes;
	read();
}

void headroom::set_watermarks(mempool_watermark_mode mode, uint64_t min_bytes)
{
	const std::lock_guard guard(lock_);
	mode_ = mode;
	min_bytes_ = min_bytes;
	read();
}

mempool_headroom_state headroom::tell()
{
	mempool_headroom_state h = {};
	const std::lock_guard guard(lock_);
	read();
	h.mode = mode_;
	h.active = active() ? 1 : 0;
	h.refusals = refusals_.load(std::memory_order_relaxed);
	h.populated_bytes = populated_bytes_.load(std::memory_order_relaxed);
	account all[most_accounts];
	int64_t least = std::numeric_limits<int64_t>::max();
	for (unsigned i = accounts(all, need::both); i-- > 0;) {
		const int64_t left =
			static_cast<int64_t>(all[i].free_bytes) - static_cast<int64_t>(all[i].marks.min_bytes);
		if (left > least)
			continue;
		least = left;
		h.limit_kind = all[i].kind;
		h.limit_bytes = all[i].limit_bytes;
		h.free_bytes = all[i].free_bytes;
		h.min_bytes = all[i].marks.min_bytes;
		h.low_bytes = all[i].marks.low_bytes;
		h.high_bytes = all[i].marks.high_bytes;
	}
	return h;
}

void headroom::thaw_in_child()
{
	// The parent's other threads, and what they had asked for, are not here.
	in_flight_bytes_.store(0, std::memory_order_relaxed);
	credit_bytes_.store(0, std::memory_order_relaxed);
	// A child is often moved to a cgroup of its own, and may not wait a second until that is seen. Short of
	// memory it opens no files for that, as its parent does not.
	looked_ = looked_ && below_low();
	lock_.reset_in_child();
}

namespace {

constinit base::memory_limits machine;
constinit headroom process(headroom::sources{
	[](bool with_machine, bool find_cgroup) { return machine.read(with_machine, find_cgroup); }, base::now_ns});

constexpr uint64_t min_most_bytes = uint64_t{1} << 62;

void read_environment()
{
	size_t bytes = 0;
	const char *text = secure_getenv("MEMPOOL_LIMIT");
	if (text != nullptr && !parse_bytes(text, bytes))
		base::report(base::severity::warning)
			.line("MEMPOOL_LIMIT: '%.80s' is no number of bytes; the setting is ignored", text)
			.line("known: a decimal number, with K, M or G behind it or nothing")
			.emit();
	else if (text != nullptr)
		process.set_limit(bytes);

	text = secure_getenv("MEMPOOL_WATERMARKS");
	if (text == nullptr)
		return;
	static constexpr const char *modes[] = {"off", "on", "auto"}; // as in enum mempool_watermark_mode
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(text, modes[i]) == 0)
			return process.set_watermarks(static_cast<mempool_watermark_mode>(i), 0);
	base::report(base::severity::warning)
		.line("MEMPOOL_WATERMARKS: '%.80s' is no mode; the setting is ignored", text)
		.line("known: off on auto")
		.emit();
}

// Behind the page layer's constructor: fork freezes what came last first, and
// nobody holds one of the two locks while he waits for the other.
__attribute__((constructor(103))) void register_headroom()
{
	static constexpr watch::fork_ops at_fork = {
		[](void *) { process.freeze(); },
		[](void *) { process.thaw(); },
		[](void *) { process.thaw_in_child(); },
	};
	static constinit watch::registry_entry entry;
	static_cast<void>(watch::registry_add(watch::registry_kind::memory, entry, nullptr, &at_fork));
	read_environment();
}

} // namespace

headroom &process_headroom()
{
	return process;
}

} // namespace mp::backing

using namespace mp;

extern "C" void mempool_set_limit(size_t bytes)
{
	backing::process_headroom().set_limit(bytes);
}

extern "C" int mempool_set_watermarks(enum mempool_watermark_mode mode, size_t min_bytes)
{
	if (static_cast<unsigned>(mode) > MEMPOOL_WATERMARKS_AUTO || min_bytes > backing::min_most_bytes) {
		base::report(base::severity::warning)
			.line("mempool_set_watermarks: mode %d, min_bytes %zu: no such mode, or too many bytes",
			      static_cast<int>(mode), min_bytes)
			.emit();
		return -EINVAL;
	}
	backing::process_headroom().set_watermarks(mode, min_bytes);
	return 0;
}

extern "C" int mempool_headroom(struct mempool_headroom_state *headroom)
{
	if (headroom == nullptr || headroom->size < sizeof(headroom->size))
		return -EINVAL;
	struct mempool_headroom_state now = backing::process_headroom().tell();
	now.size = std::min(headroom->size, sizeof(now));
	memcpy(static_cast<void *>(headroom), &now, now.size);
	return 0;
}
