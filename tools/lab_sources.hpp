// SPDX-License-Identifier: MIT
//
// lab_sources.hpp - what stands behind a step: rules of docs/parity.md in a line
// each, and lines of the library's source.
#pragma once

#include "tools/lab_anchors.hpp"
#include "tools/lab_model.hpp"

namespace lab {

/// The line that an anchor names; its number is 0 where the build did not find it.
source line_of(anchor which);

/// A row of docs/parity.md, in a line; the text is empty for one that no lesson cites.
fact rule(int par);

} // namespace lab
