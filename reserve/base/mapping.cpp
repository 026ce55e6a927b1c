// SPDX-License-Identifier: MIT
//
// mapping.cpp - see mapping.hpp.
#include "reserve/base/mapping.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14; older headers lack the name
#endif

namespace mp::base {
namespace {

constinit std::atomic<map_gate_fn *> map_gate{nullptr};

size_t whole_pages(size_t bytes)
{
	const size_t mask = machine_page_bytes() - 1;
	return bytes > SIZE_MAX - mask ? 0 : (bytes + mask) & ~mask; // 0: no such size
}

void *map(void *hint, size_t bytes)
{
	void *memory = mmap(hint, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? nullptr : memory;
}

bool gate_open(size_t bytes)
{
	map_gate_fn *gate = map_gate.load(std::memory_order_relaxed);
	if (gate == nullptr || gate(bytes)) [[likely]]
		return true;
	errno = ENOMEM;
	return false;
}

bool aligned(const void *memory, size_t align_bytes)
{
	return (reinterpret_cast<uintptr_t>(memory) & (align_bytes - 1)) == 0;
}

/// Maps more than is needed and cuts both ends off.
void *map_and_trim(size_t bytes, size_t align_bytes)
{
	if (bytes > SIZE_MAX - align_bytes)
		return nullptr;
	auto *all = static_cast<char *>(map(nullptr, bytes + align_bytes));
	if (all == nullptr)
		return nullptr;
	const size_t before =
		(align_bytes - (reinterpret_cast<uintptr_t>(all) & (align_bytes - 1))) & (align_bytes - 1);
	const size_t behind = align_bytes - before;
	if (before > 0)
		munmap(all, before);
	if (behind > 0)
		munmap(all + before + bytes, behind);
	return all + before;
}

} // namespace

void *map_memory(size_t bytes)
{
	bytes = whole_pages(bytes);
	if (bytes == 0 || !gate_open(bytes))
		return nullptr;
	return map(nullptr, bytes);
}

void *map_aligned(size_t bytes, size_t align_bytes)
{
	bytes = whole_pages(bytes);
	if (bytes == 0 || !gate_open(bytes))
		return nullptr;
	// Linux puts a new mapping below the last one, so a neighbour of the last
	// aligned mapping is mostly free. Asking there first needs no room for
	// trimming, which matters near an address-space limit.
	static constinit std::atomic<uintptr_t> last{0};
	const uintptr_t below = last.load(std::memory_order_relaxed);
	const uintptr_t wanted = below > bytes ? (below - bytes) & ~(align_bytes - 1) : 0;
	void *memory = map(reinterpret_cast<void *>(wanted), bytes); // NOLINT(performance-no-int-to-ptr)
	if (memory != nullptr && !aligned(memory, align_bytes)) {
		munmap(memory, bytes);
		memory = map_and_trim(bytes, align_bytes);
	}
	if (memory != nullptr)
		last.store(reinterpret_cast<uintptr_t>(memory), std::memory_order_relaxed);
	return memory;
}

void *map_shared(int fd, size_t bytes)
{
	bytes = whole_pages(bytes);
	if (bytes == 0 || !gate_open(bytes))
		return nullptr;
	const int how = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, how, fd, 0);
	return memory == MAP_FAILED ? nullptr : memory;
}

void unmap_memory(void *memory, size_t bytes)
{
	const int kept_errno = errno;
	munmap(memory, whole_pages(bytes));
	errno = kept_errno;
}

size_t machine_page_bytes()
{
	return static_cast<size_t>(sysconf(_SC_PAGESIZE)); // no system call: glibc keeps it
}

bool populate(void *memory, size_t bytes)
{
	bytes = whole_pages(bytes);
	if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
		return true;
	if (errno != EINVAL)
		return false;
	// Before Linux 5.14: write to each page, what is there already.
	auto *byte = static_cast<char *>(memory);
	for (size_t i = 0; i < bytes; i += machine_page_bytes())
		std::atomic_ref(byte[i]).fetch_or(0, std::memory_order_relaxed);
	return true;
}

bool lock_pages(void *memory, size_t bytes)
{
	return mlock(memory, whole_pages(bytes)) == 0;
}

bool set_at_fork(void *memory, size_t bytes, at_fork what)
{
	bytes = whole_pages(bytes);
	switch (what) {
	case at_fork::leave_out:
		return madvise(memory, bytes, MADV_DONTFORK) == 0;
	case at_fork::wipe:
		return madvise(memory, bytes, MADV_WIPEONFORK) == 0;
	case at_fork::copy:
		break;
	}
	return true;
}

bool keep_unmerged(void *memory, size_t bytes)
{
	const int kept_errno = errno;
	// EINVAL: there is no KSM.
	const bool kept = madvise(memory, whole_pages(bytes), MADV_UNMERGEABLE) == 0 || errno == EINVAL;
	errno = kept_errno;
	return kept;
}

void prefer_node(void *memory, size_t bytes, int node)
{
	constexpr long preferred = 1; // MPOL_PREFERRED; <numaif.h> belongs to libnuma
	constexpr unsigned most_nodes = 1024;
	constexpr unsigned word_bits = 8 * sizeof(unsigned long);
	unsigned long nodes[most_nodes / word_bits] = {};
	if (node < 0 || static_cast<unsigned>(node) >= most_nodes)
		return;
	nodes[static_cast<unsigned>(node) / word_bits] = 1UL << (static_cast<unsigned>(node) % word_bits);
	const int kept_errno = errno;
	syscall(SYS_mbind, memory, whole_pages(bytes), preferred, nodes, most_nodes, 0L);
	errno = kept_errno; // it is a wish
}

size_t count_missing_pages(const void *memory, size_t bytes)
{
	const size_t page = machine_page_bytes();
	const auto start = reinterpret_cast<uintptr_t>(memory) & ~(page - 1);
	const size_t pages = (reinterpret_cast<uintptr_t>(memory) + bytes - start + page - 1) / page;
	size_t missing = 0;
	unsigned char there[512];
	for (size_t done = 0; done < pages;) {
		const size_t some = pages - done < sizeof(there) ? pages - done : sizeof(there);
		auto *at = reinterpret_cast<void *>(start + done * page); // NOLINT(performance-no-int-to-ptr)
		if (mincore(at, some * page, there) != 0) {
			missing += some;
		} else {
			for (size_t i = 0; i < some; i++)
				missing += (there[i] & 1) == 0 ? 1 : 0;
		}
		done += some;
	}
	return missing;
}

size_t present_bytes(const void *memory, size_t bytes)
{
	const int kept_errno = errno;
	const size_t missing = count_missing_pages(memory, bytes) * machine_page_bytes();
	errno = kept_errno;
	return whole_pages(bytes) - missing;
}

void keep_pages_small(void *memory, size_t bytes)
{
	const int kept_errno = errno;
	madvise(memory, whole_pages(bytes), MADV_NOHUGEPAGE);
	errno = kept_errno;
}

void set_map_gate(map_gate_fn *gate)
{
	map_gate.store(gate, std::memory_order_relaxed);
}

} // namespace mp::base
