// SPDX-License-Identifier: MIT
//
// demo_progress.cpp - see demo_progress.hpp.
#include "tools/demo_progress.hpp"

#include "tools/text.hpp"

#include <cstdio>
#include <unistd.h>

namespace demo {

using tools::duration;
using tools::grouped;
using tools::now_ns;
using tools::text;

namespace {

constexpr uint64_t ns_per_s = 1000000000;
constexpr uint64_t terminal_every_ns = ns_per_s / 10;
constexpr uint64_t line_every_ns = ns_per_s;

} // namespace

progress::progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

progress::~progress()
{
	clear();
}

void progress::clear()
{
	if (shown_)
		fputs("\r\033[K", stderr);
	shown_ = false;
}

void progress::show(const std::string &line)
{
	clear();
	fputs(line.c_str(), stderr);
	if (terminal_)
		shown_ = true;
	else
		fputc('\n', stderr);
	fflush(stderr);
}

void progress::note(const std::string &line)
{
	clear();
	fprintf(stderr, "%s\n", line.c_str());
}

void progress::begin(const std::string &title, uint64_t total)
{
	title_ = title;
	total_ = total;
	doing_.clear();
	began_ns_ = last_ns_ = now_ns();
	last_done_ = 0;
}

void progress::update(const char *doing, uint64_t done)
{
	const uint64_t now = now_ns();
	const bool news = doing_ != doing;
	if (!news && now - last_ns_ < (terminal_ ? terminal_every_ns : line_every_ns))
		return;
	const uint64_t passed_ns = now > last_ns_ ? now - last_ns_ : 1;
	const uint64_t rate = (done - last_done_) * ns_per_s / passed_ns;
	show(text("%-8s %s of %s messages, %s a second, %s", title_.c_str(), grouped(done).c_str(),
		  grouped(total_).c_str(), grouped(rate).c_str(), doing));
	doing_ = doing;
	last_ns_ = now;
	last_done_ = done;
}

void progress::end()
{
	const uint64_t passed_ns = now_ns() - began_ns_;
	note(text("%-8s done in %s", title_.c_str(), duration(passed_ns).c_str()));
}

} // namespace demo
