// SPDX-License-Identifier: MIT
//
// reclaimd.hpp - the thread that reclaims between the watermarks "low" and
// "high", when the host program asked for it.
//
// Owner of the state: reclaimd.cpp. Race table: all calls may run together;
// wake() takes no lock, and serves signal handlers too.
#pragma once

namespace mp::backing {

/// Headroom may have fallen below "low". Cheap when there is no thread, or it is awake.
void reclaimd_wake();

} // namespace mp::backing
