// SPDX-License-Identifier: MIT
//
// demo_workdir.cpp - see demo_workdir.hpp.
#include "tools/demo_workdir.hpp"

#include "tools/demo.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sys/un.h>
#include <unistd.h>

namespace demo {

using tools::with_errno;

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
	if (access(keep.c_str(), W_OK | X_OK) != 0)
		throw failure(with_errno("--keep " + keep, errno), 2);
}

/// What is wrong with the folder for temporary files, and what to do.
failure bad_tmpdir(const std::string &folder, const std::string &why)
{
	return failure("TMPDIR '" + folder + "': " + why + "; set TMPDIR to a folder that may be written to");
}

std::string temporary_folder()
{
	std::error_code error;
	const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
	const char *set = getenv("TMPDIR");
	if (error)
		throw bad_tmpdir(set != nullptr ? set : "", error.message());
	return folder;
}

} // namespace

workdir::workdir(const std::string &keep) : keep_(keep)
{
	if (!keep.empty())
		prepare_keep(keep);
	const std::string where = temporary_folder();
	temporary_ = where + "/mempool-demo.XXXXXX";
	if (temporary_.size() + longest_name >= sizeof(sockaddr_un{}.sun_path))
		throw bad_tmpdir(where, "too long for the path of a socket inside");
	if (mkdtemp(temporary_.data()) == nullptr)
		throw bad_tmpdir(where, with_errno("cannot make a folder in it", errno));
}

workdir::~workdir()
{
	std::error_code ignored; // nothing better can be done with it
	std::filesystem::remove_all(temporary_, ignored);
}

} // namespace demo
