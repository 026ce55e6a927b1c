// SPDX-License-Identifier: MIT
//
// registry.cpp - see registry.hpp.
#include "mempool/watch/registry.hpp"

#include "mempool/watch/deadlock.hpp"
#include "mempool/watch/fault_control.hpp"
#include "mempool/watch/trace.hpp"

#include "reserve/base/counted_lock.hpp"
#include "reserve/base/rcu.hpp"
#include "reserve/residency.hpp"

#include <mutex>
#include <pthread.h>

namespace mp::watch {
namespace {

// The lists' own heads are entries too, so that adding and removing have no
// special case. next is read by walkers; previous only under the lock.
constinit registry_entry heads[registry_kinds] = {};
constinit base::counted_lock registry_lock;

registry_entry &head_of(registry_kind kind)
{
	return heads[static_cast<unsigned>(kind)];
}

template <class Visit> void each_entry(Visit visit)
{
	for (registry_entry &head : heads)
		for (registry_entry *e = head.next.load(std::memory_order_relaxed); e != nullptr;
		     e = e->next.load(std::memory_order_relaxed))
			visit(*e);
}

// Lock order of the library: liburcu's, registry, pools, caches, memory; within
// an entry as its freeze() has it (ORD-7). liburcu's comes first: a walker may
// wait for an entry's lock in its read section, and a grace period for it.
void before_fork()
{
	base::rcu_fork_prepare();
	registry_lock.lock();
	deadlock_freeze();
	each_entry([](registry_entry &e) { e.at_fork->freeze(e.object); });
	reserve::residency_freeze();
}

void after_fork_in_parent()
{
	reserve::residency_thaw();
	each_entry([](registry_entry &e) { e.at_fork->thaw(e.object); });
	deadlock_thaw();
	registry_lock.unlock();
	base::rcu_fork_parent();
}

void after_fork_in_child()
{
	reserve::residency_thaw_in_child();
	each_entry([](registry_entry &e) { e.at_fork->thaw_in_child(e.object); });
	deadlock_thaw_in_child();
	registry_lock.reset_in_child();
	base::forget_locks_in_child();
	base::rcu_fork_child();
	trace::after_fork_in_child();
	fault_control_after_fork_in_child();
}

// When the library is loaded, before anybody can hold a lock of ours: so there
// is no first time that a fork could fall into. It also puts our handlers
// first, and those of the host program may then use the library.
constinit bool handlers_installed = false;

__attribute__((constructor(101))) void install_fork_handlers()
{
	handlers_installed = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

} // namespace

bool registry_add(registry_kind kind, registry_entry &entry, void *object, const fork_ops *at_fork)
{
	if (!handlers_installed)
		return false;

	registry_entry &head = head_of(kind);
	const std::lock_guard guard(registry_lock);
	entry.object = object;
	entry.at_fork = at_fork;
	registry_entry *first = head.next.load(std::memory_order_relaxed);
	entry.next.store(first, std::memory_order_relaxed);
	entry.previous = &head;
	if (first != nullptr)
		first->previous = &entry;
	// release: pairs with the acquire in registry_walk(), ORD-5
	head.next.store(&entry, std::memory_order_release);
	return true;
}

void registry_unlink(registry_entry &entry)
{
	const std::lock_guard guard(registry_lock);
	registry_entry *next = entry.next.load(std::memory_order_relaxed);
	// release: a walker may meet `next` for the first time here, ORD-5
	entry.previous->next.store(next, std::memory_order_release);
	if (next != nullptr)
		next->previous = entry.previous;
}

void registry_remove(registry_entry &entry)
{
	registry_unlink(entry);
	base::rcu_synchronize();
}

int registry_walk(registry_kind kind, int (*visit)(void *object, void *arg), void *arg)
{
	const base::rcu_reader reading;
	int result = 0;
	// acquire: pairs with the release in registry_add() and registry_remove(), ORD-5
	for (registry_entry *e = head_of(kind).next.load(std::memory_order_acquire); e != nullptr && result == 0;
	     e = e->next.load(std::memory_order_acquire))
		result = visit(e->object, arg);
	return result;
}

} // namespace mp::watch
