// SPDX-License-Identifier: MIT
//
// calls.cpp - runs one of our entries some hundreds of times and nothing else,
// so that callgrind can count the instructions of a call (tests/bench/calls).
#include "lists.hpp"

#include <cstdio>
#include <cstdlib>

int main(int argc, char **argv)
{
	using namespace bench;
	const std::span<const peer> peers = our_peers();
	const auto wanted = argc == 3 ? strtoul(argv[1], nullptr, 10) : SIZE_MAX;
	if (wanted >= peers.size()) {
		// One a line, for the script.
		for (const peer &p : peers)
			printf("%s: %s\n", p.name, p.what);
		return argc == 1 ? 0 : 2;
	}
	const peer &p = peers[wanted];
	const demand d = {64, 256, 1};
	void *context = p.create(&p, &d);
	if (context == nullptr)
		return 1;
	// A loop that is over from the start makes two passes of 256 pairs each: see worker::run().
	const std::atomic<int> now = over;
	for (unsigned long i = 0; i < strtoul(argv[2], nullptr, 10); i++) {
		worker w(0, now);
		p.call.direct->batches(w, context, {1, 0, false});
	}
	p.destroy(context);
	return 0;
}
