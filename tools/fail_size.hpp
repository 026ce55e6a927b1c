// SPDX-License-Identifier: MIT
//
// fail_size.hpp - numbers as options have them: "16-4K", "90s", "2/5".
#pragma once

#include "tools/fail.hpp"

#include <cstdint>
#include <string>

namespace fail {

struct size_range {
	uint64_t min = 0;
	uint64_t max = UINT64_MAX;
};

/// "100", "16-4K", "1M-"; "" is all. Throws failure (usage) that says what is wrong.
size_range size_range_of(const std::string &text);
/// "200" (runs), "90s", "5m", "1h"; "" is no limit. Throws failure.
budget budget_of(const std::string &text);
/// "2/5" into its two numbers. Throws failure.
void shard_of(const std::string &text, unsigned &shard, unsigned &shards);

} // namespace fail
