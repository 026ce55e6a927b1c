// SPDX-License-Identifier: MIT
//
// free_rcu.cpp - an element comes back when no reader can see it any more. See
// mempool-rcu.h.
//
// No state of its own: what waits is linked through the user's heads.
#include "mempool/core/control.hpp"
#include "mempool/mempool-rcu.h"

#include "mempool/backing/rcu_free.hpp"

#include <new>

namespace mp::core {
namespace {

struct waiting_element {
	backing::deferred_free item;
	void *element;
	mempool_t *pool;
};
static_assert(sizeof(waiting_element) == sizeof(mempool_rcu_head));

void free_element(backing::deferred_free &item)
{
	const auto &w = reinterpret_cast<waiting_element &>(item); // its first member
	mempool_free(w.element, w.pool);
}
constexpr backing::deferred_op element_op = {free_element};

} // namespace
} // namespace mp::core

using namespace mp::core;

extern "C" void mempool_free_rcu(void *element, mempool_t *pool, struct mempool_rcu_head *head)
{
	if (element == nullptr)
		return;
	mempool_control &control = control_of(pool, "mempool_free_rcu");
	control.has_deferred.store(true, std::memory_order_relaxed);
	if (control.proves) [[unlikely]]
		control.tracker.note_handed_over(element);
	auto *w = new (head) waiting_element{{}, element, pool};
	mp::backing::defer_free(w->item, element_op);
}
