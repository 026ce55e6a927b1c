// SPDX-License-Identifier: MIT
//
// demo_run.cpp - see demo_run.hpp.
#include "tools/demo_run.hpp"

#include "tools/demo_daemon.hpp"
#include "tools/demo_feeder.hpp"
#include "tools/interrupt.hpp"
#include "tools/memory_cgroup.hpp"
#include "tools/text.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

namespace demo {

using tools::now_ns;
using tools::text;

namespace {

constexpr uint64_t ns_per_s = 1000000000;
constexpr uint64_t ns_per_ms = 1000000;
constexpr uint64_t stall_s = 15; // without any message taken: logd is stuck
constexpr int stop_timeout_ms = 30000;
constexpr int give_up_timeout_ms = 3000;

const char *name_of(phase p)
{
	switch (p) {
	case phase::before:
		return "memory is plenty";
	case phase::exhausted:
		return "memory is exhausted";
	case phase::after:
		break;
	}
	return "memory is back";
}

[[noreturn]] void fail(const std::string &why)
{
	if (tools::interrupted() != 0) // what else failed, failed because of that
		throw failure("interrupted", 128 + tools::interrupted());
	throw failure(why);
}

/// Waits for the senders; cancels them when it makes no sense to go on.
void watch_senders(feeder &senders, daemon &logd, progress &shown)
{
	uint64_t last_sent = 0;
	uint64_t last_sent_ns = now_ns();
	while (!senders.finished()) {
		if (!logd.watch(20))
			senders.cancel("logd ended in the middle");
		if (tools::interrupted() != 0)
			senders.cancel("interrupted");
		const uint64_t sent = senders.sent();
		if (sent != last_sent) {
			last_sent = sent;
			last_sent_ns = now_ns();
		} else if (now_ns() - last_sent_ns > stall_s * ns_per_s) {
			senders.cancel(text("logd took no message for %u s", static_cast<unsigned>(stall_s)));
		}
		if (senders.failed().empty())
			shown.update(name_of(senders.now()), sent);
	}
}

void read_pool(const nlohmann::json &pool, logd_figures &figures)
{
	pool.at("backing_failures").get_to(figures.backing_failures);
	pool.at("from_reserve").get_to(figures.from_reserve);
	pool.at("lowest").get_to(figures.lowest);
	pool.at("sleeps").get_to(figures.sleeps);
	pool.at("wait_total_ns").get_to(figures.wait_total_ns);
	pool.at("wait_longest_ns").get_to(figures.wait_longest_ns);
}

void read_certificate(const nlohmann::json &certificate, logd_figures &figures)
{
	certificate.at("guaranteed").get_to(figures.guaranteed);
	certificate.at("doubts").get_to(figures.doubts);
}

void read_figures(const std::string &path, uint64_t began_ns, run_result &result)
{
	try {
		std::ifstream file(path);
		const nlohmann::json all = nlohmann::json::parse(file);
		all.at("received").get_to(result.figures.received);
		all.at("lost").get_to(result.figures.lost);
		all.at("p50_ns").get_to(result.figures.p50_ns);
		all.at("p99_ns").get_to(result.figures.p99_ns);
		all.at("longest_ns").get_to(result.figures.longest_ns);
		if (all.contains("pool"))
			read_pool(all.at("pool"), result.figures);
		if (all.contains("certificate"))
			read_certificate(all.at("certificate"), result.figures);
		for (const nlohmann::json &one : all.at("samples")) {
			const auto at_ns = one.at(0).get<uint64_t>();
			result.samples.push_back({at_ns > began_ns ? at_ns - began_ns : 0, one.at(1).get<int>()});
		}
	} catch (const nlohmann::json::exception &e) {
		throw failure(path + ": logd's figures cannot be read: " + e.what());
	}
}

/// Stops logd, which first writes all that it has.
void stop(daemon &logd, progress &shown, const run_result &result)
{
	shown.update("waiting for logd to write the rest", result.sent);
	if (!logd.stop(stop_timeout_ms))
		fail(result.allocator + ": logd did not end within 30 s of SIGTERM");
	if (!logd.how_it_ended().empty())
		fail(result.allocator + ": logd failed (" + logd.how_it_ended() + ")");
}

/// Feeds logd with everything. False when the OOM killer ended it on the way.
bool feed(daemon &logd, const tools::memory_cgroup *cgroup, const script &what, const std::string &socket,
	  uint64_t began_ns, progress &shown, run_result &result)
{
	feeder senders(what, socket, [&](phase next) {
		if (next == phase::after) {
			result.exhausted_until_ns = now_ns() - began_ns;
			return logd.release();
		}
		std::string why = logd.begin_hoarding(result.hoarded_bytes);
		result.exhausted_from_ns = now_ns() - began_ns;
		return why;
	});
	watch_senders(senders, logd, shown);
	result.sent = senders.sent();
	const std::string why = senders.failed();
	if (why.empty())
		return true;

	if (tools::interrupted() == 0 && cgroup != nullptr) {
		// The kernel ends its sockets first, and then the process.
		const uint64_t deadline_ns = now_ns() + give_up_timeout_ms * ns_per_ms;
		while (now_ns() < deadline_ns && cgroup->oom_kills() > 0 && logd.watch(10))
			continue;
		if (cgroup->oom_kills() > 0 && logd.was_killed())
			return false;
	}
	logd.stop(give_up_timeout_ms);
	const std::string ended = logd.how_it_ended();
	fail(result.allocator + ": " + why + (ended.empty() ? "" : " (logd: " + ended + ")"));
}

void make_cgroup(std::optional<tools::memory_cgroup> &cgroup)
{
	try {
		cgroup.emplace("mempool-demo", cgroup_limit_bytes);
	} catch (const tools::no_memory_cgroup &e) {
		throw failure(std::string("--cgroup: ") + e.what() +
			      (e.not_allowed ? "; run it as root, or where memory cgroups are delegated to you "
					       "(systemd-run --user --scope -p Delegate=yes mempool demo --cgroup)"
					     : "; the demo without --cgroup needs none"));
	}
}

} // namespace

run_result run_logd(const std::string &logd_path, const std::string &allocator, const options &wanted,
		    const script &what, const workdir &files, progress &shown)
{
	run_result result;
	result.allocator = allocator;
	const std::string socket = files.socket(allocator + ".sock");
	const std::string output = files.file(allocator + ".log");
	const std::string figures = files.file(allocator + ".json");

	std::optional<tools::memory_cgroup> cgroup;
	if (wanted.cgroup)
		make_cgroup(cgroup);

	shown.begin(allocator, what.messages());
	daemon logd({logd_path, "--socket", socket, "--output", output, "--stats", figures, "--allocator", allocator,
		     "--min-nr", std::to_string(wanted.min_nr)},
		    cgroup ? cgroup->procs_file() : "",
		    [&](const std::string &line) { shown.note(allocator + ": " + line); });
	logd.wait_until_listening(socket);

	const uint64_t began_ns = now_ns();
	result.oom_killed = !feed(logd, cgroup ? &*cgroup : nullptr, what, socket, began_ns, shown, result);
	if (!result.oom_killed)
		stop(logd, shown, result);
	result.took_ns = now_ns() - began_ns;
	shown.end();
	if (result.oom_killed) {
		result.exhausted_until_ns = result.took_ns;
		shown.note(allocator + ": logd was killed by the kernel, as its cgroup had no memory left");
	} else {
		read_figures(figures, began_ns, result);
	}
	result.compared = compare(what, output, result.oom_killed);
	return result;
}

} // namespace demo
