// SPDX-License-Identifier: MIT
//
// wait_queue.cpp - see wait_queue.hpp.
#include "reserve/wait_queue.hpp"

#include "reserve/base/check.hpp"

#include <mutex>

namespace mp::reserve {

void wait_queue::link(waiter &w)
{
	waiter *older = newest_;
	while (older != nullptr && older->ticket_ > w.ticket_)
		older = older->previous_;
	w.previous_ = older;
	w.next_ = older != nullptr ? older->next_ : oldest_;
	(w.next_ != nullptr ? w.next_->previous_ : newest_) = &w;
	(older != nullptr ? older->next_ : oldest_) = &w;
	w.queued_ = true;
	count_.store(waiting() + 1, std::memory_order_relaxed);
}

void wait_queue::unlink(waiter &w)
{
	MP_ASSERT(w.queued_ && waiting() > 0); // INV-4
	(w.previous_ != nullptr ? w.previous_->next_ : oldest_) = w.next_;
	(w.next_ != nullptr ? w.next_->previous_ : newest_) = w.previous_;
	w.queued_ = false;
	count_.store(waiting() - 1, std::memory_order_relaxed);
}

void wait_queue::enqueue(waiter &w, int need)
{
	const std::lock_guard guard(lock_);
	w.need_ = need;
	w.state_.store(waiter::asleep, std::memory_order_relaxed);
	if (w.ticket_ == 0)
		w.ticket_ = ++last_ticket_;
	link(w);
}

bool wait_queue::sleep(waiter &w, uint64_t deadline_ns)
{
	// acquire: pairs with the release in wake(), ORD-4
	while (w.state_.load(std::memory_order_acquire) == waiter::asleep) {
		// Signals and stray wake-ups end the wait early; the state decides.
		if (base::futex_wait(w.state_, waiter::asleep, deadline_ns) == base::futex_result::timed_out)
			return cancel(w);
	}
	return true;
}

bool wait_queue::cancel(waiter &w)
{
	const std::lock_guard guard(lock_);
	if (!w.queued_)
		return true;
	unlink(w);
	return false;
}

int wait_queue::wake(int available, int full, bool hopeless)
{
	int woken = 0;
	const std::lock_guard guard(lock_);
	for (waiter *w = oldest_, *next = nullptr; w != nullptr && available > 0; w = next) {
		next = w->next_;
		const bool servable = w->need_ <= full;
		if (servable ? available < w->need_ : !hopeless || available < full)
			continue; // it must not hold back those behind it (PAR-24)
		if (servable)
			available -= w->need_;
		unlink(*w);
		base::futex_word *state = &w->state_;
		// release: pairs with the acquire in sleep(), ORD-4. From here on the
		// waiter may be gone; the wake-up needs only its address.
		state->store(waiter::woken, std::memory_order_release);
		base::futex_wake(state, 1);
		woken++;
	}
	return woken;
}

void wait_queue::thaw_in_child()
{
	oldest_ = nullptr;
	newest_ = nullptr;
	count_.store(0, std::memory_order_relaxed);
	lock_.reset_in_child();
}

} // namespace mp::reserve
