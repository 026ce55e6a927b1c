// SPDX-License-Identifier: MIT
//
// fail_debug.cpp - a run under gdb: see runner::debug() in fail_trial.hpp.
#include "tools/fail_scene.hpp"
#include "tools/fail_trial.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace fail {
namespace {

constexpr uint64_t setup_limit_ns = 60'000'000'000;

/// For gdb's own words, and for the shell by which it starts the program.
std::string quoted(const std::string &text)
{
	std::string all = "'";
	for (const char c : text)
		all += c == '\'' ? "'\\''" : std::string(1, c);
	return all + "'";
}

/// gdb and its shell do without the library: env, the last before the program, sets it for that alone.
std::vector<std::string> debugger_for(const scene &at)
{
	std::string wrapper = "set exec-wrapper env";
	for (const char *name : {"LD_PRELOAD=", "ASAN_OPTIONS=", "TMPDIR=", "MEMPOOL_FAIL_"})
		for (const std::string &variable : at.command.environment)
			if (variable.compare(0, strlen(name), name) == 0)
				wrapper += " " + quoted(variable);
	std::vector<std::string> words = {"gdb", "-q", "-iex", "set debuginfod enabled off"};
	const auto order = [&words](const std::string &text) { words.insert(words.end(), {"-ex", text}); };
	order("set breakpoint pending on");
	order(wrapper);
	// The library calls this whenever it makes an allocation fail.
	order("break mempool_fail_here");
	order("run" + (at.command.input.empty() ? "" : " < " + quoted(at.command.input)));
	order("backtrace");
	words.insert(words.end(), {"--args", at.command.program});
	words.insert(words.end(), at.command.arguments.begin() + 1, at.command.arguments.end());
	return words;
}

} // namespace

int runner::debug(const plan &planned) const
{
	const scene at = prepare(planned, 0);
	set_up(at, setup_limit_ns);
	const std::vector<std::string> words = debugger_for(at);
	std::vector<char *> arguments;
	arguments.reserve(words.size() + 1);
	for (const std::string &word : words)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);

	signal(SIGINT, SIG_IGN); // Ctrl-C is gdb's
	const pid_t pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		if (at.command.folder.empty() || chdir(at.command.folder.c_str()) == 0)
			execvp(arguments[0], arguments.data());
		dprintf(STDERR_FILENO, "mempool fail: %s: %s\n", arguments[0], strerror(errno));
		_exit(127);
	}
	if (pid < 0)
		throw std::runtime_error(tools::with_errno("fork", errno));
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace fail
