// SPDX-License-Identifier: MIT
//
// stat_openmetrics.cpp - snapshots as metrics: text that Prometheus reads, its
// textfile collector, and its check `promtool check metrics`. See stat.hpp.
//
// Counters are typed by their whole names, as Prometheus's text form has it; the
// last line is the one that OpenMetrics wants.
#include "tools/stat.hpp"

#include "tools/text.hpp"

namespace stat_command {
namespace {

using tools::text;
using pool = mempool_published_pool;
using cache = mempool_published_cache;

template <class Of> struct metric {
	const char *name;
	const char *help;
	double (*value)(const Of &of);
};

constexpr double ns_per_s = 1e9;

constexpr metric<pool> pool_metrics[] = {
	{"min_nr", "Elements that the reserve is to hold.", [](const pool &p) { return double(p.stats.min_nr); }},
	{"curr_nr", "Elements that the reserve holds now.", [](const pool &p) { return double(p.stats.curr_nr); }},
	{"lowest_nr", "Lowest level of the reserve since it was first full.",
	 [](const pool &p) { return double(p.stats.lowest_nr); }},
	{"waiters", "Threads asleep now, waiting for an element.",
	 [](const pool &p) { return double(p.stats.waiters); }},
	{"element_bytes", "Bytes of one element; 0: unknown.", [](const pool &p) { return double(p.element_bytes); }},
	{"guaranteed", "1: the certificate says that the reserve is guaranteed.",
	 [](const pool &p) { return double(p.cert.guaranteed); }},
	{"wait_longest_seconds", "The longest single sleep.",
	 [](const pool &p) { return double(p.stats.wait_longest_ns) / ns_per_s; }},
	{"allocs_total", "Elements handed out.", [](const pool &p) { return double(p.stats.allocs); }},
	{"frees_total", "Elements given back.", [](const pool &p) { return double(p.stats.frees); }},
	{"from_reserve_total", "Elements handed out from the reserve.",
	 [](const pool &p) { return double(p.stats.from_reserve); }},
	{"to_reserve_total", "Elements given back to the reserve.",
	 [](const pool &p) { return double(p.stats.to_reserve); }},
	{"backing_failures_total", "Times that the backing gave nothing.",
	 [](const pool &p) { return double(p.stats.backing_failures); }},
	{"failures_total", "Allocations that ended with NULL.", [](const pool &p) { return double(p.stats.failures); }},
	{"sleeps_total", "Times that a thread went to sleep.", [](const pool &p) { return double(p.stats.sleeps); }},
	{"timeouts_total", "Sleeps that the clock ended.", [](const pool &p) { return double(p.stats.timeouts); }},
	{"wait_seconds_total", "Time slept, all threads together.",
	 [](const pool &p) { return double(p.stats.wait_total_ns) / ns_per_s; }},
};

constexpr metric<cache> cache_metrics[] = {
	{"objects", "Objects allocated now.", [](const cache &c) { return double(c.stats.objects); }},
	{"slabs", "Slabs held now.", [](const cache &c) { return double(c.stats.slabs); }},
	{"slab_bytes", "Bytes of one slab.", [](const cache &c) { return double(c.stats.slab_bytes); }},
	{"slot_bytes", "Bytes that one object takes.", [](const cache &c) { return double(c.stats.slot_size); }},
	{"allocs_total", "Objects handed out.", [](const cache &c) { return double(c.stats.allocs); }},
	{"frees_total", "Objects given back.", [](const cache &c) { return double(c.stats.frees); }},
	{"failures_total", "Allocations that ended with NULL.",
	 [](const cache &c) { return double(c.stats.failures); }},
};

constexpr metric<live::snapshot> process_metrics[] = {
	{"snapshots_total", "Snapshots that the process has taken.",
	 [](const live::snapshot &s) { return double(s.process.snapshot); }},
	{"answers", "1: it answered in time; 0: the figures are of its last snapshot.",
	 [](const live::snapshot &s) { return s.problem.empty() ? 1.0 : 0.0; }},
	{"left_out", "Pools and caches that had no room.",
	 [](const live::snapshot &s) { return double(s.process.pools_left_out + s.process.caches_left_out); }},
};

/// A label's value, with what the form wants escaped. Bytes that are no UTF-8 would end the whole reading.
std::string value_text(const char *of)
{
	std::string out;
	for (; *of != 0; of++) {
		const auto byte = static_cast<unsigned char>(*of);
		if (byte == '"' || byte == '\\')
			out += std::string("\\") + *of;
		else if (byte == '\n')
			out += "\\n";
		else
			out += byte < 0x80 ? *of : '?';
	}
	return out;
}

std::string process_labels(const live::snapshot &s)
{
	return text("pid=\"%d\",program=\"%s\"", s.process.pid, value_text(s.process.program).c_str());
}

std::string heading(const std::string &name, const char *help)
{
	const bool counts = name.size() > 6 && name.compare(name.size() - 6, 6, "_total") == 0;
	return "# HELP " + name + " " + help + "\n# TYPE " + name + (counts ? " counter\n" : " gauge\n");
}

std::string sample(const std::string &name, const std::string &labels, double value)
{
	return name + "{" + labels + "} " + text("%.17g\n", value);
}

/// `members` of each snapshot, and `labels_of(snapshot, index)`.
template <class Of, size_t n, class Labels>
std::string all_of(const std::vector<live::snapshot> &all, const char *prefix, const metric<Of> (&metrics)[n],
		   std::vector<Of> live::snapshot::*members, Labels labels_of)
{
	std::string out;
	for (const metric<Of> &m : metrics) {
		const std::string name = std::string(prefix) + m.name;
		out += heading(name, m.help);
		for (const live::snapshot &s : all)
			for (size_t i = 0; i < (s.*members).size(); i++)
				out += sample(name, process_labels(s) + labels_of(s, i), m.value((s.*members)[i]));
	}
	return out;
}

} // namespace

std::string as_openmetrics(const std::vector<live::snapshot> &all)
{
	std::string out =
		heading("mempool_processes", "Processes that publish.") + text("mempool_processes %zu\n", all.size());
	for (const metric<live::snapshot> &m : process_metrics) {
		const std::string name = std::string("mempool_process_") + m.name;
		out += heading(name, m.help);
		for (const live::snapshot &s : all)
			out += sample(name, process_labels(s), m.value(s));
	}
	out += all_of(all, "mempool_pool_", pool_metrics, &live::snapshot::pools,
		      [](const live::snapshot &s, size_t i) {
			      return text(",pool=\"%s\",nth=\"%u\",backing=\"%s\"", value_text(s.pools[i].name).c_str(),
					  live::nth_of_name(s.pools, i), value_text(s.pools[i].backing).c_str());
		      });
	out += all_of(all, "mempool_cache_", cache_metrics, &live::snapshot::caches,
		      [](const live::snapshot &s, size_t i) {
			      return text(",cache=\"%s\",nth=\"%u\"", value_text(s.caches[i].name).c_str(),
					  live::nth_of_name(s.caches, i));
		      });
	return out + "# EOF\n";
}

} // namespace stat_command
