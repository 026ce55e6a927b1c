// SPDX-License-Identifier: MIT
//
// wait_queue_parts.hpp - the bodies of wait_queue.hpp, for whoever instantiates
// it: wait_queue.cpp, and tests with atomics of their own.
#pragma once

#include "reserve/base/check.hpp"
#include "reserve/wait_queue.hpp"

#include <algorithm>
#include <climits>

namespace mp::reserve {

template <class Atomics> void basic_wait_queue<Atomics>::link(waiter &w)
{
	waiter *older = newest_;
	while (older != nullptr && older->ticket_ > w.ticket_)
		older = older->previous_;
	w.previous_ = older;
	w.next_ = older != nullptr ? older->next_ : oldest_;
	(w.next_ != nullptr ? w.next_->previous_ : newest_) = &w;
	(older != nullptr ? older->next_ : oldest_) = &w;
	w.queued_ = true;
	needs_ += w.need_;
	// seq_cst: pairs with waiting_in_order(), ORD-2
	count_.store(waiting() + 1, std::memory_order_seq_cst);
}

template <class Atomics> void basic_wait_queue<Atomics>::unlink(waiter &w)
{
	MP_ASSERT(w.queued_ && waiting() > 0); // INV-4
	(w.previous_ != nullptr ? w.previous_->next_ : oldest_) = w.next_;
	(w.next_ != nullptr ? w.next_->previous_ : newest_) = w.previous_;
	w.queued_ = false;
	needs_ -= w.need_;
	count_.store(waiting() - 1, std::memory_order_relaxed);
}

template <class Atomics> void basic_wait_queue<Atomics>::enqueue(waiter &w, int need)
{
	lock_.lock();
	w.need_ = need;
	w.state_.store(waiter::asleep, std::memory_order_relaxed);
	if (w.ticket_ == 0)
		w.ticket_ = ++last_ticket_;
	link(w);
	lock_.unlock();
	settle();
}

template <class Atomics> bool basic_wait_queue<Atomics>::sleep(waiter &w, uint64_t deadline_ns)
{
	// acquire: pairs with the release in serve(), ORD-4
	while (w.state_.load(std::memory_order_acquire) == waiter::asleep) {
		// Signals and stray wake-ups end the wait early; the state decides.
		if (Atomics::futex_wait(w.state_, waiter::asleep, deadline_ns) == base::futex_result::timed_out)
			return cancel(w);
	}
	return true;
}

template <class Atomics> bool basic_wait_queue<Atomics>::cancel(waiter &w)
{
	lock_.lock();
	const bool woken = !w.queued_;
	if (!woken)
		unlink(w);
	lock_.unlock();
	settle();
	return woken;
}

/// Does what was asked for while the lock was taken. Called after each unlock,
/// and by who asks: of the two fences one comes first, and so either the holder
/// sees the asking, or who asks finds the lock free.
template <class Atomics> void basic_wait_queue<Atomics>::settle()
{
	for (;;) {
		// seq_cst: pairs with itself in another thread, ORD-9
		Atomics::fence(std::memory_order_seq_cst);
		if (pending_.load(std::memory_order_relaxed) == 0 || !lock_.try_lock())
			return;
		// acquire: pairs with the release in wake(), ORD-9. Before the look at
		// the supply: who asks from here on is seen by the next round.
		const unsigned what = pending_.exchange(0, std::memory_order_acquire);
		if (what != 0)
			serve((what & asked_with_news) != 0);
		lock_.unlock();
	}
}

template <class Atomics> void basic_wait_queue<Atomics>::serve(bool news)
{
	if (oldest_ == nullptr)
		return;
	const int full = supply_.full(supply_.of);
	int available = supply_.available(supply_.of, static_cast<int>(std::min<int64_t>(needs_, INT_MAX)));
	for (waiter *w = oldest_, *next = nullptr; w != nullptr && available > 0; w = next) {
		next = w->next_;
		const bool servable = w->need_ <= full;
		if (servable ? available < w->need_ : !news || available < full)
			continue; // it must not hold back those behind it (PAR-24)
		if (servable)
			available -= w->need_;
		unlink(*w);
		if (wake_told_fn *told = wake_told.load(std::memory_order_relaxed))
			told(w->label_, w->need_);
		auto *state = &w->state_;
		// release: pairs with the acquire in sleep(), ORD-4. From here on the
		// waiter may be gone; the wake-up needs only its address.
		state->store(waiter::woken, std::memory_order_release);
		Atomics::futex_wake(state, 1);
	}
}

template <class Atomics> void basic_wait_queue<Atomics>::thaw_in_child()
{
	oldest_ = nullptr;
	newest_ = nullptr;
	needs_ = 0;
	count_.store(0, std::memory_order_relaxed);
	pending_.store(0, std::memory_order_relaxed);
	lock_.reset_in_child();
}

} // namespace mp::reserve
