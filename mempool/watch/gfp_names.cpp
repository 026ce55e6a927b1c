// SPDX-License-Identifier: MIT
//
// gfp_names.cpp - see gfp_names.hpp and mempool-explain.h.
#include "mempool/watch/gfp_names.hpp"

#include "mempool/mempool-explain.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mp::watch {
namespace {

#define MP_NAMED(flag) flag, #flag

constexpr gfp_name names[] = {
	{MP_NAMED(GFP_KERNEL_ACCOUNT), nullptr},
	{MP_NAMED(GFP_KERNEL), nullptr},
	{MP_NAMED(GFP_NOFS), nullptr},
	{MP_NAMED(GFP_NOIO), nullptr},
	{MP_NAMED(GFP_NOWAIT), nullptr},
	{MP_NAMED(GFP_ATOMIC), nullptr},
	{MP_NAMED(__GFP_RECLAIM), nullptr},
	{MP_NAMED(__GFP_HIGH), "is urgent, and may use half of what others must leave"},
	{MP_NAMED(__GFP_IO), "lets reclaim start input or output"},
	{MP_NAMED(__GFP_FS), "lets reclaim call into a file system"},
	{MP_NAMED(__GFP_DIRECT_RECLAIM), "lets the caller reclaim memory itself, and sleep"},
	{MP_NAMED(__GFP_KSWAPD_RECLAIM), "lets background reclaim be woken"},
	{MP_NAMED(__GFP_NOWARN), "expects a failure, and wants no report of it"},
	{MP_NAMED(__GFP_RETRY_MAYFAIL), "tries hard, but may fail in the end"},
	{MP_NAMED(__GFP_NOFAIL), "lets the slab and page layers try for ever"},
	{MP_NAMED(__GFP_NORETRY), "asks for one try and no more"},
	{MP_NAMED(__GFP_NOMEMALLOC), "leaves the system's own reserves alone"},
	{MP_NAMED(__GFP_ZERO), "asks for zeroed memory"},
	{MP_NAMED(__GFP_ACCOUNT), "has no effect in userspace"},
	{MP_NAMED(__GFP_COMP), "has no effect in userspace"},
};

#undef MP_NAMED

constexpr gfp_t named_bits()
{
	gfp_t all = 0;
	for (const gfp_name &n : names)
		all |= n.meaning != nullptr ? n.bits : 0;
	return all;
}
static_assert(named_bits() == __GFP_BITS_MASK, "each flag has its line");

/// Text in a buffer of the caller's, cut where that ends; the whole length is counted.
class cut_text {
      public:
	cut_text(char *text, size_t room) : text_(text), room_(room)
	{
		if (room > 0)
			text[0] = 0;
	}
	void add(std::string_view part)
	{
		for (const char c : part) {
			if (length_ + 1 < room_) {
				text_[length_] = c;
				text_[length_ + 1] = 0;
			}
			length_++;
		}
	}
	size_t length() const { return length_; }

      private:
	char *text_;
	size_t room_;
	size_t length_ = 0;
};

std::string_view without_spaces(std::string_view word)
{
	while (!word.empty() && word.front() == ' ')
		word.remove_prefix(1);
	while (!word.empty() && word.back() == ' ')
		word.remove_suffix(1);
	return word;
}

/// False when there is no such name.
bool bits_of(std::string_view name, gfp_t &bits)
{
	for (const gfp_name &n : names) {
		if (n.name == name) {
			bits = n.bits;
			return true;
		}
	}
	bits = 0;
	return name == "0";
}

} // namespace

std::span<const gfp_name> gfp_names()
{
	return names;
}

} // namespace mp::watch

using namespace mp::watch;

extern "C" size_t mempool_gfp_text(gfp_t gfp_mask, char *text, size_t room)
{
	cut_text out(text, room);
	gfp_t left = gfp_mask;
	for (const gfp_name &n : gfp_names()) {
		// A combination of flags that are all said already says nothing.
		if (left == 0 || (left & n.bits) != n.bits)
			continue;
		out.add(out.length() > 0 ? "|" : "");
		out.add(n.name);
		left &= ~n.bits;
	}
	if (left != 0) {
		char number[16];
		snprintf(number, sizeof(number), "%s%#x", out.length() > 0 ? "|" : "", left);
		out.add(number);
	}
	if (out.length() == 0)
		out.add("0");
	return out.length();
}

extern "C" int mempool_gfp_parse(const char *text, gfp_t *gfp_mask, size_t *offset)
{
	gfp_t all = 0;
	const char *word = text;
	for (;;) {
		const char *end = strchrnul(word, '|');
		const std::string_view name = without_spaces({word, static_cast<size_t>(end - word)});
		gfp_t bits = 0;
		if (!bits_of(name, bits)) {
			if (offset != nullptr)
				*offset = static_cast<size_t>((name.empty() ? word : name.data()) - text);
			return -EINVAL;
		}
		all |= bits;
		if (*end == 0)
			break;
		word = end + 1;
	}
	*gfp_mask = all;
	return 0;
}
