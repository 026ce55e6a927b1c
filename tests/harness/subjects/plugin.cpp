// SPDX-License-Identifier: MIT
//
// A plugin in C++ for a program in C, which has no C++ library of its own.
// It uses nothing of it but what new needs, so that linked statically it has no more of it.
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

/// What a handler throws is to go through the operators as std::bad_alloc does.
struct no_memory {};

void give_up()
{
	throw no_memory();
}

/// Helps once, as if something had been freed.
void help()
{
	std::set_new_handler(nullptr);
}

/// Frees twice what then lies behind another block, where glibc does not see it.
int free_wrongly()
{
	void *blocks[9];
	for (void *&block : blocks) {
		block = malloc(40);
		asm volatile("" : "+r"(block) : : "memory");
	}
	for (void *block : blocks)
		free(block);
	void *again = blocks[7];
	asm volatile("" : "+r"(again) : : "memory");
	free(again);
	return 1;
}

template <class Type> Type *kept(Type *pointer)
{
	asm volatile("" : "+r"(pointer));
	return pointer;
}

} // namespace

/// 0, or 1 when there was no memory, which is caught in here. `handler`: 0 none, 1 throws, 2 helps; 3: what
/// then follows is wrong.
extern "C" __attribute__((visibility("default"))) int plugin_run(int handler)
{
	if (handler == 3) {
		long *made = kept(new (std::nothrow) long(1));
		if (made == nullptr) {
			fputs("no memory\n", stderr);
			_Exit(free_wrongly()); // libc may meet what is broken now
		}
		delete made;
		return 0;
	}
	if (handler != 0)
		std::set_new_handler(handler == 1 ? give_up : help);
	int result = 0;
	try {
		delete kept(new long(1));
		delete[] kept(new long[20]);
	} catch (const std::bad_alloc &) {
		fputs("std::bad_alloc\n", stderr);
		result = 1;
	} catch (const no_memory &) {
		fputs("no_memory of the handler\n", stderr);
		result = 1;
	}
	std::set_new_handler(nullptr);
	return result;
}
