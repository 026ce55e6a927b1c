// SPDX-License-Identifier: MIT
//
// page_look.cpp - see page_look.hpp.
#include "reserve/base/page_look.hpp"

#include "reserve/base/mapping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mp::base {
namespace {

struct page_span {
	uintptr_t start;
	size_t count;
};

page_span pages_of(const void *memory, size_t bytes)
{
	const size_t page = machine_page_bytes();
	const uintptr_t start = reinterpret_cast<uintptr_t>(memory) & ~(page - 1);
	return {start, (reinterpret_cast<uintptr_t>(memory) + bytes - start + page - 1) / page};
}

/// There is no call that asks for a lock; but memory that has one refuses to be
/// invalidated, which would do nothing to memory without a file.
bool is_locked(uintptr_t page)
{
	auto *memory = reinterpret_cast<void *>(page); // NOLINT(performance-no-int-to-ptr)
	return msync(memory, machine_page_bytes(), MS_INVALIDATE) != 0 && errno == EBUSY;
}

size_t count_unlocked(const void *memory, size_t bytes)
{
	const page_span pages = pages_of(memory, bytes);
	size_t unlocked = 0;
	for (size_t i = 0; i < pages.count; i++)
		unlocked += is_locked(pages.start + i * machine_page_bytes()) ? 0 : 1;
	return unlocked;
}

} // namespace

page_look::page_look()
{
	const int kept_errno = errno;
	pagemap_ = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	errno = kept_errno;
}

page_look::~page_look()
{
	if (pagemap_ >= 0)
		::close(pagemap_);
}

void page_look::count(const void *memory, size_t bytes, page_counts &to) const
{
	const int kept_errno = errno;
	to.missing += count_missing_pages(memory, bytes);
	to.unlocked += count_unlocked(memory, bytes);
	to.shared += count_shared(memory, bytes);
	errno = kept_errno;
}

/// As /proc/PID/pagemap tells it, a word a page.
size_t page_look::count_shared(const void *memory, size_t bytes) const
{
	constexpr uint64_t present = uint64_t{1} << 63;
	constexpr uint64_t of_a_file = uint64_t{1} << 61; // or meant to be shared
	constexpr uint64_t exclusive = uint64_t{1} << 56;
	if (pagemap_ < 0)
		return 0;
	const page_span pages = pages_of(memory, bytes);
	const uintptr_t first = pages.start / machine_page_bytes();
	size_t shared = 0;
	constexpr size_t words_most = 256;
	uint64_t words[words_most];
	for (size_t done = 0; done < pages.count;) {
		const size_t some = std::min(pages.count - done, words_most);
		const auto at = static_cast<off_t>((first + done) * sizeof(words[0]));
		const ssize_t length = pread(pagemap_, words, some * sizeof(words[0]), at);
		if (length <= 0)
			break;
		const size_t got = static_cast<size_t>(length) / sizeof(words[0]);
		shared += static_cast<size_t>(std::count_if(words, words + got, [](uint64_t word) {
			return (word & (present | of_a_file | exclusive)) == present;
		}));
		done += std::max<size_t>(got, 1);
	}
	return shared;
}

} // namespace mp::base
