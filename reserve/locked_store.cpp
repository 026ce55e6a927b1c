// SPDX-License-Identifier: MIT
//
// locked_store.cpp - see locked_store.hpp.
#include "reserve/locked_store.hpp"

#include "reserve/base/check.hpp"
#include "reserve/base/fence.hpp"

#include <cstring>
#include <mutex>
#include <utility>

namespace mp::reserve {

void locked_store::init(void *zeroed, int target)
{
	MP_ASSERT(target >= 1); // INV-1
	slots_ = static_cast<void **>(zeroed);
	capacity_ = target;
	target_.store(target, std::memory_order_relaxed);
	level_.store(0, std::memory_order_relaxed);
	lowest_.store(0, std::memory_order_relaxed);
}

void *locked_store::pop()
{
	const int level = this->level() - 1;
	MP_ASSERT(level >= 0); // INV-1
	level_.store(level, std::memory_order_relaxed);
	taken_.store(taken() + 1, std::memory_order_relaxed);
	if (level < lowest())
		lowest_.store(level, std::memory_order_relaxed);
	return slots_[level];
}

void locked_store::push(void *entry)
{
	const int level = this->level();
	MP_ASSERT(level < target() && target() <= capacity_); // INV-1
	slots_[level] = entry;
	level_.store(level + 1, std::memory_order_relaxed);
	given_.store(given() + 1, std::memory_order_relaxed);
}

void *locked_store::take()
{
	if (level() == 0)
		return nullptr;
	void *entry = nullptr;
	{
		const std::lock_guard guard(lock_);
		if (level() > 0)
			entry = pop();
	}
	// release: pairs with the acquire fence in core's mempool_free(), ORD-1
	base::fence(std::memory_order_release);
	return entry;
}

void *locked_store::swap_guest(void *entry)
{
	void *guest = nullptr;
	{
		const std::lock_guard guard(lock_);
		for (int i = level() - 1; i >= 0 && guest == nullptr; i--)
			if (is_guest(slots_[i]))
				guest = std::exchange(slots_[i], entry);
	}
	return guest;
}

void *locked_store::take_resident()
{
	const std::lock_guard guard(lock_);
	for (int i = level() - 1; i >= 0; i--) {
		if (is_guest(slots_[i]))
			continue;
		std::swap(slots_[i], slots_[level() - 1]);
		return pop();
	}
	return nullptr;
}

bool locked_store::take_into_gaps(void **entries, int count, int missing)
{
	if (level() < missing)
		return false;
	{
		const std::lock_guard guard(lock_);
		if (level() < missing)
			return false; // INV-3: all or nothing
		for (int i = 0; i < count && missing > 0; i++) {
			if (entries[i] == nullptr) {
				entries[i] = pop();
				missing--;
			}
		}
	}
	// release: pairs with the acquire fence in core's mempool_free(), ORD-1
	base::fence(std::memory_order_release);
	return true;
}

bool locked_store::give(void *entry)
{
	return give_many(&entry, 1) == 1;
}

int locked_store::give_many(void *const *entries, int count)
{
	if (level() >= target())
		return 0;
	int given = 0;
	{
		const std::lock_guard guard(lock_);
		while (given < count && level() < target())
			push(entries[given++]);
	}
	// seq_cst: pairs with the fence in sleeper::sleep(), ORD-2
	base::fence(std::memory_order_seq_cst);
	return given;
}

void *locked_store::take_above(int new_target)
{
	const std::lock_guard guard(lock_);
	if (level() > new_target)
		return pop();
	// Only now: until the surplus is gone the old promise stands (PAR-26).
	target_.store(new_target, std::memory_order_relaxed);
	return nullptr;
}

memory_block locked_store::grow(memory_block larger, int new_target)
{
	const std::lock_guard guard(lock_);
	memory_block old;
	if (larger.start != nullptr) {
		memcpy(larger.start, slots_, bytes_for(level()));
		old = larger_;
		larger_ = larger;
		slots_ = static_cast<void **>(larger.start);
		capacity_ = static_cast<int>(larger.bytes / sizeof(void *));
	}
	MP_ASSERT(new_target <= capacity_); // INV-1
	target_.store(new_target, std::memory_order_relaxed);
	return old;
}

void locked_store::note_full()
{
	const std::lock_guard guard(lock_);
	lowest_.store(level(), std::memory_order_relaxed);
}

} // namespace mp::reserve
