// SPDX-License-Identifier: MIT
//
// fail_files.cpp - see fail_files.hpp.
#include "tools/fail_files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace fail {
namespace {

namespace fs = std::filesystem;

constexpr size_t kept_bytes = size_t{1} << 20; // of one stream, in memory
constexpr size_t tail_bytes = 4096;

[[noreturn]] void complain(const std::string &about, int error)
{
	throw std::runtime_error(about + ": " + strerror(error));
}

void replace_all(std::string &text, const std::string &what, const std::string &by)
{
	for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
		text.replace(at, what.size(), by);
}

struct open_file {
	explicit open_file(int number) : fd(number) {}
	open_file(const open_file &) = delete;
	open_file &operator=(const open_file &) = delete;
	~open_file()
	{
		if (fd >= 0)
			close(fd);
	}
	int fd;
};

void write_all(int fd, const std::string &contents, const std::string &file)
{
	for (size_t done = 0; done < contents.size();) {
		const ssize_t n = write(fd, contents.data() + done, contents.size() - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			complain(file, errno);
		done += static_cast<size_t>(n);
	}
}

} // namespace

std::string printed::last_line() const
{
	const std::string &from = whole() ? text : tail;
	const size_t end = from.find_last_not_of(" \t\r\n");
	if (end == std::string::npos)
		return "";
	const size_t before = from.find_last_of('\n', end);
	const size_t begin = before == std::string::npos ? 0 : before + 1;
	return from.substr(begin, end + 1 - begin);
}

run_folders::run_folders()
{
	std::error_code error;
	const fs::path folder = fs::temp_directory_path(error);
	const char *set = getenv("TMPDIR");
	const std::string where = error ? (set != nullptr ? set : "/tmp") : folder.string();
	root_ = where + "/mempool-fail.XXXXXX";
	if (error || mkdtemp(root_.data()) == nullptr)
		throw std::runtime_error("TMPDIR '" + where + "': cannot make a folder in it: " +
					 (error ? error.message() : strerror(errno)) +
					 "; set TMPDIR to a folder that may be written to");
}

run_folders::~run_folders()
{
	std::error_code ignored; // nothing better can be done with it
	fs::remove_all(root_, ignored);
}

std::string run_folders::renew(unsigned slot, const std::string &contents) const
{
	std::string folder = root_ + "/run" + std::to_string(slot);
	std::error_code error;
	fs::remove_all(folder, error);
	if (error)
		throw std::runtime_error(folder + ": " + error.message());
	fs::create_directories(folder, error);
	if (!error && !contents.empty())
		fs::copy(contents, folder, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
	if (error)
		throw std::runtime_error((contents.empty() ? "" : contents + " to ") + folder + ": " + error.message());
	return folder;
}

printed read_printed(const std::string &file, const std::string &folder)
{
	printed all;
	all.digest = digest_of("");
	const open_file opened(open(file.c_str(), O_RDONLY | O_CLOEXEC));
	if (opened.fd < 0)
		return all;
	std::string part(kept_bytes, '\0');
	ssize_t n = 0;
	while ((n = read(opened.fd, part.data(), part.size())) > 0) {
		std::string piece(part, 0, static_cast<size_t>(n));
		replace_all(piece, folder, "$RUN");
		all.digest = digest_of(piece, all.digest);
		if (all.bytes < kept_bytes)
			all.text += piece.substr(0, kept_bytes - all.bytes);
		all.bytes += piece.size();
		all.tail = (all.tail + piece)
				   .substr(all.tail.size() + piece.size() -
					   std::min(tail_bytes, all.tail.size() + piece.size()));
	}
	return all;
}

uint64_t file_size(const std::string &file)
{
	struct stat is = {};
	return stat(file.c_str(), &is) == 0 ? static_cast<uint64_t>(is.st_size) : 0;
}

std::string read_file(const std::string &file)
{
	const open_file opened(open(file.c_str(), O_RDONLY | O_CLOEXEC));
	if (opened.fd < 0)
		complain(file, errno);
	std::string all;
	std::string part(65536, '\0');
	ssize_t n = 0;
	while ((n = read(opened.fd, part.data(), part.size())) > 0)
		all.append(part, 0, static_cast<size_t>(n));
	if (n < 0)
		complain(file, errno);
	return all;
}

void write_file(const std::string &file, const std::string &contents)
{
	// A device or a pipe cannot be renamed over: it is written as it is.
	struct stat is = {};
	if (stat(file.c_str(), &is) == 0 && !S_ISREG(is.st_mode)) {
		const open_file opened(open(file.c_str(), O_WRONLY | O_CLOEXEC));
		if (opened.fd < 0)
			complain(file, errno);
		write_all(opened.fd, contents, file);
		return;
	}
	std::string fresh = file + ".XXXXXX";
	const open_file opened(mkostemp(fresh.data(), O_CLOEXEC));
	if (opened.fd < 0)
		complain(file, errno);
	try {
		write_all(opened.fd, contents, file);
		const mode_t mask = umask(0);
		umask(mask);
		fchmod(opened.fd, 0666 & ~mask);
		if (rename(fresh.c_str(), file.c_str()) != 0)
			complain(file, errno);
	} catch (...) {
		unlink(fresh.c_str());
		throw;
	}
}

uint64_t digest_of(const std::string &bytes, uint64_t begin)
{
	uint64_t digest = begin;
	for (const char byte : bytes)
		digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
	return digest;
}

} // namespace fail
