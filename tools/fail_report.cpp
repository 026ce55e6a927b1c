// SPDX-License-Identifier: MIT
//
// fail_report.cpp - see fail_report.hpp: the part for people.
#include "tools/fail_report.hpp"

#include "tools/fail_token.hpp"
#include "tools/text.hpp"

#include <filesystem>

namespace fail {
namespace {

constexpr size_t most_frames = 24; // that are shown of a stack

std::string stack_text(const call_stack &calls, symbols &names)
{
	std::string all;
	for (size_t i = 0; i < calls.size() && i < most_frames; i++)
		all += tools::text("      #%-2zu ", i) + names.describe(calls[i]) + "\n";
	if (calls.size() > most_frames)
		all += "      and " + std::to_string(calls.size() - most_frames) + " more\n";
	return all;
}

std::string quoted(const std::string &word)
{
	static constexpr char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-{}";
	if (!word.empty() && word.find_first_not_of(safe) == std::string::npos)
		return word;
	std::string all = "'";
	for (const char c : word)
		all += c == '\'' ? "'\\''" : std::string(1, c);
	return all + "'";
}

const char *plural_of(verdict v)
{
	switch (v) {
	case verdict::wrong:
		return "wrong results";
	case verdict::leak:
		return "leaks";
	case verdict::hang:
		return "hangs";
	case verdict::sanitizer:
		return "sanitizer reports";
	case verdict::misuse:
		return "misuses of the heap";
	case verdict::abort:
		return "aborts";
	case verdict::crash:
		return "crashes";
	default:
		return title_of(v);
	}
}

} // namespace

std::string replay_command(const std::string &token, const options &wanted)
{
	std::string all = "mempool fail --replay " + token;
	const std::pair<const char *, const std::string *> words[] = {
		{" --stdin ", &wanted.input}, {" --workdir ", &wanted.workdir}, {" --setup ", &wanted.setup},
		{" --ready ", &wanted.ready}, {" --drive ", &wanted.drive},     {" --preload ", &wanted.preload}};
	for (const auto &[option, value] : words)
		if (!value->empty())
			all += option + quoted(*value);
	if (wanted.timeout_s > 0)
		all += tools::text(" --timeout %g", wanted.timeout_s);
	if (wanted.expected_status != 0)
		all += " --expect-status " + std::to_string(wanted.expected_status);
	all += wanted.ignore_output ? " --ignore-output" : "";
	all += wanted.ignore_leaks ? " --ignore-leaks" : "";
	all += " --";
	for (const std::string &word : wanted.command)
		all += " " + quoted(word);
	return all;
}

std::string site_of(const call_stack &calls, symbols &names)
{
	for (const place &p : calls)
		if (std::filesystem::path(p.module).filename().string().compare(0, 8, "libc.so.") != 0 &&
		    !names.find(p).function.empty())
			return names.describe(p);
	return calls.empty() ? "" : names.describe(calls.front());
}

std::string text_of(const finding &f, size_t number, symbols &names)
{
	std::string all = "\n" + std::to_string(number) + ". " + f.title + (f.known ? " (known)" : "") + "\n";
	all += "   " + f.why + "\n";
	if (!f.shown.calls.empty())
		all += "   " + f.shown.where + "\n" + stack_text(f.shown.calls, names);
	for (size_t i = 0; i < f.failed.size(); i++) {
		const injection &failed = f.failed[i];
		all += tools::text("   %s %s", i == 0 ? "failed:" : "and then:", describe(failed).c_str());
		all += ", number " + tools::grouped(failed.n);
		if (failed.process > 1)
			all += " of process " + std::to_string(failed.process);
		if (!failed.thread.empty() && failed.thread != "main")
			all += ", in thread " + failed.thread;
		all += "\n" + stack_text(failed.calls, names);
	}
	if (f.failures > f.failed.size())
		all += "   " + tools::grouped(f.failures) + " allocations failed in all\n";
	return all + "   fingerprint " + f.fingerprint + ", token " + f.token + "\n";
}

std::string text_of(const outcome &o, const options &wanted, symbols &names)
{
	const uint64_t seen = o.failed.empty() ? 0 : o.failed.front().stack;
	std::string all = tools::text("%-26s", title_of(o.what()));
	if (!o.failed.empty())
		all += "n=" + std::to_string(o.failed.front().n) + " in " + site_of(o.failed.front().calls, names) +
		       "  ";
	all += token_of(o.planned, wanted, seen, o.what());
	return all + (o.judged.empty() || o.judged.front().why.empty() ? "" : "  " + o.judged.front().why) + "\n";
}

std::string found_in_short(const findings &found)
{
	std::string all;
	for (size_t v = verdict_count; v-- > static_cast<size_t>(first_finding);) {
		uint64_t count = 0;
		for (const finding &f : found.all())
			count += f.what == static_cast<verdict>(v) ? 1 : 0;
		if (count == 0)
			continue;
		all += (all.empty() ? "" : ", ") + tools::grouped(count) + " " +
		       (count == 1 ? title_of(static_cast<verdict>(v)) : plural_of(static_cast<verdict>(v)));
	}
	return all;
}

std::string found_in_short(const account &a)
{
	std::string what = found_in_short(a.found);
	const size_t known = a.found.all().size() - a.found.fresh();
	if (!what.empty() && known > 0)
		return what + " (" + std::to_string(known) + " known, " + std::to_string(a.found.fresh()) + " new)";
	if (!what.empty())
		return what;
	return left_in_short(a.done).empty() ? "nothing found" : "nothing found so far";
}

std::string left_in_short(const result &done)
{
	if (!done.interrupted && done.left == 0)
		return "";
	return std::string(done.interrupted ? "It was interrupted: " : "The budget is spent: ") +
	       tools::counted(done.left, "run") + " or more " + (done.left == 1 ? "is" : "are") + " left.";
}

std::string lost_in_short(const result &done)
{
	return "in " + tools::counted(done.lost_sight, "run") +
	       " some blocks were lost sight of: wrong frees may not have been seen there";
}

std::string summary(const account &a)
{
	std::string all = "\n" + tools::counted(a.found.runs(), "run") + " in " + tools::duration(a.done.took_ns);
	if (a.done.resumed > 0)
		all += ", of which " + tools::grouped(a.done.resumed) + " were done earlier";
	all += ":\n";
	for (size_t v = 0; v < verdict_count; v++)
		if (const uint64_t count = a.found.count(static_cast<verdict>(v)); count > 0)
			all += tools::text("  %8s  %s\n", tools::grouped(count).c_str(),
					   title_of(static_cast<verdict>(v)));
	if (a.done.foreign > 0)
		all += "  " + tools::text("%8s", tools::grouped(a.done.foreign).c_str()) +
		       "  more, of other shards' stacks, told which stacks are this one's\n";
	if (a.done.lost_sight > 0)
		all += "note: " + lost_in_short(a.done) + "\n";
	if (const std::string left = left_in_short(a.done); !left.empty())
		all += left + "\n";
	all += "fail: " + found_in_short(a) + "\n";
	if (!a.found.all().empty())
		all += "Show the first again: " + replay_command(a.found.all().front().token, a.wanted) + "\n";
	return all;
}

} // namespace fail
