// SPDX-License-Identifier: MIT
//
// curves.cpp - how a cost grows with threads, with elements, and with their
// size, for ours and a few peers. No state.
#include "measure.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

namespace bench {

namespace {

struct growth {
	const char *key;
	const char *title;
	const char *x;
	std::vector<double> at;
	std::vector<const char *> whom;
	workload (*at_point)(unsigned x);
};

const std::vector<growth> &growths()
{
	static const std::vector<const char *> ordinary = {"mempool",  "dpdk-c", "tcmalloc",
							   "mimalloc", "glibc",  "rseq"};
	static const std::vector<growth> all = {
		{"grow-threads",
		 "Batch of 64, 64 B, with the number of threads",
		 "threads",
		 {1, 2, 4, 8, 16, 32, 64},
		 ordinary,
		 [](unsigned x) { return workload{.form = shape::batch, .threads = x, .batch = 64}; }},
		{"grow-reserve",
		 "All from a reserve of 1,024, batch of 8, with the number of threads",
		 "threads",
		 {1, 2, 4, 8, 16, 32, 64},
		 {"mempool", "preallocated", "boost freelist", "cas16 stack", "mutex array", "rseq"},
		 [](unsigned x) {
			 return workload{.form = shape::batch,
					 .threads = x,
					 .batch = 8,
					 .roles = role_reserve,
					 .reserve = 1024};
		 }},
		{"grow-elements",
		 "Batch, 64 B, with the number of elements in it",
		 "elements",
		 {1, 10, 100, 1000, 10'000, 100'000, 1'000'000},
		 ordinary,
		 [](unsigned x) { return workload{.form = shape::batch, .batch = x}; }},
		{"grow-size",
		 "Batch of 16, with the size of an element",
		 "bytes",
		 {16, 64, 256, 1024, 4096, 16'384, 65'536},
		 ordinary,
		 [](unsigned x) { return workload{.form = shape::batch, .size = x, .batch = 16}; }},
	};
	return all;
}

const peer *find_peer(const roll &peers, const char *name, const workload &w)
{
	for (const peer &p : peers.peers)
		if (strcmp(p.name, name) == 0 && takes_part(p, w))
			return &p;
	return nullptr;
}

/// The medians of all lines at one point.
void measure_point(curve &c, const growth &g, const roll &peers, const settings &how, unsigned x)
{
	const workload w = g.at_point(x);
	std::vector<std::unique_ptr<lane>> lanes;
	std::vector<std::vector<double>> figures(g.whom.size());
	for (const char *name : g.whom) {
		const peer *p = find_peer(peers, name, w);
		lanes.push_back(p == nullptr ? nullptr : std::make_unique<lane>(*p, w, how.tabled));
	}
	const unsigned count = how.quick ? 1 : std::min(how.rounds, 3U);
	for (unsigned round = 0; round < count; round++)
		for (size_t i = 0; i < lanes.size(); i++)
			if (lanes[i] != nullptr && lanes[i]->exists())
				figures[i].push_back(lanes[i]->run(how.slice_ms).ns);
	for (size_t i = 0; i < lanes.size(); i++) {
		c.lines[i].ns.push_back(median(figures[i]));
		if (lanes[i] != nullptr)
			c.lines[i].roles = lanes[i]->who().roles;
	}
}

} // namespace

std::vector<std::string> curve_keys()
{
	std::vector<std::string> keys;
	for (const growth &g : growths())
		keys.emplace_back(g.key);
	return keys;
}

bool measure_curve(results &into, const roll &peers, const std::string &key)
{
	for (const growth &g : growths()) {
		if (key != g.key)
			continue;
		curve c = {g.key, g.title, g.x, g.at, {}};
		for (const char *name : g.whom)
			c.lines.push_back({name, 0, {}});
		// A quick run has no time for a million elements.
		if (into.how.quick)
			std::erase_if(c.at, [](double x) { return x > 100'000; });
		for (const double x : c.at)
			measure_point(c, g, peers, into.how, static_cast<unsigned>(x));
		std::erase_if(c.lines, [](const curve::line &l) { return std::isnan(median(l.ns)); });
		into.curves.push_back(std::move(c));
		return true;
	}
	return false;
}

} // namespace bench
