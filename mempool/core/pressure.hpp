// SPDX-License-Identifier: MIT
//
// pressure.hpp - who is told when a pool draws on its reserve: an eventfd for
// those who wait for an element in an event loop, and listeners for episodes.
// See mempool-pressure.h.
//
// Telling is done by one thread at a time, who never waits for another: who
// finds somebody at it leaves word, and that one looks again (ORD-21). So a
// handler may take and give in the middle of a callback.
//
// Owner of the state: the pool that embeds it. Race table:
//   note_taken, note_given / any          one word tells whether there is anything to do, ORD-20
//   telling / telling                     the busy bit, or its holder does it, ORD-21
//   add, remove / telling, add, remove    they wait for the busy bit
//   eventfd / the same                    a compare-and-swap
//   thaw_in_child, close / anything       alone
// Context: note_taken(), note_given() and want() any; the others not from signal handlers.
#pragma once

#include "mempool/mempool-pressure.h"
#include "reserve/base/futex.hpp"

namespace mp::core {

class pressure {
      public:
	/// After an entry left the reserve.
	void note_taken(mempool_t &pool)
	{
		// seq_cst: pairs with the exchange in add(), ORD-20
		if ((signs_.load(std::memory_order_seq_cst) & listening) != 0) [[unlikely]]
			look(pool);
	}

	/// After an entry came into the reserve, or may have come back to it.
	void note_given(mempool_t &pool)
	{
		// seq_cst: pairs with the exchanges in add() and want(), ORD-20
		if (signs_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
			given(pool);
	}

	/// Would somebody who found the reserve empty be told when it no longer is?
	bool has_eventfd() const { return eventfd_.load(std::memory_order_relaxed) >= 0; }
	/// Asks for a signal at the next note_given(). The caller looks at the reserve once more.
	void want();
	/// The descriptor, made when first asked for; or -errno.
	int eventfd();

	/// 0 or -errno.
	int add(mempool_t &pool, const mempool_pressure &p);
	int remove(mempool_t &pool, const mempool_pressure &p);

	void thaw_in_child();
	void close();

      private:
	// signs_: what those who take and give must do.
	static constexpr uint32_t listening = 1;
	static constexpr uint32_t wanted = 2;
	// telling_: who is at it, and who waits.
	static constexpr uint32_t busy = 1;
	static constexpr uint32_t again = 2;   // look once more
	static constexpr uint32_t awaited = 4; // somebody sleeps until nobody is busy

	enum class phase { calm, entered, below };
	struct listener {
		std::atomic<bool> used{false};
		phase now = phase::calm;
		mempool_pressure who = {};
	};

	void given(mempool_t &pool);
	void look(mempool_t &pool);
	bool try_begin();
	void begin();
	bool end();
	void end_telling(mempool_t &pool);
	void tell_all(mempool_t &pool);
	void tell(mempool_t &pool, const listener &l, mempool_pressure_event event) const;
	listener *find(const mempool_pressure &p);

	std::atomic<uint32_t> signs_{0};
	std::atomic<int> eventfd_{-1};
	base::futex_word telling_{0};
	listener listeners_[MEMPOOL_PRESSURE_MAX];
};

} // namespace mp::core
