// SPDX-License-Identifier: MIT
//
// lab_json.hpp - lessons that were run, as JSON: for `mempool lab --json` and for
// the page. Members are named as those of lab_model.hpp; addresses and other
// values of 64 bits are strings of digits, which a reader in JavaScript keeps whole.
#pragma once

#include "tools/lab_model.hpp"

#include <string>
#include <vector>

namespace lab {

/// {"version": 1, "lessons": [...]}, on one line. `failed` of a lesson counts claims that do not hold.
std::string to_json(const std::vector<run> &runs);

} // namespace lab
