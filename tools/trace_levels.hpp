// SPDX-License-Identifier: MIT
//
// trace_levels.hpp - how many elements each reserve had, and how many threads
// slept for one, over time.
#pragma once

#include "tools/trace_story.hpp"

namespace trace {

std::vector<level> levels_of(const recording &r);

} // namespace trace
