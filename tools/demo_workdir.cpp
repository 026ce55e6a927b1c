// SPDX-License-Identifier: MIT
//
// demo_workdir.cpp - see demo_workdir.hpp.
#include "tools/demo_workdir.hpp"

#include "tools/demo.hpp"
#include "tools/demo_text.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sys/un.h>

namespace demo {
namespace {

constexpr size_t longest_name = 16; // of what is made inside

void prepare_keep(const std::string &keep)
{
	std::error_code error;
	std::filesystem::create_directories(keep, error);
	if (error)
		throw failure("--keep " + keep + ": " + error.message(), 2);
	const bool empty = std::filesystem::is_empty(keep, error);
	if (error)
		throw failure("--keep " + keep + ": " + error.message(), 2);
	if (!empty)
		throw failure("--keep " + keep + ": the folder is not empty", 2);
}

} // namespace

workdir::workdir(const std::string &keep) : keep_(keep)
{
	if (!keep.empty())
		prepare_keep(keep);
	const char *where = getenv("TMPDIR");
	temporary_ = std::string(where != nullptr && *where != '\0' ? where : "/tmp") + "/mempool-demo.XXXXXX";
	if (temporary_.size() + longest_name >= sizeof(sockaddr_un{}.sun_path))
		throw failure(temporary_ + ": too long for a socket inside; set TMPDIR to a shorter path");
	if (mkdtemp(temporary_.data()) == nullptr)
		throw failure(with_errno(temporary_ + ": cannot make the folder", errno));
}

workdir::~workdir()
{
	std::error_code ignored; // nothing better can be done with it
	std::filesystem::remove_all(temporary_, ignored);
}

} // namespace demo
