// SPDX-License-Identifier: MIT
//
// headroom.hpp - may the page layer take so much more? Watermarks over what the
// machine's limits leave, read seldom, with a credit in between.
//
// Owner of the state: the object. Race table:
//   ask_pages / all               an atomic credit, then the lock
//   ask_space, look*, tell, set_* the lock
//   anything in a handler that interrupted a lock's holder: the credit, or no
#pragma once

#include "mempool/gfp.h"
#include "mempool/mempool-limits.h"

#include "reserve/base/counted_lock.hpp"
#include "reserve/base/memory_limits.hpp"

#include <atomic>

namespace mp::backing {

struct watermarks {
	uint64_t min_bytes = 0;
	uint64_t low_bytes = 0;
	uint64_t high_bytes = 0;
};

/// The watermarks of a limit; `min_bytes` 0 for the default.
watermarks watermarks_for(uint64_t limit_bytes, uint64_t min_bytes);

/// "64M" and the like, in bytes; false when it is none.
[[nodiscard]] bool parse_bytes(const char *text, size_t &bytes);

class headroom {
      public:
	/// Where figures come from: the machine, or a test.
	struct sources {
		base::memory_reading (*read)(bool with_machine, bool find_cgroup);
		uint64_t (*now_ns)();
	};
	static constexpr uint64_t reading_serves_ns = 50'000'000;
	static constexpr uint64_t refusal_serves_ns = 1'000'000;
	static constexpr uint64_t credit_max_bytes = uint64_t{4} << 20;
	static constexpr uint64_t credit_least_bytes = uint64_t{64} << 10;

	explicit constexpr headroom(const sources &from) : from_(from) {}

	/// Are the watermarks looked at? As of the last look().
	bool active() const { return active_.load(std::memory_order_relaxed); }
	/// Looks whether there is a limit; before memory is mapped.
	bool look();
	/// The same by a reading of its own, also while a refusal stands: for who gives memory back until it is enough.
	bool look_anew();

	/// May so much address space be taken? Only when active.
	[[nodiscard]] bool ask_space(size_t bytes, gfp_t gfp_mask);
	/// May so many bytes be made present? After a yes, pages_done() follows.
	[[nodiscard]] bool ask_pages(size_t bytes, gfp_t gfp_mask);
	/// May a mapping be made of which so much will be asked for at once? At the
	/// limit most are refused here, by what the last reading said, before the
	/// kernel is bothered: it would try for long to find memory for the mapping.
	[[nodiscard]] bool ask_mapping(size_t space_bytes, size_t page_bytes, gfp_t gfp_mask);
	/// What was asked for, and what is present now that was not counted before.
	void pages_done(size_t asked_bytes, size_t counted_bytes);
	/// Memory that was counted has gone.
	void given_back(size_t bytes);

	void set_limit(size_t bytes);
	void set_watermarks(mempool_watermark_mode mode, uint64_t min_bytes);
	/// From a fresh reading.
	mempool_headroom_state tell();
	/// As of the last reading: is less free than "low"; is "high" free?
	bool below_low() const { return below_low_.load(std::memory_order_relaxed); }

	void freeze() { lock_.lock(); }
	void thaw() { lock_.unlock(); }
	void thaw_in_child();

      private:
	struct account {
		mempool_limit_kind kind;
		uint64_t limit_bytes;
		uint64_t free_bytes;
		watermarks marks;
	};
	static constexpr unsigned most_accounts = 5;
	/// Which limits a request meets.
	enum class need { space, pages, both };

	bool refuse();
	bool use_credit(size_t bytes);
	void read();
	unsigned accounts(account (&out)[most_accounts], need what) const;
	int64_t room(need what, bool high) const;
	void judge_low();

	sources from_;
	base::counted_lock lock_;
	std::atomic<bool> active_{false};
	std::atomic<bool> below_low_{false};
	mempool_watermark_mode mode_ = MEMPOOL_WATERMARKS_AUTO;
	uint64_t budget_bytes_ = 0;
	uint64_t min_bytes_ = 0;
	base::memory_reading last_;
	uint64_t looked_at_ns_ = 0; // for a cgroup
	uint64_t refuse_until_ns_ = 0;
	bool looked_ = false;

	std::atomic<uint64_t> credit_bytes_{0};
	std::atomic<uint64_t> credit_until_ns_{0};
	std::atomic<uint64_t> in_flight_bytes_{0}; // granted, perhaps not present yet
	std::atomic<uint64_t> populated_bytes_{0};
	std::atomic<uint64_t> refusals_{0};
};

/// The process's.
headroom &process_headroom();

} // namespace mp::backing
