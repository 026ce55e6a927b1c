// SPDX-License-Identifier: MIT
//
// signal_stress.cpp - pools with ready-made backings in signal handlers that
// interrupt the very same calls.
//
// Each thread has a timer of its own, whose signal interrupts it some thousand
// times a second. Thread and handler do the same: GFP_ATOMIC and GFP_NOWAIT
// allocations, mempool_alloc_preallocated(), frees, each on elements of their
// own, stamped while they are held. At the end no element may be lost, doubled
// or damaged, and every reserve is full.
//
//   STRESS_SECONDS=n   how long (default 3)
//   THREADS=n          how many (default 4)
//   SIGNAL_HZ=n        signals a second for each thread (default 4000)
//   SEED=n             the seed of all random numbers; printed at the start
//
// Ends with `N passed, N failed`, counted in pools.
#include "tests/stress/stress_support.hpp"

#include <mempool/mempool-debug.h>
#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <random>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using namespace stress;

constexpr int min_nr = 24;
constexpr size_t held_most = 40; // by a thread or a handler, of one pool

struct subject {
	const char *name;
	mempool_t *pool;
	size_t element_bytes;
};
std::vector<subject> subjects;

std::atomic<uint64_t> damaged{0};
std::atomic<uint64_t> allocations{0};
std::atomic<uint64_t> failures{0};

/// Small, without a lock, and seeded: for handlers too.
class quick_random {
      public:
	explicit quick_random(uint64_t seed) : state_(seed | 1) {}
	unsigned below(unsigned n)
	{
		state_ ^= state_ << 13;
		state_ ^= state_ >> 7;
		state_ ^= state_ << 17;
		return static_cast<unsigned>((state_ >> 20) % n);
	}

      private:
	uint64_t state_;
};

/// What a thread, or its handler, does and has.
class actor {
      public:
	actor(uint64_t stamp, uint64_t seed) : stamp_(stamp), random_(seed) {}

	void act()
	{
		const unsigned which = random_.below(static_cast<unsigned>(subjects.size()));
		holding &mine = held_[which];
		if (mine.count == held_most || (mine.count > 0 && random_.below(2) == 0))
			give_one(subjects[which], mine);
		else
			take_one(subjects[which], mine);
	}

	void give_all()
	{
		for (size_t i = 0; i < subjects.size(); i++)
			while (held_[i].count > 0)
				give_one(subjects[i], held_[i]);
	}

      private:
	struct holding {
		std::array<uint64_t *, held_most> elements;
		size_t count;
	};

	void take_one(const subject &s, holding &mine)
	{
		void *element = nullptr;
		switch (random_.below(3)) {
		case 0:
			element = mempool_alloc(s.pool, GFP_ATOMIC);
			break;
		case 1:
			element = mempool_alloc(s.pool, GFP_NOWAIT);
			break;
		default:
			element = mempool_alloc_preallocated(s.pool);
			break;
		}
		(element != nullptr ? allocations : failures).fetch_add(1, std::memory_order_relaxed);
		if (element == nullptr)
			return;
		auto *words = static_cast<uint64_t *>(element);
		words[0] = stamp_;
		words[s.element_bytes / 8 - 1] = stamp_;
		mine.elements[mine.count++] = words;
	}

	void give_one(const subject &s, holding &mine)
	{
		uint64_t *words = mine.elements[--mine.count];
		if (words[0] != stamp_ || words[s.element_bytes / 8 - 1] != stamp_)
			damaged.fetch_add(1, std::memory_order_relaxed);
		words[0] = 0;
		words[s.element_bytes / 8 - 1] = 0;
		mempool_free(words, s.pool);
	}

	uint64_t stamp_;
	quick_random random_;
	std::array<holding, 8> held_ = {};
};

thread_local actor *handlers_actor = nullptr;
std::atomic<uint64_t> signals_seen{0};

void on_timer(int)
{
	const int errno_before = errno;
	signals_seen.fetch_add(1, std::memory_order_relaxed);
	if (handlers_actor != nullptr)
		for (int i = 0; i < 6; i++)
			handlers_actor->act();
	errno = errno_before;
}

/// A timer that signals this thread alone.
timer_t start_timer(uint64_t hz)
{
	sigevent event = {};
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = SIGRTMIN;
	event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
	timer_t timer = nullptr;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
		perror("signal_stress: timer_create");
		exit(2);
	}
	const auto period_ns = static_cast<long>(1'000'000'000 / hz);
	const itimerspec each = {{0, period_ns}, {0, period_ns}};
	timer_settime(timer, 0, &each, nullptr);
	return timer;
}

void run_thread(uint64_t number, uint64_t seed, uint64_t hz, uint64_t end_ns)
{
	actor own(number * 2 + 1, seed + number * 2);
	actor in_handler(number * 2 + 2, seed + number * 2 + 1);
	handlers_actor = &in_handler;
	timer_t timer = start_timer(hz);
	while (now_ns() < end_ns)
		for (int i = 0; i < 100; i++)
			own.act();
	timer_delete(timer);
	handlers_actor = nullptr;
	own.give_all();
	in_handler.give_all();
}

void make_pools()
{
	kmem_cache *small = kmem_cache_create("signal-small", 64, 0, 0, nullptr);
	kmem_cache *large = kmem_cache_create("signal-large", 4096, 0, 0, nullptr);
	subjects = {
		{"slab, 64 B", mempool_create_slab_pool(min_nr, small), 64},
		{"slab, 4 KiB", mempool_create_slab_pool(min_nr, large), 4096},
		{"kmalloc, 200 B", mempool_create_kmalloc_pool(min_nr, 200), 200},
		{"kmalloc, 20 KiB", mempool_create_kmalloc_pool(min_nr, 20480), 20480},
		{"pages", mempool_create_page_pool(min_nr, 0), PAGE_SIZE},
		{"kvmalloc", mempool_create_kvmalloc_pool(min_nr, 100), 96},
	};
	for (const subject &s : subjects)
		if (s.pool == nullptr) {
			fprintf(stderr, "signal_stress: no pool '%s'\n", s.name);
			exit(2);
		}
}

/// Is all of it back?
bool judge(const subject &s)
{
	mempool_statistics now = {};
	now.size = sizeof(now);
	mempool_stats(s.pool, &now);
	const bool well = now.curr_nr == min_nr && now.allocs == now.frees && now.from_reserve == now.to_reserve;
	if (!well)
		fprintf(stderr, "%s: level %d of %d, %lu allocated, %lu freed, %lu from the reserve, %lu to it\n",
			s.name, now.curr_nr, min_nr, now.allocs, now.frees, now.from_reserve, now.to_reserve);
	mempool_destroy(s.pool);
	return well;
}

} // namespace

int main()
{
	const uint64_t seconds = number_from("STRESS_SECONDS", 3);
	const uint64_t threads = number_from("THREADS", 4);
	const uint64_t hz = number_from("SIGNAL_HZ", 4000);
	const uint64_t seed = number_from("SEED", std::random_device{}());
	printf("signal_stress: SEED=%lu, %lu threads, %lu s, %lu signals a second each\n", seed, threads, seconds, hz);
	fflush(stdout);

	make_pools();
	struct sigaction action = {};
	action.sa_handler = on_timer;
	action.sa_flags = SA_RESTART;
	sigaction(SIGRTMIN, &action, nullptr);

	const uint64_t end_ns = now_ns() + seconds * 1'000'000'000;
	std::vector<std::thread> crew;
	for (uint64_t i = 0; i < threads; i++)
		crew.emplace_back(run_thread, i, seed, hz, end_ns);
	for (std::thread &t : crew)
		t.join();

	size_t passed = 0;
	for (const subject &s : subjects)
		passed += judge(s) ? 1 : 0;
	const size_t failed = subjects.size() - passed + (damaged > 0 ? 1 : 0);
	printf("%lu signals, %lu allocations, %lu refused, %lu damaged, %lu reports\n", signals_seen.load(),
	       allocations.load(), failures.load(), damaged.load(), mempool_report_count());
	printf("%zu passed, %zu failed\n", passed, failed);
	return failed == 0 && signals_seen > 0 && mempool_report_count() == 0 ? 0 : 1;
}
