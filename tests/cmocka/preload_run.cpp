// SPDX-License-Identifier: MIT
//
// preload_run.cpp - see preload_run.hpp.
#include "preload_run.hpp"

#include <climits>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mp::test {
namespace {

std::string find_build()
{
	char self[PATH_MAX] = {};
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return "";
	std::string folder = self;
	for (int i = 0; i < 3; i++) // the program, cmocka/, tests/
		folder.resize(folder.rfind('/'));
	const bool there = access((folder + "/libmempool-preload.so").c_str(), R_OK) == 0 &&
			   access((folder + "/tests/subjects/calls").c_str(), X_OK) == 0;
	return there ? folder : "";
}

/// What a child writes, into a file without a name: it cannot block on it.
class sink {
      public:
	sink() : fd_(memfd_create("sink", MFD_CLOEXEC)) {}
	sink(const sink &) = delete;
	sink &operator=(const sink &) = delete;
	~sink() { close(fd_); }

	int fd() const { return fd_; }
	std::string text() const
	{
		std::string all;
		char part[4096];
		ssize_t bytes = 0;
		for (off_t at = 0; (bytes = pread(fd_, part, sizeof(part), at)) > 0; at += bytes)
			all.append(part, static_cast<size_t>(bytes));
		return all;
	}

      private:
	int fd_;
};

} // namespace

const std::string &preload_build()
{
	static const std::string folder = find_build();
	return folder;
}

preload_page::preload_page() : page_(nullptr)
{
	char folder[] = "/tmp/preload-test-XXXXXX";
	if (mkdtemp(folder) == nullptr)
		abort();
	folder_ = folder;
	path_ = folder_ + "/page";
	const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(preload::page)) != 0)
		abort();
	void *memory = mmap(nullptr, sizeof(preload::page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		abort();
	page_ = static_cast<preload::page *>(memory);
	preload::prepare(*page_);
}

preload_page::~preload_page()
{
	munmap(static_cast<void *>(page_), sizeof(preload::page));
	unlink(path_.c_str());
	rmdir(folder_.c_str());
}

bool preload_outcome::exited(int with) const
{
	return WIFEXITED(status) && WEXITSTATUS(status) == with;
}

bool preload_outcome::died_of(int signal) const
{
	return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

size_t preload_outcome::lines(const std::string &line) const
{
	std::istringstream all(out);
	size_t count = 0;
	for (std::string one; std::getline(all, one);)
		count += one == line ? 1 : 0;
	return count;
}

preload_outcome run_preloaded(const std::vector<std::string> &command, const std::string &page_path,
			      const std::string &also_preloaded)
{
	const sink out;
	const sink err;
	std::vector<char *> arguments;
	for (const std::string &word : command)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	const std::string preload =
		preload_build() + "/libmempool-preload.so" + (also_preloaded.empty() ? "" : ":" + also_preloaded);
	const pid_t child = fork();
	if (child == 0) {
		dup2(out.fd(), STDOUT_FILENO);
		dup2(err.fd(), STDERR_FILENO);
		setenv("LD_PRELOAD", preload.c_str(), 1);
		if (!page_path.empty())
			setenv(preload::page_variable, page_path.c_str(), 1);
		alarm(60); // exec keeps it
		execv(arguments[0], arguments.data());
		_exit(126);
	}
	preload_outcome outcome = {};
	while (waitpid(child, &outcome.status, 0) < 0) {}
	outcome.out = out.text();
	outcome.err = err.text();
	return outcome;
}

std::vector<std::string> calls(std::vector<std::string> deeds)
{
	deeds.insert(deeds.begin(), preload_build() + "/tests/subjects/calls");
	return deeds;
}

bool has_module(preload_page &page, const preload::stack_trace &stack, const std::string &name)
{
	for (uint32_t i = 0; i < std::min<uint32_t>(stack.depth, preload::max_frames); i++) {
		const size_t module = preload::module_of(stack.frames[i]);
		if (module < preload::max_modules &&
		    preload::text(page->answers.modules.at[module].path).ends_with(name))
			return true;
	}
	return false;
}

} // namespace mp::test
