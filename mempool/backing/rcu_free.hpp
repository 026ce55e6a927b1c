// SPDX-License-Identifier: MIT
//
// rcu_free.hpp - frees that wait for a grace period: a queue, and a thread that
// empties it. See mempool-rcu.h.
//
// The queue is linked through what waits in it, so that queueing needs no memory.
// Everything that is queued when a batch begins is one batch: one grace period,
// and then one free after the other. Batches follow one another, whoever does
// them: the thread, or one who waits in rcu_free_barrier().
//
// Owner of the state: rcu_free.cpp. Race table:
//   defer / anything                the queue's lock; a handler that interrupted a lock's holder: a lock-free list
//   a batch, barrier / the same     whose turn it is, which is no lock that a fork waits for
//   fork / defer, a batch           the queue's and the batch's lock: each item is in the child's queue, or was taken
//   off it
#pragma once

#include <cstdint>

namespace mp::backing {

/// What waits, in the memory that waits or beside it.
struct deferred_free {
	deferred_free *next;
	uintptr_t what; // what to kfree(), or the address of a deferred_op, with bit 0 set
};

struct deferred_op {
	void (*free)(deferred_free &item);
};

/// Runs the operation when no reader can see the item any more. Never sleeps.
void defer_free(deferred_free &item, const deferred_op &op);

/// Returns when all that was deferred before the call was freed. Sleeps.
void rcu_free_barrier();

} // namespace mp::backing
