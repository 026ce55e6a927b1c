// SPDX-License-Identifier: MIT
//
// All forms of operator new and delete. Planted is what the argument names, or "all" of
// it; the rest treats failures as it should:
//   nothrow   what new (std::nothrow) gave is used unseen: a crash (the default)
//   terminate a bad_alloc leaves a function that says noexcept: an abort
//   leak      the second allocation fails, and the first is forgotten
//   handler   the new_handler gives its reserve back, and so does the end: a double delete
#include "victim.h"

#include <cstddef>
#include <memory>
#include <new>

// Not declared by all compilers, though all libraries have them.
void operator delete(void *block, size_t size) noexcept;
void operator delete[](void *block, size_t size) noexcept;
void operator delete(void *block, size_t size, std::align_val_t alignment) noexcept;
void operator delete[](void *block, size_t size, std::align_val_t alignment) noexcept;

namespace {

const char *planted = "nothrow";

bool is_planted(const char *what)
{
	return !IS_MENDED && (strcmp(planted, what) == 0 || strcmp(planted, "all") == 0);
}

struct alignas(64) line {
	char bytes[64];
};

struct sized {
	~sized() { unseen(this); }
	int numbers[10];
};

/// Nothing that was made may be left out by the compiler.
template <class Type> Type *kept(Type *made)
{
	return static_cast<Type *>(unseen(made));
}

void throwing_forms()
{
	const std::unique_ptr<int> one(kept(new int(1)));
	const std::unique_ptr<sized[]> some(kept(new sized[3])); // its delete[] knows the size
	const std::unique_ptr<line> aligned(kept(new line()));
	const std::unique_ptr<line[]> aligned_some(kept(new line[2]));
	const std::unique_ptr<sized> another(kept(new sized()));
	memset(aligned->bytes, 1, sizeof(aligned->bytes));
	some[2].numbers[9] = another->numbers[9] = *one;
}

bool nothrow_forms()
{
	const std::unique_ptr<int> one(kept(new (std::nothrow) int(1)));
	const std::unique_ptr<int[]> some(kept(new (std::nothrow) int[7]));
	const std::unique_ptr<line> aligned(kept(new (std::nothrow) line()));
	const std::unique_ptr<line[]> aligned_some(kept(new (std::nothrow) line[2]));
	return one && some && aligned && aligned_some && reinterpret_cast<size_t>(aligned.get()) % 64 == 0;
}

/// Called by name, with all arguments that the forms of delete have.
void called_forms()
{
	void *block = ::operator new(40);
	::operator delete (block, size_t{40});
	block = ::operator new[](50);
	::operator delete[](block, std::nothrow);
	block = ::operator new(0);
	::operator delete(block, std::nothrow);
	block = ::operator new (60, std::align_val_t{128});
	::operator delete (block, size_t{60}, std::align_val_t{128});
	block = ::operator new[](70, std::align_val_t{256});
	::operator delete[](block, std::align_val_t{256}, std::nothrow);
	block = ::operator new[](80);
	::operator delete[](block, size_t{80});
	block = ::operator new[](90, std::align_val_t{32});
	::operator delete[](block, size_t{90}, std::align_val_t{32});
	block = ::operator new (100, std::align_val_t{32});
	::operator delete (block, std::align_val_t{32}, std::nothrow);
}

void unseen_nothrow()
{
	auto *numbers = static_cast<long *>(unseen(new (std::nothrow) long[5]));
	if (is_planted("nothrow") || numbers != nullptr)
		numbers[0] = 5;
	::operator delete[](numbers, std::nothrow);
}

void two_arrays()
{
	auto *first = kept(new char[200]);
	try {
		delete[] kept(new char[300]);
	} catch (const std::bad_alloc &) {
		if (!is_planted("leak"))
			delete[] first;
		throw;
	}
	delete[] first;
}

void four_lines()
{
	delete[] kept(new line[4]);
}

void four_lines_for_sure() noexcept
{
	four_lines(); // NOLINT(bugprone-exception-escape): this is the planted fault
}

char *reserve;

/// Gives back what there is, once.
void give_back()
{
	std::set_new_handler(nullptr);
	delete[] reserve;
	if (!is_planted("handler"))
		reserve = nullptr;
}

/// With this handler a single failure is nothing: it is tried again.
void handled_forms()
{
	reserve = kept(new char[400]);
	std::set_new_handler(give_back);
	try {
		delete kept(new sized());
		delete[] kept(new (std::nothrow) line[3]);
	} catch (const std::bad_alloc &) {
		delete[] reserve;
		throw;
	}
	std::set_new_handler(nullptr);
	delete[] reserve;
}

void give_up()
{
	throw std::bad_alloc();
}

/// There is no such memory. What the handler throws is caught for the form that may not throw.
bool huge_forms()
{
	std::set_new_handler(give_up);
	bool caught = false;
	void *huge = ::operator new(PTRDIFF_MAX - 4096, std::nothrow);
	try {
		::operator delete (unseen(::operator new (PTRDIFF_MAX - 4096, std::align_val_t{64})),
				   std::align_val_t{64});
	} catch (const std::bad_alloc &) {
		caught = true;
	}
	std::set_new_handler(nullptr);
	return huge == nullptr && caught;
}

} // namespace

int main(int count, char **arguments)
{
	if (count > 1)
		planted = arguments[1];
	try {
		throwing_forms();
		if (!nothrow_forms())
			return refuse("nothrow");
		called_forms();
		unseen_nothrow();
		two_arrays();
		is_planted("terminate") ? four_lines_for_sure() : four_lines();
		handled_forms();
		say(huge_forms() ? "all forms" : "more memory than there is");
	} catch (const std::bad_alloc &) {
		return refuse("bad_alloc");
	}
	return 0;
}
