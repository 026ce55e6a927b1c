// SPDX-License-Identifier: MIT
//
// lists.hpp - who is measured: each source gives its part of the list.
//
// The lists are fixed once all_peers() was called, by one thread.
#pragma once

#include "peer.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bench {

std::span<const peer> our_peers();       // ours.cpp
std::span<const peer> limit_peers();     // limits.cpp
std::span<const peer> reference_peers(); // references.cpp

/// The general allocators that can be loaded here (mallocs.cpp).
std::vector<peer> malloc_peers(std::vector<std::string> &versions, std::vector<std::string> &left_out);

struct roll {
	std::vector<peer> peers;
	std::vector<std::string> versions; ///< "jemalloc 5.3.0"
	std::vector<std::string> left_out; ///< "dpdk: not installed"
};

constexpr size_t everybody = SIZE_MAX;

/// The roll, with the plugins that are found in the folder `plugins`. When only one place in it will be used, `only`
/// says which: the other plugins are then not begun, which takes a while.
roll all_peers(const std::string &plugins, size_t only = everybody);

} // namespace bench
