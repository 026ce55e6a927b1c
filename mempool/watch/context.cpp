// SPDX-License-Identifier: MIT
//
// context.cpp - see context.hpp and gfp.h.
#include "mempool/watch/context.hpp"

#include "reserve/base/report.hpp"

namespace mp::watch {
namespace {

struct thread_context {
	unsigned non_block_depth;
	gfp_t stripped; // flags that the memalloc scopes take away
};
constinit thread_local thread_context this_thread = {};

constexpr gfp_t noio_strips = __GFP_IO | __GFP_FS;
constexpr gfp_t nofs_strips = __GFP_FS;

/// Begins a scope; what it returns ends it: the flags it did not add stay.
unsigned save_scope(gfp_t strips)
{
	const gfp_t added = strips & ~this_thread.stripped;
	this_thread.stripped |= strips;
	return added;
}

/// Where we are, when that forbids to sleep; else nullptr.
const char *why_not_sleep(bool look_for_handler)
{
	if (this_thread.non_block_depth > 0)
		return "inside non_block_start()";
	return look_for_handler && base::in_signal_handler() ? "in a signal handler" : nullptr;
}

void report_sleep(const char *what, const char *name, const char *where)
{
	base::report(base::severity::bug)
		.line("sleeping function called from invalid context: %s, %s", what, where)
		.line("of '%s'", name)
		.emit();
}

constinit std::atomic<void (*)()> begin_publishing{nullptr};

/// A thread is started in there, so this is not for where sleeping is forbidden.
void publish_if_due()
{
	if (!debug_on(publish_due) || why_not_sleep(true) != nullptr)
		return;
	if ((watch_word.fetch_and(~publish_due, std::memory_order_relaxed) & publish_due) != 0)
		// acquire: pairs with the release in publish_when_due(), ORD-45
		begin_publishing.load(std::memory_order_acquire)();
}

} // namespace

void publish_when_due(void (*begin)())
{
	// release: pairs with the acquire in publish_if_due(), ORD-45
	begin_publishing.store(begin, std::memory_order_release);
	watch_for(publish_due);
}

void check_may_alloc(gfp_t gfp_mask, const char *what, const char *name)
{
	if (!gfpflags_allow_blocking(gfp_mask))
		return;
	const char *where = why_not_sleep(debug_on(MEMPOOL_DEBUG_SLEEP));
	if (where != nullptr)
		report_sleep(what, name, where);
	publish_if_due();
}

gfp_t drop_unknown_bits(gfp_t gfp_mask, const char *name)
{
	static constinit std::atomic<bool> given{false};
	if (base::first_time(given))
		base::report(base::severity::warning)
			.line("unknown bits %#x in gfp_mask %#x are ignored", gfp_mask & ~__GFP_BITS_MASK, gfp_mask)
			.line("of '%s'", name)
			.emit();
	return gfp_mask & __GFP_BITS_MASK;
}

void check_may_sleep(const char *what, const char *name)
{
	// The rest was looked at, and reported, when the allocation began.
	if (!debug_on(MEMPOOL_DEBUG_SLEEP) && base::in_signal_handler())
		report_sleep(what, name, "in a signal handler");
}

} // namespace mp::watch

using namespace mp;
using watch::this_thread;

extern "C" unsigned int memalloc_noio_save()
{
	return watch::save_scope(watch::noio_strips);
}

extern "C" void memalloc_noio_restore(unsigned int flags)
{
	this_thread.stripped &= ~flags;
}

extern "C" unsigned int memalloc_nofs_save()
{
	return watch::save_scope(watch::nofs_strips);
}

extern "C" void memalloc_nofs_restore(unsigned int flags)
{
	this_thread.stripped &= ~flags;
}

extern "C" gfp_t current_gfp_context(gfp_t gfp_flags)
{
	return gfp_flags & ~this_thread.stripped;
}

extern "C" void non_block_start()
{
	watch::watch_for(watch::non_block_seen);
	this_thread.non_block_depth++;
}

extern "C" void non_block_end()
{
	if (this_thread.non_block_depth == 0) {
		base::report(base::severity::bug).line("non_block_end() without non_block_start()").emit();
		return;
	}
	this_thread.non_block_depth--;
}

extern "C" void mempool_might_sleep(const char *file, int line)
{
	const char *where = watch::why_not_sleep(true);
	if (where != nullptr)
		base::report(base::severity::bug)
			.line("sleeping function called from invalid context at %s:%d, %s", file, line, where)
			.emit();
}
