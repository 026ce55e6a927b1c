// SPDX-License-Identifier: MIT
//
// lab_explain.hpp - `mempool lab explain`: what an allocation will do, told by the
// library itself (mempool-explain.h).
#pragma once

#include "tools/lab.hpp"

namespace lab {

/// Exit status 0, or 2 with a message: no such mask, or a state that cannot be.
int explain(const options &wanted);

} // namespace lab
