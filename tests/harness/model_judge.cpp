// SPDX-License-Identifier: MIT
//
// model_judge.cpp - see model_judge.hpp.
#include "tests/harness/model_judge.hpp"

#include <mempool/mempool-debug.h>

#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace model::judge {
namespace {

constexpr unsigned step_seconds = 30; // far more than any operation needs, also under a sanitizer
constexpr unsigned history_length = 20;

uint64_t seed;
unsigned ops;
unsigned step;
unsigned passed;
std::string description;
std::string history[history_length];
unsigned reports;
std::string report_text;
void (*end_program)();

void receive_report(enum mempool_report_kind, const char *text, size_t length, void *)
{
	reports++;
	report_text.append(text, length);
}

// The one thread hangs in the library, so nothing else is in the middle of anything.
void hung(int)
{
	judge::mismatch("the operation", "returns", "still runs after " + std::to_string(step_seconds) + " s");
}

} // namespace

void init(void (*end)())
{
	end_program = end;
	mempool_set_report_fn(receive_report, nullptr);
	struct sigaction action = {};
	action.sa_handler = hung;
	sigaction(SIGALRM, &action, nullptr);
}

void begin_sequence(uint64_t sequence_seed, unsigned sequence_ops)
{
	seed = sequence_seed;
	ops = sequence_ops;
	step = 0;
	description.clear();
	for (std::string &entry : history)
		entry.clear();
}

unsigned sequence_passed()
{
	alarm(0);
	return ++passed;
}

void describe(const std::string &text)
{
	description = text;
}

void begin_step(const char *format, ...)
{
	char text[200];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	step++;
	history[step % history_length] = std::to_string(step) + ": " + text;
	reports = 0;
	report_text.clear();
	alarm(step_seconds);
}

void note_result(const std::string &text)
{
	history[step % history_length] += " = " + text;
}

void mismatch(const std::string &what, const std::string &expected, const std::string &got)
{
	printf("\nMISMATCH in step %u of the sequence: %s\n", step, what.c_str());
	printf("  expected: %s\n  got:      %s\n", expected.c_str(), got.c_str());
	if (end_program == nullptr)
		printf("  to repeat this sequence alone: SEED=%llu OPS=%u\n", static_cast<unsigned long long>(seed),
		       ops);
	printf("  pool: %s\n", description.c_str());
	if (!report_text.empty())
		printf("  the library reported meanwhile:\n%s", report_text.c_str());
	printf("  the last operations, this one at the end:\n");
	for (unsigned i = 1; i <= history_length; i++)
		if (const std::string &entry = history[(step + i) % history_length]; !entry.empty())
			printf("    %s\n", entry.c_str());
	printf("%u passed, 1 failed\n", passed);
	fflush(stdout);
	if (end_program != nullptr)
		end_program();
	_exit(1);
}

std::string to_text(const void *p)
{
	char text[32];
	snprintf(text, sizeof(text), "%p", p);
	return p == nullptr ? "NULL" : text;
}

void compare_reports(unsigned expected)
{
	compare("reports by the library", expected, reports);
}

} // namespace model::judge
