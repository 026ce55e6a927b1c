// SPDX-License-Identifier: MIT
//
// gfp_names.hpp - flags and combinations by name, in one table: for texts, for
// settings, and for whoever explains a mask.
#pragma once

#include "mempool/gfp.h"

#include <span>
#include <string_view>

namespace mp::watch {

struct gfp_name {
	gfp_t bits;
	std::string_view name;
	const char *meaning; // what it allows or asks for; nullptr: a combination
};

/// Combinations first, the larger before the smaller.
std::span<const gfp_name> gfp_names();

} // namespace mp::watch
