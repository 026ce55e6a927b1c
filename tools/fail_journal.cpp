// SPDX-License-Identifier: MIT
//
// fail_journal.cpp - see fail_journal.hpp.
#include "tools/fail_journal.hpp"

#include "tools/demo_text.hpp"
#include "tools/fail_token.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace fail {
namespace {

using json = nlohmann::ordered_json;

/// What two sweeps must have in common for the runs of one to be those of the other.
std::string head_of(const options &wanted)
{
	static constexpr const char *modes[] = {"stacks", "every", "nth", "random", "pairs"};
	json j;
	j["mempool-fail"] = 1;
	j["command"] = wanted.command;
	j["mode"] = modes[static_cast<size_t>(wanted.mode)];
	j["persistent"] = wanted.persistent;
	plan any;
	any.kind = plan::first::random;
	any.seed = wanted.random.seed;
	j["settings"] = token_of(any, wanted, 0, verdict::same);
	j["process"] = wanted.filters.process;
	j["files"] = {wanted.input, wanted.workdir, wanted.setup, wanted.ready, wanted.drive};
	j["judging"] = {wanted.ignore_output, wanted.ignore_leaks, wanted.expected_status};
	j["shard"] = std::to_string(wanted.shard) + "/" + std::to_string(wanted.shards);
	return j.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string key_of(const plan &p)
{
	static const options without;
	return token_of(p, without, 0, verdict::same);
}

} // namespace

journal::journal(const options &wanted) : file_(wanted.resume)
{
	if (file_.empty())
		return;
	std::error_code ignored;
	if (std::filesystem::is_directory(file_, ignored))
		file_ += "/shard-" + std::to_string(wanted.shard) + "-of-" + std::to_string(wanted.shards) + ".jsonl";
	fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd_ < 0)
		throw failure(demo::with_errno("--resume " + file_, errno), wrong_usage);
	try {
		read(head_of(wanted));
	} catch (...) {
		close(fd_);
		throw;
	}
}

journal::~journal()
{
	if (fd_ >= 0)
		close(fd_);
}

void journal::read(const std::string &wanted_head)
{
	const std::string text = read_file(file_);
	size_t good = text.find('\n') == std::string::npos ? 0 : text.find('\n') + 1;
	if (good == 0) {
		if (!text.empty() && wanted_head.compare(0, text.size(), text) != 0)
			throw failure("--resume " + file_ + ": this is no file of `mempool fail`", wrong_usage);
		if (ftruncate(fd_, 0) != 0)
			throw failure(demo::with_errno("--resume " + file_, errno), wrong_usage);
		write_line(wanted_head);
		return;
	}
	const std::string head = text.substr(0, good - 1);
	if (head != wanted_head)
		throw failure(
			"--resume " + file_ +
				(head.find("\"mempool-fail\"") == std::string::npos
					 ? ": this is no file of `mempool fail`"
					 : ": it is of another sweep; command, mode, filters and shard must be the "
					   "same, or take another file"),
			wrong_usage);
	for (size_t end = 0; (end = text.find('\n', good)) != std::string::npos; good = end + 1) {
		try {
			outcome o = outcome_from(json::parse(text.begin() + static_cast<ptrdiff_t>(good),
							     text.begin() + static_cast<ptrdiff_t>(end)));
			done_[key_of(o.planned)] = std::move(o);
		} catch (const std::exception &) {
			break; // this one, and what comes after it, is done again
		}
	}
	if (ftruncate(fd_, static_cast<off_t>(good)) != 0)
		throw failure(demo::with_errno("--resume " + file_, errno), wrong_usage);
}

const outcome *journal::find(const plan &planned) const
{
	const auto found = done_.find(key_of(planned));
	return found == done_.end() ? nullptr : &found->second;
}

void journal::write_line(const std::string &line) const
{
	const std::string all = line + "\n";
	for (size_t done = 0; done < all.size();) {
		const ssize_t n = write(fd_, all.data() + done, all.size() - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			throw failure(demo::with_errno("--resume " + file_, errno), wrong_usage);
		done += static_cast<size_t>(n);
	}
}

void journal::add(const outcome &o)
{
	if (fd_ >= 0)
		write_line(to_json(o).dump(-1, ' ', true, json::error_handler_t::replace));
}

} // namespace fail
