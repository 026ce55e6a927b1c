// SPDX-License-Identifier: MIT
//
// check.hpp - statements of what is true, in three strengths.
//
//   MP_BUG_ON(cond)   always checked; a true cond ends the process with a report
//   MP_ASSERT(cond)   checked in debug builds (MP_DEBUG >= 1); states an invariant
//   MP_AUDIT(cond)    full walks, checked where MP_DEBUG >= 2
//
// A condition has no side effects: a build without the check must behave the same.
#pragma once

#include "reserve/base/report.hpp"

#ifndef MP_DEBUG
#define MP_DEBUG 0
#endif

#define MP_CHECK_FAILED(what, cond) ::mp::base::fatal("%s: %s (%s:%d)", what, #cond, __FILE__, __LINE__)

#define MP_BUG_ON(cond)                                  \
	do {                                             \
		if (cond) [[unlikely]]                   \
			MP_CHECK_FAILED("BUG_ON", cond); \
	} while (0)

#if MP_DEBUG >= 1
#define MP_ASSERT(cond)                                            \
	do {                                                       \
		if (!(cond)) [[unlikely]]                          \
			MP_CHECK_FAILED("assertion failed", cond); \
	} while (0)
#else
#define MP_ASSERT(cond) static_cast<void>(sizeof(!(cond)))
#endif

#if MP_DEBUG >= 2
#define MP_AUDIT(cond) MP_ASSERT(cond)
#else
#define MP_AUDIT(cond) static_cast<void>(sizeof(!(cond)))
#endif
