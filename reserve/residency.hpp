// SPDX-License-Identifier: MIT
//
// residency.hpp - memory that stays: its pages exist, are locked where that is
// allowed, and are the process's own, also after a fork.
//
// A fork makes private pages copies that the next write must pay for, in the
// parent too, and takes the locks from the child. So the fork handlers go
// through all ranges, on both sides, before fork() returns: at a time that is
// not critical. A range may also be kept out of children, or begin empty there.
//
// Owner of a range: who made it resident. Race table:
//   make_resident, forget / the same   the list's lock
//   fork / anything                    the list's lock, from freeze to thaw
// Context: not from signal handlers.
#pragma once

#include "reserve/base/mapping.hpp"
#include "reserve/base/page_look.hpp"

#include <atomic>
#include <cstddef>

namespace mp::reserve {

struct resident_range {
	void *start = nullptr; // of a page
	size_t bytes = 0;
	base::at_fork at_fork = base::at_fork::copy;
	int lock_error = 0; // why it is not locked; 0: it is
	bool lost = false;  // after a fork its pages could not be made to exist again; see is_lost()
	resident_range *next = nullptr;
	resident_range *previous = nullptr;

	bool locked() const { return start != nullptr && lock_error == 0; }

	// Another thread's certificate may look while a fork ends in this one.
	bool is_lost() const { return std::atomic_ref(const_cast<bool &>(lost)).load(std::memory_order_relaxed); }
	void set_lost(bool now) { std::atomic_ref(lost).store(now, std::memory_order_relaxed); }
};

/// Makes a range's pages exist, and locks them if that is allowed. False, with
/// errno, when they cannot exist; the range is then nobody's business here.
[[nodiscard]] bool make_resident(resident_range &range);

/// The range is about to be unmapped, or its owner does without.
void forget_resident(resident_range &range);

/// The pages that `bytes` from `memory` on lie in, as a range.
resident_range pages_around(const void *memory, size_t bytes);

/// The pages of this library itself, its data and its code, when it is a shared
/// one. Done once; 0, or the errno why they are not locked.
int make_library_resident();
/// Adds what the kernel knows of them now. Of a static library, whose pages are
/// the program's own business, some of its data and code.
void look_at_library(const base::page_look &at, base::page_counts &to);

void residency_freeze();
void residency_thaw();
void residency_thaw_in_child();

} // namespace mp::reserve
