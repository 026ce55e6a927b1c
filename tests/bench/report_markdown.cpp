// SPDX-License-Identifier: MIT
//
// report_markdown.cpp - the report that people read. No state.
#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace bench {

namespace {

std::string joined(const std::vector<std::string> &all, const char *between)
{
	std::string text;
	for (const std::string &one : all)
		text += (text.empty() ? "" : between) + one;
	return text.empty() ? "none" : text;
}

void head(std::ostream &o, const results &r)
{
	o << "# Benchmark\n\n"
	  << r.on.date << "; " << r.on.cpu << ", " << r.on.cpus << " CPUs; " << r.on.kernel << "; " << r.on.compiler
	  << "; rseq " << (r.on.rseq ? "registered" : "missing") << ".\n\n"
	  << "Measured beside ours: " << joined(r.versions, ", ") << ".\n"
	  << "Left out: " << joined(r.left_out, "; ") << ".\n\n"
	  << r.how.rounds << " rounds; in each, the peers of a workload took turns of " << r.how.slice_ms
	  << " ms. A figure is the median of its rounds, in ns for one allocation plus one free with the first 8 "
	     "bytes touched; a ratio is the median of the rounds' ratios. One thread is timed by its own CPU time, "
	     "more "
	     "by the clock, times the CPUs that they can keep busy. "
	  << (r.how.tabled ? "Everybody is called through one table of functions, which costs each the same."
			   : "Everybody is called as its users do it: what lies in headers is inlined, what lies in a "
			     "shared "
			     "library, ours too, is called by its exported functions.")
	  << " ± is the width of the middle half of the rounds.\n";
	if (r.on.others > noisy_neighbours)
		o << "\n**Meanwhile, other processes kept " << figure(r.on.others) << " of " << r.on.cpus
		  << " CPUs busy: rows with several threads mean little.**\n";
	if (r.how.quick)
		o << "\n**A quick run: good for a look, not for a judgement.**\n";
}

void verdicts(std::ostream &o, const results &r)
{
	if (r.verdicts.empty())
		return;
	o << "\n## Targets\n\n| workload | target | against | reached | met |\n|---|---|---|---:|---|\n";
	for (const verdict &v : r.verdicts)
		o << "| " << v.title << " | " << v.rule << " | " << (v.against.empty() ? "-" : v.against) << " | "
		  << figure(v.reached) << " " << v.unit << " | "
		  << (!v.measured() ? "not measured"
		      : v.met()     ? "yes"
				    : "no")
		  << (v.stretch ? " (stretch)" : "") << " |\n";
}

std::string ratio_cell(const series *ours, const series &other)
{
	return ours == nullptr ? "-" : figure(median_ratio(*ours, other));
}

void one_table(std::ostream &o, const table &t)
{
	o << "\n### " << t.title << " (`" << t.key << "`)\n\n| | " << t.unit
	  << " | ± % | mempool / it | | failed tries | what is called |\n|---|---:|---:|---:|---|---:|---|\n";
	const series *ours = t.find("mempool");
	for (const series *s : by_median(t))
		o << "| " << s->name << " | " << figure(median(*s)) << " | " << figure(spread_percent(*s)) << " | "
		  << ratio_cell(ours, *s) << " | " << kind_of(s->roles) << " | " << s->failures << " | " << s->what
		  << " |\n";
}

void one_curve(std::ostream &o, const curve &c)
{
	o << "\n### " << c.title << " (`" << c.key << "`)\n\n| " << c.x << " |";
	for (const double x : c.at)
		o << " " << x << " |";
	o << "\n|---|";
	for (size_t i = 0; i < c.at.size(); i++)
		o << "---:|";
	for (const curve::line &l : c.lines) {
		o << "\n| " << l.name << " |";
		for (const double ns : l.ns)
			o << " " << figure(ns) << " |";
	}
	o << "\n";
}

} // namespace

std::string markdown(const results &r)
{
	std::ostringstream o;
	o.precision(10);
	head(o, r);
	verdicts(o, r);
	if (!r.tables.empty())
		o << "\n## Figures\n";
	for (const table &t : r.tables) {
		if (t.key == "latency-p50")
			o << "\nReading the clock costs " << figure(r.how.clock_ns)
			  << " ns, which is in each of the latencies below.\n";
		one_table(o, t);
	}
	if (!r.curves.empty())
		o << "\n## Growth\n\nMedians of up to 3 rounds, in ns.\n";
	for (const curve &c : r.curves)
		one_curve(o, c);
	return o.str();
}

} // namespace bench
