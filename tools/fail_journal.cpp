// SPDX-License-Identifier: MIT
//
// fail_journal.cpp - see fail_journal.hpp.
#include "tools/fail_journal.hpp"

#include "tools/fail_token.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace fail {
namespace {

using json = nlohmann::ordered_json;

/// What two sweeps must have in common for the runs of one to be those of the other.
std::string head_of(const options &wanted, unsigned shard)
{
	static constexpr const char *modes[] = {"stacks", "every", "nth", "random", "pairs"};
	json j;
	j["mempool-fail"] = 3;
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
	j["shard"] = std::to_string(shard) + "/" + std::to_string(wanted.shards);
	return j.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string file_of(const std::string &folder, unsigned shard, unsigned shards)
{
	return folder + "/shard-" + std::to_string(shard) + "-of-" + std::to_string(shards) + ".jsonl";
}

std::string key_of(const plan &p)
{
	static const options without;
	return token_of(p, without, 0, verdict::same);
}

} // namespace

journal::journal(const options &wanted) : wanted_(wanted), file_(wanted.resume)
{
	if (file_.empty())
		return;
	std::error_code ignored;
	if (std::filesystem::is_directory(file_, ignored)) {
		folder_ = file_;
		file_ = file_of(folder_, wanted.shard, wanted.shards);
	}
	fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd_ < 0)
		throw failure(tools::with_errno("--resume " + file_, errno), wrong_usage);
	try {
		read(head_of(wanted, wanted.shard));
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
			throw failure(tools::with_errno("--resume " + file_, errno), wrong_usage);
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
		if (!take_line(text.substr(good, end - good)))
			break; // this one, and what comes after it, is done again
	}
	for (const auto &[digest, calls] : calls_)
		written_.insert(digest);
	if (ftruncate(fd_, static_cast<off_t>(good)) != 0)
		throw failure(tools::with_errno("--resume " + file_, errno), wrong_usage);
}

/// False when it is none.
bool journal::take_line(const std::string &line)
{
	try {
		outcome o = outcome_from(json::parse(line));
		for (site &s : o.sites) {
			if (!s.calls.empty())
				calls_.emplace(s.digest, s.calls);
			else if (const auto known = calls_.find(s.digest); known != calls_.end())
				s.calls = known->second;
		}
		done_.emplace(key_of(o.planned), std::move(o));
		return true;
	} catch (const std::exception &) {
		return false;
	}
}

/// What the other shards have noted since. A file of another sweep says nothing to us; a line that is not whole will
/// be.
void journal::read_others()
{
	for (unsigned shard = 1; shard <= wanted_.shards; shard++) {
		std::string text;
		try {
			if (shard != wanted_.shard)
				text = read_file(file_of(folder_, shard, wanted_.shards));
		} catch (const std::runtime_error &) {
			continue; // it has not begun
		}
		const std::string head = head_of(wanted_, shard) + "\n";
		if (text.compare(0, head.size(), head) != 0)
			continue;
		size_t &good = others_.try_emplace(shard, head.size()).first->second;
		for (size_t end = 0; (end = text.find('\n', good)) != std::string::npos; good = end + 1)
			if (!take_line(text.substr(good, end - good)))
				break;
	}
}

const outcome *journal::find_anywhere(const plan &planned)
{
	const outcome *found = find(planned);
	if (found != nullptr || folder_.empty())
		return found;
	read_others();
	return find(planned);
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
			throw failure(tools::with_errno("--resume " + file_, errno), wrong_usage);
		done += static_cast<size_t>(n);
	}
}

void journal::add(const outcome &o)
{
	if (fd_ < 0)
		return;
	outcome noted = o;
	for (site &s : noted.sites)
		if (!s.calls.empty() && !written_.insert(s.digest).second)
			s.calls.clear();
	write_line(to_json(noted).dump(-1, ' ', true, json::error_handler_t::replace));
}

} // namespace fail
