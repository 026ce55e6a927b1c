// SPDX-License-Identifier: MIT
//
// registry.hpp - which pools and caches there are. Walkers read it without a
// lock, under RCU; the fork handlers go through it to bring every lock to rest.
//
// Owner of the state: registry.cpp; an entry is part of what it stands for.
// Race table:
//   add, remove / add, remove   the registry's lock
//   walk / add, remove          RCU: remove() returns when no walker can see the entry
//   fork / anything             the registry's lock, then each entry's freeze()
#pragma once

#include <atomic>

namespace mp::watch {

/// How an entry behaves around fork: nobody is inside its locks in between.
struct fork_ops {
	void (*freeze)(void *object);
	void (*thaw)(void *object);
	void (*thaw_in_child)(void *object);
};

struct registry_entry {
	std::atomic<registry_entry *> next{nullptr};
	registry_entry *previous = nullptr;
	void *object = nullptr;
	const fork_ops *at_fork = nullptr;
};

/// The kinds in the order in which fork freezes them: what comes later is used
/// by what comes earlier.
enum class registry_kind { pool, cache, memory };
inline constexpr unsigned registry_kinds = 3;

/// False when the fork handlers could not be installed: there was no memory for them.
[[nodiscard]] bool registry_add(registry_kind kind, registry_entry &entry, void *object, const fork_ops *at_fork);

/// Takes an entry out without waiting: walkers may still see it, so it must live on.
void registry_unlink(registry_entry &entry);

/// Takes an entry out, and sleeps until no walker can see it.
void registry_remove(registry_entry &entry);

/// Calls `visit` for each entry until it returns something other than 0.
int registry_walk(registry_kind kind, int (*visit)(void *object, void *arg), void *arg);

} // namespace mp::watch
