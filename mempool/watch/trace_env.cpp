// SPDX-License-Identifier: MIT
//
// trace_env.cpp - see trace_env.hpp and mempool-trace.h.
#include "mempool/watch/trace_env.hpp"

#include "mempool/watch/debug.hpp"
#include "mempool/watch/trace_session.hpp"

#include "reserve/base/report.hpp"

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace mp::trace {
namespace {

/// N of NAME=N; false where it is none.
bool read_number(std::string_view text, unsigned &to)
{
	uint64_t n = 0;
	if (text.empty() || text.size() > 9)
		return false;
	for (const char c : text) {
		if (c < '0' || c > '9')
			return false;
		n = n * 10 + static_cast<unsigned>(c - '0');
	}
	to = static_cast<unsigned>(n);
	return n > 0;
}

bool read_option(std::string_view text, mempool_trace_options &to)
{
	constexpr std::string_view events = "events=";
	constexpr std::string_view threads = "threads=";
	if (text.starts_with(events))
		return read_number(text.substr(events.size()), to.events);
	if (text.starts_with(threads))
		return read_number(text.substr(threads.size()), to.threads);
	if (text == "stacks")
		to.flags |= MEMPOOL_TRACE_STACKS;
	else if (text == "nofork")
		to.flags |= MEMPOOL_TRACE_NOFORK;
	else
		return text.empty();
	return true;
}

__attribute__((constructor(103))) void read_environment()
{
	const char *probes = secure_getenv("MEMPOOL_PROBES");
	if (probes != nullptr && strcmp(probes, "0") != 0 && probes[0] != '\0')
		watch::watch_for(watch::probing);
	const char *path = secure_getenv("MEMPOOL_TRACE");
	if (path == nullptr || path[0] == '\0')
		return;
	const char *options = secure_getenv("MEMPOOL_TRACE_OPTIONS");
	settings how;
	if (!parse_settings(options != nullptr ? options : "", how))
		return;
	if (!arm(path, how))
		base::report(base::severity::warning)
			.line("MEMPOOL_TRACE: the path is too long; no trace is recorded")
			.emit();
}

} // namespace

bool parse_settings(const char *text, settings &to)
{
	mempool_trace_options options = {};
	options.size = sizeof(options);
	std::string_view rest = text;
	while (!rest.empty()) {
		const std::string_view one = rest.substr(0, rest.find(','));
		rest.remove_prefix(one.size() < rest.size() ? one.size() + 1 : rest.size());
		settings ignored;
		if (read_option(one, options) && read_options(&options, ignored))
			continue;
		base::report(base::severity::warning)
			.line("MEMPOOL_TRACE_OPTIONS: '%.*s' makes no sense in '%s'; no trace is recorded",
			      static_cast<int>(one.size()), one.data(), text)
			.line("known: events=1 to 16777216, threads=1 to 1024, stacks, nofork")
			.emit();
		return false;
	}
	return read_options(&options, to);
}

} // namespace mp::trace
