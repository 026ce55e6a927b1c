// SPDX-License-Identifier: MIT
//
// lab.cpp - see lab.hpp.
#include "tools/lab.hpp"

#include "tools/lab_explain.hpp"
#include "tools/lab_html.hpp"
#include "tools/lab_json.hpp"
#include "tools/lab_lessons.hpp"
#include "tools/lab_near.hpp"
#include "tools/lab_quiz.hpp"
#include "tools/lab_terminal.hpp"
#include "tools/output.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <unistd.h>

namespace lab {
namespace {

constexpr int usage_error = 2;

std::string list_text(const look &how)
{
	size_t width = 0;
	for (const lesson &l : lessons())
		width = std::max(width, std::string(l.name).size());
	std::string all;
	for (const lesson &l : lessons()) {
		std::string name = l.name;
		name.resize(width + 2, ' ');
		all += painted(how, ink::bold, name) + l.title + "\n";
	}
	return all;
}

/// Which lessons; empty, after a message, when there is none of that name.
std::vector<const lesson *> chosen(const options &wanted)
{
	std::vector<const lesson *> all;
	if (wanted.all) {
		for (const lesson &l : lessons())
			all.push_back(&l);
		return all;
	}
	if (const lesson *found = find_lesson(wanted.lesson)) {
		all.push_back(found);
		return all;
	}
	std::vector<std::string> names;
	for (const lesson &l : lessons())
		names.emplace_back(l.name);
	const std::string near = near_matches(wanted.lesson, names);
	fprintf(stderr, "mempool lab: there is no lesson '%s'%s\nmempool lab --list lists them\n",
		wanted.lesson.c_str(), near.empty() ? "" : ("; did you mean " + near + "?").c_str());
	return all;
}

void name_failures(const run &lesson)
{
	for (const claim &c : lesson.failed())
		fprintf(stderr, "mempool lab: claim %s does not hold: %s\n  expected: %s\n  observed: %s\n",
			c.name.c_str(), c.text.c_str(), c.expected.c_str(), c.observed.c_str());
}

int play_all(const options &wanted)
{
	const std::vector<const lesson *> all = chosen(wanted);
	if (all.empty())
		return usage_error;
	const look how = terminal_look(wanted.auto_play);
	std::optional<tools::output> file;
	if (!wanted.json.empty())
		file.emplace(wanted.json); // what cannot be written is known before lessons take their time
	std::vector<run> runs;
	bool failed = false;
	for (const lesson *l : all) {
		if (isatty(STDERR_FILENO) != 0 && how.keys)
			fprintf(stderr, "%s is being run ...\r", l->name);
		runs.push_back(play(*l));
		failed = failed || !runs.back().failed().empty();
		const bool enough = wanted.json != "-" && wanted.html.empty() && !show(runs.back(), how);
		name_failures(runs.back()); // below it, where it stays to be seen
		if (enough)
			break;
	}
	if (file) {
		file->write(to_json(runs) + "\n");
		file->commit();
	}
	if (!wanted.html.empty())
		write_pages(wanted.html, runs, wanted.all);
	return failed ? 1 : 0;
}

} // namespace

void declare(CLI::App &app, options &wanted)
{
	CLI::App *lab = app.add_subcommand("lab", "Lessons on the mempool: the real library at work, step by step");
	lab->add_option("LESSON", wanted.lesson, "The lesson to run; --list lists them");
	lab->add_flag("--list", wanted.list, "List the lessons, a line each")->disable_flag_override();
	lab->add_flag("--all", wanted.all, "Run all lessons, one after the other")->disable_flag_override();
	lab->add_flag("--auto", wanted.auto_play, "Show all steps without waiting for keys")->disable_flag_override();
	lab->add_option("--json", wanted.json, "Write what the lessons were as JSON; - writes it instead of the steps")
		->type_name("FILE");
	lab->add_option("--html", wanted.html,
			"Write the lesson as a page, which a browser shows; with --all, one for each and index.html in "
			"a folder")
		->type_name("FILE");
	lab->footer("Examples:\n"
		    "  mempool lab --list\n"
		    "  mempool lab two-passes\n"
		    "  mempool lab --all --auto\n"
		    "  mempool lab two-passes --html two-passes.html\n"
		    "  mempool lab --all --html lessons\n"
		    "  mempool lab explain 'GFP_KERNEL|__GFP_NORETRY' --level 0\n"
		    "  mempool lab quiz\n"
		    "Exit status: 0 all claims hold, 1 one does not, 2 the command line is wrong.");

	CLI::App *explain = lab->add_subcommand("explain", "Say step by step what an allocation with a mask will do");
	explain->add_option("MASK", wanted.mask, "Such as 'GFP_KERNEL|__GFP_NORETRY'")->required();
	explain->add_option("--backing", wanted.backing, "Whether the backing has something")
		->capture_default_str()
		->check(CLI::IsMember({"works", "fails"}));
	explain->add_option("--level", wanted.level, "Elements in the reserve (default: as many as it holds)")
		->type_name("N")
		->check(CLI::Range(0, 1 << 28));
	explain->add_option("--min-nr", wanted.min_nr, "What the pool promises")
		->capture_default_str()
		->type_name("N")
		->check(CLI::Range(0, 1 << 28));
	explain->add_option("--sleepers", wanted.sleepers, "Threads that sleep already")
		->capture_default_str()
		->type_name("N")
		->check(CLI::Range(0, 1 << 28));
	explain->add_flag("--json", wanted.explain_json, "Print one JSON object")->disable_flag_override();
	explain->parse_complete_callback([&wanted] { wanted.explain = true; });

	CLI::App *quiz = lab->add_subcommand("quiz", "Questions on the rules, answered by running them");
	quiz->parse_complete_callback([&wanted] { wanted.quiz = true; });
}

std::string refusal(const options &wanted)
{
	const int ways = (wanted.list ? 1 : 0) + (wanted.all ? 1 : 0) + (wanted.lesson.empty() ? 0 : 1) +
			 (wanted.explain ? 1 : 0) + (wanted.quiz ? 1 : 0);
	if (ways == 0)
		return "lab: a lesson's name is needed, or --list, --all, explain or quiz";
	if (ways > 1)
		return "lab: one lesson, --list, --all, explain and quiz exclude each other";
	return "";
}

int start(const options &wanted)
{
	if (wanted.explain)
		return explain(wanted);
	if (wanted.quiz)
		return quiz();
	if (wanted.list) {
		print(list_text(terminal_look(true)));
		return 0;
	}
	return play_all(wanted);
}

} // namespace lab
