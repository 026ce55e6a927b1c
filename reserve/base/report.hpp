// SPDX-License-Identifier: MIT
//
// report.hpp - the only place that prints or aborts.
//
// A report is put together in a buffer on the stack and leaves in one piece,
// to stderr or to the host program's function: it allocates nothing, takes no
// lock, and so may be made with memory exhausted or in a signal handler.
//
//   report(severity::bug).line("double free of %p", e).stack("freed by", trace).emit();
//
// Owner of the state (sink, panic switch, count): report.cpp.
// Race table: all calls may run together; set_sink is atomic for readers.
#pragma once

#include "reserve/base/stack_trace.hpp"

#include <atomic>
#include <cstdarg>
#include <cstddef>

namespace mp::base {

/// How bad it is; the values are those of enum mempool_report_kind.
enum class severity { warning, bug, fatal, note };

class report {
      public:
	explicit report(severity how_bad);

	/// Adds one line; the first is the headline.
	__attribute__((format(printf, 2, 3))) report &line(const char *format, ...);
	/// Adds the addresses of a call stack kept earlier, under a title.
	report &stack(const char *title, const stack_trace &trace);
	/// Adds bytes around `offset` of an object, the wrong one marked.
	report &bytes(const void *object, size_t size_bytes, size_t offset);
	/// Adds the caller's stack and hands the text over; a fatal report does not return.
	void emit();
	/// As above, without the stack.
	void emit_without_stack();

      private:
	__attribute__((format(printf, 2, 3))) void add(const char *format, ...);
	__attribute__((format(printf, 2, 0))) void add_list(const char *format, va_list args);

	static constexpr size_t capacity_bytes = 2048;
	severity how_bad_;
	bool headline_ = true;
	size_t used_bytes_ = 0;
	char text_[capacity_bytes];
};

/// A report of one line, then abort().
[[noreturn]] __attribute__((format(printf, 1, 2))) void fatal(const char *format, ...);

using sink_fn = void(int how_bad, const char *text, size_t length_bytes, void *arg);

/// Where reports go from now on; nullptr for stderr.
void set_sink(sink_fn *fn, void *arg);
/// Abort after the next report of any severity?
void set_panic(bool on);
/// Reports made so far in this process.
unsigned long report_count();

/// True for the first caller only: for warnings that are given once a process.
inline bool first_time(std::atomic<bool> &given)
{
	return !given.load(std::memory_order_relaxed) && !given.exchange(true, std::memory_order_relaxed);
}

} // namespace mp::base
