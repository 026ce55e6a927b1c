// SPDX-License-Identifier: MIT
//
// test_report.cpp - what a report says, where it goes, and what it must not do:
// overflow, allocate, change errno, or return when it is fatal.
// link: -Wl,--wrap=write
#include "support.hpp"

#include "mempool/mempool-debug.h"

#include "reserve/base/platform.hpp"
#include "reserve/base/report.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <numeric>
#include <regex>
#include <unistd.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using base::report;
using base::severity;

// All allocations of this program, those inside the C library too, where no
// sanitizer has taken malloc() already.
namespace {
std::atomic<int> allocations{0};
}
#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer) || MP_TSAN
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
extern "C" {
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}
void *calloc(size_t n, size_t bytes)
{
	allocations++;
	return __libc_calloc(n, bytes);
}
void *realloc(void *old, size_t bytes)
{
	allocations++;
	return __libc_realloc(old, bytes);
}
}
#endif

// write() as a script: a result for each call, bytes or -errno; none: the kernel.
namespace {
std::deque<ssize_t> write_script;
std::string written;
int written_to = -1;
} // namespace

extern "C" ssize_t __real_write(int file, const void *text, size_t bytes);
extern "C" ssize_t __wrap_write(int file, const void *text, size_t bytes)
{
	if (write_script.empty())
		return __real_write(file, text, bytes);
	const ssize_t result = write_script.front();
	write_script.pop_front();
	written_to = file;
	if (result < 0) {
		errno = static_cast<int>(-result);
		return -1;
	}
	const size_t taken = std::min(bytes, static_cast<size_t>(result));
	written.append(static_cast<const char *>(text), taken);
	return static_cast<ssize_t>(taken);
}

namespace {

/// The report's own lines: what the stack adds at the end differs from run to run.
std::string lines()
{
	const std::string all = reports();
	const size_t stack = all.find("mempool:   call stack:\n");
	assert_true(stack != std::string::npos);
	return all.substr(0, stack);
}

void has_a_headline_and_lines(void **)
{
	const struct {
		severity how_bad;
		const char *text;
	} kinds[] = {{severity::warning, "mempool: WARNING: pool 'x' has 3\nmempool:   and more\n"},
		     {severity::bug, "mempool: BUG: pool 'x' has 3\nmempool:   and more\n"}};
	for (const auto &kind : kinds) {
		catch_reports();
		report(kind.how_bad).line("pool '%s' has %d", "x", 3).line("and more").emit();
		assert_string_equal(lines().c_str(), kind.text);
		assert_int_equal(reports_caught(), 1);
	}
}

/// Is the last line of a report an address, and where it lies if that is known?
bool ends_with_an_address(const std::string &all)
{
	static const std::regex last_line("\nmempool:     \\[<0x[0-9a-f]+>\\]( [^ \n]+\\+0x[0-9a-f]+)?\n$");
	return std::regex_search(all, last_line);
}

void ends_with_who_called(void **)
{
	catch_reports();
	report(severity::bug).line("text").emit();
	const std::string all = reports();
	const std::string stack = all.substr(lines().size());
	assert_non_null(strstr(stack.c_str(), "mempool:   call stack:\nmempool:     [<0x"));
	assert_true(ends_with_an_address(all));
}

void shows_a_stack_of_old(void **)
{
	base::stack_trace trace;
	trace.depth = 2;
	trace.pc[0] = reinterpret_cast<void *>(0x1234);
	trace.pc[1] = reinterpret_cast<void *>(0xabcd);
	catch_reports();
	report(severity::bug).line("x").stack("freed by", trace).emit();
	assert_string_equal(lines().c_str(), "mempool: BUG: x\nmempool:   freed by:\n"
					     "mempool:     [<0x1234>]\nmempool:     [<0xabcd>]\n");
}

void marks_the_wrong_byte(void **)
{
	uint8_t bytes[20];
	std::iota(std::begin(bytes), std::end(bytes), uint8_t{0});
	const struct {
		size_t size;
		size_t offset;
		const char *text;
	} cases[] = {
		{20, 0, "+0: [00] 01 02 03 04 05 06 07 ...\n"},
		{20, 3, "+0: 00 01 02 [03] 04 05 06 07 08 09 0a ...\n"},
		{20, 10, "+2: ... 02 03 04 05 06 07 08 09 [0a] 0b 0c 0d 0e 0f 10 11 ...\n"},
		{20, 19, "+11: ... 0b 0c 0d 0e 0f 10 11 12 [13]\n"},
		{1, 0, "+0: [00]\n"},
	};
	for (const auto &c : cases) {
		catch_reports();
		report(severity::bug).line("x").bytes(bytes, c.size, c.offset).emit();
		const std::string expected = std::string("mempool: BUG: x\nmempool:   bytes at ") + c.text;
		assert_string_equal(lines().c_str(), expected.c_str());
	}
}

size_t kept_length = 0;
bool is_terminated = false;

void keep_length(int, const char *text, size_t length_bytes, void *)
{
	kept_length = length_bytes;
	is_terminated = text[length_bytes] == '\0' && strlen(text) == length_bytes;
}

void ends_where_its_buffer_ends(void **)
{
	constexpr size_t capacity_bytes = 2048;
	struct {
		report r{severity::bug};
		char guard[64];
	} guarded;
	memset(guarded.guard, 0x77, sizeof(guarded.guard));
	const std::string large(3000, 'x');
	const base::stack_trace here = base::stack_trace::here(0);
	for (int i = 0; i < 300; i++)
		guarded.r.line("line %d, and some text", i);
	guarded.r.line("%s", large.c_str()).bytes(large.data(), large.size(), 100).stack("title", here);
	base::set_sink(keep_length, nullptr);
	guarded.r.emit();
	assert_int_equal(kept_length, capacity_bytes - 1);
	assert_true(is_terminated);
	for (const char c : guarded.guard)
		assert_int_equal(c, 0x77);

	report(severity::bug).line("%s", large.c_str()).emit();
	assert_int_equal(kept_length, capacity_bytes - 1);
	assert_true(is_terminated);
}

void counts_and_leaves_errno_alone(void **)
{
	base::set_sink([](int, const char *, size_t, void *) { errno = EIO; }, nullptr);
	const unsigned long before = base::report_count();
	errno = 77;
	report(severity::warning).line("x").emit();
	assert_int_equal(errno, 77);
	report(severity::bug).line("y").emit();
	assert_int_equal(base::report_count(), before + 2);
	assert_int_equal(mempool_report_count(), before + 2);
}

struct heard {
	int kind = -1;
	int times = 0;
	std::string text;
};

void hear(enum mempool_report_kind kind, const char *text, size_t length, void *arg)
{
	auto *h = static_cast<heard *>(arg);
	h->kind = kind;
	h->times++;
	h->text.assign(text, length);
}

void goes_to_the_hosts_function(void **)
{
	heard first;
	heard second;
	mempool_set_report_fn(hear, &first);
	report(severity::warning).line("one").emit();
	assert_int_equal(first.kind, MEMPOOL_REPORT_WARNING);
	mempool_set_report_fn(hear, &second);
	report(severity::bug).line("two").emit();
	assert_int_equal(second.kind, MEMPOOL_REPORT_BUG);
	mempool_set_report_fn(hear, &first);
	report(severity::bug).line("three").emit();
	assert_int_equal(first.times, 2);
	assert_int_equal(second.times, 1);
	assert_non_null(strstr(first.text.c_str(), "BUG: three\n"));
	assert_non_null(strstr(second.text.c_str(), "BUG: two\n"));
	mempool_set_report_fn(nullptr, nullptr);
}

void goes_to_stderr_whole(void **)
{
	base::set_sink(nullptr, nullptr);
	written.clear();
	write_script = {-EINTR, 1, 20, -EINTR, 30, 4096};
	report(severity::bug).line("to stderr").emit();
	assert_int_equal(written_to, STDERR_FILENO);
	assert_true(write_script.empty());
	assert_non_null(strstr(written.c_str(), "mempool: BUG: to stderr\nmempool:   call stack:\n"));
	assert_true(ends_with_an_address(written));
}

void gives_up_where_nobody_listens(void **)
{
	base::set_sink(nullptr, nullptr);
	written.clear();
	write_script = {5, -EPIPE};
	errno = 77;
	report(severity::bug).line("to nobody").emit();
	assert_true(write_script.empty());
	assert_string_equal(written.c_str(), "mempo");
	write_script = {0};
	report(severity::bug).line("to nobody").emit();
	assert_int_equal(errno, 77);
}

void allocates_nothing(void **)
{
	if (COUNTS_ALLOCATIONS == 0)
		skip();
	void *volatile kept = malloc(1);
	free(kept);
	assert_true(allocations > 0); // they are counted
	base::set_sink(keep_length, nullptr);
	write_script = {0};
	const char object[100] = {};
	const int before = allocations;
	for (int i = 0; i < 3; i++) {
		report r(severity::bug);
		r.line("a %s of %zu at %p, %d, %#x", "line", sizeof(object), static_cast<const void *>(object), -5,
		       255U);
		r.stack("taken by", base::stack_trace::here(0)).bytes(object, sizeof(object), 50).emit();
	}
	base::set_sink(nullptr, nullptr);
	report(severity::warning).line("to stderr").emit();
	assert_int_equal(allocations, before);
	assert_true(write_script.empty());
}

void a_fatal_one_does_not_return(void **)
{
	constexpr int aborted = 128 + SIGABRT;
	assert_int_equal(in_child([] {
				 catch_reports();
				 base::fatal("the %s", "end");
				 return 0;
			 }),
			 aborted);
	assert_int_equal(in_child([] {
				 catch_reports();
				 report(severity::fatal).line("the end").emit();
				 return 0;
			 }),
			 aborted);
}

void panic_is_a_switch(void **)
{
	const auto child = [](bool on, bool off_again) {
		return in_child([on, off_again] {
			catch_reports();
			base::set_panic(on);
			if (off_again)
				base::set_panic(false);
			report(severity::warning).line("x").emit();
			return reports_caught() == 1 ? 7 : 8;
		});
	};
	assert_int_equal(child(false, false), 7);
	assert_int_equal(child(true, true), 7);
	assert_int_equal(child(true, false), 128 + SIGABRT);
}

void the_first_time_is_once(void **)
{
	for (int round = 0; round < 200; round++) {
		std::atomic<bool> given{false};
		std::atomic<int> firsts{0};
		crew().start(3, [&](int) { firsts += base::first_time(given) ? 1 : 0; }).join();
		assert_int_equal(firsts.load(), 1);
		assert_false(base::first_time(given));
	}
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(has_a_headline_and_lines),      cmocka_unit_test(ends_with_who_called),
		cmocka_unit_test(shows_a_stack_of_old),          cmocka_unit_test(marks_the_wrong_byte),
		cmocka_unit_test(ends_where_its_buffer_ends),    cmocka_unit_test(counts_and_leaves_errno_alone),
		cmocka_unit_test(goes_to_the_hosts_function),    cmocka_unit_test(goes_to_stderr_whole),
		cmocka_unit_test(gives_up_where_nobody_listens), cmocka_unit_test(allocates_nothing),
		cmocka_unit_test(a_fatal_one_does_not_return),   cmocka_unit_test(panic_is_a_switch),
		cmocka_unit_test(the_first_time_is_once),
	};
	return cmocka_run_group_tests_name("report", tests, nullptr, nullptr);
}
