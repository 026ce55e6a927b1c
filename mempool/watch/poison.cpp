// SPDX-License-Identifier: MIT
//
// poison.cpp - see poison.hpp.
#include "mempool/watch/poison.hpp"

#include <cstring>

namespace mp::watch {

void poison(void *element, size_t size_bytes)
{
	if (size_bytes == 0)
		return;
	memset(element, poison_free, size_bytes - 1);
	static_cast<uint8_t *>(element)[size_bytes - 1] = poison_end;
}

size_t poison_damage(const void *element, size_t size_bytes)
{
	const auto *byte = static_cast<const uint8_t *>(element);
	for (size_t i = 0; i < size_bytes; i++)
		if (byte[i] != (i + 1 < size_bytes ? poison_free : poison_end))
			return i;
	return size_bytes;
}

void poison_as_in_use(void *element, size_t size_bytes)
{
	memset(element, poison_in_use, size_bytes);
}

} // namespace mp::watch
