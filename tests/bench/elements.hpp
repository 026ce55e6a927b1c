// SPDX-License-Identifier: MIT
//
// elements.hpp - memory for the limits and the reference arrays: many elements
// of one size in one block.
//
// Owned by one object. Elements of 4 KiB and more are laid out with a stride of
// one cache line more: at a stride of 4096 they would all share one cache set.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace bench {

class elements {
      public:
	elements(size_t size, size_t count)
		: stride_(stride_of(size)),
		  memory_(static_cast<char *>(aligned_alloc(4096, whole_pages(stride_ * count))))
	{
		if (memory_ == nullptr)
			abort();
		// Present before it is measured, as every warmed-up allocator's memory is.
		memset(memory_, 0, stride_ * count);
	}
	elements(const elements &) = delete;
	elements &operator=(const elements &) = delete;
	~elements() { free(memory_); }

	void *operator[](size_t i) const { return memory_ + i * stride_; }

      private:
	static size_t stride_of(size_t size)
	{
		const size_t lines = (size + 63) / 64 * 64;
		return size >= 4096 ? lines + 64 : lines;
	}
	static size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

	size_t stride_;
	char *memory_;
};

} // namespace bench
