// SPDX-License-Identifier: MIT
//
// trace_convert.cpp - see trace_convert.hpp.
#include "tools/trace_convert.hpp"

#include <iostream>

namespace trace {
namespace {

struct format {
	const char *name;
	void (*write)(const std::vector<recording> &recordings, tools::output &to);
};
constexpr format formats[] = {{"perfetto", write_perfetto}, {"csv", write_csv}, {"html", write_html}};

void say_what_is_missing(const recording &r)
{
	if (r.lost.events() == 0)
		return;
	std::cerr << "mempool trace: " << r.path << ": " << r.lost.events() << " events are lost ("
		  << r.lost.overwritten << " overwritten, " << r.lost.unplaced << " of threads without a ring, "
		  << r.lost.unfinished << " not complete)\n";
}

} // namespace

const std::vector<std::string> &format_names()
{
	static const std::vector<std::string> names = [] {
		std::vector<std::string> all;
		for (const format &f : formats)
			all.emplace_back(f.name);
		return all;
	}();
	return names;
}

int convert(const options &wanted)
{
	std::vector<recording> recordings;
	for (const std::string &file : wanted.files)
		recordings.push_back(read_recording(file));
	for (const recording &r : recordings)
		say_what_is_missing(r);
	tools::output to(wanted.out);
	for (const format &f : formats)
		if (wanted.to == f.name)
			f.write(recordings, to);
	to.commit();
	return 0;
}

} // namespace trace
