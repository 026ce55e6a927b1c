// SPDX-License-Identifier: MIT
//
// mempool_stress.cpp - many threads, all backings, random operations: no element
// is lost, doubled or damaged, no sleeper is forgotten, children of a fork can
// go on.
//
//   STRESS_SECONDS=n   how long (default 10)
//   THREADS=n          how many threads (default 64; 4 under a sanitizer)
//   SEED=n             the seed of all random numbers; printed at the start
//
// Ends with `N passed, N failed`: one for each pool, one for the library's
// reports, one for wake-ups, one for forks. An operation that hangs is named,
// and ends the run.
#include "tests/stress/stress_worker.hpp"

#include <mempool/mempool-debug.h>

#include <cstring>
#include <thread>

namespace {

using namespace stress;

constexpr uint64_t hang_s = 60; // one operation
verdicts report_verdicts;

/// Nothing that is done here is a mistake, so every report is one.
void receive_report(enum mempool_report_kind, const char *text, size_t length, void *)
{
	fwrite(text, 1, length, stdout);
	report_verdicts.fail("the library made a report, see above");
}

unsigned choose_debug_flags(std::mt19937_64 &random)
{
	static constexpr unsigned choices[] = {0,
					       0,
					       0,
					       MEMPOOL_DEBUG_POISON,
					       MEMPOOL_DEBUG_TRACK,
					       MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_REDZONE | MEMPOOL_DEBUG_CHECKS,
					       MEMPOOL_DEBUG_ALL};
	return choices[random() % std::size(choices)];
}

void make_pools(arena &shared)
{
	// The budgets are scarce for 16 threads, so that reserves run dry and threads sleep.
	shared.pools.push_back(std::make_unique<pool>(backing::slab, 256, bulk_max, 0));
	shared.pools.push_back(std::make_unique<pool>(backing::kmalloc, 1000, 6, 0));
	shared.pools.push_back(std::make_unique<pool>(backing::kvmalloc, 9000, bulk_max, 0));
	shared.pools.push_back(std::make_unique<pool>(backing::pages, 0, bulk_max, 0));
	shared.pools.push_back(std::make_unique<pool>(backing::budget, 64, bulk_max, 6));
	shared.pools.push_back(std::make_unique<pool>(backing::budget, 512, 8, 12));
}

/// Watches until the time is over and all threads have come home. False when one hangs.
class monitor {
      public:
	monitor(arena &shared, std::vector<std::unique_ptr<worker>> &workers, uint64_t seconds)
		: shared_(shared), workers_(workers), seen_(workers.size()), end_ns_(now_ns() + seconds * 1'000'000'000)
	{
	}

	bool watch()
	{
		uint64_t print_ns = 0;
		for (;;) {
			const uint64_t now = now_ns();
			if (now >= end_ns_)
				shared_.stop = true;
			bool all_home = true;
			for (size_t i = 0; i < workers_.size(); i++) {
				const char *busy_with = workers_[i]->busy_with.load();
				if (busy_with == nullptr)
					continue;
				all_home = false;
				if (hangs(i, now)) {
					printf("FAILED: thread %zu hangs in %s\n", i, busy_with);
					return false;
				}
			}
			if (all_home)
				return true;
			if (now >= print_ns) {
				print_progress();
				print_ns = now + 2'000'000'000;
			}
			std::this_thread::sleep_for(std::chrono::milliseconds(50));
		}
	}

	uint64_t operations() const
	{
		uint64_t sum = 0;
		for (const auto &w : workers_)
			sum += w->operations.load(std::memory_order_relaxed);
		return sum;
	}

      private:
	struct seen {
		uint64_t operations = UINT64_MAX;
		uint64_t since_ns = 0;
	};

	bool hangs(size_t i, uint64_t now)
	{
		const uint64_t operations = workers_[i]->operations.load(std::memory_order_relaxed);
		if (operations != seen_[i].operations)
			seen_[i] = {operations, now};
		return now - seen_[i].since_ns > hang_s * 1'000'000'000;
	}

	void print_progress() const
	{
		printf("  %llu operations, %u forks\n", static_cast<unsigned long long>(operations()),
		       shared_.forks.load());
		fflush(stdout);
	}

	arena &shared_;
	std::vector<std::unique_ptr<worker>> &workers_;
	std::vector<seen> seen_;
	uint64_t end_ns_;
};

int sum_up(arena &shared)
{
	unsigned passed = 0;
	unsigned failed = 0;
	const auto count = [&](const verdicts &v) { v.failures() == 0 ? passed++ : failed++; };
	for (auto &p : shared.pools) {
		p->end();
		count(p->judge());
	}
	count(report_verdicts);
	count(shared.wake_verdicts);
	if (shared.may_fork)
		count(shared.fork_verdicts);
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}

} // namespace

int main()
{
	const char *sanitizer = getenv("MEMPOOL_SANITIZER");
	const bool sanitized = sanitizer != nullptr && *sanitizer != '\0';
	const uint64_t seed = number_from("SEED", std::random_device()() % 1'000'000'000);
	const uint64_t seconds = number_from("STRESS_SECONDS", 10);
	const uint64_t threads = number_from("THREADS", sanitized ? 4 : 64);
	std::mt19937_64 random(seed);
	const unsigned debug_flags = choose_debug_flags(random);
	printf("stress: seed %llu, %llu threads, %llu s, debug flags %#x\n", static_cast<unsigned long long>(seed),
	       static_cast<unsigned long long>(threads), static_cast<unsigned long long>(seconds), debug_flags);
	fflush(stdout);

	mempool_set_report_fn(receive_report, nullptr);
	mempool_debug_set(debug_flags);
	arena shared;
	// ThreadSanitizer does not bear a fork among threads.
	shared.may_fork = !sanitized || strcmp(sanitizer, "tsan") != 0;
	make_pools(shared);

	std::vector<std::unique_ptr<worker>> workers;
	for (uint64_t i = 0; i < threads; i++)
		workers.push_back(std::make_unique<worker>(shared, random()));
	monitor watch(shared, workers, seconds);
	std::vector<std::thread> running;
	running.reserve(workers.size());
	for (auto &w : workers)
		running.emplace_back([&w] { w->run(); });
	if (!watch.watch()) {
		printf("0 passed, 1 failed\n");
		fflush(stdout);
		_exit(1);
	}
	for (std::thread &t : running)
		t.join();
	for (auto &slot : shared.mail) // what was sent after its receiver had gone home
		if (const std::unique_ptr<held> h{slot.exchange(nullptr)}) {
			h->home->gives_back(h->element, h->stamp);
			mempool_free(h->element, h->home->handle());
		}
	printf("stress: %llu operations, %u forks\n", static_cast<unsigned long long>(watch.operations()),
	       shared.forks.load());
	return sum_up(shared);
}
