// SPDX-License-Identifier: MIT
//
// demo.cpp - see demo.hpp.
#include "tools/demo.hpp"

#include "tools/demo_daemon.hpp"
#include "tools/demo_progress.hpp"
#include "tools/demo_report.hpp"
#include "tools/demo_run.hpp"
#include "tools/demo_script.hpp"
#include "tools/demo_workdir.hpp"
#include "tools/interrupt.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <cstdio>

namespace demo {

using tools::grouped;
using tools::text;
using tools::with_errno;

namespace {

void introduce(const script &what, bool in_cgroup, progress &shown)
{
	std::string files;
	for (const std::string &file : what.files())
		files += (files.empty() ? "" : ", ") + file;
	shown.note(text("%s messages from %u senders, made of %s log lines from %s", grouped(what.messages()).c_str(),
			what.senders(), grouped(what.line_count()).c_str(), files.c_str()));
	if (in_cgroup)
		shown.note(text("logd has a memory cgroup of %u MiB; in the middle third a hoarder inside it eats all "
				"but %u KiB, and the kernel kills who takes more",
				static_cast<unsigned>(cgroup_limit_bytes >> 20),
				static_cast<unsigned>(cgroup_leave_bytes >> 10)));
	else
		shown.note(text("logd may use %u MiB; in the middle third a hoarder inside it eats all of them",
				static_cast<unsigned>(memory_limit_bytes >> 20)));
}

void print(const std::string &report)
{
	if (fwrite(report.data(), 1, report.size(), stdout) != report.size() || fflush(stdout) != 0)
		throw failure(with_errno("the report cannot be written", errno));
}

} // namespace

int run(const options &wanted)
{
	const std::string logd = find_logd(wanted.logd);
	const script what(read_corpus(wanted.input), wanted.messages, wanted.senders);
	const tools::interrupt_guard guard;
	const workdir files(wanted.keep);
	progress shown;

	introduce(what, wanted.cgroup, shown);
	const run_result malloc_run = run_logd(logd, "malloc", wanted, what, files, shown);
	const run_result mempool_run = run_logd(logd, "mempool", wanted, what, files, shown);

	const outcome o = {wanted, what, malloc_run, mempool_run, complaints_about(malloc_run, mempool_run)};
	for (const std::string &complaint : o.complaints)
		shown.note("mempool demo: " + complaint);
	print(wanted.json ? report_as_json(o) : report_for_people(o));
	return o.complaints.empty() ? 0 : 1;
}

} // namespace demo
