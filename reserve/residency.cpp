// SPDX-License-Identifier: MIT
//
// residency.cpp - see residency.hpp.
#include "reserve/residency.hpp"

#include "reserve/base/counted_lock.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <link.h>
#include <mutex>
#include <span>

namespace mp::reserve {
namespace {

constinit base::counted_lock ranges_lock;
constinit resident_range ranges; // the list's head

/// Locking makes the pages exist; but it may not be allowed, and sanitizers make
/// nothing of it.
bool hold(resident_range &range)
{
	range.lock_error = base::lock_pages(range.start, range.bytes) ? 0 : errno;
	return base::populate(range.start, range.bytes);
}

template <class Do> void each_range(Do what)
{
	for (resident_range *r = ranges.next; r != nullptr;) {
		resident_range *next = r->next;
		what(*r);
		r = next;
	}
}

void unlink(resident_range &range)
{
	range.previous->next = range.next;
	if (range.next != nullptr)
		range.next->previous = range.previous;
	range.next = range.previous = nullptr;
}

/// What the loader mapped for this library.
struct own_segments {
	static constexpr unsigned most = 8;
	resident_range writable[most];
	unsigned writable_count = 0;
	resident_range read_only[most]; // on no list: there is nothing to populate
	unsigned read_only_count = 0;
	std::atomic<int> lock_error{0};

	void lock_read_only(resident_range &range)
	{
		if (!base::lock_pages(range.start, range.bytes))
			lock_error.store(errno, std::memory_order_relaxed);
	}
};
constinit own_segments own;

bool holds(const dl_phdr_info &info, const ElfW(Phdr) & segment, const void *address)
{
	const uintptr_t start = info.dlpi_addr + segment.p_vaddr;
	return segment.p_type == PT_LOAD && reinterpret_cast<uintptr_t>(address) - start < segment.p_memsz;
}

void take_segment(uintptr_t start, uintptr_t end, bool writable)
{
	resident_range range =
		pages_around(reinterpret_cast<void *>(start), end - start); // NOLINT(performance-no-int-to-ptr)
	if (!writable) {
		own.lock_read_only(range);
		if (own.read_only_count < own_segments::most)
			own.read_only[own.read_only_count++] = range;
		return;
	}
	if (own.writable_count == own_segments::most)
		return;
	resident_range &kept = own.writable[own.writable_count];
	kept = range;
	if (make_resident(kept)) {
		own.writable_count++;
		if (kept.lock_error != 0)
			own.lock_error.store(kept.lock_error, std::memory_order_relaxed);
	} else {
		own.lock_error.store(errno, std::memory_order_relaxed);
	}
}

int take_segments(dl_phdr_info *info, size_t, void *)
{
	const std::span segments(info->dlpi_phdr, info->dlpi_phnum);
	if (std::none_of(segments.begin(), segments.end(), [&](const ElfW(Phdr) & s) { return holds(*info, s, &own); }))
		return 0;
	// The program itself has no name: a static library is the program's business.
	if (info->dlpi_name == nullptr || info->dlpi_name[0] == '\0')
		return 1;
	uintptr_t relro_end = 0; // what the loader made read-only, at the start of the data
	for (const ElfW(Phdr) & s : segments)
		if (s.p_type == PT_GNU_RELRO)
			relro_end = (info->dlpi_addr + s.p_vaddr + s.p_memsz) & ~(base::machine_page_bytes() - 1);
	for (const ElfW(Phdr) & s : segments) {
		if (s.p_type != PT_LOAD || s.p_memsz == 0)
			continue;
		const bool writable = (s.p_flags & PF_W) != 0;
		const uintptr_t start = info->dlpi_addr + s.p_vaddr;
		const uintptr_t end = start + s.p_memsz;
		const uintptr_t from = writable && relro_end > start && relro_end <= end ? relro_end : start;
		if (from < end)
			take_segment(from, end, writable);
	}
	return 1;
}

} // namespace

bool make_resident(resident_range &range)
{
	static_cast<void>(base::keep_unmerged(range.start, range.bytes));
	if (!base::set_at_fork(range.start, range.bytes, range.at_fork) || !hold(range))
		return false;
	const std::lock_guard guard(ranges_lock);
	range.previous = &ranges;
	range.next = ranges.next;
	if (range.next != nullptr)
		range.next->previous = &range;
	ranges.next = &range;
	return true;
}

void forget_resident(resident_range &range)
{
	const std::lock_guard guard(ranges_lock);
	if (range.previous != nullptr)
		unlink(range);
}

resident_range pages_around(const void *memory, size_t bytes)
{
	const uintptr_t page = base::machine_page_bytes();
	const uintptr_t start = reinterpret_cast<uintptr_t>(memory) & ~(page - 1);
	const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes + page - 1) & ~(page - 1);
	resident_range range;
	range.start = reinterpret_cast<void *>(start); // NOLINT(performance-no-int-to-ptr)
	range.bytes = end - start;
	return range;
}

int make_library_resident()
{
	static constinit std::atomic<bool> done{false};
	if (!done.exchange(true, std::memory_order_relaxed))
		dl_iterate_phdr(take_segments, nullptr);
	return own.lock_error.load(std::memory_order_relaxed);
}

void look_at_library(const base::page_look &at, base::page_counts &to)
{
	if (own.writable_count + own.read_only_count == 0) {
		at.count(&own, sizeof(own), to);
		at.count(reinterpret_cast<const void *>(&make_library_resident), 1, to);
	}
	for (unsigned i = 0; i < own.writable_count; i++)
		at.count(own.writable[i].start, own.writable[i].bytes, to);
	for (unsigned i = 0; i < own.read_only_count; i++)
		at.count(own.read_only[i].start, own.read_only[i].bytes, to);
}

void residency_freeze()
{
	ranges_lock.lock();
}

void residency_thaw()
{
	// Whatever the fork made a copy of becomes our own again now, and not at a write in an emergency.
	each_range([](resident_range &r) {
		if (r.at_fork == base::at_fork::copy)
			r.set_lost(!base::populate(r.start, r.bytes));
	});
	ranges_lock.unlock();
}

void residency_thaw_in_child()
{
	each_range([](resident_range &r) {
		if (r.at_fork == base::at_fork::copy) {
			r.set_lost(!hold(r));
			return;
		}
		// Left out: nothing is there. Wiped: its owner makes it resident when it is needed.
		unlink(r);
	});
	for (unsigned i = 0; i < own.read_only_count; i++)
		own.lock_read_only(own.read_only[i]);
	ranges_lock.reset_in_child();
}

} // namespace mp::reserve
