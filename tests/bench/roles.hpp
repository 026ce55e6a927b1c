// SPDX-License-Identifier: MIT
//
// roles.hpp - where an allocator is measured, and as what. No state.
#pragma once

namespace bench {

/// A set.
enum role : unsigned {
	role_ordinary = 1,     ///< allocates while memory is there
	role_reserve = 2,      ///< hands out a fixed number of elements, and all of them to anybody
	role_callbacks = 4,    ///< the pair that compares a user's callbacks with the pool in front of them
	role_pointers = 8,     ///< allocates nothing: shows what the pipe itself costs
	role_one_thread = 16,  ///< must not be used by two threads
	role_own_thread = 32,  ///< an element must be freed by the thread that allocated it
	role_ours = 64,        ///< from libmempool
	role_limit = 128,      ///< not an allocator, but what the machine allows
	role_recording = 256,  ///< shows what it costs to record events
	role_publishing = 512, ///< shows what it costs to publish the process's pools
};

} // namespace bench
