// SPDX-License-Identifier: MIT
//
// stat.cpp - see stat.hpp.
#include "tools/stat.hpp"

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <system_error>

namespace stat_command {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int)
{
	interrupted = 1;
}

void print(const std::string &text)
{
	if (fwrite(text.data(), 1, text.size(), stdout) != text.size() || fflush(stdout) != 0)
		throw std::system_error(errno, std::generic_category(), "standard output");
}

/// Until that moment of CLOCK_MONOTONIC, or a signal.
void wait_until(timespec moment)
{
	while (interrupted == 0 && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr) == EINTR)
		;
}

void advance(timespec &moment, double seconds)
{
	const auto whole = static_cast<time_t>(seconds);
	moment.tv_sec += whole;
	moment.tv_nsec += static_cast<long>((seconds - static_cast<double>(whole)) * 1e9);
	moment.tv_sec += moment.tv_nsec / 1000000000;
	moment.tv_nsec %= 1000000000;
}

/// One look. 0; 1: there is nothing to be seen.
int look(live::processes &at, const options &wanted)
{
	const std::vector<live::snapshot> all = at.look(static_cast<uint64_t>(wanted.timeout_s * 1e9));
	if (all.empty() && (wanted.pid != 0 || !wanted.openmetrics)) {
		const std::string why = at.problem().empty()
						? "no process of yours publishes: start one with MEMPOOL_PUBLISH=1"
						: at.problem();
		std::cerr << "mempool: stat: " << why << '\n';
		return 1;
	}
	for (const live::snapshot &s : all)
		if (!s.problem.empty())
			std::cerr << "mempool: stat: " << s.problem << "; its last snapshot is shown\n";
	if (wanted.slabinfo && all.size() > 1) {
		std::cerr << "mempool: stat: " << all.size() << " processes publish; --slabinfo shows one: name it\n";
		return 1;
	}
	print(wanted.json          ? as_json(all)
	      : wanted.openmetrics ? as_openmetrics(all)
	      : wanted.slabinfo    ? as_slabinfo(all[0])
				   : as_table(all));
	return 0;
}

} // namespace

void add(CLI::App &app, options &wanted)
{
	CLI::App *stat = app.add_subcommand("stat", "Figures of the pools and caches of running processes");
	stat->add_option("PID", wanted.pid, "The number of a process of yours (default: all that publish)")
		->check(CLI::Range(1, INT_MAX));
	CLI::Option *json = stat->add_flag("--json", wanted.json, "Print one JSON object in one line");
	CLI::Option *metrics = stat->add_flag("--openmetrics", wanted.openmetrics, "Print metrics for Prometheus");
	CLI::Option *slabs =
		stat->add_flag("--slabinfo", wanted.slabinfo, "Print caches in the columns of /proc/slabinfo");
	for (CLI::Option *form : {json, metrics, slabs})
		form->disable_flag_override();
	json->excludes(metrics)->excludes(slabs);
	metrics->excludes(slabs);
	stat->add_option("--watch", wanted.watch_s, "Print again each so many seconds, until the processes end")
		->type_name("SECONDS")
		->check(CLI::Range(0.01, 86400.0));
	stat->add_option("--timeout", wanted.timeout_s, "Wait so long for a process that does not answer")
		->capture_default_str()
		->type_name("SECONDS")
		->check(CLI::Range(0.01, 3600.0));
	stat->footer(
		"A process publishes when it is started with MEMPOOL_PUBLISH=1, or calls mempool_publish_start().\n\n"
		"  mempool stat                         all of them, as tables\n"
		"  mempool stat 4711 --watch 1          one, each second\n"
		"  mempool stat --openmetrics >/var/lib/prometheus/node-exporter/mempool.prom\n"
		"  mempool stat --json | jq '.processes[].pools[] | {name, level: .curr_nr}'\n");
}

int run(const options &wanted)
{
	struct sigaction on_signal = {};
	on_signal.sa_handler = interrupt;
	sigaction(SIGINT, &on_signal, nullptr);
	sigaction(SIGTERM, &on_signal, nullptr);
	signal(SIGPIPE, SIG_IGN);

	live::processes at(wanted.pid);
	timespec next = {};
	clock_gettime(CLOCK_MONOTONIC, &next);
	int result = look(at, wanted);
	bool seen = result == 0;
	while (wanted.watch_s > 0 && interrupted == 0 && result == 0) {
		advance(next, wanted.watch_s);
		wait_until(next);
		if (interrupted != 0)
			break;
		if (!wanted.json)
			print("\n");
		result = look(at, wanted);
	}
	return seen && wanted.watch_s > 0 ? 0 : result; // watched to their end
}

} // namespace stat_command
