// SPDX-License-Identifier: MIT
//
// fail_progress.cpp - see fail_progress.hpp.
#include "tools/fail_progress.hpp"

#include "tools/fail.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace fail {
namespace {

constexpr uint64_t ns_per_s = 1000000000;
constexpr uint64_t every_ns = ns_per_s / 10;
constexpr size_t bar_width = 30;

} // namespace

progress::progress(FILE *to) : to_(to), terminal_(isatty(STDERR_FILENO) == 1), began_ns_(tools::now_ns()) {}

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

void progress::print(const std::string &text)
{
	clear();
	if (fwrite(text.data(), 1, text.size(), to_) != text.size() || fflush(to_) != 0) {
		error_ = broken_ ? error_ : errno;
		broken_ = true;
	}
}

void progress::update(uint64_t done, uint64_t total, const std::string &found)
{
	const uint64_t now = tools::now_ns();
	if (first_done_ == UINT64_MAX) {
		first_done_ = done;
		began_ns_ = now;
	}
	if (!terminal_ || (now - last_ns_ < every_ns && done != total))
		return;
	last_ns_ = now;
	const double passed_s =
		static_cast<double>(std::max<uint64_t>(now - began_ns_, 1)) / static_cast<double>(ns_per_s);
	const double rate = static_cast<double>(done - first_done_) / passed_s;
	const size_t full = total == 0 ? 0 : static_cast<size_t>(done * bar_width / total);
	std::string line = "[" + std::string(full, '#') + std::string(bar_width - full, '.') + "] " +
			   tools::grouped(done) + " of " + tools::grouped(total);
	if (rate > 0)
		line += tools::text(", %.1f runs a second, %s left", rate,
				    tools::duration(static_cast<uint64_t>(static_cast<double>(total - done) / rate *
									  static_cast<double>(ns_per_s)))
					    .c_str());
	clear();
	fputs((line + (found.empty() ? "" : "; " + found)).c_str(), stderr);
	fflush(stderr);
	shown_ = true;
}

void progress::finish()
{
	clear();
	if (broken_ || fflush(to_) != 0)
		throw failure(tools::with_errno("the report cannot be written", broken_ ? error_ : errno), wrong_usage);
}

} // namespace fail
