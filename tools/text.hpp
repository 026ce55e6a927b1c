// SPDX-License-Identifier: MIT
//
// text.hpp - small helpers for what commands print.
#pragma once

#include <cstdint>
#include <string>

namespace tools {

/// printf into a string.
__attribute__((format(printf, 1, 2))) std::string text(const char *format, ...);

/// 1234567 as "1,234,567".
std::string grouped(uint64_t number);

/// "1 run", "1,250 runs".
std::string counted(uint64_t number, const char *what);

/// A time with the unit that suits it: "850 ns", "1.2 ms".
std::string duration(uint64_t ns);

/// "PREFIX: why", with errno's reason.
std::string with_errno(const std::string &prefix, int error);

/// CLOCK_MONOTONIC, the clock that logd's samples are on.
uint64_t now_ns();

} // namespace tools
