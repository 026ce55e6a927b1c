// SPDX-License-Identifier: MIT
//
// waiting PLUGIN: allocates under a lock for which a constructor in dlopen(), in
// another thread, is waiting: who fails then must not wait for the loader.
#include <atomic>
#include <cstdio>
#include <dlfcn.h>
#include <mutex>
#include <new>
#include <thread>

namespace {

std::mutex lock;
std::atomic<bool> constructing = false;
bool refused = false;

void help()
{
	std::set_new_handler(nullptr);
}

template <class Type> void drop(Type *made)
{
	asm volatile("" : "+r"(made));
	refused = refused || made == nullptr;
	delete made;
}

/// An allocation with a handler succeeds when it is tried again.
__attribute__((noinline)) void make_under_lock()
{
	drop(new (std::nothrow) int(1));
	try {
		drop(new long(2));
	} catch (const std::bad_alloc &) {
		refused = true;
	}
	std::set_new_handler(help);
	drop(new (std::nothrow) char(3));
	std::set_new_handler(nullptr);
}

} // namespace

/// What the plugin's constructor calls.
extern "C" __attribute__((visibility("default"))) void wait_for_the_lock()
{
	constructing = true;
	constructing.notify_one();
	const std::lock_guard locked(lock);
}

int main(int, char **arguments)
{
	std::unique_lock locked(lock);
	void *plugin = nullptr;
	std::thread opener([&] { plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL); });
	constructing.wait(false);
	make_under_lock();
	locked.unlock();
	opener.join();
	if (plugin == nullptr)
		return 2;
	if (refused)
		fputs("no memory\n", stderr);
	return refused ? 1 : 0;
}
