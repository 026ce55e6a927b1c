// SPDX-License-Identifier: MIT
//
// Planted: a function that says noexcept allocates: std::terminate(), an abort.
#include "victim.h"

#include <memory>
#include <new>
#include <string>

namespace {

std::string *label(int number) noexcept(!IS_MENDED)
{
	// NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): this is the planted fault
	return new std::string("a label that is too long for the string itself, number " + std::to_string(number));
}

} // namespace

int main()
{
	try {
		const std::unique_ptr<std::string> made(label(7));
		say(made->c_str());
	} catch (const std::bad_alloc &) {
		return refuse("bad_alloc");
	}
	return 0;
}
