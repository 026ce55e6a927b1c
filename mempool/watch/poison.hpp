// SPDX-License-Identifier: MIT
//
// poison.hpp - bytes that a free element holds, so that a write to it after
// its free shows (PAR-30).
//
// No state. The caller has the element to itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mp::watch {

inline constexpr uint8_t poison_free = 0x6b;   // each byte of a free element
inline constexpr uint8_t poison_end = 0xa5;    // but the last
inline constexpr uint8_t poison_in_use = 0x5a; // each byte of one that just left

void poison(void *element, size_t size_bytes);

/// The offset of the first byte that is not as poison() left it, or size_bytes.
size_t poison_damage(const void *element, size_t size_bytes);

void poison_as_in_use(void *element, size_t size_bytes);

} // namespace mp::watch
