// SPDX-License-Identifier: MIT
//
// wakeup_stress.cpp - no wake-up is ever lost (PAR-24, ORD-2).
//
// Round by round, all elements of a pool with an empty backing are out, some
// threads fall asleep for one or several, and the elements come back at random
// moments. Then no sleeper may stay asleep whom the reserve could serve, long
// before the 5 s after which it would look again by itself and hide what went
// wrong. In half of the rounds whoever is served gives back at once, and all are
// served in the end. In the others everybody keeps what he got until the others
// were judged, so that no later wake-up makes up for one that was lost.
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
#include <functional>
#include <mutex>
#include <random>
#include <sched.h>
#include <thread>
#include <vector>

namespace {

using namespace stress;

constexpr int min_nr = 4;
constexpr uint64_t patience_ns = 4'000'000'000; // less than the 5 s, more than a machine under load needs

/// Makes the reserve, and then nothing unless it is told to: so a thread that
/// was woken for the reserve may be served here, and others must get its turn.
class backing {
      public:
	static void *alloc(gfp_t, void *data)
	{
		auto &self = *static_cast<backing *>(data);
		const std::lock_guard guard(self.lock_);
		if (self.allowed_ == 0 || self.home_.empty())
			return nullptr;
		self.allowed_--;
		void *element = self.home_.back();
		self.home_.pop_back();
		return element;
	}
	static void free(void *element, void *data)
	{
		auto &self = *static_cast<backing *>(data);
		const std::lock_guard guard(self.lock_);
		self.home_.push_back(element);
	}
	backing()
	{
		for (uint64_t &element : elements_)
			home_.push_back(&element);
	}
	/// It gives so many elements from now on.
	void allow(int count)
	{
		const std::lock_guard guard(lock_);
		allowed_ = count;
	}
	size_t home() const { return home_.size(); }

      private:
	std::mutex lock_;
	int allowed_ = min_nr;
	std::array<uint64_t, min_nr + 2> elements_ = {};
	std::vector<void *> home_;
};

/// A moment of up to some microseconds, so that the rounds differ.
void pause_a_moment(std::mt19937_64 &random)
{
	volatile unsigned turns = static_cast<unsigned>(random() % (random() % 4 == 0 ? 20'000 : 500));
	while (turns > 0)
		turns = turns - 1;
}

/// One thread's part.
struct sleeper {
	std::atomic<unsigned> need{0}; // elements that it waits for; 0: none
	std::atomic<bool> refused{false};
};

struct stage {
	explicit stage(size_t count) : sleepers(count) {}
	backing elements;
	mempool_t pool = {};
	std::vector<sleeper> sleepers;
	std::atomic<uint64_t> round{0}; // the sleepers start when it grows; the last one ends them
	std::atomic<unsigned> started{0};
	std::atomic<unsigned> done{0};
	std::atomic<bool> keep{false}; // what was got
};

constexpr uint64_t last_round = UINT64_MAX;

/// In each round, one allocation that may sleep, and back with it.
void be_a_sleeper(stage &s, sleeper &self, uint64_t seed)
{
	std::mt19937_64 random(seed);
	for (uint64_t seen = 0;;) {
		s.round.wait(seen);
		seen = s.round.load();
		if (seen == last_round)
			return;
		void *elements[min_nr] = {};
		const auto kind = random() % 4;
		const unsigned count = kind == 0 ? 1 + static_cast<unsigned>(random() % min_nr) : 1;
		self.need = count;
		s.started.fetch_add(1);
		pause_a_moment(random);
		if (kind == 0)
			mempool_alloc_bulk(&s.pool, elements, count, 0);
		else if (kind == 1) // may leave the queue just as it is woken: then it must pass that on
			elements[0] = mempool_alloc_timeout(&s.pool, GFP_KERNEL, random() % 50'000);
		else
			elements[0] = mempool_alloc(&s.pool, GFP_KERNEL);
		if (kind != 1 && std::find(elements, elements + count, nullptr) != elements + count)
			self.refused = true;
		self.need = 0;
		while (s.keep.load())
			sched_yield();
		for (unsigned i = 0; i < count; i++)
			mempool_free(elements[i], &s.pool);
		s.done.fetch_add(1);
	}
}

/// Could the reserve serve one who waits? While nobody gives back, the level
/// only falls: once the answer is no, it stays no.
bool somebody_is_servable(stage &s)
{
	const auto level = static_cast<unsigned>(mempool_curr_nr(&s.pool));
	return std::any_of(s.sleepers.begin(), s.sleepers.end(), [level](const sleeper &one) {
		const unsigned need = one.need.load();
		return need > 0 && need <= level;
	});
}

void give_all_back(stage &s, void **elements, std::mt19937_64 &random)
{
	unsigned i = random() % 4 == 0 ? mempool_free_bulk(&s.pool, elements, min_nr) : 0;
	for (; i < min_nr; i++) {
		mempool_free(elements[i], &s.pool);
		pause_a_moment(random);
	}
}

/// Waits for an event; false when it came too late.
template <class Event> bool in_time(Event happened)
{
	bool so_far = true;
	for (const uint64_t deadline_ns = now_ns() + patience_ns; !happened(); sched_yield())
		so_far = so_far && now_ns() < deadline_ns;
	return so_far;
}

/// True when nobody was forgotten.
bool play_round(stage &s, std::mt19937_64 &random)
{
	void *elements[min_nr];
	for (void *&element : elements)
		element = mempool_alloc_preallocated(&s.pool);
	const bool keep = random() % 2 == 0;
	s.keep = keep;
	s.started = 0;
	s.done = 0;
	s.round.fetch_add(1);
	s.round.notify_all();
	for (const uint64_t some = random() % (s.sleepers.size() + 1); s.started.load() < some;)
		sched_yield();
	pause_a_moment(random);
	s.elements.allow(static_cast<int>(random() % 3));
	give_all_back(s, elements, random);

	bool fine = true;
	if (keep) {
		while (s.started.load() < s.sleepers.size())
			sched_yield();
		fine = in_time([&] { return !somebody_is_servable(s); });
		s.keep = false;
	}
	fine = in_time([&] { return s.done.load() == s.sleepers.size(); }) && fine;
	s.elements.allow(0);
	return fine && mempool_curr_nr(&s.pool) == min_nr &&
	       std::none_of(s.sleepers.begin(), s.sleepers.end(),
			    [](const sleeper &one) { return one.refused.load(); });
}

} // namespace

int main()
{
	const uint64_t seed = number_from("SEED", std::random_device()() % 1'000'000'000);
	const uint64_t seconds = number_from("STRESS_SECONDS", 10);
	const uint64_t sleepers = number_from("THREADS", 6);
	printf("wakeup: seed %llu, %llu sleepers, %llu s\n", static_cast<unsigned long long>(seed),
	       static_cast<unsigned long long>(sleepers), static_cast<unsigned long long>(seconds));
	fflush(stdout);

	std::mt19937_64 random(seed);
	stage s(sleepers);
	if (mempool_init(&s.pool, min_nr, backing::alloc, backing::free, &s.elements) != 0)
		return 1;
	std::vector<std::thread> threads;
	threads.reserve(sleepers);
	for (sleeper &one : s.sleepers)
		threads.emplace_back(be_a_sleeper, std::ref(s), std::ref(one), random());

	unsigned passed = 0;
	unsigned failed = 0;
	for (const uint64_t end_ns = now_ns() + seconds * 1'000'000'000; now_ns() < end_ns;) {
		if (play_round(s, random))
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
	if (s.elements.home() != min_nr + 2) {
		printf("FAILED: %zu elements of %d came back\n", s.elements.home(), min_nr + 2);
		failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
