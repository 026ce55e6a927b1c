// SPDX-License-Identifier: MIT
//
// tracker.cpp - see tracker.hpp.
#include "mempool/watch/tracker.hpp"

#include "reserve/pinned.hpp"

#include <cstdint>
#include <mutex>

namespace mp::watch {
namespace {

size_t hash_of(const void *element)
{
	// Fibonacci hashing: elements differ in their middle bits.
	return (reinterpret_cast<uintptr_t>(element) >> 3) * 0x9e3779b97f4a7c15U >> 20;
}

constinit std::atomic<uint64_t> last_thread{0};
constinit thread_local uint64_t thread_number = 0;

} // namespace

uint64_t this_thread_number()
{
	if (thread_number == 0)
		thread_number = last_thread.fetch_add(1, std::memory_order_relaxed) + 1;
	return thread_number;
}

bool tracker::init()
{
	constexpr size_t first_capacity = 256;
	table_ = static_cast<record *>(reserve::present_alloc(first_capacity * sizeof(record)));
	capacity_ = table_ != nullptr ? first_capacity : 0;
	return table_ != nullptr;
}

void tracker::destroy()
{
	reserve::present_free(table_, capacity_ * sizeof(record));
	table_ = nullptr;
	capacity_ = 0;
}

tracker::record *tracker::find(const void *element) const
{
	for (size_t i = 0; i < capacity_; i++) {
		record *r = &table_[(hash_of(element) + i) & (capacity_ - 1)];
		if (r->element == element || r->element == nullptr)
			return r;
	}
	return nullptr;
}

bool tracker::grow()
{
	tracker larger;
	larger.capacity_ = capacity_ * 2;
	larger.table_ = static_cast<record *>(reserve::present_alloc(larger.capacity_ * sizeof(record)));
	if (larger.table_ == nullptr)
		return false;
	for (size_t i = 0; i < capacity_; i++)
		if (table_[i].element != nullptr)
			*larger.find(table_[i].element) = table_[i];
	destroy();
	table_ = larger.table_;
	capacity_ = larger.capacity_;
	return true;
}

void tracker::note_alloc(const void *element)
{
	if (base::holds_locks()) {
		missed_.store(true, std::memory_order_relaxed);
		return;
	}
	const base::stack_trace by = base::stack_trace::here(1);
	const std::lock_guard guard(lock_);
	// A third of the table stays free, so that searches are short.
	if (used_ >= capacity_ - capacity_ / 3 && !grow())
		complete_ = false;
	record *r = find(element);
	if (r == nullptr)
		return;
	if (r->element == nullptr) {
		r->element = element;
		used_++;
	}
	r->where = place::out;
	r->thread = this_thread_number();
	r->by = by;
}

tracker::verdict tracker::note_free(const void *element, base::stack_trace &freed_by)
{
	if (base::holds_locks()) {
		missed_.store(true, std::memory_order_relaxed);
		return verdict::fine;
	}
	const base::stack_trace by = base::stack_trace::here(1);
	const std::lock_guard guard(lock_);
	record *r = find(element);
	if (r == nullptr || r->element == nullptr)
		return complete_ && !missed_.load(std::memory_order_relaxed) ? verdict::foreign : verdict::fine;
	if (r->where == place::home && !missed_.load(std::memory_order_relaxed)) {
		freed_by = r->by;
		return verdict::double_free;
	}
	r->where = place::home;
	r->by = by;
	return verdict::fine;
}

void tracker::note_left(const void *element)
{
	if (base::holds_locks()) {
		missed_.store(true, std::memory_order_relaxed);
		return;
	}
	const std::lock_guard guard(lock_);
	record *r = find(element);
	if (r != nullptr && r->element != nullptr)
		r->where = place::left;
}

void tracker::note_handed_over(const void *element)
{
	if (base::holds_locks()) {
		missed_.store(true, std::memory_order_relaxed);
		return;
	}
	const std::lock_guard guard(lock_);
	record *r = find(element);
	if (r != nullptr && r->element != nullptr)
		r->thread = 0;
}

bool tracker::is_others(const void *element)
{
	if (base::holds_locks())
		return false;
	const std::lock_guard guard(lock_);
	const record *r = find(element);
	return r != nullptr && r->element != nullptr && r->where == place::out && r->thread != 0 &&
	       r->thread != this_thread_number();
}

tracker::holding tracker::held_by(uint64_t thread)
{
	holding h;
	const std::lock_guard guard(lock_);
	h.complete = complete_ && !missed_.load(std::memory_order_relaxed);
	for (size_t i = 0; i < capacity_; i++) {
		const record &r = table_[i];
		if (r.element == nullptr || r.where != place::out)
			continue;
		h.all++;
		if (r.thread == thread && h.count++ == 0)
			h.taken = r.by;
	}
	return h;
}

size_t tracker::count_out(const void **one, base::stack_trace &taken_by)
{
	const std::lock_guard guard(lock_);
	if (missed_.load(std::memory_order_relaxed))
		return 0;
	size_t out = 0;
	for (size_t i = 0; i < capacity_; i++) {
		if (table_[i].element == nullptr || table_[i].where != place::out)
			continue;
		if (out++ == 0) {
			*one = table_[i].element;
			taken_by = table_[i].by;
		}
	}
	return out;
}

} // namespace mp::watch
