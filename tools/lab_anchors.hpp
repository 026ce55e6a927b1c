// SPDX-License-Identifier: MIT
//
// lab_anchors.hpp - the lines of ours that lessons point to: a name, a file, and
// words that stand in one line of it and in no other.
//
// tools/lab/lines finds the lines when the command is built, and the documents'
// test fails for an anchor that is not there, or there twice. One anchor a line.
#pragma once

// clang-format off
#define LAB_ANCHORS(X) \
	X(fill, "mempool/core/create.cpp", "int fill(mempool_t") \
	X(ordinary_day, "mempool/core/alloc.cpp", "void *alloc_counted(") \
	X(first_failed, "mempool/core/alloc.cpp", "void *alloc_slow(") \
	X(patiently, "mempool/core/alloc.cpp", "void *alloc_patiently(") \
	X(second_pass, "mempool/core/alloc.cpp", "MP_TRACE(pass_begin, control.traced, 2, mask)") \
	X(full_mask, "mempool/core/masks.hpp", "constexpr gfp_t full_mask(") \
	X(first_mask, "mempool/core/masks.hpp", "constexpr gfp_t first_mask(") \
	X(after_pass, "mempool/core/masks.hpp", "constexpr next after_pass(") \
	X(take_entry, "mempool/core/element.hpp", "inline void *take_entry(") \
	X(give_entry, "mempool/core/element.hpp", "inline bool give_entry(") \
	X(give_back, "mempool/core/free.cpp", "void give_back(")
// clang-format on

namespace lab {

enum class anchor {
#define LAB_ANCHOR_NAME(name, file, text) name,
	LAB_ANCHORS(LAB_ANCHOR_NAME)
#undef LAB_ANCHOR_NAME
};

} // namespace lab
