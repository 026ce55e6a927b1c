// SPDX-License-Identifier: MIT
//
// lab_sources.cpp - see lab_sources.hpp.
#include "tools/lab_sources.hpp"

#include <cstddef>

namespace lab {
namespace {

struct known_line {
	int number;
	const char *text;
};

// What tools/lab/lines found when this was built; a look at this file alone does without.
constexpr known_line lines[] = {
#if __has_include("lab_lines.inc")
#include "lab_lines.inc"
#endif
	{0, ""}};

struct known_anchor {
	const char *name;
	const char *file;
};
#define LAB_ANCHOR_PLACE(name, file, text) {#name, file},
constexpr known_anchor anchors[] = {LAB_ANCHORS(LAB_ANCHOR_PLACE)};
#undef LAB_ANCHOR_PLACE

struct known_rule {
	int par;
	const char *text;
};
constexpr known_rule rules[] = {
	{1, "Creating a pool asks the backing max(1, min_nr) times, and keeps what it gives as the reserve."},
	{4, "With min_nr 0 the pool still keeps one element, so that a sleeper can always be woken."},
	{8, "Every pass adds __GFP_NOMEMALLOC, __GFP_NORETRY and __GFP_NOWARN to the caller's mask."},
	{9, "The first pass also takes __GFP_DIRECT_RECLAIM and __GFP_IO away: it neither reclaims nor blocks."},
	{10, "A pass asks the backing, and only when that gives NULL the reserve, which gives its newest element."},
	{11,
	 "When both had nothing, and the masks differ, a second pass with the caller's whole mask follows at once."},
	{12,
	 "With __GFP_DIRECT_RECLAIM the caller sleeps until an element comes back or 5 s pass, and starts over: the "
	 "backing first. It never gets NULL."},
	{13, "Without __GFP_DIRECT_RECLAIM the caller never sleeps, and may get NULL."},
	{16, "mempool_alloc_preallocated() takes from the reserve only, and never sleeps."},
	{17, "A bulk takes all that is missing from the reserve, or nothing, and sleeps only after a second pass."},
	{18, "A loop of single allocations can deadlock against another such loop; the bulk call is there for that."},
	{21, "While the reserve is not full, a freed element goes there, whichever it is; only then to the backing."},
	{23, "With min_nr 0 and an empty reserve the freed element is kept."},
	{24, "An element that comes into the reserve wakes sleepers; no wake-up is lost."},
	{26, "Shrinking gives the surplus back, newest first; min_nr falls only after that."},
	{27, "Growing tops up from the backing; when that stops early, later frees fill the rest."},
	{28, "alloc and free may go on while the pool is resized; sleepers are woken by what growing adds."},
	{30, "Poisoned elements are 0x6b with a final 0xa5 in the reserve; when one leaves, every byte is checked."},
	{35, "Direct reclaim runs registered shrinkers, never inside another run of the same thread."},
	{36, "A fault's attributes are asked in one order: fail-nth, probability, task filter, times, stack, space, "
	     "interval, chance."},
	{37, "Defaults: interval 1, probability 0, space 0, times 1."},
	{38, "fail_mempool_alloc is asked in every pass; a hit sends the caller to the reserve."},
};

} // namespace

source line_of(anchor which)
{
	const auto i = static_cast<size_t>(which);
	source s;
	s.anchor = anchors[i].name;
	s.file = anchors[i].file;
	if (i + 1 < sizeof(lines) / sizeof(lines[0])) {
		s.line = lines[i].number;
		s.text = lines[i].text;
	}
	return s;
}

fact rule(int par)
{
	for (const known_rule &r : rules)
		if (r.par == par)
			return {par, r.text};
	return {par, ""};
}

} // namespace lab
