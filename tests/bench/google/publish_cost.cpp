// SPDX-License-Identifier: MIT
//
// publish_cost.cpp - what publishing adds to an allocation and its free: rounds
// without, rounds with it, and rounds while somebody looks each 100 ms, in turns,
// in one process on one CPU. Prints the lower quartile of each and the ratios;
// exit status 1 when a ratio without a reader is above 1.02.
//
//   chrt -f 50 taskset -c 1 build/bench/publish-cost [ROUNDS]
#include "mempool/mempool-publish.h"
#include "mempool/mempool.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr int pairs = 200'000;

uint64_t now_ns()
{
	timespec t = {};
	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

/// Of a pair, in ns.
double round_of(mempool_t *pool)
{
	const uint64_t start = now_ns();
	for (int i = 0; i < pairs; i++) {
		void *element = mempool_alloc(pool, GFP_KERNEL);
		asm volatile("" : : "r"(element) : "memory");
		mempool_free(element, pool);
	}
	return static_cast<double>(now_ns() - start) / pairs;
}

double lower_quartile(std::vector<double> of)
{
	std::sort(of.begin(), of.end());
	return of[of.size() / 4];
}

void look(const std::atomic<bool> &done)
{
	mempool_view *view = nullptr;
	while (mempool_view_open(getpid(), &view, nullptr) != 0 && !done)
		usleep(1000);
	while (!done) {
		static_cast<void>(mempool_view_refresh(view, 1'000'000'000, nullptr));
		usleep(100'000);
	}
	mempool_view_close(view);
}

} // namespace

int main(int argc, char **argv)
{
	const int rounds = argc > 1 ? atoi(argv[1]) : 60;
	mempool_t *pool = mempool_create_kmalloc_pool(64, 128);
	std::vector<double> without;
	std::vector<double> with;
	std::vector<double> watched;
	if (pool == nullptr || rounds < 4)
		return 2;
	round_of(pool); // to warm up
	for (int i = 0; i < rounds; i++) {
		// In another order each time: neither has the better place.
		for (int j = 0; j < 2; j++) {
			if ((i + j) % 2 == 0) {
				without.push_back(round_of(pool));
				continue;
			}
			if (mempool_publish_start(nullptr, nullptr) != 0)
				return 2;
			usleep(2000); // the first snapshot is over
			with.push_back(round_of(pool));
			mempool_publish_stop();
		}
	}
	std::atomic<bool> done{false};
	if (mempool_publish_start(nullptr, nullptr) != 0)
		return 2;
	std::thread reader(look, std::cref(done));
	for (int i = 0; i < rounds; i++)
		watched.push_back(round_of(pool));
	done = true;
	reader.join();
	mempool_publish_stop();

	const double base = lower_quartile(without);
	const double ratio = lower_quartile(with) / base;
	printf("a pair without publishing %.2f ns, with it %.2f ns (ratio %.3f), with a reader %.2f ns (ratio %.3f)\n",
	       base, lower_quartile(with), ratio, lower_quartile(watched), lower_quartile(watched) / base);
	mempool_destroy(pool);
	return ratio <= 1.02 ? 0 : 1;
}
