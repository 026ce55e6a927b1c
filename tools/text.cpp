// SPDX-License-Identifier: MIT
//
// text.cpp - see text.hpp.
#include "tools/text.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace tools {

std::string text(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	const int length = vsnprintf(nullptr, 0, format, args);
	va_end(args);

	std::string result(static_cast<size_t>(length < 0 ? 0 : length), '\0');
	vsnprintf(result.data(), result.size() + 1, format, again);
	va_end(again);
	return result;
}

std::string grouped(uint64_t number)
{
	std::string digits = std::to_string(number);
	for (size_t at = digits.size(); at > 3; at -= 3)
		digits.insert(at - 3, 1, ',');
	return digits;
}

std::string counted(uint64_t number, const char *what)
{
	return grouped(number) + " " + what + (number == 1 ? "" : "s");
}

std::string duration(uint64_t ns)
{
	static constexpr const char *units[] = {"ns", "us", "ms", "s"};
	auto value = static_cast<double>(ns);
	unsigned unit = 0;
	while (value >= 1000 && unit < 3) {
		value /= 1000;
		unit++;
	}
	return text(value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

std::string with_errno(const std::string &prefix, int error)
{
	return prefix + ": " + strerror(error);
}

uint64_t now_ns()
{
	timespec now{};
	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

} // namespace tools
