// SPDX-License-Identifier: MIT
//
// A program that replaces one operator new and its delete, as many do. By the
// standard the other forms call these two; a block of another one's is noticed.
// Prints what they were called for; exits with 1 when there was no memory.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

// It is meant: the sized forms are among those that are left.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif
void operator delete(void *block, size_t size) noexcept;
void operator delete[](void *block, size_t size) noexcept;

namespace {

constexpr size_t mark = 0x7065'6c61'6365'6421;
unsigned made, dropped;

/// Hides a pointer from the compiler, which may leave out pairs of new and delete.
template <class Type> Type *kept(Type *pointer)
{
	asm volatile("" : "+r"(pointer));
	return pointer;
}

struct sized {
	~sized() { kept(this); }
	int numbers[9];
};

void nothrow_forms()
{
	int *one = kept(new (std::nothrow) int);
	int *some = kept(new (std::nothrow) int[5]);
	::operator delete(one, std::nothrow);
	::operator delete[](some, std::nothrow);
	if (one == nullptr || some == nullptr)
		throw std::bad_alloc();
}

} // namespace

[[gnu::noinline]] void *operator new(size_t bytes)
{
	auto *block = static_cast<size_t *>(malloc(bytes + 2 * sizeof(size_t)));
	if (block == nullptr)
		throw std::bad_alloc();
	made++;
	block[0] = mark;
	return block + 2;
}

[[gnu::noinline]] void operator delete(void *block) noexcept
{
	if (block == nullptr)
		return;
	auto *start = static_cast<size_t *>(block) - 2;
	if (start[0] != mark) {
		fputs("a block of another operator new\n", stderr);
		abort();
	}
	start[0] = 0;
	dropped++;
	free(start);
}

int main()
{
	static char buffer[BUFSIZ];
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	try {
		delete kept(new int);
		delete[] kept(new int[3]);
		delete kept(new sized());
		delete[] kept(new sized[4]);
		nothrow_forms();
		::operator delete[](kept(::operator new[](70)), size_t{70});
		::operator delete (kept(::operator new(80)), size_t{80});
	} catch (const std::bad_alloc &) {
		fputs("bad_alloc\n", stderr);
		return 1;
	}
	printf("%u made, %u dropped\n", made, dropped);
	return 0;
}
