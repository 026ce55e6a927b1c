// SPDX-License-Identifier: MIT
//
// environment.cpp - the texts of MEMPOOL_LIMIT, MEMPOOL_DEBUG and
// MEMPOOL_TRACE_OPTIONS, each input as each of them.
//
// What a text means is found out here a second time, in the plainest way; and one
// that is refused must change nothing and be named in one report.
#include "tests/fuzz/fuzz.hpp"

#include "mempool/backing/headroom.hpp"
#include "mempool/watch/debug.hpp"
#include "mempool/watch/trace_env.hpp"

#include <mempool/mempool-debug.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace mp;

namespace {

std::vector<std::string> reports;

void keep_report(mempool_report_kind, const char *text, size_t length_bytes, void *)
{
	reports.emplace_back(text, length_bytes);
}

struct piece {
	std::string text;
	size_t offset;
};

/// What lies between the commas.
std::vector<piece> pieces_of(const std::string &text)
{
	std::vector<piece> pieces = {{"", 0}};
	for (size_t i = 0; i < text.size(); i++) {
		if (text[i] == ',')
			pieces.push_back({"", i + 1});
		else
			pieces.back().text += text[i];
	}
	return pieces;
}

/// One report, which begins so.
void check_reported(const std::string &begin)
{
	FUZZ_CHECK(reports.size() == 1);
	FUZZ_CHECK(reports[0].starts_with("mempool: WARNING: " + begin));
	FUZZ_CHECK(reports[0].find('\0') == std::string::npos);
}

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/// Decimal digits and nothing else; `most` + 1 when it is more.
std::optional<unsigned __int128> number(const std::string &digits, unsigned __int128 most)
{
	unsigned __int128 n = 0;
	for (const char c : digits) {
		if (!is_digit(c))
			return std::nullopt;
		n = n * 10 + static_cast<unsigned>(c - '0');
		if (n > most)
			n = most + 1;
	}
	return digits.empty() ? std::nullopt : std::optional(n);
}

std::optional<size_t> meant_as_limit(std::string text)
{
	static const std::map<char, unsigned> shifts = {{'k', 10}, {'K', 10}, {'m', 20},
							{'M', 20}, {'g', 30}, {'G', 30}};
	unsigned shift = 0;
	if (const auto found = text.empty() ? shifts.end() : shifts.find(text.back()); found != shifts.end()) {
		shift = found->second;
		text.pop_back();
	}
	const unsigned __int128 most = SIZE_MAX;
	const auto n = number(text, most);
	if (!n || *n << shift > most)
		return std::nullopt;
	return static_cast<size_t>(*n << shift);
}

void as_limit(const std::string &text)
{
	constexpr size_t untouched = 4711;
	constexpr int kept_errno = 97;
	size_t bytes = untouched;
	errno = kept_errno;
	const bool good = backing::parse_bytes(text.c_str(), bytes);
	FUZZ_CHECK(errno == kept_errno && reports.empty());
	const std::optional<size_t> meant = meant_as_limit(text);
	FUZZ_CHECK(good == meant.has_value());
	FUZZ_CHECK(bytes == meant.value_or(untouched));
	FUZZ_CHECK(!good || (backing::parse_bytes(std::to_string(bytes).c_str(), bytes) && bytes == *meant));
}

void as_debug(const std::string &text)
{
	static const std::map<std::string, unsigned> names = {
		{"poison", MEMPOOL_DEBUG_POISON},
		{"redzone", MEMPOOL_DEBUG_REDZONE},
		{"user", MEMPOOL_DEBUG_USER},
		{"track", MEMPOOL_DEBUG_TRACK},
		{"sleep", MEMPOOL_DEBUG_SLEEP},
		{"checks", MEMPOOL_DEBUG_CHECKS},
		{"panic", MEMPOOL_DEBUG_PANIC},
		{"all", MEMPOOL_DEBUG_ALL},
		{"deadlock", MEMPOOL_DEBUG_DEADLOCK},
		{"deadlock-abort", MEMPOOL_DEBUG_DEADLOCK | MEMPOOL_DEBUG_DEADLOCK_ABORT},
		{"", 0},
	};
	constexpr unsigned untouched = ~0U;
	const unsigned live = mempool_debug_get();
	unsigned flags = untouched;
	const bool good = watch::parse_debug(text.c_str(), flags);
	FUZZ_CHECK(mempool_debug_get() == live);
	unsigned meant = 0;
	for (const piece &one : pieces_of(text)) {
		const auto found = names.find(one.text);
		if (found == names.end()) {
			FUZZ_CHECK(!good && flags == untouched);
			return check_reported("MEMPOOL_DEBUG: unknown option '" + one.text + "' at byte " +
					      std::to_string(one.offset) + " of '");
		}
		meant |= found->second;
	}
	FUZZ_CHECK(good && flags == meant && reports.empty());
}

/// False when it is no option.
bool option(const std::string &text, trace::settings &to)
{
	const size_t sign = text.find('=');
	if (sign != std::string::npos) {
		const std::string name = text.substr(0, sign);
		const bool events = name == "events";
		const std::string digits = text.substr(sign + 1);
		const unsigned most = events ? 16777216 : 1024;
		const auto n = number(digits, most);
		if ((!events && name != "threads") || digits.size() > 9 || !n || *n == 0 || *n > most)
			return false;
		(events ? to.events : to.threads) = static_cast<unsigned>(*n);
		return true;
	}
	if (text == "stacks")
		to.flags |= MEMPOOL_TRACE_STACKS;
	else if (text == "nofork")
		to.flags |= MEMPOOL_TRACE_NOFORK;
	else
		return text.empty();
	return true;
}

bool same(const trace::settings &a, const trace::settings &b)
{
	return a.events == b.events && a.threads == b.threads && a.flags == b.flags;
}

void as_trace_options(const std::string &text)
{
	constexpr trace::settings untouched = {4711, 4712, 4713};
	trace::settings how = untouched;
	const bool good = trace::parse_settings(text.c_str(), how);
	trace::settings meant = {4096, 64, 0};
	for (const piece &one : pieces_of(text)) {
		if (option(one.text, meant))
			continue;
		FUZZ_CHECK(!good && same(how, untouched));
		return check_reported("MEMPOOL_TRACE_OPTIONS: '" + one.text + "' makes no sense in '");
	}
	uint32_t events = 1;
	while (events < meant.events)
		events *= 2;
	meant.events = events;
	FUZZ_CHECK(good && same(how, meant) && reports.empty());
}

} // namespace

int LLVMFuzzerInitialize(int *, char ***)
{
	mempool_set_report_fn(keep_report, nullptr);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	constexpr size_t most_bytes = 1024; // a report says no more than 2 KiB, and the wrong option comes first
	std::string text(reinterpret_cast<const char *>(data), bytes < most_bytes ? bytes : most_bytes);
	text = text.c_str(); // it ends where C thinks so
	for (void (*const as)(const std::string &) : {as_limit, as_debug, as_trace_options}) {
		reports.clear();
		as(text);
	}
	return 0;
}
