// SPDX-License-Identifier: MIT
//
// report.cpp - see report.hpp.
#include "reserve/base/report.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace mp::base {
namespace {

struct sink {
	sink_fn *fn;
	void *arg;
};

// Function and argument must be read as a pair. A change fills the slot that
// is not in use and then publishes it, so that a report in progress keeps its
// pair; only two changes during one report could tear it.
constinit sink sinks[2] = {};
constinit std::atomic<unsigned> current_sink{0};
constinit std::atomic<bool> panic_on{false};
constinit std::atomic<unsigned long> reports{0};

void write_to_stderr(const char *text, size_t length_bytes)
{
	while (length_bytes > 0) {
		const ssize_t written = write(STDERR_FILENO, text, length_bytes);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return; // nobody is left to be told
		text += written;
		length_bytes -= static_cast<size_t>(written);
	}
}

const char *prefix_of(severity how_bad)
{
	switch (how_bad) {
	case severity::warning:
		return "mempool: WARNING: ";
	case severity::bug:
		return "mempool: BUG: ";
	case severity::note:
		return "mempool: ";
	case severity::fatal:
		break;
	}
	return "mempool: FATAL: ";
}

} // namespace

report::report(severity how_bad) : how_bad_(how_bad)
{
	text_[0] = '\0';
}

void report::add_list(const char *format, va_list args)
{
	const size_t room_bytes = capacity_bytes - used_bytes_;
	const int wanted = vsnprintf(text_ + used_bytes_, room_bytes, format, args);
	if (wanted > 0)
		used_bytes_ += std::min(static_cast<size_t>(wanted), room_bytes - 1);
}

void report::add(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add_list(format, args);
	va_end(args);
}

report &report::line(const char *format, ...)
{
	add("%s", headline_ ? prefix_of(how_bad_) : "mempool:   ");
	headline_ = false;

	va_list args;
	va_start(args, format);
	add_list(format, args);
	va_end(args);
	add("\n");
	return *this;
}

report &report::stack(const char *title, const stack_trace &trace)
{
	line("%s:", title);
	for (unsigned i = 0; i < trace.depth; i++) {
		char place[64];
		if (code_place(reinterpret_cast<uintptr_t>(trace.pc[i]), place, sizeof(place)))
			line("  [<%p>] %s", trace.pc[i], place);
		else
			line("  [<%p>]", trace.pc[i]);
	}
	return *this;
}

report &report::bytes(const void *object, size_t size_bytes, size_t offset)
{
	const auto *byte = static_cast<const uint8_t *>(object);
	const size_t first = offset - std::min<size_t>(offset, 8);
	const size_t last = std::min(size_bytes, offset + 8);

	add("mempool:   bytes at +%zu:%s", first, first > 0 ? " ..." : "");
	for (size_t i = first; i < last; i++)
		add(i == offset ? " [%02x]" : " %02x", byte[i]);
	add("%s\n", last < size_bytes ? " ..." : "");
	return *this;
}

void report::emit()
{
	stack("call stack", stack_trace::here(1));
	emit_without_stack();
}

void report::emit_without_stack()
{
	const int kept_errno = errno;
	reports.fetch_add(1, std::memory_order_relaxed);

	// acquire: pairs with the release in set_sink(), ORD-6
	const sink to = sinks[current_sink.load(std::memory_order_acquire)];
	if (to.fn != nullptr)
		to.fn(static_cast<int>(how_bad_), text_, used_bytes_, to.arg);
	else
		write_to_stderr(text_, used_bytes_);

	const bool wrong = how_bad_ != severity::note;
	if (how_bad_ == severity::fatal || (wrong && panic_on.load(std::memory_order_relaxed)))
		abort();
	errno = kept_errno;
}

void fatal(const char *format, ...)
{
	char headline[512];
	va_list args;
	va_start(args, format);
	vsnprintf(headline, sizeof(headline), format, args);
	va_end(args);
	report(severity::fatal).line("%s", headline).emit();
	abort();
}

void set_sink(sink_fn *fn, void *arg)
{
	const unsigned next = current_sink.load(std::memory_order_relaxed) ^ 1U;
	sinks[next] = {fn, arg};
	// release: pairs with the acquire in emit(), ORD-6
	current_sink.store(next, std::memory_order_release);
}

void set_panic(bool on)
{
	panic_on.store(on, std::memory_order_relaxed);
}

unsigned long report_count()
{
	return reports.load(std::memory_order_relaxed);
}

} // namespace mp::base
