// SPDX-License-Identifier: MIT
//
// gfp_names.cpp - masks as text, there and back.
#include "tests/fuzz/fuzz.hpp"

#include <mempool/mempool-explain.h>

#include <cerrno>
#include <cstring>
#include <string>

int LLVMFuzzerInitialize(int *, char ***)
{
	return 0;
}

namespace {

/// What a mask is called names this mask again.
void there_and_back(gfp_t mask)
{
	char text[1024];
	gfp_t again = ~mask;
	size_t offset = 0;
	const size_t needed = mempool_gfp_text(mask, text, sizeof(text));
	FUZZ_CHECK(needed < sizeof(text) && strlen(text) == needed);
	FUZZ_CHECK(mempool_gfp_parse(text, &again, &offset) == 0);
	FUZZ_CHECK(again == mask);
	// With less room it is cut off, and nothing behind is touched.
	char little[8];
	memset(little, 0x5a, sizeof(little));
	FUZZ_CHECK(mempool_gfp_text(mask, little, 5) == needed);
	FUZZ_CHECK(strlen(little) < 5 && little[5] == 0x5a && little[7] == 0x5a);
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const std::string text(reinterpret_cast<const char *>(data), bytes);
	gfp_t mask = 0xabcdefU;
	size_t offset = bytes + 1;
	const int error = mempool_gfp_parse(text.c_str(), &mask, &offset);
	FUZZ_CHECK(error == 0 || error == -EINVAL);
	if (error == 0)
		there_and_back(mask);
	else
		FUZZ_CHECK(offset <= strlen(text.c_str()));
	if (bytes >= sizeof(mask)) { // bits without a name have no way back
		memcpy(&mask, data, sizeof(mask));
		there_and_back(mask & __GFP_BITS_MASK);
	}
	return 0;
}
