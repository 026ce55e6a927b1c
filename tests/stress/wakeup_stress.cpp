// SPDX-License-Identifier: MIT
//
// wakeup_stress.cpp - no wake-up is ever lost (PAR-24, ORD-2).
//
// Round by round, all elements of a pool with an empty backing are out, some
// threads fall asleep for one or several, and the elements come back, once, at
// random moments. Whoever is served gives back at once. So all must be served,
// long before the 5 s after which a sleeper looks again by itself and hides
// what went wrong. Nobody else frees: no later wake-up makes up for a lost one.
//
//   STRESS_SECONDS=n   how long (default 10)
//   THREADS=n          how many sleepers (default 6)
//   SEED=n             the seed of all random numbers; printed at the start
//
// Ends with `N passed, N failed`, counted in rounds.
#include "tests/stress/stress_support.hpp"

#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <sched.h>
#include <thread>
#include <vector>

namespace {

using namespace stress;

constexpr int min_nr = 4;
constexpr uint64_t patience_ns = 4'000'000'000; // less than the 5 s, more than a machine under load needs

/// Makes the reserve, and nothing more.
class backing {
      public:
	static void *alloc(gfp_t, void *data)
	{
		auto &self = *static_cast<backing *>(data);
		return self.made_ < min_nr ? &self.elements_[static_cast<size_t>(self.made_++)] : nullptr;
	}
	static void free(void *, void *data) { static_cast<backing *>(data)->freed_++; }
	bool got_all_back() const { return freed_ == min_nr; }

      private:
	int made_ = 0;
	int freed_ = 0;
	std::array<uint64_t, min_nr> elements_ = {};
};

/// A moment of up to some microseconds, so that the rounds differ.
void pause_a_moment(std::mt19937_64 &random)
{
	volatile unsigned turns = static_cast<unsigned>(random() % (random() % 4 == 0 ? 20'000 : 500));
	while (turns > 0)
		turns = turns - 1;
}

struct stage {
	mempool_t pool = {};
	std::atomic<uint64_t> round{0}; // the sleepers start when it grows; the last one ends them
	std::atomic<unsigned> started{0};
	std::atomic<unsigned> served{0};
	std::atomic<unsigned> refused{0}; // NULL without a reason
};

constexpr uint64_t last_round = UINT64_MAX;

/// In each round, one allocation that may sleep, and back with it.
void be_a_sleeper(stage &s, uint64_t seed)
{
	std::mt19937_64 random(seed);
	for (uint64_t seen = 0;;) {
		s.round.wait(seen);
		seen = s.round.load();
		if (seen == last_round)
			return;
		s.started.fetch_add(1);
		pause_a_moment(random);
		void *elements[min_nr] = {};
		const auto kind = random() % 4;
		const unsigned count = kind == 0 ? 1 + static_cast<unsigned>(random() % min_nr) : 1;
		if (kind == 0)
			mempool_alloc_bulk(&s.pool, elements, count, 0);
		else if (kind == 1) // may leave the queue just as it is woken: then it must pass that on
			elements[0] = mempool_alloc_timeout(&s.pool, GFP_KERNEL, random() % 50'000);
		else
			elements[0] = mempool_alloc(&s.pool, GFP_KERNEL);
		if (kind != 1 && std::find(elements, elements + count, nullptr) != elements + count)
			s.refused.fetch_add(1);
		for (unsigned i = 0; i < count; i++)
			mempool_free(elements[i], &s.pool);
		s.served.fetch_add(1);
	}
}

/// True when all sleepers were served in time.
bool play_round(stage &s, unsigned sleepers, std::mt19937_64 &random)
{
	void *elements[min_nr];
	for (void *&element : elements)
		element = mempool_alloc_preallocated(&s.pool);
	s.started = 0;
	s.served = 0;
	s.round.fetch_add(1);
	s.round.notify_all();
	for (const uint64_t some = random() % (sleepers + 1); s.started.load() < some;)
		sched_yield();
	pause_a_moment(random);
	const bool at_once = random() % 4 == 0;
	if (at_once)
		mempool_free_bulk(&s.pool, elements, min_nr);
	for (int i = 0; i < min_nr && !at_once; i++) {
		mempool_free(elements[i], &s.pool);
		pause_a_moment(random);
	}
	const uint64_t deadline_ns = now_ns() + patience_ns;
	bool in_time = true;
	while (s.served.load() < sleepers) { // the 5 s rescue them, if nothing else does
		in_time = in_time && now_ns() < deadline_ns;
		sched_yield();
	}
	return in_time && mempool_curr_nr(&s.pool) == min_nr && s.refused.load() == 0;
}

} // namespace

int main()
{
	const uint64_t seed = number_from("SEED", std::random_device()() % 1'000'000'000);
	const uint64_t seconds = number_from("STRESS_SECONDS", 10);
	const auto sleepers = static_cast<unsigned>(number_from("THREADS", 6));
	printf("wakeup: seed %llu, %u sleepers, %llu s\n", static_cast<unsigned long long>(seed), sleepers,
	       static_cast<unsigned long long>(seconds));
	fflush(stdout);

	std::mt19937_64 random(seed);
	backing elements;
	stage s;
	if (mempool_init(&s.pool, min_nr, backing::alloc, backing::free, &elements) != 0)
		return 1;
	std::vector<std::thread> threads;
	threads.reserve(sleepers);
	for (unsigned i = 0; i < sleepers; i++)
		threads.emplace_back(be_a_sleeper, std::ref(s), random());

	unsigned passed = 0;
	unsigned failed = 0;
	for (const uint64_t end_ns = now_ns() + seconds * 1'000'000'000; now_ns() < end_ns;) {
		if (play_round(s, sleepers, random))
			passed++;
		else if (failed++ < 10)
			printf("FAILED: round %u: a sleeper was forgotten, or an element lost\n", passed + failed);
	}
	struct mempool_statistics stats = {};
	stats.size = sizeof(stats);
	mempool_stats(&s.pool, &stats);
	printf("wakeup: %llu sleeps, longest %.1f ms\n", static_cast<unsigned long long>(stats.sleeps),
	       static_cast<double>(stats.wait_longest_ns) / 1e6);

	s.round = last_round;
	s.round.notify_all();
	for (std::thread &thread : threads)
		thread.join();
	mempool_exit(&s.pool);
	if (!elements.got_all_back())
		failed++;
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
