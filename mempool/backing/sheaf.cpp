// SPDX-License-Identifier: MIT
//
// sheaf.cpp - the barn. See sheaf.hpp.
#include "mempool/backing/sheaf.hpp"

#include <mutex>

namespace mp::backing {

bool barn::put_full(sheaf &s)
{
	const std::lock_guard guard(lock_);
	if (full_count_ == full_kept_)
		return false;
	full_count_++;
	s.next = full_;
	full_ = &s;
	return true;
}

void barn::put_empty(sheaf &s)
{
	const std::lock_guard guard(lock_);
	s.next = empty_;
	empty_ = &s;
}

sheaf *barn::take(sheaf *&list)
{
	const std::lock_guard guard(lock_);
	sheaf *s = list;
	if (s != nullptr) {
		list = s->next;
		full_count_ -= &list == &full_ ? 1 : 0;
	}
	return s;
}

} // namespace mp::backing
