// SPDX-License-Identifier: MIT
//
// lab_words.cpp - see lab_words.hpp.
#include "tools/lab_words.hpp"

#include <mempool/mempool-explain.h>

namespace lab {
namespace {

struct sentence {
	const char *kind;
	const char *text; // {name} is that argument in words
};
constexpr sentence sentences[] = {
	{"create", "the pool is made: min_nr {min_nr}, {level} in reserve"},
	{"present", "the pool is there: min_nr {min_nr}, {level} in reserve"},
	{"destroy", "the pool ends, with {level} in reserve"},
	{"alloc", "has {element}; it asked with {gfp}"},
	{"alloc_fail", "gets NULL, {error}; the reserve holds {level}"},
	{"alloc_bulk", "has all {count}; {missing} were missing"},
	{"preallocated", "has {element}, from the reserve; {level} are left"},
	{"free", "gives {element} back"},
	{"backing_free", "{element} goes to the backing"},
	{"free_bulk", "gives {count} back; the reserve took {taken}"},
	{"pass_begin", "pass {pass}: asks the backing with {gfp}"},
	{"backing_fail", "the backing gave NULL"},
	{"reserve_take", "takes {element} from the reserve; {level} are left"},
	{"reserve_give", "{element} goes into the reserve; it holds {level}"},
	{"reserve_fill", "that was to fill the reserve"},
	{"adopt", "{element} is the backing's: it stands in for one of the pool's own"},
	{"replace", "{element} is home again; {guest}, which stood in for it, goes to the backing"},
	{"wait_begin", "goes to sleep until there is {need}"},
	{"wait_end", "its sleep ends: {how}, after {waited}; the reserve holds {level}"},
	{"wake", "wakes {thread}"},
	{"resize", "min_nr was {old} and is {new}; the reserve holds {level}"},
	{"reclaim", "direct reclaim: {freed} freed"},
	{"poison", "{element} was written to at byte {offset} while it was free"},
	{"fault_injected", "{point} is made to fail"},
	{"mark", "{text}"},
};

} // namespace

std::string mask_text(gfp_t mask)
{
	std::string text(mempool_gfp_text(mask, nullptr, 0), '\0');
	mempool_gfp_text(mask, text.data(), text.size() + 1);
	return text;
}

std::string event_text(const std::string &kind, const std::vector<argument> &args)
{
	std::string text = kind;
	for (const sentence &s : sentences)
		if (kind == s.kind)
			text = s.text;
	for (const argument &a : args) {
		const std::string gap = "{" + a.name + "}";
		if (const size_t at = text.find(gap); at != std::string::npos)
			text.replace(at, gap.size(), a.text);
	}
	return text;
}

} // namespace lab
