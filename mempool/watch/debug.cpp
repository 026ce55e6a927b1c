// SPDX-License-Identifier: MIT
//
// debug.cpp - see debug.hpp and mempool-debug.h.
#include "mempool/watch/debug.hpp"

#include "reserve/base/report.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace mp::watch {

constinit std::atomic<unsigned> watch_word{0};

namespace {

struct option {
	std::string_view name;
	unsigned flags;
};

constexpr option options[] = {
	{"poison", MEMPOOL_DEBUG_POISON},     {"redzone", MEMPOOL_DEBUG_REDZONE},
	{"user", MEMPOOL_DEBUG_USER},         {"track", MEMPOOL_DEBUG_TRACK},
	{"sleep", MEMPOOL_DEBUG_SLEEP},       {"checks", MEMPOOL_DEBUG_CHECKS},
	{"panic", MEMPOOL_DEBUG_PANIC},       {"all", MEMPOOL_DEBUG_ALL},
	{"deadlock", MEMPOOL_DEBUG_DEADLOCK}, {"deadlock-abort", MEMPOOL_DEBUG_DEADLOCK | MEMPOOL_DEBUG_DEADLOCK_ABORT},
};

constexpr unsigned known_flags =
	MEMPOOL_DEBUG_ALL | MEMPOOL_DEBUG_PANIC | MEMPOOL_DEBUG_DEADLOCK | MEMPOOL_DEBUG_DEADLOCK_ABORT;

void apply(unsigned flags)
{
	base::set_panic((flags & MEMPOOL_DEBUG_PANIC) != 0);
	unsigned word = watch_word.load(std::memory_order_relaxed);
	while (!watch_word.compare_exchange_weak(word, (word & ~known_flags) | flags, std::memory_order_relaxed)) {}
}

/// The flag of a name; 0 when there is none.
unsigned flag_of(std::string_view name)
{
	for (const option &o : options)
		if (o.name == name)
			return o.flags;
	return 0;
}

// When the library is loaded: nothing that it reports can come before.
__attribute__((constructor(101))) void read_environment()
{
	const char *text = secure_getenv("MEMPOOL_DEBUG");
	unsigned flags = 0;
	if (text != nullptr && parse_debug(text, flags))
		apply(flags);
}

} // namespace

bool parse_debug(const char *text, unsigned &flags)
{
	unsigned all = 0;
	std::string_view rest = text;
	while (!rest.empty()) {
		const std::string_view name = rest.substr(0, rest.find(','));
		rest.remove_prefix(name.size() < rest.size() ? name.size() + 1 : rest.size());
		if (name.empty())
			continue;
		const unsigned flag = flag_of(name);
		if (flag == 0) {
			base::report(base::severity::warning)
				.line("MEMPOOL_DEBUG: unknown option '%.*s' at byte %zu of '%s'; the setting is "
				      "ignored",
				      static_cast<int>(name.size()), name.data(),
				      static_cast<size_t>(name.data() - text), text)
				.line("known: poison redzone user track sleep checks panic deadlock deadlock-abort all")
				.emit();
			return false;
		}
		all |= flag;
	}
	flags = all;
	return true;
}

void watch_for(unsigned seen_bit)
{
	if (!debug_on(seen_bit))
		watch_word.fetch_or(seen_bit, std::memory_order_relaxed);
}

} // namespace mp::watch

using namespace mp;

static_assert(static_cast<int>(base::severity::warning) == MEMPOOL_REPORT_WARNING &&
	      static_cast<int>(base::severity::bug) == MEMPOOL_REPORT_BUG &&
	      static_cast<int>(base::severity::fatal) == MEMPOOL_REPORT_FATAL &&
	      static_cast<int>(base::severity::note) == MEMPOOL_REPORT_NOTE);

extern "C" int mempool_debug_set(unsigned int flags)
{
	if ((flags & ~watch::known_flags) != 0) {
		base::report(base::severity::warning).line("mempool_debug_set: unknown flags in %#x", flags).emit();
		return -EINVAL;
	}
	watch::apply(flags);
	return 0;
}

extern "C" unsigned int mempool_debug_get()
{
	return watch::watch_word.load(std::memory_order_relaxed) & watch::known_flags;
}

namespace {

// The public type takes the enum, rank 0 knows only its value.
struct public_sink {
	mempool_report_fn *fn;
	void *arg;
};
constinit public_sink public_sinks[2] = {};
constinit std::atomic<unsigned> sink_count{0};

void forward(int how_bad, const char *text, size_t length_bytes, void *arg)
{
	const auto *to = static_cast<public_sink *>(arg);
	to->fn(static_cast<mempool_report_kind>(how_bad), text, length_bytes, to->arg);
}

} // namespace

extern "C" void mempool_set_report_fn(mempool_report_fn *fn, void *arg)
{
	// Two slots in turn: a report in progress keeps the pair that it read.
	public_sink &to = public_sinks[sink_count.fetch_add(1, std::memory_order_relaxed) & 1U];
	to = {fn, arg};
	base::set_sink(fn != nullptr ? forward : nullptr, &to);
}

extern "C" unsigned long mempool_report_count()
{
	return base::report_count();
}
