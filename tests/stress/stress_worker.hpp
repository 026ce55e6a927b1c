// SPDX-License-Identifier: MIT
//
// stress_worker.hpp - a thread that does random things with all pools.
//
// It obeys the rule under which nobody waits for ever (PAR-18): who sleeps
// without a time limit holds nothing, neither here nor in a mailbox.
//
// Owner of the state: the thread, but for what is atomic. Race table:
//   mailbox put, take / the same    atomic exchange
//   operations, busy_with / main    atomic
#pragma once

#include "tests/stress/stress_pool.hpp"
#include "tests/stress/stress_support.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <random>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace stress {

/// An element that is out, its pool, and what was written into it.
struct held {
	pool *home = nullptr;
	void *element = nullptr;
	uint32_t stamp = 0;
};

/// Elements on their way from one thread to another, so that they come back in other threads (PAR-22).
using mailbox = std::array<std::atomic<held *>, 8>;

/// What all threads share.
struct arena {
	std::vector<std::unique_ptr<pool>> pools;
	mailbox mail = {};
	std::atomic<bool> stop{false};
	std::atomic<uint32_t> next_stamp{1};
	std::atomic<unsigned> forks{0};
	verdicts fork_verdicts;
	verdicts wake_verdicts;
	bool may_fork = true;
};

class worker {
      public:
	worker(arena &shared, uint64_t seed) : shared_(shared), random_(seed) {}

	std::atomic<uint64_t> operations{0};
	std::atomic<const char *> busy_with{"start"};

	void run()
	{
		while (!shared_.stop.load(std::memory_order_relaxed)) {
			step();
			operations.fetch_add(1, std::memory_order_relaxed);
		}
		give_all_back();
		busy_with = nullptr;
	}

      private:
	unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
	/// The scarce ones, at the end, most often.
	pool &any_pool()
	{
		const auto count = static_cast<unsigned>(shared_.pools.size());
		return *shared_.pools[std::max(below(count), below(count))];
	}

	void step()
	{
		pool &p = any_pool();
		const unsigned what = below(1000);
		if (what < 300)
			give_back_one();
		else if (what < 350)
			dawdle();
		else if (what < 450)
			sleeping_alloc(p);
		else if (what < 500)
			bulk_alloc(p);
		else if (what < 840)
			impatient_alloc(p);
		else if (what < 900)
			send();
		else if (what < 970)
			receive();
		else if (what < 980)
			bulk_free(p);
		else
			disturb(p);
	}

	void keep(pool &p, void *element)
	{
		const uint32_t stamp = shared_.next_stamp.fetch_add(1, std::memory_order_relaxed);
		p.took(element, stamp);
		held_.push_back({&p, element, stamp});
	}

	void give_back(const held &h)
	{
		h.home->gives_back(h.element, h.stamp);
		mempool_free(h.element, h.home->handle());
	}

	void give_back_one()
	{
		if (held_.empty())
			return;
		busy_with = "free";
		std::swap(held_[below(static_cast<unsigned>(held_.size()))], held_.back());
		give_back(held_.back());
		held_.pop_back();
	}

	/// Others get their turn while this thread holds what it holds.
	void dawdle()
	{
		busy_with = "nothing";
		const timespec time = {0, static_cast<long>(below(50'000))};
		nanosleep(&time, nullptr);
	}

	void give_all_back()
	{
		while (!held_.empty())
			give_back_one();
		for (auto &slot : shared_.mail)
			if (const std::unique_ptr<held> h{slot.exchange(nullptr)})
				give_back(*h);
	}

	void sleeping_alloc(pool &p)
	{
		static constexpr gfp_t masks[] = {GFP_KERNEL, GFP_NOIO, GFP_NOFS};
		give_all_back();
		busy_with = "alloc";
		const uint64_t start = now_ns();
		void *element = mempool_alloc(p.handle(), masks[below(3)]);
		// A lost wake-up is healed by the retry after 5 s, and shows only here.
		if (now_ns() - start > 4'900'000'000)
			shared_.wake_verdicts.fail("pool %s: a sleeper was not woken for %.1f s", p.name(),
						   static_cast<double>(now_ns() - start) / 1e9);
		if (element == nullptr)
			p.judge().fail("pool %s: GFP_KERNEL gave NULL", p.name());
		else
			keep(p, element);
	}

	void impatient_alloc(pool &p)
	{
		if (held_.size() > 12)
			return give_back_one();
		busy_with = "alloc without patience";
		void *element = nullptr;
		switch (below(4)) {
		case 0:
			element = mempool_alloc(p.handle(), GFP_NOWAIT);
			break;
		case 1:
			element = mempool_alloc(p.handle(), GFP_ATOMIC);
			break;
		case 2:
			element = mempool_alloc_preallocated(p.handle());
			break;
		default:
			element = mempool_alloc_timeout(p.handle(), GFP_KERNEL, below(2) == 0 ? 0 : below(1'000'000));
		}
		if (element != nullptr)
			keep(p, element);
	}

	void bulk_alloc(pool &p)
	{
		give_all_back();
		busy_with = "alloc_bulk";
		void *elements[bulk_max] = {};
		const unsigned count = 1 + below(bulk_max);
		mempool_alloc_bulk(p.handle(), elements, count, 0);
		for (unsigned i = 0; i < count; i++) {
			if (elements[i] == nullptr)
				p.judge().fail("pool %s: bulk left slot %u empty", p.name(), i);
			else
				keep(p, elements[i]);
		}
	}

	void bulk_free(pool &p)
	{
		busy_with = "free_bulk";
		std::vector<void *> elements;
		for (size_t i = held_.size(); i-- > 0;) {
			if (held_[i].home != &p)
				continue;
			p.gives_back(held_[i].element, held_[i].stamp);
			elements.push_back(held_[i].element);
			held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
		}
		unsigned taken = mempool_free_bulk(p.handle(), elements.data(), static_cast<unsigned>(elements.size()));
		for (; taken < elements.size(); taken++)
			mempool_free(elements[taken], p.handle());
	}

	void send()
	{
		if (held_.empty())
			return;
		busy_with = "send";
		auto letter = std::make_unique<held>(held_.back());
		held_.pop_back();
		letter.reset(
			shared_.mail[below(static_cast<unsigned>(shared_.mail.size()))].exchange(letter.release()));
		if (letter != nullptr)
			held_.push_back(*letter);
	}

	void receive()
	{
		busy_with = "receive";
		if (const std::unique_ptr<held> letter{
			    shared_.mail[below(static_cast<unsigned>(shared_.mail.size()))].exchange(nullptr)})
			give_back(*letter);
	}

	/// What is rare, and touches everybody.
	void disturb(pool &p)
	{
		switch (below(6)) {
		case 0:
		case 1:
			busy_with = "resize";
			mempool_resize(p.handle(), bulk_max + static_cast<int>(below(12)));
			break;
		case 2:
			busy_with = "shrink";
			if (p.cache() != nullptr)
				kmem_cache_shrink(p.cache());
			break;
		case 3:
			busy_with = "stats";
			look(p);
			break;
		case 4:
			busy_with = "walk";
			mempool_for_each([](mempool_t *pool, void *) { return mempool_curr_nr(pool) < 0 ? 1 : 0; },
					 nullptr);
			break;
		default:
			if (shared_.may_fork && below(20) == 0)
				fork_child();
		}
	}

	void look(pool &p)
	{
		struct mempool_statistics stats = {};
		stats.size = sizeof(stats);
		if (mempool_stats(p.handle(), &stats) != 0 || stats.curr_nr < 0 || stats.lowest_nr < 0 ||
		    stats.waiters < 0 || stats.frees > stats.allocs)
			p.judge().fail("pool %s: absurd figures: level %d, lowest %d, waiters %d", p.name(),
				       stats.curr_nr, stats.lowest_nr, stats.waiters);
	}

	/// A child of one thread of many uses all pools, and never waits in vain.
	void fork_child()
	{
		busy_with = "fork";
		const pid_t child = fork();
		if (child == 0) {
			alarm(30);
			_exit(use_pools_in_child());
		}
		int status = 0;
		while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
		if (child < 0)
			return; // no memory, or too many processes: nothing to do with pools
		shared_.forks.fetch_add(1);
		if (status != 0)
			shared_.fork_verdicts.fail("a child ended with status %#x", static_cast<unsigned>(status));
	}

	/// Nothing here may take a lock of the harness: another thread may have held it. 0: all is well.
	int use_pools_in_child()
	{
		for (auto &p : shared_.pools) {
			void *elements[3] = {mempool_alloc(p->handle(), GFP_NOWAIT),
					     mempool_alloc_timeout(p->handle(), GFP_KERNEL, 1'000'000),
					     mempool_alloc_preallocated(p->handle())};
			for (uint32_t i = 0; i < 3; i++)
				if (elements[i] != nullptr)
					p->write_stamp(elements[i], i);
			for (uint32_t i = 0; i < 3; i++)
				if (elements[i] != nullptr && !p->has_stamp(elements[i], i))
					return 1;
			for (void *element : elements)
				mempool_free(element, p->handle());
			struct mempool_statistics stats = {};
			stats.size = sizeof(stats);
			if (mempool_stats(p->handle(), &stats) != 0 || stats.waiters != 0)
				return 2;
			if (mempool_resize(p->handle(), bulk_max + 3) != 0)
				return 3;
		}
		return 0;
	}

	arena &shared_;
	std::mt19937_64 random_;
	std::vector<held> held_;
};

} // namespace stress
