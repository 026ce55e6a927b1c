// SPDX-License-Identifier: MIT
//
// explain.cpp - what mempool_alloc() would do, by the rules that it goes by
// itself (masks.hpp). See mempool-explain.h.
//
// No state: all calls may run together.
#include "mempool/mempool-explain.h"

#include "mempool/core/masks.hpp"
#include "mempool/watch/gfp_names.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace mp::core {
namespace {

/// Hands the steps over, until the visitor has seen enough.
class teller {
      public:
	using visit_fn = int(const mempool_step *step, void *arg);

	teller(visit_fn *visit, void *arg) : visit_(visit), arg_(arg) {}

	__attribute__((format(printf, 5, 6))) void tell(mempool_step_kind kind, gfp_t mask, const char *fact,
							const char *format, ...)
	{
		if (result_ != 0)
			return;
		char text[256];
		va_list args;
		va_start(args, format);
		vsnprintf(text, sizeof(text), format, args);
		va_end(args);
		const mempool_step step = {sizeof(step), kind, mask, fact, text};
		result_ = visit_(&step, arg_);
	}

	int result() const { return result_; }

      private:
	visit_fn *visit_;
	void *arg_;
	int result_ = 0;
};

constexpr size_t mask_room = 256; // for the text of any mask

void tell_flags(teller &to, gfp_t callers)
{
	for (const watch::gfp_name &n : watch::gfp_names())
		if (n.meaning != nullptr && (callers & n.bits) != 0)
			to.tell(MEMPOOL_STEP_FLAG, n.bits, n.bits == __GFP_ZERO ? "PAR-14" : "PAR-33", "%.*s %s",
				static_cast<int>(n.name.size()), n.name.data(), n.meaning);
}

/// What check_mask() does with a mask: reports, and takes unknown bits away.
gfp_t tell_check(teller &to, gfp_t callers)
{
	if ((callers & __GFP_ZERO) != 0)
		to.tell(MEMPOOL_STEP_WARNING, callers, "PAR-14",
			"a warning, once: an element from the reserve is not zeroed");
	const gfp_t unknown = callers & ~__GFP_BITS_MASK;
	if (unknown != 0)
		to.tell(MEMPOOL_STEP_WARNING, callers, "PAR-14",
			"a warning, once: bits %#x have no name and are ignored", unknown);
	return callers & __GFP_BITS_MASK;
}

void tell_mask(teller &to, gfp_t before, gfp_t after, const char *fact, const char *why)
{
	char added[mask_room];
	char removed[mask_room];
	mempool_gfp_text(after & ~before, added, sizeof(added));
	mempool_gfp_text(before & ~after, removed, sizeof(removed));
	if ((after & ~before) != 0 && (before & ~after) != 0)
		to.tell(MEMPOOL_STEP_MASK, after, fact, "%s: %s added, %s removed", why, added, removed);
	else if ((after & ~before) != 0)
		to.tell(MEMPOOL_STEP_MASK, after, fact, "%s: %s added", why, added);
	else if ((before & ~after) != 0)
		to.tell(MEMPOOL_STEP_MASK, after, fact, "%s: %s removed", why, removed);
}

/// One pass: the backing, then the reserve. True when that was the end.
bool tell_pass(teller &to, gfp_t mask, const mempool_situation &s)
{
	to.tell(MEMPOOL_STEP_BACKING, mask, "PAR-10", "the backing is asked%s, and gives %s",
		gfpflags_allow_blocking(mask) ? "" : ", and may neither reclaim nor sleep",
		s.backing_works != 0 ? "an element" : "NULL");
	if (s.backing_works != 0) {
		to.tell(MEMPOOL_STEP_ELEMENT, mask, "PAR-10", "an element of the backing's; the reserve stays at %d",
			s.level);
		return true;
	}
	to.tell(MEMPOOL_STEP_RESERVE, mask, "PAR-10", "the reserve is asked; it holds %d of %d", s.level,
		std::max(s.min_nr, 1));
	if (s.level == 0)
		return false;
	to.tell(MEMPOOL_STEP_ELEMENT, mask, "PAR-10", "the reserve's newest element; the level is %d then",
		s.level - 1);
	return true;
}

void tell_end(teller &to, gfp_t mask, const mempool_situation &s)
{
	if (after_pass(mask, mask) == next::give_up) {
		to.tell(MEMPOOL_STEP_NULL, mask, "PAR-13",
			"NULL, and errno is ENOMEM: without __GFP_DIRECT_RECLAIM the caller may not sleep");
		return;
	}
	if (s.sleepers > 0)
		to.tell(MEMPOOL_STEP_SLEEP, mask, "PAR-12",
			"the caller sleeps behind %d other%s, until an element comes back or 5 s are over", s.sleepers,
			s.sleepers > 1 ? "s" : "");
	else
		to.tell(MEMPOOL_STEP_SLEEP, mask, "PAR-12",
			"the caller sleeps until an element comes back or 5 s are over");
	to.tell(MEMPOOL_STEP_BACKING, mask, "PAR-12",
		"woken, it starts over: the backing first, then the reserve; it never returns NULL");
}

void explain(teller &to, gfp_t callers, const mempool_situation &s)
{
	tell_flags(to, callers);
	const gfp_t known = tell_check(to, callers);
	const gfp_t full = full_mask(known);
	tell_mask(to, known, full, "PAR-8",
		  "the reserve stands behind the backing, which need not insist nor complain");
	gfp_t mask = first_mask(full);
	tell_mask(to, full, mask, "PAR-9", "first pass: before any time is spent, the reserve shall be asked");
	if (tell_pass(to, mask, s))
		return;
	if (after_pass(mask, full) == next::second_pass) {
		tell_mask(to, mask, full, "PAR-11", "second pass, at once, with the caller's whole mask");
		mask = full;
		if (tell_pass(to, mask, s))
			return;
	}
	tell_end(to, mask, s);
}

} // namespace
} // namespace mp::core

using namespace mp::core;

extern "C" int mempool_explain(gfp_t gfp_mask, const mempool_situation *situation,
			       int (*visit)(const mempool_step *step, void *arg), void *arg)
{
	mempool_situation s = {};
	memcpy(&s, situation, std::min(situation->size, sizeof(s)));
	if (s.level < 0 || s.min_nr < 0 || s.sleepers < 0 || s.level > std::max(s.min_nr, 1))
		return -EINVAL;
	teller to(visit, arg);
	explain(to, gfp_mask, s);
	return to.result();
}
