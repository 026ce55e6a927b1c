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

} // namespace

void check_may_sleep(const char *what, const char *pool_name, bool look_for_handler)
{
	const char *where = why_not_sleep(look_for_handler);
	if (where != nullptr)
		base::report(base::severity::bug)
			.line("sleeping function called from invalid context: %s %s", what, where)
			.line("pool '%s'", pool_name)
			.emit();
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
