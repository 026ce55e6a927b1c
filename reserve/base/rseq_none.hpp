// SPDX-License-Identifier: MIT
//
// rseq_none.hpp - the sections where there are none: they all fail.
#pragma once

#include "reserve/base/rseq_stack.hpp"

namespace mp::base {

inline unsigned rseq_cpu()
{
	return ~0U;
}
inline bool rseq_add(void *, unsigned, unsigned, uint64_t)
{
	return false;
}
inline void *rseq_pop(const rseq_cpus &)
{
	return nullptr;
}
inline bool rseq_push(const rseq_cpus &, void *)
{
	return false;
}
template <bool for_pop> inline bool rseq_swap(const rseq_cpus &)
{
	return false;
}
inline bool rseq_replace(const rseq_cpus &, size_t, const void *, const void *, const void *)
{
	return false;
}

} // namespace mp::base
