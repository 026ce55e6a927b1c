// SPDX-License-Identifier: MIT
//
// fail_judge.cpp - see fail_judge.hpp.
#include "tools/fail_judge.hpp"

#include "tools/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <cstring>
#include <sys/wait.h>

namespace fail {
namespace {

struct naming {
	const char *name;
	const char *title;
};
constexpr std::array<naming, verdict_count> namings = {{{"unreached", "not reached"},
							{"same", "same result"},
							{"refused", "clean refusal"},
							{"silent", "refusal without a message"},
							{"wrong", "wrong result"},
							{"leak", "leak"},
							{"hang", "hang"},
							{"sanitizer", "sanitizer report"},
							{"misuse", "heap misuse"},
							{"abort", "abort"},
							{"crash", "crash"}}};

constexpr const char *sanitizer_words[] = {"ERROR: AddressSanitizer",    "ERROR: LeakSanitizer",
					   "WARNING: ThreadSanitizer",   "WARNING: MemorySanitizer",
					   "ERROR: ThreadSanitizer",     "ERROR: HWAddressSanitizer",
					   "UndefinedBehaviorSanitizer", ": runtime error: "};

// What glibc, jemalloc and tcmalloc say before they abort.
constexpr const char *heap_words[] = {"double free or corruption",
				      "free(): ",
				      "malloc(): ",
				      "munmap_chunk(): ",
				      "realloc(): invalid",
				      "corrupted ",
				      "malloc_consolidate(): ",
				      "Attempt to free invalid",
				      "<jemalloc>: "};

/// The line with any of the words; "" when there is none.
template <size_t Count> std::string line_with(const printed &text, const char *const (&words)[Count])
{
	for (const std::string *part : {&text.text, &text.tail})
		for (const char *word : words) {
			const size_t at = part->find(word);
			if (at == std::string::npos)
				continue;
			const size_t before = at == 0 ? std::string::npos : part->rfind('\n', at - 1);
			const size_t begin = before == std::string::npos ? 0 : before + 1;
			return part->substr(begin, std::min<size_t>(part->find('\n', at) - begin, 200));
		}
	return "";
}

/// Each number, decimal or not, as one sign: addresses, times and identifiers are not the same in each run.
std::string without_numbers(const std::string &text)
{
	std::string plain;
	for (size_t i = 0; i < text.size(); i++) {
		if (isdigit(static_cast<unsigned char>(text[i])) == 0) {
			plain += text[i];
			continue;
		}
		while (i + 1 < text.size() && isxdigit(static_cast<unsigned char>(text[i + 1])) != 0)
			i++;
		if (i + 2 < text.size() && text[i + 1] == 'x' && isxdigit(static_cast<unsigned char>(text[i + 2])) != 0)
			i += 1;
		plain += '#';
	}
	return plain;
}

bool alike(const printed &a, const printed &b, likeness how)
{
	switch (how) {
	case likeness::exact:
		return a.bytes == b.bytes && a.digest == b.digest;
	case likeness::but_for_numbers:
		return a.whole() && b.whole() && without_numbers(a.text) == without_numbers(b.text);
	default:
		return true;
	}
}

likeness likeness_of(const printed &a, const printed &b)
{
	for (const likeness how : {likeness::exact, likeness::but_for_numbers})
		if (alike(a, b, how))
			return how;
	return likeness::none;
}

/// The line in which that byte is, in quotes.
std::string line_around(const std::string &text, size_t at)
{
	constexpr size_t most = 60;
	if (at >= text.size())
		return "missing";
	const size_t before = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
	const size_t begin = before == std::string::npos ? 0 : before + 1;
	const std::string line = text.substr(begin, text.find('\n', begin) - begin);
	return "'" + (line.size() > most ? line.substr(0, most) + "..." : line) + "'";
}

/// The first line that is not the same, for a message.
std::string first_difference(const printed &ours, const printed &wanted)
{
	size_t at = 0;
	while (at < ours.text.size() && at < wanted.text.size() && ours.text[at] == wanted.text[at])
		at++;
	if (ours.bytes == 0)
		return "nothing was printed, instead of " + tools::grouped(wanted.bytes) + " bytes";
	const size_t line = 1 + static_cast<size_t>(std::count(ours.text.begin(),
							       ours.text.begin() + static_cast<ptrdiff_t>(at), '\n'));
	return "line " + std::to_string(line) + " of the output is " + line_around(ours.text, at) + " instead of " +
	       line_around(wanted.text, at);
}

bool is_signal(int status, int nr)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == nr;
}

std::string name_signal(int nr)
{
	const char *name = sigabbrev_np(nr);
	return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(nr);
}

[[noreturn]] void not_so(const std::string &why, const trial &t)
{
	const std::string said = t.err.last_line().empty() ? t.out.last_line() : t.err.last_line();
	throw failure("the command does not run when nothing fails: " + why +
			      (said.empty() ? "" : "; it says: " + said),
		      not_unharmed);
}

void demand_a_good_run(const options &wanted, const trial &t)
{
	if (t.exec_error != 0)
		throw failure(tools::with_errno(wanted.command.at(0), t.exec_error), not_unharmed);
	if (t.interrupted)
		return;
	if (!t.was_ready)
		not_so(t.timed_out ? "--ready '" + wanted.ready + "' did not succeed in time"
				   : "it ended before --ready '" + wanted.ready + "' succeeded",
		       t);
	if (t.timed_out)
		not_so(wanted.ready.empty()
			       ? "it did not end in time (--timeout sets the limit; a server needs --ready)"
			       : "it did not end after SIGTERM",
		       t);
	if (t.flooded)
		not_so("it prints without end", t);
	if (t.seen.processes.empty())
		not_so("libmempool-preload.so was not loaded into it; is it linked statically, set-user-ID, or for "
		       "another kind of machine?",
		       t);
	if (WIFSIGNALED(t.status) && !(is_signal(t.status, SIGTERM) && !wanted.ready.empty()))
		not_so(describe_status(t.status), t);
	if (WIFEXITED(t.status) && WEXITSTATUS(t.status) != wanted.expected_status)
		not_so(describe_status(t.status) +
			       (wanted.expected_status == 0 ? " (--expect-status says that it is right)" : ""),
		       t);
	if (t.drive_status != 0)
		not_so("--drive '" + wanted.drive + "' fails: " + t.driven.last_line(), t);
}

/// A fatal signal that the program did not live through.
const accident *worst_crash(const trial &t, bool as_it_should_end)
{
	for (const accident &a : t.seen.crashes)
		if (!a.handled || !as_it_should_end)
			return &a;
	return nullptr;
}

} // namespace

const char *title_of(verdict v)
{
	return namings.at(static_cast<size_t>(v)).title;
}

const char *name_of(verdict v)
{
	return namings.at(static_cast<size_t>(v)).name;
}

bool verdict_of(const std::string &name, verdict &v)
{
	for (size_t i = 0; i < namings.size(); i++)
		if (name == namings[i].name) {
			v = static_cast<verdict>(i);
			return true;
		}
	return false;
}

std::string describe_status(int status)
{
	if (WIFSIGNALED(status))
		return name_signal(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
	return "exit status " + std::to_string(WEXITSTATUS(status));
}

reference::reference(const options &wanted, const trial &first, const trial &second)
	: ignore_output_(wanted.ignore_output), ignore_leaks_(wanted.ignore_leaks), first_(first)
{
	demand_a_good_run(wanted, first);
	demand_a_good_run(wanted, second);
	if (first.status != second.status)
		not_so("it ends now with " + describe_status(first.status) + ", now with " +
			       describe_status(second.status),
		       second);
	if (!line_with(first.err, sanitizer_words).empty())
		not_so("a sanitizer reports: " + line_with(first.err, sanitizer_words), first);
	// What a server prints is its log; the result is what its client was told.
	out_ = wanted.drive.empty() ? likeness_of(first.out, second.out) : likeness::none;
	driven_ = likeness_of(first.driven, second.driven);
	for (const likeness how : {wanted.drive.empty() ? out_ : likeness::exact, driven_})
		if (how != likeness::exact && !ignore_output_)
			notes_.emplace_back(
				how == likeness::none
					? "the output is not the same in each run: it is not compared"
					: "the numbers in the output are not the same in each run: they are "
					  "not compared");
	if (first.seen.allocations() != second.seen.allocations())
		notes_.push_back(tools::text("the runs are not alike: %s allocations, then %s",
					     tools::grouped(first.seen.allocations()).c_str(),
					     tools::grouped(second.seen.allocations()).c_str()));
	if (first.left_over)
		notes_.emplace_back("it leaves processes behind, which are ended");
	if (first.seen.lost_sight)
		notes_.emplace_back("some blocks are lost sight of: wrong frees may not be seen");
	if (!first.seen.misuses.empty())
		notes_.push_back("also when nothing fails: " + first.seen.misuses[0].what);
	for (const site &s : first.seen.sites)
		stacks_.insert(s.digest);
	for (const trial *t : {&first, &second})
		for (const leak &l : t->seen.leaks)
			leaked_blocks_[l.stack] = std::max(leaked_blocks_[l.stack], l.blocks);
	notes_.insert(notes_.end(), first.seen.notes.begin(), first.seen.notes.end());
}

bool reference::same_output(const trial &t) const
{
	return ignore_output_ || (alike(t.out, first_.out, out_) && alike(t.driven, first_.driven, driven_));
}

judgement reference::by_result(const trial &t) const
{
	const bool same_status = t.status == first_.status && t.drive_status == first_.drive_status;
	const std::string said = t.err.last_line();
	const bool message = !said.empty() && (t.err.digest != first_.err.digest);
	if (same_status && same_output(t))
		return {verdict::same, message ? "it says: " + said : "", {}, ""};
	if (t.drive_status != 0)
		return {verdict::refused, "the client is told: " + t.driven.last_line(), {}, ""};
	if (same_status && !alike(t.driven, first_.driven, driven_)) {
		// A server that answers with an error has refused, and lives.
		std::string lower = t.driven.text;
		std::transform(lower.begin(), lower.end(), lower.begin(),
			       [](unsigned char c) { return static_cast<char>(tolower(c)); });
		for (const char *word : {"error", "memory", "fail", "oom"})
			if (lower.find(word) != std::string::npos)
				return {verdict::refused, "the client is told: " + t.driven.last_line(), {}, ""};
	}
	if (same_status)
		return {verdict::wrong,
			describe_status(t.status) + ", but " +
				(alike(t.out, first_.out, out_) ? first_difference(t.driven, first_.driven)
								: first_difference(t.out, first_.out)),
			{},
			""};
	if (WIFEXITED(t.status) && WEXITSTATUS(t.status) == 0)
		return {verdict::wrong, "exit status 0, not " + std::to_string(WEXITSTATUS(first_.status)), {}, ""};
	if (message)
		return {verdict::refused, describe_status(t.status) + ", and says: " + said, {}, ""};
	if (t.out.bytes > 0 && t.out.digest != first_.out.digest && !t.out.last_line().empty())
		return {verdict::refused, describe_status(t.status) + ", and says: " + t.out.last_line(), {}, ""};
	return {verdict::silent, describe_status(t.status) + ", and no message", {}, ""};
}

void reference::look_for_leaks(const trial &t, std::vector<judgement> &all) const
{
	if (ignore_leaks_)
		return;
	for (const leak &l : t.seen.leaks) {
		const auto known = leaked_blocks_.find(l.stack);
		const uint64_t before = known == leaked_blocks_.end() ? 0 : known->second;
		if (l.blocks > before)
			all.push_back(
				{verdict::leak,
				 tools::text("%s of %s %s lost: nothing points to %s",
					     l.blocks == 1 ? "a block" : tools::counted(l.blocks, "block").c_str(),
					     tools::counted(l.bytes, "byte").c_str(), l.blocks == 1 ? "is" : "are",
					     l.blocks == 1 ? "it" : "them"),
				 l.calls, "the lost block was allocated by"});
	}
}

std::vector<judgement> reference::judge(const trial &t) const
{
	std::vector<judgement> all;
	if (t.seen.failed() == 0 && !t.timed_out && t.seen.crashes.empty())
		return {{verdict::unreached, "", {}, ""}};
	const bool ends_alike = t.status == first_.status;
	const accident *crash = worst_crash(t, ends_alike);
	const bool killed = WIFSIGNALED(t.status) && !ends_alike;
	const std::string heap = crash != nullptr || killed ? line_with(t.err, heap_words) : "";
	if (t.seen.misuses.size() > first_.seen.misuses.size()) {
		const accident &m = t.seen.misuses.back();
		all.push_back({verdict::misuse, m.what, m.calls, "it happened in"});
	} else if (!heap.empty()) {
		all.push_back(
			{verdict::misuse, heap, crash != nullptr ? crash->calls : call_stack(), "it was seen in"});
	}
	if (const std::string line = line_with(t.err, sanitizer_words); !line.empty())
		all.push_back({verdict::sanitizer, line, {}, ""});
	if (t.timed_out || t.left_over != first_.left_over || t.flooded) {
		if (t.timed_out || t.left_over || t.flooded)
			all.push_back({verdict::hang,
				       t.flooded     ? "it prints without end"
				       : t.timed_out ? "it does not end"
						     : "it ends, but a process of it does not",
				       crash != nullptr ? crash->calls : call_stack(), "it hung in"});
	} else if (all.empty() && (crash != nullptr || killed)) {
		const int nr = crash != nullptr ? crash->signal : WTERMSIG(t.status);
		std::string why = name_signal(nr);
		if (nr == SIGSEGV && crash != nullptr)
			why += tools::text(" at address 0x%llx", static_cast<unsigned long long>(crash->address));
		if (crash != nullptr && t.seen.processes.size() > 1)
			why += tools::text(" in process %u", crash->process);
		if (crash != nullptr && !crash->thread.empty() && crash->thread != "main")
			why += " in thread " + crash->thread;
		if (nr == SIGABRT && !t.err.last_line().empty())
			why += ", and says: " + t.err.last_line();
		all.push_back({nr == SIGABRT ? verdict::abort : verdict::crash, why,
			       crash != nullptr ? crash->calls : call_stack(), "it happened in"});
	}
	if (all.empty())
		all.push_back(by_result(t));
	look_for_leaks(t, all);
	std::stable_sort(all.begin(), all.end(),
			 [](const judgement &a, const judgement &b) { return a.what > b.what; });
	return all;
}

} // namespace fail
