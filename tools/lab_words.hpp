// SPDX-License-Identifier: MIT
//
// lab_words.hpp - masks and recorded events in words.
#pragma once

#include "tools/lab_model.hpp"

#include <cstdint>
#include <mempool/gfp.h>
#include <string>
#include <vector>

namespace lab {

/// A mask, as "GFP_KERNEL|__GFP_NOWARN".
std::string mask_text(gfp_t mask);

/// An event in words, from its kind and its arguments' texts.
std::string event_text(const std::string &kind, const std::vector<argument> &args);

} // namespace lab
