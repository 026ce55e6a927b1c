// SPDX-License-Identifier: MIT
//
// fail_trial.cpp - see fail_trial.hpp.
#include "tools/fail_trial.hpp"

#include "tools/fail_scene.hpp"
#include "tools/interrupt.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

extern "C" char **environ; // NOLINT(readability-redundant-declaration): not all of unistd.h have it

namespace fail {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t ns_per_ms = 1000000;
constexpr int slice_ms = 50;                                 // we look up as often
constexpr uint64_t most_printed_bytes = uint64_t{256} << 20; // of one stream
constexpr uint64_t last_words_ns = 500 * ns_per_ms;

std::string folder_of_ourselves()
{
	std::error_code error;
	const fs::path self = fs::read_symlink("/proc/self/exe", error);
	return self.parent_path().string();
}

std::string find_preload(const std::string &wanted)
{
	if (!wanted.empty()) {
		if (access(wanted.c_str(), R_OK) != 0)
			throw failure(tools::with_errno("--preload " + wanted, errno), wrong_usage);
		return fs::absolute(wanted).string();
	}
	const std::string here = folder_of_ourselves();
	for (const char *place :
	     {"/libmempool-preload.so", "/../lib/libmempool-preload.so", "/../lib64/libmempool-preload.so"})
		if (access((here + place).c_str(), R_OK) == 0)
			return fs::weakly_canonical(here + place).string();
	throw failure("libmempool-preload.so is not beside this command (" + here +
			      ") nor in ../lib: build it with make, or name it with --preload FILE",
		      wrong_usage);
}

std::string find_program(const std::string &name)
{
	if (name.find('/') != std::string::npos) {
		if (access(name.c_str(), X_OK) != 0 || fs::is_directory(name))
			throw failure(tools::with_errno(name, fs::is_directory(name) ? EISDIR : errno), not_unharmed);
		return fs::absolute(name).lexically_normal().string();
	}
	const char *path = getenv("PATH");
	std::string rest = path != nullptr ? path : "/usr/bin:/bin";
	while (!rest.empty()) {
		const size_t end = rest.find(':');
		const std::string file = rest.substr(0, end) + "/" + name;
		std::error_code ignored;
		if (access(file.c_str(), X_OK) == 0 && !fs::is_directory(file, ignored))
			return fs::absolute(file).string();
		rest = end == std::string::npos ? "" : rest.substr(end + 1);
	}
	throw failure(name + ": no such program in PATH", not_unharmed);
}

/// NAME's value in `all`, appended to with a colon or set.
void append(std::vector<std::string> &all, const std::string &name, const std::string &value, bool before)
{
	for (std::string &variable : all) {
		if (variable.compare(0, name.size() + 1, name + "=") != 0)
			continue;
		const std::string old = variable.substr(name.size() + 1);
		const std::string between = old.empty() ? "" : ":";
		variable = name;
		variable.append("=").append(before ? value : old).append(between).append(before ? old : value);
		return;
	}
	all.push_back(name + "=" + value);
}

void set(std::vector<std::string> &all, const std::string &name, const std::string &value)
{
	std::erase_if(all, [&](const std::string &v) { return v.compare(0, name.size() + 1, name + "=") == 0; });
	all.push_back(name + "=" + value);
}

std::string filled_in(std::string word, const std::string &folder)
{
	for (size_t at = 0; (at = word.find("{}", at)) != std::string::npos; at += folder.size())
		word.replace(at, 2, folder);
	return word;
}

} // namespace

runner::runner(const options &wanted)
	: wanted_(wanted), program_(find_program(wanted.command.at(0))), preload_(find_preload(wanted.preload))
{
	if (!wanted.input.empty() && access(wanted.input.c_str(), R_OK) != 0)
		throw failure(tools::with_errno("--stdin " + wanted.input, errno), wrong_usage);
	if (!wanted.workdir.empty() && !fs::is_directory(wanted.workdir))
		throw failure(
			tools::with_errno("--workdir " + wanted.workdir, fs::exists(wanted.workdir) ? ENOTDIR : ENOENT),
			wrong_usage);
}

scene runner::prepare(const plan &planned, unsigned slot) const
{
	scene at;
	at.folder = folders_.renew(slot, "");
	at.work = at.folder + "/work";
	fs::create_directory(at.folder + "/tmp");
	fs::create_directory(at.work);
	if (!wanted_.workdir.empty())
		fs::copy(wanted_.workdir, at.work, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
	for (char **variable = environ; *variable != nullptr; variable++)
		at.surroundings.emplace_back(*variable);
	set(at.surroundings, "TMPDIR", at.folder + "/tmp");
	set(at.surroundings, "MEMPOOL_FAIL_DIR", at.work);
	at.page = std::make_unique<page_file>(at.folder + "/page", wanted_, planned);

	command_line &c = at.command;
	c.program = program_;
	for (const std::string &word : wanted_.command)
		c.arguments.push_back(filled_in(word, at.work));
	c.environment = at.surroundings;
	append(c.environment, "LD_PRELOAD", preload_, true);
	append(c.environment, "ASAN_OPTIONS", "verify_asan_link_order=0", false);
	c.environment.push_back(at.page->variable());
	c.folder = wanted_.workdir.empty() ? "" : at.work;
	c.input = wanted_.input.empty() ? "" : fs::absolute(wanted_.input).string();
	c.output = at.folder + "/stdout";
	c.errors = at.folder + "/stderr";
	return at;
}

int runner::shell(const scene &at, const std::string &script, const std::string &output, uint64_t limit_ns) const
{
	command_line c;
	c.program = "/bin/sh";
	c.arguments = {"sh", "-c", filled_in(script, at.work)};
	c.environment = at.surroundings;
	c.folder = at.command.folder;
	c.output = c.errors = output;
	c.random_addresses = true;
	keeper k(c);
	const uint64_t deadline = tools::now_ns() + limit_ns;
	while (!k.ended() && tools::now_ns() < deadline && tools::interrupted() == 0)
		k.wait(slice_ms);
	const bool in_time = k.ended();
	k.end_all();
	return in_time ? k.status() : SIGKILL;
}

void runner::set_up(const scene &at, uint64_t limit_ns) const
{
	if (wanted_.setup.empty())
		return;
	const std::string output = at.folder + "/setup";
	const int status = shell(at, wanted_.setup, output, limit_ns);
	if (status != 0 && tools::interrupted() == 0)
		throw failure("--setup '" + wanted_.setup + "' fails: " + read_printed(output, at.folder).last_line(),
			      not_unharmed);
}

void runner::serve(const scene &at, keeper &server, trial &result, uint64_t limit_ns) const
{
	const uint64_t deadline = tools::now_ns() + limit_ns;
	result.was_ready = wanted_.ready.empty();
	while (!result.was_ready && !server.ended() && tools::now_ns() < deadline && tools::interrupted() == 0) {
		result.was_ready = shell(at, wanted_.ready, "/dev/null", limit_ns) == 0;
		if (!result.was_ready)
			server.wait(slice_ms);
	}
	if (!server.ended() && !result.was_ready && tools::now_ns() >= deadline)
		result.timed_out = true;
	if (server.ended() || !result.was_ready)
		return;
	if (!wanted_.drive.empty()) {
		result.drive_status = shell(at, wanted_.drive, at.folder + "/drive", limit_ns);
		result.driven = read_printed(at.folder + "/drive", at.folder);
	}
	server.signal(SIGTERM);
}

trial runner::run(const plan &planned, unsigned slot, uint64_t limit_ns, uint64_t grace_ns) const
{
	scene at = prepare(planned, slot);
	set_up(at, limit_ns);
	trial result;
	result.planned = planned;
	const uint64_t began = tools::now_ns();
	uint64_t deadline = began + limit_ns;
	keeper k(at.command);
	if (!wanted_.ready.empty() || !wanted_.drive.empty()) {
		serve(at, k, result, limit_ns);
		deadline = tools::now_ns() + (result.timed_out ? 0 : limit_ns); // for its end
	}
	while (!k.gone() && tools::interrupted() == 0) {
		const uint64_t now = tools::now_ns();
		if (k.ended() && result.took_ns == 0) {
			result.took_ns = now - began;
			deadline = std::min(deadline, now + grace_ns);
		}
		result.flooded = file_size(at.command.output) > most_printed_bytes ||
				 file_size(at.command.errors) > most_printed_bytes;
		if (now >= deadline || result.flooded)
			break;
		k.wait(static_cast<int>(std::min<uint64_t>(slice_ms, (deadline - now) / ns_per_ms + 1)));
	}
	result.interrupted = tools::interrupted() != 0;
	result.timed_out = !k.ended() && !result.interrupted;
	result.left_over = k.ended() && !k.gone();
	if (result.timed_out) {
		// The library notes where a signal strikes, so this tells where it hung.
		k.signal(SIGABRT);
		for (const uint64_t until = tools::now_ns() + last_words_ns; !k.ended() && tools::now_ns() < until;)
			k.wait(slice_ms);
	}
	k.end_all();
	if (result.took_ns == 0)
		result.took_ns = tools::now_ns() - began;
	result.exec_error = k.exec_error();
	result.status = k.status();
	result.out = read_printed(at.command.output, at.folder);
	result.err = read_printed(at.command.errors, at.folder);
	result.seen = at.page->read();
	return result;
}

} // namespace fail
