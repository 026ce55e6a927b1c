// SPDX-License-Identifier: MIT
//
// driver.cpp - the benchmark's command: reads the arguments, measures, and
// writes the reports.
#include "measure.hpp"
#include "memory.hpp"
#include "report.hpp"
#include "ticks.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace {

using namespace bench;

struct options {
	std::string out = ".";
	std::string plugins;
	std::string filter;
	settings how;
	int memory_of = -1;
	bool list = false;
};

/// jemalloc and others want more thread-local memory than a process that loads them late has left.
void make_room_for_plugins(char **argv)
{
	constexpr const char *variable = "GLIBC_TUNABLES";
	constexpr const char *room = "glibc.rtld.optional_static_tls=32768";
	const char *old = getenv(variable);
	if (old != nullptr && strstr(old, "optional_static_tls") != nullptr)
		return;
	const std::string both = (old != nullptr && *old != '\0' ? std::string(old) + ":" : "") + room;
	setenv(variable, both.c_str(), 1);
	// On failure, go on: what cannot be loaded is left out.
	execv("/proc/self/exe", argv);
}

std::vector<std::string> split(const std::string &text)
{
	std::vector<std::string> parts;
	std::stringstream stream(text);
	for (std::string part; stream >> part;)
		parts.push_back(part);
	return parts;
}

/// The keys that are asked for, in their order; ends the program when one is unknown.
std::vector<std::string> chosen_keys(std::string filter)
{
	std::replace(filter.begin(), filter.end(), ',', ' ');
	const std::vector<std::string> wanted = split(filter);
	std::vector<std::string> keys = all_keys();
	for (const std::string &name : wanted)
		if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
			fprintf(stderr, "bench: there is no workload '%s'; --list names them\n", name.c_str());
			exit(2);
		}
	if (!wanted.empty())
		std::erase_if(keys, [&](const std::string &key) {
			return std::find(wanted.begin(), wanted.end(), key) == wanted.end();
		});
	return keys;
}

/// False, and said why, when the text is not all in the file.
bool write_file(const std::string &path, const std::string &text)
{
	FILE *file = fopen(path.c_str(), "we");
	bool written = file != nullptr && fwrite(text.data(), 1, text.size(), file) == text.size();
	// The disk may turn out to be full only when the last bytes leave the buffer.
	if (file != nullptr && fclose(file) != 0)
		written = false;
	if (!written)
		fprintf(stderr, "bench: %s: %s\n", path.c_str(), strerror(errno));
	return written;
}

bool write_reports(const results &r, const std::string &folder)
{
	bool written = write_file(folder + "/bench.md", markdown(r));
	written = write_file(folder + "/bench.json", json_text(r)) && written;
	written = write_file(folder + "/bench.svg", bars_svg(r)) && written;
	if (!r.curves.empty())
		written = write_file(folder + "/curves.svg", curves_svg(r)) && written;
	return written;
}

/// Before the long work, not after it.
bool can_write(const std::string &folder)
{
	std::error_code error;
	std::filesystem::create_directories(folder, error);
	return write_file(folder + "/bench.md", "");
}

void parse(options &o, int argc, char **argv)
{
	CLI::App app(
		"Measures libmempool beside its peers, and writes bench.md, bench.json, bench.svg and curves.svg.");
	app.add_option("--out", o.out, "folder for the reports")->capture_default_str();
	app.add_option("--plugins", o.plugins, "folder of the peers' plugins (default: beside this program)")
		->envname("BENCH_PLUGINS");
	app.add_option("--filter", o.filter, "workloads, separated by commas (default: all)");
	app.add_option("--rounds", o.how.rounds, "rounds (default: 9, quick: 3)")->check(CLI::Range(1, 1000));
	app.add_option("--ms", o.how.slice_ms, "one turn of one peer, in ms (default: 50, quick: 8)")
		->check(CLI::Range(1, 10'000));
	app.add_flag("--quick", o.how.quick, "a short look");
	app.add_flag("--table", o.how.tabled, "call everybody through a table of functions, and inline nobody");
	app.add_flag("--list", o.list, "name the workloads, and stop");
	app.add_option("--memory-of", o.memory_of, "the program's own")->group("");
	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &e) {
		exit(app.exit(e) == 0 ? 0 : 2);
	}
	if (o.plugins.empty())
		o.plugins = std::filesystem::read_symlink("/proc/self/exe").parent_path();
	if (app.count("--rounds") == 0)
		o.how.rounds = o.how.quick ? 3 : 9;
	if (app.count("--ms") == 0)
		o.how.slice_ms = o.how.quick ? 8 : 50;
}

int run(const options &o)
{
	const std::vector<std::string> keys = chosen_keys(o.filter);
	if (o.list) {
		for (const std::string &key : keys)
			puts(key.c_str());
		return 0;
	}
	if (o.memory_of < 0 && !can_write(o.out))
		return 1;
	if (o.memory_of >= 0) {
		const auto only = static_cast<size_t>(o.memory_of);
		return print_memory(all_peers(o.plugins, only), only);
	}
	const roll peers = all_peers(o.plugins);
	// With one thread alone, glibc takes short cuts that no real program with threads gets.
	std::thread([] { pause(); }).detach();
	results r;
	r.on = describe_machine();
	r.how = o.how;
	r.how.clock_ns = clock_cost_ns();
	r.versions = peers.versions;
	r.left_out = peers.left_out;
	const neighbours others;
	measure(r, peers, keys, o.plugins);
	r.on.others = others.cpus();
	if (r.on.others > noisy_neighbours)
		fprintf(stderr, "bench: others kept %.1f CPUs busy: rows with several threads mean little\n",
			r.on.others);
	return write_reports(r, o.out) ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
	int status = 1;
	try {
		make_room_for_plugins(argv);
		options o;
		parse(o, argc, argv);
		status = run(o);
	} catch (const std::exception &e) {
		fprintf(stderr, "bench: %s\n", e.what());
	}
	fflush(nullptr);
	// A dozen allocators have their own opinions on how a process ends; none is asked.
	_exit(status);
}
