// SPDX-License-Identifier: MIT
//
// page_look.hpp - what the kernel knows of pages now: are they there, are they
// locked, are they nobody else's? What was asked for once may have been undone
// since, by munlockall(), or by a fork that ran no handlers.
//
// Owner of the state: the object. Race table: one caller at a time; what is
// looked at may change meanwhile.
#pragma once

#include <cstddef>

namespace mp::base {

struct page_counts {
	size_t missing = 0;  // not in memory: a touch is a page fault
	size_t unlocked = 0; // may be swapped out, or given back
	size_t shared = 0;   // another process has them too: a write must copy
};

class page_look {
      public:
	page_look();
	~page_look();
	page_look(const page_look &) = delete;
	page_look &operator=(const page_look &) = delete;

	/// Adds the pages that `bytes` from `memory` lie in.
	void count(const void *memory, size_t bytes, page_counts &to) const;

	/// Where the kernel does not say whose pages are, none is counted as shared.
	bool knows_sharing() const { return pagemap_ >= 0; }

      private:
	size_t count_shared(const void *memory, size_t bytes) const;

	int pagemap_; // -1: it cannot be had
};

} // namespace mp::base
