// SPDX-License-Identifier: MIT
//
// publish.hpp - the process's own page of pools and caches. See publish.cpp.
#pragma once

namespace mp::core {

extern const char publishing;

} // namespace mp::core
