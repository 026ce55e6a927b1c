// SPDX-License-Identifier: MIT
//
// peer.hpp - the table of operations that every allocator that is measured
// gives, ours and the limits included.
//
// No state. An allocator that needs headers to be built lives in a plugin of
// its own (peers/), which is there only when its package is: a plugin exports
// bench_peers().
#pragma once

#include "loops.hpp"
#include "roles.hpp"

#include <cstddef>

namespace bench {

/// What an allocator is to be made for.
struct demand {
	size_t size;      ///< bytes of one element
	unsigned count;   ///< most elements live at a time, over all threads
	unsigned threads; ///< most threads at work at a time
};

/// Both functions, and the loops around them, which are as much a part of an allocator here.
struct calls {
	void *(*alloc)(void *context);
	void (*free)(void *context, void *element);
	const loops *direct;
};

/// Alloc and Free are functions as above.
template <auto Alloc, auto Free> inline constexpr calls calls_of = {Alloc, Free, &loops_of<direct<Alloc, Free>>};

struct peer {
	const char *name;
	const char *what; ///< for the report, what exactly is called
	unsigned roles;
	const void *data; ///< the allocator's own

	/// NULL: cannot be had for this demand; then it is left out.
	void *(*create)(const peer *self, const demand *wanted);
	void (*destroy)(void *context);
	calls call;
	/// Called by each thread before its first and after its last call. May be NULL.
	void (*thread_begin)(void *context);
	void (*thread_end)(void *context);
};

/// What a plugin tells of itself.
struct plugin {
	const char *package; ///< whose peers these are
	const char *version;
	const peer *peers;
	unsigned count;
	/// Called before the first use, by one thread: why the peers cannot be used here, or NULL. May be NULL.
	const char *(*begin)();
};

} // namespace bench

extern "C" {
/// A plugin's only function.
using bench_plugin_t = bench::plugin();
}
