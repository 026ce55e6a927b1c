// SPDX-License-Identifier: MIT
//
// fail.cpp - see fail.hpp.
#include "tools/fail.hpp"

#include "tools/fail_report.hpp"
#include "tools/fail_sweep.hpp"
#include "tools/fail_token.hpp"
#include "tools/interrupt.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <csignal>
#include <unistd.h>

namespace fail {
namespace {

constexpr uint64_t ns_per_s = 1000000000;
constexpr uint64_t first_limit_ns = 60 * ns_per_s; // for a run of which nothing is known yet
constexpr uint64_t first_grace_ns = 2 * ns_per_s;
constexpr unsigned attempts = 3; // at a replay that does not come to the same stack

void put(const std::string &option, const std::string &file, const std::string &text)
{
	if (file.empty())
		return;
	try {
		if (file != "-")
			write_file(file, text);
		else if (fwrite(text.data(), 1, text.size(), stdout) != text.size() || fflush(stdout) != 0)
			throw std::runtime_error(tools::with_errno("standard output", errno));
	} catch (const std::runtime_error &e) {
		throw failure(option + " " + e.what(), wrong_usage);
	}
}

/// Before hours of runs, not after them.
void demand_writable(const std::string &option, const std::string &file)
{
	if (file.empty() || file == "-")
		return;
	const size_t slash = file.find_last_of('/');
	const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
	const bool there = access(file.c_str(), F_OK) == 0;
	if (access(folder.c_str(), F_OK) != 0 || access(there ? file.c_str() : folder.c_str(), W_OK) != 0)
		throw failure(tools::with_errno(option + " " + file, errno), wrong_usage);
}

reference unharmed(const options &wanted, const runner &runs)
{
	plan nothing;
	if (wanted.mode == sweep_mode::random)
		nothing.seed = wanted.random.seed;
	const uint64_t limit_ns = wanted.timeout_s > 0
					  ? static_cast<uint64_t>(wanted.timeout_s * static_cast<double>(ns_per_s))
					  : first_limit_ns;
	const trial first = runs.run(nothing, 0, limit_ns, first_grace_ns);
	const trial second = first.exec_error == 0 ? runs.run(nothing, 0, limit_ns, first_grace_ns) : first;
	return {wanted, first, second};
}

std::string introduction(const options &wanted, const reference &known, const std::string &program)
{
	const observation &seen = known.unharmed().seen;
	std::string all = program + ": " + tools::counted(seen.allocations(), "allocation");
	if (seen.processes.size() > 1)
		all += " in " + std::to_string(seen.processes.size()) + " processes";
	all += " from " + tools::counted(seen.sites.size(), "call stack") + " when nothing fails, in " +
	       tools::duration(known.unharmed().took_ns) + "\n";
	for (const std::string &note : known.notes())
		all += "note: " + note + "\n";
	if (wanted.mode == sweep_mode::random)
		all += "seed " + std::to_string(wanted.random.seed) + "\n";
	return all;
}

/// A filter that nothing passes is a slip: a sweep of nothing must not look like one that found nothing.
void demand_allocations(const options &wanted, const reference &known)
{
	options without = wanted;
	without.filters = {};
	plan any;
	const bool filtered = token_of(any, wanted, 0, verdict::same) != token_of(any, without, 0, verdict::same);
	if (known.unharmed().seen.allocations() == 0 && filtered)
		throw failure("no allocation passes the filters", wrong_usage);
	if (wanted.filters.process > known.unharmed().seen.processes.size())
		throw failure("--process " + std::to_string(wanted.filters.process) + ": there are only " +
				      std::to_string(known.unharmed().seen.processes.size()) + " processes",
			      wrong_usage);
}

int replay(const options &wanted, const told &what, const runner &runs, const reference &known, symbols &names,
	   progress &shown)
{
	if (wanted.gdb) {
		shown.finish();
		return runs.debug(what.planned);
	}
	findings found(wanted, names);
	const uint64_t limit_ns = limit_of(wanted, known.unharmed());
	outcome o;
	for (unsigned i = 0; i < attempts; i++) {
		o = run_one(runs, known, what.planned, 0, limit_ns);
		const bool there = !o.failed.empty() && (what.seen == 0 || o.failed.front().stack == what.seen);
		if (there || tools::interrupted() != 0)
			break;
	}
	if (tools::interrupted() != 0)
		return 128 + tools::interrupted();
	found.add(o);
	if (o.failed.empty())
		shown.print("replay: nothing failed: the command did not come to that allocation\n");
	else if (what.seen != 0 && o.failed.front().stack != what.seen)
		shown.print(
			"replay: another call stack failed than when the token was made: is it the same program?\n");
	for (size_t i = 0; i < found.all().size(); i++)
		shown.print(text_of(found.all()[i], i + 1, names));
	if (found.all().empty())
		shown.print(text_of(o, wanted, names));
	bool again = what.what == verdict::unreached;
	for (const judgement &one : o.judged)
		again = again || one.what == what.what;
	shown.print(std::string("replay: ") + (again ? "the same again: " : "not the same: ") + title_of(o.what()) +
		    "\n");
	shown.finish();
	return found.all().empty() ? found_nothing : found_something;
}

int report(const account &a, progress &shown)
{
	shown.print(summary(a));
	put("--json", a.wanted.json, a.wanted.json.empty() ? "" : as_json(a));
	put("--junit", a.wanted.junit, a.wanted.junit.empty() ? "" : as_junit(a));
	put("--html", a.wanted.html, a.wanted.html.empty() ? "" : as_html(a));
	if (a.wanted.update_known)
		put("--known", a.wanted.known, a.found.as_known());
	shown.finish();
	if (a.done.interrupted)
		return 128 + tools::interrupted();
	return a.found.fresh() == 0 || a.wanted.update_known ? found_nothing : found_something;
}

} // namespace

int run(const options &given)
{
	options wanted = given;
	const told token = wanted.replay.empty() ? told() : read_token(wanted.replay, wanted);
	const bool to_stdout = wanted.json == "-" || wanted.junit == "-" || wanted.html == "-";
	demand_writable("--json", wanted.json);
	demand_writable("--junit", wanted.junit);
	demand_writable("--html", wanted.html);
	if (wanted.update_known)
		demand_writable("--known", wanted.known);

	const tools::interrupt_guard guard;
	const runner runs(wanted);
	symbols names;
	progress shown(to_stdout ? stderr : stdout);
	findings found(wanted, names);
	if (!wanted.known.empty())
		found.read_known();
	const reference known = unharmed(wanted, runs);
	if (tools::interrupted() != 0)
		return 128 + tools::interrupted();
	shown.print(introduction(wanted, known, runs.program()));
	if (!wanted.replay.empty())
		return replay(wanted, token, runs, known, names, shown);
	demand_allocations(wanted, known);
	const result done = sweep(wanted, runs, known, found, names, shown);
	return report({wanted, known, found, done, names, runs.program()}, shown);
}

} // namespace fail
