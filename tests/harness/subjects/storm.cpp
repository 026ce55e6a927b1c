// SPDX-License-Identifier: MIT
//
// All forms of operator new in threads, in forked children, in a signal handler
// and before any constructor has run, each failure looked at. Blocks go from
// thread to thread, so that one frees what another made. Exits with 0 if nothing
// but allocations failed.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr size_t rounds = 400;
constexpr size_t most_bytes = 5000;

/// How a block was made says how it is to be dropped.
struct block {
	unsigned char *start;
	size_t bytes;
	unsigned form;
};

std::array<std::atomic<block *>, 16> shelf = {};

void *make(unsigned form, size_t bytes)
{
	try {
		switch (form) {
		case 0:
			return ::operator new(bytes);
		case 1:
			return ::operator new[](bytes);
		case 2:
			return ::operator new(bytes, std::nothrow);
		case 3:
			return ::operator new[](bytes, std::nothrow);
		case 4:
			return ::operator new (bytes, std::align_val_t{64});
		case 5:
			return ::operator new[](bytes, std::align_val_t{256});
		case 6:
			return ::operator new (bytes, std::align_val_t{32}, std::nothrow);
		default:
			return ::operator new[](bytes, std::align_val_t{4096}, std::nothrow);
		}
	} catch (const std::bad_alloc &) {
		return nullptr;
	}
}

void drop(unsigned form, void *start)
{
	switch (form) {
	case 0:
	case 2:
		return ::operator delete(start);
	case 1:
	case 3:
		return ::operator delete[](start);
	case 4:
		return ::operator delete (start, std::align_val_t{64});
	case 5:
		return ::operator delete[](start, std::align_val_t{256});
	case 6:
		return ::operator delete (start, std::align_val_t{32});
	default:
		return ::operator delete[](start, std::align_val_t{4096});
	}
}

void check_and_drop(block *old)
{
	if (old == nullptr)
		return;
	for (size_t i = 0; i < old->bytes; i++)
		if (old->start[i] != static_cast<unsigned char>(old->bytes))
			abort();
	drop(old->form, old->start);
	delete old;
}

/// Makes a block, and drops the one whose place it takes.
void one_round(unsigned &seed)
{
	const auto form = static_cast<unsigned>(rand_r(&seed)) % 8;
	const auto bytes = static_cast<size_t>(rand_r(&seed)) % most_bytes;
	auto *start = static_cast<unsigned char *>(make(form, bytes));
	auto *made = start != nullptr ? new (std::nothrow) block{start, bytes, form} : nullptr;
	if (made != nullptr)
		memset(start, static_cast<unsigned char>(bytes), bytes);
	else if (start != nullptr)
		drop(form, start);
	check_and_drop(shelf[static_cast<unsigned>(rand_r(&seed)) % shelf.size()].exchange(made));
}

void *run_thread(void *number)
{
	auto seed = static_cast<unsigned>(reinterpret_cast<uintptr_t>(number));
	for (size_t i = 0; i < rounds; i++)
		one_round(seed);
	return nullptr;
}

/// A child has one thread, and goes on with what it was given.
bool run_child(unsigned seed)
{
	const pid_t child = fork();
	if (child == 0) {
		for (size_t i = 0; i < rounds / 10; i++)
			one_round(seed);
		_exit(0);
	}
	int status = 0;
	while (child > 0 && waitpid(child, &status, 0) < 0) {}
	return child > 0 && status == 0;
}

void handle(int)
{
	unsigned seed = 1;
	one_round(seed);
}

block *early = nullptr;

void make_early(int, char **, char **)
{
	auto *start = static_cast<unsigned char *>(make(0, 100));
	early = start != nullptr ? new (std::nothrow) block{start, 100, 0} : nullptr;
	if (early != nullptr)
		memset(start, 100, 100);
	else
		drop(0, start);
}

__attribute__((section(".preinit_array"), used)) void (*before_constructors)(int, char **, char **) = make_early;

} // namespace

int main()
{
	signal(SIGUSR1, handle);
	check_and_drop(early);
	bool fine = true;
	std::array<pthread_t, 4> threads = {};
	std::array<bool, 4> began = {};
	for (size_t i = 0; i < threads.size(); i++)
		began[i] = pthread_create(&threads[i], nullptr, run_thread, reinterpret_cast<void *>(i + 1)) == 0;
	for (unsigned i = 0; i < 10; i++) {
		fine = run_child(i) && fine;
		raise(SIGUSR1);
	}
	for (size_t i = 0; i < threads.size(); i++)
		if (began[i])
			pthread_join(threads[i], nullptr);
	for (std::atomic<block *> &place : shelf)
		check_and_drop(place);
	return fine ? 0 : 1;
}
