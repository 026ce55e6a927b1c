// SPDX-License-Identifier: MIT
//
// fail_size.cpp - see fail_size.hpp.
#include "tools/fail_size.hpp"

#include <charconv>
#include <limits>
#include <string_view>

namespace fail {
namespace {

[[noreturn]] void refuse(const char *option, const std::string &text, const char *form)
{
	throw failure(std::string(option) + " '" + text + "': not of the form " + form, wrong_usage);
}

/// The number at the beginning, which is taken away. False when there is none.
bool take_number(std::string_view &text, uint64_t &number)
{
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
	if (error != std::errc())
		return false;
	text.remove_prefix(static_cast<size_t>(end - text.data()));
	return true;
}

bool take_bytes(std::string_view &text, uint64_t &bytes)
{
	if (!take_number(text, bytes))
		return false;
	for (const auto &[unit, shift] : {std::pair{'K', 10}, {'M', 20}, {'G', 30}}) {
		if (text.empty() || text[0] != unit)
			continue;
		if (bytes > std::numeric_limits<uint64_t>::max() >> shift)
			return false;
		bytes <<= shift;
		text.remove_prefix(1);
	}
	return true;
}

} // namespace

size_range size_range_of(const std::string &text)
{
	static constexpr char form[] = "BYTES, MIN-MAX or MIN-, with K, M or G for powers of 1024";
	size_range range;
	std::string_view rest = text;
	if (text.empty())
		return range;
	if (!take_bytes(rest, range.min))
		refuse("--size", text, form);
	if (rest.empty()) {
		range.max = range.min;
		return range;
	}
	if (rest[0] != '-')
		refuse("--size", text, form);
	rest.remove_prefix(1);
	if (!rest.empty() && (!take_bytes(rest, range.max) || !rest.empty()))
		refuse("--size", text, form);
	if (range.min > range.max)
		throw failure("--size " + text + ": the least is more than the most", wrong_usage);
	return range;
}

budget budget_of(const std::string &text)
{
	static constexpr char form[] = "RUNS (200) or TIME (90s, 5m, 1h)";
	budget limit;
	if (text.empty())
		return limit;
	std::string_view rest = text;
	uint64_t number = 0;
	if (!take_number(rest, number) || number == 0 || number > 1000000000)
		refuse("--budget", text, form);
	if (rest.empty())
		limit.runs = number;
	else if (rest == "s")
		limit.ns = number * 1000000000;
	else if (rest == "m")
		limit.ns = number * 60 * 1000000000;
	else if (rest == "h" && number <= 1000000)
		limit.ns = number * 3600 * 1000000000;
	else
		refuse("--budget", text, form);
	return limit;
}

void shard_of(const std::string &text, unsigned &shard, unsigned &shards)
{
	if (text.empty())
		return;
	uint64_t mine = 0;
	uint64_t all = 0;
	std::string_view rest = text;
	const bool formed = take_number(rest, mine) && !rest.empty() && rest[0] == '/';
	if (formed)
		rest.remove_prefix(1);
	if (!formed || !take_number(rest, all) || !rest.empty() || mine == 0 || mine > all || all > 100000)
		refuse("--shard", text, "I/N with I from 1 to N");
	shard = static_cast<unsigned>(mine);
	shards = static_cast<unsigned>(all);
}

} // namespace fail
