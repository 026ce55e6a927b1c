// SPDX-License-Identifier: MIT
//
// fail_findings.cpp - see fail_findings.hpp.
#include "tools/fail_findings.hpp"

#include "tools/fail_token.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace fail {
namespace {

/// How many calls of a stack tell one finding from another. Where a program gives up says more than how it came there;
/// what a failure was answered with wrongly depends on who asked.
size_t telling_frames(verdict v)
{
	switch (v) {
	case verdict::abort:
		return 2;
	case verdict::crash:
	case verdict::misuse:
	case verdict::hang:
		return 3;
	case verdict::leak:
		return 4;
	default:
		return 6;
	}
}

constexpr size_t most_tokens = 32; // that are kept of a finding

/// Frames in which a program that gives up always ends: of the libraries of its languages, and of ours.
bool is_last_resort(const place &where, const symbol &s)
{
	static constexpr const char *names[] = {"abort", "raise", "gsignal", "__assert_fail", "__fortify_fail"};
	static constexpr const char *modules[] = {"libc.so.",      "ld-linux",     "ld-musl",
						  "libstdc++.so.", "libgcc_s.so.", "libmempool-preload."};
	const std::string module = std::filesystem::path(where.module).filename().string();
	return std::any_of(std::begin(names), std::end(names), [&](const char *n) { return s.function == n; }) ||
	       std::any_of(std::begin(modules), std::end(modules),
			   [&](const char *m) { return module.compare(0, strlen(m), m) == 0; });
}

} // namespace

std::string describe(const injection &i)
{
	return i.function + " of " + tools::counted(i.bytes, "byte");
}

/// What tells one finding from another: the verdict, and functions of the stack that tells most. Offsets are only used
/// where there is no name, so that a fingerprint holds for another build.
std::string findings::signature(const judgement &one, const outcome &o)
{
	const bool by_failure = one.calls.empty() && !o.failed.empty();
	const call_stack &calls = by_failure ? o.failed.front().calls : one.calls;
	std::string all = name_of(one.what);
	size_t taken = 0;
	bool first = true;
	for (const place &p : calls) {
		const symbol &s = names_.find(p);
		if (first && is_last_resort(p, s) && calls.size() > 1 && &p != &calls.back())
			continue;
		first = false;
		if (taken++ == telling_frames(one.what))
			break;
		all += "\n" + std::filesystem::path(p.module).filename().string() + "!" +
		       (s.function.empty() ? tools::text("%llx", static_cast<unsigned long long>(p.offset))
					   : s.function);
	}
	return all;
}

/// Where it is, in words: the innermost call that is the program's own. Where that has no name, its caller's may do, or
/// else the name of what it called.
std::string findings::headline(const call_stack &calls)
{
	constexpr size_t far = 3;
	for (size_t i = 0; i < calls.size(); i++) {
		if (is_last_resort(calls[i], names_.find(calls[i])))
			continue;
		for (size_t k = i; k < calls.size() && k <= i + far; k++)
			if (!names_.find(calls[k]).function.empty() && calls[k].module == calls[i].module)
				return " in " + names_.describe(calls[k]);
		return " in " + (i == 0 ? "" : names_.describe(calls[i - 1]) + ", called at ") +
		       names_.describe(calls[i]);
	}
	return calls.empty() ? "" : " in " + names_.describe(calls.front());
}

findings::sorted findings::add(const outcome &o)
{
	sorted in;
	counts_.at(static_cast<size_t>(o.what()))++;
	for (const judgement &one : o.judged) {
		if (one.what < first_finding)
			continue;
		const std::string fingerprint = hexadecimal(digest_of(signature(one, o)));
		const uint64_t seen = o.failed.empty() ? 0 : o.failed.front().stack;
		const std::string token = token_of(o.planned, wanted_, seen, one.what);
		const auto [entry, is_new] = by_fingerprint_.emplace(fingerprint, all_.size());
		in.worst = in.worst == none ? entry->second : in.worst;
		if (!is_new) {
			finding &f = all_[entry->second];
			f.runs++;
			if (f.also.size() < most_tokens)
				f.also.push_back(token);
			continue;
		}
		finding f;
		f.what = one.what;
		f.fingerprint = fingerprint;
		f.why = one.why;
		f.token = token;
		f.shown = one;
		f.failed = o.failed;
		f.failures = o.failures;
		f.runs = 1;
		f.known = known_.count(fingerprint) != 0;
		const call_stack &calls = one.calls.empty() && !o.failed.empty() ? o.failed.front().calls : one.calls;
		f.title = std::string(title_of(one.what)) + headline(calls);
		in.fresh.push_back(all_.size());
		all_.push_back(std::move(f));
	}
	return in;
}

uint64_t findings::runs() const
{
	uint64_t all = 0;
	for (const uint64_t count : counts_)
		all += count;
	return all;
}

uint64_t findings::fresh() const
{
	return static_cast<uint64_t>(
		std::count_if(all_.begin(), all_.end(), [](const finding &f) { return !f.known; }));
}

void findings::read_known()
{
	std::error_code error;
	if (!std::filesystem::exists(wanted_.known, error)) {
		if (wanted_.update_known)
			return; // it is going to be made
		throw failure(tools::with_errno("--known " + wanted_.known, ENOENT) + "; --update-known makes it",
			      wrong_usage);
	}
	std::string text;
	try {
		text = read_file(wanted_.known);
	} catch (const std::runtime_error &e) {
		throw failure(std::string("--known ") + e.what(), wrong_usage);
	}
	std::istringstream lines(text);
	std::string line;
	for (unsigned nr = 1; std::getline(lines, line); nr++) {
		const size_t begin = line.find_first_not_of(" \t\r");
		if (begin == std::string::npos || line[begin] == '#')
			continue;
		const std::string word = line.substr(begin, line.find_first_of(" \t\r", begin) - begin);
		if (word.size() != 16 || word.find_first_not_of("0123456789abcdef") != std::string::npos)
			throw failure("--known " + wanted_.known + ":" + std::to_string(nr) + ": '" + word +
					      "' is not the fingerprint of a finding (16 digits)",
				      wrong_usage);
		const size_t rest = line.find_first_not_of(" \t\r", begin + word.size());
		known_[word] = rest == std::string::npos ? "" : line.substr(rest);
	}
}

std::string findings::as_known() const
{
	std::map<std::string, std::string> lines = known_; // other modes find other things: what was accepted stays
	for (const finding &f : all_)
		if (lines.find(f.fingerprint) == lines.end())
			lines[f.fingerprint] = f.title;
	std::string all =
		"# Findings of `mempool fail` that are accepted, one a line: the fingerprint, then what it is.\n";
	for (const auto &[fingerprint, what] : lines)
		all.append(fingerprint).append("  ").append(what).append("\n");
	return all;
}

} // namespace fail
