// SPDX-License-Identifier: MIT
//
// memory.cpp - see memory.hpp. One million elements of 64 bytes are made and
// touched, in a fresh process for each peer: what one leaves behind, or takes
// over from another, does not count.
#include "memory.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unistd.h>

namespace bench {

namespace {

constexpr unsigned live_elements = 1'000'000;

/// Resident bytes of this process, counted by the kernel page by page; the figures of /proc/self/statm lag behind.
double resident_bytes()
{
	const std::unique_ptr<FILE, int (*)(FILE *)> file(fopen("/proc/self/smaps_rollup", "re"), fclose);
	char line[256];
	while (file != nullptr && fgets(line, sizeof(line), file.get()) != nullptr)
		if (strncmp(line, "Rss:", 4) == 0)
			return strtod(line + 4, nullptr) * 1024;
	return std::nan("");
}

} // namespace

int print_memory(const roll &r, size_t peer_index)
{
	if (peer_index >= r.peers.size())
		return 2;
	const peer &p = r.peers[peer_index];
	// Touched now, so that it is in the first figure.
	std::vector<void *> elements(live_elements, &elements);
	const double before = resident_bytes();
	const demand wanted = {64, live_elements, 1};
	void *context = p.create(&p, &wanted);
	if (context == nullptr)
		return 3;
	if (p.thread_begin != nullptr)
		p.thread_begin(context);
	for (void *&element : elements) {
		element = p.call.alloc(context);
		if (element == nullptr)
			return 3;
		*static_cast<volatile size_t *>(element) = 1;
	}
	printf("%.3f\n", (resident_bytes() - before) / live_elements);
	fflush(stdout);
	// The process ends with all it has: taking it down properly is not what is measured.
	_Exit(0);
}

double measure_memory(const std::string &plugins, size_t peer_index)
{
	const std::string command =
		"exec /proc/" + std::to_string(getpid()) + "/exe --memory-of " + std::to_string(peer_index);
	setenv("BENCH_PLUGINS", plugins.c_str(), 1);
	const std::unique_ptr<FILE, int (*)(FILE *)> child(popen(command.c_str(), "re"), pclose);
	double bytes = 0;
	return child != nullptr && fscanf(child.get(), "%lf", &bytes) == 1 ? bytes : std::nan("");
}

} // namespace bench
