// SPDX-License-Identifier: MIT
//
// model_judge.hpp - notes what was done, and speaks when library and model
// disagree: the seed, the step, both sides, the last operations; then exit 1.
//
// Owner of the state: the harness's one thread. Reports of the library arrive
// here, and so does the alarm that ends an operation which hangs.
#pragma once

#include <cstdint>
#include <string>

namespace model::judge {

/// Once, at the start. `end` ends the program after a mismatch; nullptr: exit status 1.
void init(void (*end)() = nullptr);

/// A new sequence begins.
void begin_sequence(uint64_t seed, unsigned ops);
/// The sequence ended as it should; says how many did so far.
unsigned sequence_passed();
/// What is special about the running sequence; shown with a mismatch.
void describe(const std::string &text);

/// A new operation begins, and may take some seconds.
[[gnu::format(printf, 1, 2)]] void begin_step(const char *format, ...);
/// Text about the operation's result, for the history.
void note_result(const std::string &text);

/// Ends the program.
[[noreturn]] void mismatch(const std::string &what, const std::string &expected, const std::string &got);

std::string to_text(const void *p);
inline std::string to_text(long long n)
{
	return std::to_string(n);
}

inline void compare_pointers(const char *what, const void *expected, const void *got)
{
	if (expected != got)
		judge::mismatch(what, to_text(expected), to_text(got));
}

inline void compare(const char *what, long long expected, long long got)
{
	if (expected != got)
		judge::mismatch(what, to_text(expected), to_text(got));
}

/// Reports that the library made during this step must be this many.
void compare_reports(unsigned expected);

} // namespace model::judge
