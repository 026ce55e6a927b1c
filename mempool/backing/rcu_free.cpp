// SPDX-License-Identifier: MIT
//
// rcu_free.cpp - see rcu_free.hpp and mempool-rcu.h.
#include "mempool/backing/rcu_free.hpp"

#include "mempool/backing/kmalloc.hpp"
#include "mempool/mempool-rcu.h"
#include "mempool/watch/context.hpp"
#include "mempool/watch/registry.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/counted_lock.hpp"
#include "reserve/base/rcu.hpp"
#include "reserve/base/report.hpp"

#include <cerrno>
#include <csignal>
#include <mutex>
#include <new>
#include <pthread.h>

namespace mp::backing {
namespace {

constexpr uintptr_t is_op = 1;

/// First in, first out. No lock of its own.
class item_list {
      public:
	bool empty() const { return first_ == nullptr; }

	void add(deferred_free &item)
	{
		item.next = nullptr;
		(first_ != nullptr ? last_->next : first_) = &item;
		last_ = &item;
	}

	void append(item_list &other)
	{
		if (other.empty())
			return;
		(first_ != nullptr ? last_->next : first_) = other.first_;
		last_ = other.last_;
		other.first_ = nullptr;
	}

	deferred_free *take()
	{
		deferred_free *item = first_;
		if (item != nullptr)
			first_ = item->next;
		return item;
	}

      private:
	deferred_free *first_ = nullptr;
	deferred_free *last_ = nullptr;
};

constinit base::counted_lock queue_lock;
constinit item_list queue; // wait for a grace period that has not begun
// The batch's own lock is taken for each of its items: on the queue's, producers would hold up the one who frees.
constinit base::counted_lock batch_lock;
constinit item_list batch;                              // wait for the one that runs now, or are just being freed
constinit std::atomic<deferred_free *> strays{nullptr}; // of handlers that could not take the lock

// Whose turn it is to do a batch. Held during grace periods, and so never waited
// for by a fork, nor by anybody who holds another lock.
constinit base::adaptive_lock turn;
constinit thread_local bool my_turn = false;

enum : unsigned { no_worker, has_worker };
constinit std::atomic<unsigned> worker{no_worker};

// 1: the worker is asleep, or about to be.
constinit base::futex_word asleep{0};

/// With the queue's lock: what handlers left goes to the queue.
void collect_strays()
{
	// acquire: pairs with the release in stray(), ORD-22
	deferred_free *item = strays.exchange(nullptr, std::memory_order_acquire);
	while (item != nullptr) {
		deferred_free *next = item->next;
		queue.add(*item);
		item = next;
	}
}

void stray(deferred_free &item)
{
	item.next = strays.load(std::memory_order_relaxed);
	// seq_cst: releases the item to collect_strays(), and comes before the look whether the worker sleeps, ORD-22
	while (!strays.compare_exchange_weak(item.next, &item, std::memory_order_seq_cst, std::memory_order_relaxed)) {}
}

void free_one(deferred_free &item)
{
	if ((item.what & is_op) == 0)
		return free_memory(reinterpret_cast<void *>(item.what), true, // NOLINT(performance-no-int-to-ptr)
				   "kfree_rcu");
	reinterpret_cast<const deferred_op *>(item.what - is_op)->free(item); // NOLINT(performance-no-int-to-ptr)
}

deferred_free *next_of_batch()
{
	const std::lock_guard guard(batch_lock);
	return batch.take();
}

/// In one's turn: all that is queued now, after a grace period. The batch of a
/// parent that forked in the middle of it is done again from here.
void do_batch()
{
	{
		const std::lock_guard guard(queue_lock);
		const std::lock_guard inner(batch_lock); // both: no fork may come in between
		collect_strays();
		batch.append(queue);
		if (batch.empty())
			return;
	}
	base::rcu_synchronize();
	while (deferred_free *item = next_of_batch())
		free_one(*item);
}

void take_turn()
{
	const std::lock_guard guard(turn);
	my_turn = true;
	do_batch();
	my_turn = false;
}

/// Sleeps unless there is something to do.
void doze()
{
	// seq_cst: pairs with the exchange in wake_worker(), ORD-22
	asleep.store(1, std::memory_order_seq_cst);
	bool idle = false;
	{
		const std::lock_guard guard(queue_lock);
		idle = queue.empty() && strays.load(std::memory_order_seq_cst) == nullptr; // ORD-22
	}
	if (idle)
		base::futex_wait(asleep, 1, base::never_ns);
	asleep.store(0, std::memory_order_relaxed);
}

void wake_worker()
{
	// seq_cst: pairs with the store in doze(), ORD-22
	if (asleep.load(std::memory_order_seq_cst) == 0)
		return;
	asleep.store(0, std::memory_order_relaxed);
	base::futex_wake(&asleep, 1);
}

void *work(void *)
{
	for (;;) {
		doze();
		take_turn();
	}
	return nullptr;
}

/// The thread, if there is none. It takes no signals: they are the program's.
void start_worker()
{
	if (worker.load(std::memory_order_relaxed) == has_worker) [[likely]]
		return;
	// In a handler it may be pthread_create() itself that was interrupted.
	if (base::holds_locks() || base::in_signal_handler())
		return;
	unsigned none = no_worker;
	if (!worker.compare_exchange_strong(none, has_worker, std::memory_order_relaxed))
		return;
	const int errno_before = errno;
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_t thread;
	if (pthread_create(&thread, nullptr, work, nullptr) == 0)
		pthread_detach(thread);
	else
		worker.store(no_worker, std::memory_order_relaxed); // the next call tries again
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	errno = errno_before;
}

void put(deferred_free &item)
{
	if (base::holds_locks()) [[unlikely]] {
		stray(item);
	} else {
		const std::lock_guard guard(queue_lock);
		queue.add(item);
	}
	start_worker();
	wake_worker();
}

void freeze(void *)
{
	queue_lock.lock();
	batch_lock.lock();
}
void thaw(void *)
{
	batch_lock.unlock();
	queue_lock.unlock();
}
void thaw_in_child(void *)
{
	batch_lock.reset_in_child();
	queue_lock.reset_in_child();
	turn.reset_in_child();
	worker.store(no_worker, std::memory_order_relaxed);
	asleep.store(0, std::memory_order_relaxed);
}

// When the library is loaded, behind the registry's own constructor.
__attribute__((constructor(102))) void register_queue()
{
	static constexpr watch::fork_ops at_fork = {freeze, thaw, thaw_in_child};
	static constinit watch::registry_entry entry;
	// Where it fails no pool and no cache can be made either.
	static_cast<void>(watch::registry_add(watch::registry_kind::memory, entry, nullptr, &at_fork));
}

} // namespace

void defer_free(deferred_free &item, const deferred_op &op)
{
	item.what = reinterpret_cast<uintptr_t>(&op) | is_op;
	put(item);
}

void rcu_free_barrier()
{
	start_worker();
	if (my_turn)
		do_batch(); // called from a free: the batch that it is part of goes on from here
	else
		take_turn();
}

} // namespace mp::backing

using namespace mp;
using namespace mp::backing;

extern "C" void mempool_kfree_rcu(void *objp, void *head)
{
	const auto address = reinterpret_cast<uintptr_t>(objp);
	if (objp == nullptr)
		return;
	if ((address & is_op) != 0 || reinterpret_cast<uintptr_t>(head) % alignof(deferred_free) != 0) {
		base::report(base::severity::bug)
			.line("kfree_rcu: object %p or its member at %p is not aligned", objp, head)
			.emit();
		return;
	}
	auto *item = new (head) deferred_free{nullptr, address};
	put(*item);
}

extern "C" void kfree_rcu_mightsleep(const void *objp)
{
	if (ZERO_OR_NULL_PTR(objp))
		return kfree(objp);
	watch::check_may_sleep("kfree_rcu_mightsleep", "kfree_rcu");
	base::rcu_synchronize();
	free_memory(objp, true, "kfree_rcu_mightsleep");
}

extern "C" void mempool_rcu_barrier()
{
	rcu_free_barrier();
}
