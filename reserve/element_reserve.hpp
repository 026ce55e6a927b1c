// SPDX-License-Identifier: MIT
//
// element_reserve.hpp - a store and the queue of those who wait for it, joined
// by the protocol under which no wake-up is lost.
//
// The rule: whoever leaves elements in the store while threads are queued must
// wake them. Four do: one who gives; one who queues (it looks at the store once
// more before it sleeps); one who was woken, and then either sleeps again or
// leaves (what it was woken for may still be there, and serve others); and a
// bulk that was not served (what it had set its eyes on may serve others).
// Why this suffices is argued in docs/ordering.md, ORD-2.
//
// Owner of the state: the pool that embeds it. Race table: as the store's and
// the queue's; sleeper objects belong to their thread.
#pragma once

#include "reserve/store.hpp"
#include "reserve/wait_queue.hpp"

namespace mp::reserve {

template <element_store Store> class element_reserve {
      public:
	using atomics = typename Store::atomics;
	class sleeper;

	element_reserve() = default;
	element_reserve(const element_reserve &) = delete;
	element_reserve &operator=(const element_reserve &) = delete;

	Store &store() { return store_; }
	const Store &store() const { return store_; }
	int waiting() const { return queue_.waiting(); }

	/// Does a freed element belong here? (PAR-21; max(1, min_nr) by PAR-23.)
	/// It may say yes where give() then says no.
	bool wants() const { return !store_.full(); }

	/// As wants(), and exact while nobody else is at work; costs more.
	bool has_room() const { return store_.level() < store_.target(); }

	/// Fills the NULL ones of `count` entries, `missing` of them, or none at all.
	bool take_into_gaps(void **entries, int count, int missing)
	{
		if (store_.take_into_gaps(entries, count, missing))
			return true;
		// It may have put back what a sleeper had been told is gone.
		wake_served();
		return false;
	}

	/// Adds one entry if wanted, and wakes whom it serves.
	bool give(void *entry)
	{
		if (!store_.give(entry))
			return false;
		note_given();
		return true;
	}

	/// Adds from the front of `entries` while wanted; says how many.
	int give_many(void *const *entries, int count)
	{
		const int given = store_.give_many(entries, count);
		if (given > 0)
			note_given();
		return given;
	}

	void freeze()
	{
		store_.freeze();
		queue_.freeze();
	}
	void thaw()
	{
		queue_.thaw();
		store_.thaw();
	}
	void thaw_in_child()
	{
		queue_.thaw_in_child();
		store_.thaw_in_child();
	}

      private:
	/// Wakes those whom an element that was just given can serve. The giving was
	/// a seq_cst operation, and so is the look: it needs no fence of its own.
	void note_given()
	{
		// seq_cst: pairs with the fence in sleeper::sleep(), ORD-2
		if (queue_.waiting_in_order() > 0) [[unlikely]]
			queue_.wake(true);
	}

	/// Wakes those that what is in the store now can serve. Those whom it never
	/// can are woken by news only, an element that was given: waking one another
	/// they would never sleep again.
	void wake_served()
	{
		// seq_cst: pairs with the fence in sleeper::sleep(), ORD-2
		atomics::fence(std::memory_order_seq_cst);
		if (queue_.waiting() > 0)
			queue_.wake(false);
	}

	static int available(void *store, int limit) { return static_cast<Store *>(store)->count(limit); }
	static int full(void *store) { return static_cast<Store *>(store)->target(); }

	Store store_;
	basic_wait_queue<atomics> queue_{supply{available, full, &store_}};
};

/// One thread's wish for elements, over as many sleeps as it takes.
template <element_store Store> class element_reserve<Store>::sleeper {
      public:
	explicit sleeper(element_reserve &reserve) : reserve_(reserve) {}
	sleeper(const sleeper &) = delete;
	sleeper &operator=(const sleeper &) = delete;

	/// What it was woken for may still be in the store: pass it on.
	~sleeper()
	{
		if (slept_)
			reserve_.wake_served();
	}

	/// For who is told of wake-ups.
	void set_label(uint64_t label) { waiter_.set_label(label); }

	enum class outcome { woken, timed_out, not_needed };

	/// Sleeps until the store can serve `need` elements, or until the deadline.
	/// not_needed: it can already.
	outcome sleep(int need, uint64_t deadline_ns)
	{
		reserve_.queue_.enqueue(waiter_, need);
		// seq_cst: pairs with note_given() and the fence in wake_served(), ORD-2
		atomics::fence(std::memory_order_seq_cst);
		if (reserve_.store_.count(need) >= need) {
			reserve_.queue_.cancel(waiter_);
			slept_ = true;
			return outcome::not_needed;
		}
		if (slept_)
			reserve_.wake_served();
		slept_ = true;
		return reserve_.queue_.sleep(waiter_, deadline_ns) ? outcome::woken : outcome::timed_out;
	}

      private:
	element_reserve &reserve_;
	basic_waiter<atomics> waiter_;
	bool slept_ = false;
};

} // namespace mp::reserve
