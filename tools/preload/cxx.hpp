// SPDX-License-Identifier: MIT
//
// cxx.hpp - what the program has of C++'s run-time library, which this library
// does without: its new_handler, its std::bad_alloc, and its own operators.
//
// Owner of the state: cxx.cpp; `replaced` and `sanitizer` are written once, in
// begin(), before the stage goes on. Race table: all calls may run together. What
// the program begins with is found before its own constructors run; or else, for a
// plugin of a program without a C++ library, at its first failure, under the
// loader's lock; at each failure, if that library is linked into the plugin.
#pragma once

#include "tools/preload/next.hpp"
#include "tools/preload/recall.hpp"

#include <new>

namespace mp::preload {

template <class Function> struct two_forms {
	Function *plain;
	Function *array;
};

/// Operators that come before ours, most often the executable's own; nullptr: ours is the program's.
/// By the standard the forms that are not replaced call these, so ours do.
struct replaced_operators {
	two_forms<void *(size_t)> make;
	two_forms<void *(size_t, std::align_val_t)> make_aligned;
	two_forms<void(void *)> drop;
	two_forms<void(void *, std::align_val_t)> drop_aligned;
};
inline constinit replaced_operators replaced = {};

/// A sanitizer's, which note by which form a block was made and which one drops it.
struct sanitizer_operators {
	bool complete; // all are there, and are to be used
	two_forms<void *(size_t, const std::nothrow_t &)> make;
	two_forms<void *(size_t, std::align_val_t, const std::nothrow_t &)> make_aligned;
	two_forms<void(void *)> drop;
	two_forms<void(void *, size_t)> drop_sized;
	two_forms<void(void *, std::align_val_t)> drop_aligned;
	two_forms<void(void *, size_t, std::align_val_t)> drop_aligned_sized;
};
inline constinit sanitizer_operators sanitizer = {};

/// std::nothrow is in the run-time library.
inline constexpr std::nothrow_t quietly{};

/// Looks for the rest of it, once the program is loaded.
void find_library_of_cxx();

/// What std::get_new_handler() says in the program; nullptr where there is none.
std::new_handler handler_of_program(call_site site);

/// Throws the program's std::bad_alloc, out of whoever calls the interposed operator.
[[noreturn]] void throw_bad_alloc(call_site site);

/// One call of an operator new.
struct request {
	call_kind call;
	size_t size;      // never 0
	size_t alignment; // 0: malloc's
};

/// By the nothrow form of the program's C++ library, which calls the throwing form (ours, or the one that
/// the program replaced) and catches what that throws. Without such a library nothing is caught.
void *make_catching(const request &wanted);

} // namespace mp::preload
