// SPDX-License-Identifier: MIT
//
// measure.cpp - the workloads, and the rounds. The peers of a workload take
// turns: this kind of machine changes its speed from second to second, so only
// what was measured side by side is compared.
#include "measure.hpp"

#include "memory.hpp"
#include "ticks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

namespace bench {

namespace {

constexpr const char *latency_key = "latency";
constexpr const char *memory_key = "memory";
constexpr unsigned reserve_elements = 256;

// A batch of 8: sixteen threads want at most half of the reserve at a time, and none waits long for another.
workload from_the_reserve(const char *key, const char *title, unsigned threads)
{
	return {.key = key,
		.title = title,
		.threads = threads,
		.batch = 8,
		.roles = role_reserve,
		.reserve = reserve_elements};
}

std::vector<workload> list_workloads()
{
	return {
		{.key = "pair-64", .title = "Pair, 64 B: allocate, free, at once"},
		{.key = "pair-64-live", .title = "The same with 1,000 elements live", .live = 1000},
		{.key = "pair-4096", .title = "Pair, 4 KiB", .size = 4096},
		{.key = "batch-64", .title = "Batch, 64 B: 64 allocated, freed in random order", .batch = 64},
		{.key = "batch-4096", .title = "Batch, 4 KiB", .size = 4096, .batch = 64},
		{.key = "pair-64-2t", .title = "2 threads, pair, 64 B", .threads = 2, .with_one_thread = true},
		{.key = "batch-64-16t",
		 .title = "16 threads, batch, 64 B",
		 .threads = 16,
		 .batch = 64,
		 .with_one_thread = true},
		{.key = "pipe",
		 .title = "Pipe, 64 B: one thread allocates, another frees",
		 .form = shape::pipe,
		 .threads = 2,
		 .roles = role_ordinary | role_pointers},
		from_the_reserve("reserve-1t", "All from the reserve, 256 elements, 1 thread", 1),
		from_the_reserve("reserve-2t", "All from the reserve, 2 threads", 2),
		from_the_reserve("reserve-16t", "All from the reserve, 16 threads", 16),
		{.key = "callbacks", .title = "A user's own callbacks as backing", .roles = role_callbacks},
		{.key = "recording", .title = "While events are recorded", .roles = role_recording},
		{.key = "publishing", .title = "While the process publishes its pools", .roles = role_publishing},
	};
}

series empty_series(const peer &p, const std::string &suffix, unsigned rounds)
{
	return {.name = p.name + suffix,
		.what = p.what,
		.roles = p.roles,
		.rounds = std::vector<double>(rounds, std::nan(""))};
}

/// How far it is: this takes minutes.
void say(const std::string &what)
{
	static const uint64_t start = now_ns();
	fprintf(stderr, "bench: %5.1f s  %s\n", static_cast<double>(now_ns() - start) / 1e9, what.c_str());
}

/// The lanes of one workload, and the table that they fill.
struct field {
	explicit field(const settings &s) : how(s) {}

	void enter(const peer &p, const workload &w, const std::string &suffix = "")
	{
		auto l = std::make_unique<lane>(p, w, how.tabled);
		if (!l->exists())
			return;
		lanes.push_back(std::move(l));
		figures.rows.push_back(empty_series(p, suffix, how.rounds));
	}

	const settings &how;
	std::vector<std::unique_ptr<lane>> lanes;
	table figures;
};

void enter_all(field &f, const roll &peers, const workload &w)
{
	for (const peer &p : peers.peers) {
		if (!takes_part(p, w))
			continue;
		f.enter(p, w);
		if (!w.with_one_thread || (p.roles & role_ours) == 0)
			continue;
		workload alone = w;
		alone.threads = 1;
		f.enter(p, alone, ", 1 thread");
	}
}

/// Calls turn(i, round) for each of `count` peers in each round, beginning with another one each time. It returns what
/// the turn took, in ns: who takes far longer than a turn has collapsed, and sits out the other rounds.
template <class Turn> void rounds(const settings &how, size_t count, Turn turn)
{
	const double too_long_ns = how.slice_ms * 1e6 * 10;
	std::vector<bool> collapsed(count);
	for (unsigned round = 0; round < how.rounds; round++)
		for (size_t place = 0; place < count; place++) {
			const size_t i = (place + round) % count;
			if (!collapsed[i])
				collapsed[i] = turn(i, round) > too_long_ns;
		}
}

void measure_workload(results &into, const roll &peers, const workload &w)
{
	field f(into.how);
	f.figures.key = w.key;
	f.figures.title = w.title;
	f.figures.unit = "ns";
	enter_all(f, peers, w);
	rounds(into.how, f.lanes.size(), [&](size_t i, unsigned round) {
		const crew_result r = f.lanes[i]->run(into.how.slice_ms);
		f.figures.rows[i].rounds[round] = r.ns;
		f.figures.rows[i].failures += r.failures;
		return r.wall_ns;
	});
	into.tables.push_back(std::move(f.figures));
}

void measure_latency(results &into, const roll &peers)
{
	const workload w = from_the_reserve(latency_key, "", 16);
	field f(into.how);
	enter_all(f, peers, w);
	std::vector<table> tables;
	for (const char *part : {"p50", "p99", "p99.99", "longest"})
		tables.push_back({std::string(latency_key) + "-" + part,
				  std::string("All from the reserve, 16 threads, one operation: ") + part, "ns",
				  f.figures.rows});
	const double ns = tick_ns();
	rounds(into.how, f.lanes.size(), [&](size_t i, unsigned round) {
		histogram times;
		const crew_result r = f.lanes[i]->run_timed(into.how.slice_ms, times);
		const double values[] = {times.percentile(0.5), times.percentile(0.99), times.percentile(0.9999),
					 static_cast<double>(times.greatest())};
		for (size_t part = 0; part < tables.size(); part++) {
			tables[part].rows[i].rounds[round] = values[part] * ns;
			tables[part].rows[i].failures += r.failures;
		}
		return r.wall_ns;
	});
	for (table &t : tables)
		into.tables.push_back(std::move(t));
}

void measure_memories(results &into, const roll &peers, const std::string &plugins)
{
	table t = {memory_key, "Memory for each 64 B element, 1,000,000 live", "B", {}};
	for (size_t i = 0; i < peers.peers.size(); i++) {
		const peer &p = peers.peers[i];
		if ((p.roles & role_ordinary) == 0 || (p.roles & role_limit) != 0)
			continue;
		series s = empty_series(p, "", 1);
		s.rounds[0] = measure_memory(plugins, i);
		if (!std::isnan(s.rounds[0]))
			t.rows.push_back(std::move(s));
	}
	into.tables.push_back(std::move(t));
}

} // namespace

const std::vector<workload> &plain_workloads()
{
	static const std::vector<workload> list = list_workloads();
	return list;
}

std::vector<std::string> all_keys()
{
	std::vector<std::string> keys;
	for (const workload &w : plain_workloads())
		keys.push_back(w.key);
	keys.emplace_back(latency_key);
	keys.emplace_back(memory_key);
	for (const std::string &key : curve_keys())
		keys.push_back(key);
	return keys;
}

void measure(results &into, const roll &peers, const std::vector<std::string> &keys, const std::string &plugins)
{
	for (const std::string &key : keys) {
		say(key);
		const auto &plain = plain_workloads();
		const auto w =
			std::find_if(plain.begin(), plain.end(), [&](const workload &x) { return x.key == key; });
		if (w != plain.end())
			measure_workload(into, peers, *w);
		else if (key == latency_key)
			measure_latency(into, peers);
		else if (key == memory_key)
			measure_memories(into, peers, plugins);
		else
			measure_curve(into, peers, key);
	}
	judge(into);
}

} // namespace bench
