// SPDX-License-Identifier: MIT
//
// either_store.hpp - the store of a pool: the spread one or the locked one,
// chosen when it is made.
//
// Owner of the state: the pool that embeds it. Race table: as the chosen one's.
#pragma once

#include "reserve/locked_store.hpp"
#include "reserve/spread_store.hpp"

namespace mp::reserve {

class either_store {
	template <class Do> auto either(Do &&what) { return is_spread_ ? what(spread_) : what(locked_); }
	template <class Do> auto either(Do &&what) const { return is_spread_ ? what(spread_) : what(locked_); }

      public:
	using atomics = native_atomics;
	enum class kind { spread, locked };

	either_store() : spread_() {}
	~either_store() {}
	either_store(const either_store &) = delete;
	either_store &operator=(const either_store &) = delete;

	static size_t bytes_for(kind k, int target)
	{
		return k == kind::spread ? spread_store::bytes_for(target) : locked_store::bytes_for(target);
	}
	/// Once, before anything else.
	void init(kind k, void *zeroed, int target)
	{
		is_spread_ = k == kind::spread;
		if (!is_spread_)
			std::construct_at(&locked_); // neither has anything to destroy
		either([&](auto &s) { s.init(zeroed, target); });
	}

	void *take()
	{
		return either([](auto &s) { return s.take(); });
	}
	void *swap_guest(void *entry)
	{
		return either([&](auto &s) { return s.swap_guest(entry); });
	}
	void *take_resident()
	{
		return either([](auto &s) { return s.take_resident(); });
	}
	bool take_into_gaps(void **entries, int count, int missing)
	{
		return either([&](auto &s) { return s.take_into_gaps(entries, count, missing); });
	}
	bool give(void *entry)
	{
		return either([&](auto &s) { return s.give(entry); });
	}
	int give_many(void *const *entries, int count)
	{
		return either([&](auto &s) { return s.give_many(entries, count); });
	}
	void *take_above(int new_target)
	{
		return either([&](auto &s) { return s.take_above(new_target); });
	}
	size_t bytes_to_grow(int new_target) const
	{
		return either([&](auto &s) { return s.bytes_to_grow(new_target); });
	}
	memory_block grow(memory_block more, int new_target)
	{
		return either([&](auto &s) { return s.grow(more, new_target); });
	}
	memory_block grown(int i) const
	{
		return either([&](auto &s) { return s.grown(i); });
	}
	/// full(), where the owner knows that it chose the spread one.
	bool spread_is_full() const { return spread_.full(); }
	bool full() const
	{
		return either([](auto &s) { return s.full(); });
	}
	int level() const
	{
		return either([](auto &s) { return s.level(); });
	}
	int count(int most)
	{
		return either([&](auto &s) { return s.count(most); });
	}
	template <class Visit> void each_entry(Visit visit)
	{
		either([&](auto &s) { s.each_entry(visit); });
	}
	int lowest() const
	{
		return either([](auto &s) { return s.lowest(); });
	}
	uint64_t taken() const
	{
		return either([](auto &s) { return s.taken(); });
	}
	uint64_t given() const
	{
		return either([](auto &s) { return s.given(); });
	}
	int target() const
	{
		return either([](auto &s) { return s.target(); });
	}
	void note_full()
	{
		either([](auto &s) { s.note_full(); });
	}
	void freeze()
	{
		either([](auto &s) { s.freeze(); });
	}
	void thaw()
	{
		either([](auto &s) { s.thaw(); });
	}
	void thaw_in_child()
	{
		either([](auto &s) { s.thaw_in_child(); });
	}

      private:
	bool is_spread_ = true;
	union {
		spread_store spread_;
		locked_store locked_;
	};
};

static_assert(element_store<either_store>);

} // namespace mp::reserve
