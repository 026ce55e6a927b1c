// SPDX-License-Identifier: MIT
//
// lab_near.hpp - names that somebody who mistyped one may have meant.
#pragma once

#include <string>
#include <vector>

namespace lab {

/// Those of `names` that are near to what was given, as "'a' or 'b'"; empty: none is.
std::string near_matches(const std::string &given, const std::vector<std::string> &names);

} // namespace lab
