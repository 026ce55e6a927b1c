// SPDX-License-Identifier: MIT
//
// blocks.cpp - see blocks.hpp.
#include "tools/preload/blocks.hpp"

#include "tools/preload/next.hpp"
#include "tools/preload/stacks.hpp"
#include "tools/preload/strays.hpp"

#include <array>
#include <sched.h>
#include <sys/mman.h>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr size_t part_bits = 6;
constexpr size_t bucket_bits = 10;               // of each part
constexpr size_t fence_bytes = size_t{64} << 10; // as large as a page ever is
constexpr size_t block_batch = size_t{256} << 10;

struct part {
	alignas(64) std::atomic<bool> locked;
	std::array<block *, size_t{1} << bucket_bits> buckets;
	std::byte *fresh; // memory for entries
	size_t fresh_bytes;
};
constinit std::array<part, size_t{1} << part_bits> parts = {};
/// Something happened that neither the table nor the strays know of.
constinit std::atomic<bool> blind{false};

struct own_range {
	std::atomic<uintptr_t> start;
	size_t bytes;
};
constinit std::array<own_range, 4096> own_ranges = {};
constinit std::atomic<size_t> own_used{0};

uint64_t hash_of(uintptr_t start)
{
	return (start >> 4) * 0x9e3779b97f4a7c15;
}

void lock(part &p)
{
	mine.locks++;
	std::atomic_signal_fence(std::memory_order_seq_cst); // a signal handler sees it first
	// acquire: pairs with the release in unlock()
	while (p.locked.exchange(true, std::memory_order_acquire))
		sched_yield();
}

void unlock(part &p)
{
	p.locked.store(false, std::memory_order_release); // release: pairs with the acquire in lock()
	std::atomic_signal_fence(std::memory_order_seq_cst);
	mine.locks--;
}

/// What is unknown may be right from now on, so nothing is called wrong any more.
void go_blind()
{
	blind.store(true, relaxed);
	if (is_active() && orders_here.orders->watch_heap != 0)
		self->blind.store(1, relaxed);
}

class part_of {
      public:
	explicit part_of(uintptr_t start)
		: part_(parts[hash_of(start) >> (64 - part_bits)]),
		  bucket_(part_.buckets[hash_of(start) >> (64 - part_bits - bucket_bits) & ((1 << bucket_bits) - 1)])
	{
		lock(part_);
	}
	part_of(const part_of &) = delete;
	part_of &operator=(const part_of &) = delete;
	~part_of() { unlock(part_); }

	block *find(uintptr_t start) const
	{
		block *at = bucket_;
		while (at != nullptr && at->start != start)
			at = at->below;
		return at;
	}

	block *add(uintptr_t start)
	{
		if (part_.fresh_bytes < sizeof(block)) {
			part_.fresh = static_cast<std::byte *>(own_pages(block_batch));
			part_.fresh_bytes = part_.fresh != nullptr ? block_batch : 0;
		}
		if (part_.fresh == nullptr)
			return nullptr;
		auto *made = reinterpret_cast<block *>(part_.fresh);
		part_.fresh += sizeof(block);
		part_.fresh_bytes -= sizeof(block);
		made->start = start;
		made->below = bucket_;
		bucket_ = made;
		return made;
	}

      private:
	part &part_;
	block *&bucket_;
};

void describe_known(uint32_t index, stack_trace &into)
{
	if (index != 0 && index <= max_stacks)
		into = shared->answers.stacks.at[index - 1].stack;
}

/// `entry` is nullptr for what was never allocated.
void record_misuse(misuse_kind kind, uintptr_t start, const block *entry)
{
	misuse_record *record = claim(shared->answers.misuses);
	if (record == nullptr)
		return;
	record->kind = kind;
	record->process = self_number;
	record->thread = mine.record;
	record->address = start;
	record->candidates = self->candidates.load(relaxed);
	record->failed = self->failed.load(relaxed);
	raw_stack raw;
	take_stack(raw);
	describe(raw, orders_here.orders->stack_depth, record->stack);
	if (entry != nullptr) {
		record->size = entry->bytes;
		describe_known(entry->allocated_by, record->allocated);
		describe_known(entry->freed_by, record->freed);
	}
	record->ready.set();
}

/// The stack of a free, for what may be freed again.
uint32_t note_freeing_stack(call_site site)
{
	if (orders_here.orders->watch_heap == 0 || orders_here.orders->record_stacks == 0)
		return 0;
	raw_stack raw;
	stack_trace described;
	if (!recall_stack(site, raw, described)) {
		take_stack(raw);
		describe(raw, orders_here.orders->stack_depth, described);
		remember_stack(site, raw, described);
	}
	return note_stack(described, {call_kind::count, 0, 0});
}

/// The free of a block that the table does not have, or has as freed.
verdict judge(uintptr_t start, const block *freed, bool resize)
{
	if (blind.load(relaxed) || orders_here.orders->watch_heap == 0)
		return verdict::hand_on;
	if (freed == nullptr) {
		record_misuse(resize ? misuse_kind::realloc_foreign : misuse_kind::foreign_free, start, nullptr);
		return verdict::hand_on;
	}
	record_misuse(resize ? misuse_kind::realloc_freed : misuse_kind::double_free, start, freed);
	return verdict::refuse;
}

} // namespace

void *own_pages(size_t bytes)
{
	// Between fences, or else the kernel joins it with the program's memory beside it.
	void *fenced = next.mmap(nullptr, bytes + 2 * fence_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fenced == MAP_FAILED)
		return nullptr;
	void *memory = static_cast<std::byte *>(fenced) + fence_bytes;
	if (mprotect(memory, bytes, PROT_READ | PROT_WRITE) != 0)
		return nullptr;
	const size_t index = own_used.fetch_add(1, relaxed);
	if (index < own_ranges.size()) {
		own_ranges[index].bytes = bytes;
		own_ranges[index].start.store(reinterpret_cast<uintptr_t>(memory), relaxed);
	}
	return memory;
}

bool is_own_memory(uintptr_t at)
{
	for (const own_range &range : own_ranges) {
		const uintptr_t start = range.start.load(relaxed);
		if (start == 0)
			return false;
		if (at >= start && at < start + range.bytes)
			return true;
	}
	return false;
}

void note_stray(void *start)
{
	if (start != nullptr && !keep_stray(reinterpret_cast<uintptr_t>(start)))
		go_blind();
}

verdict note_stray_free(void *start)
{
	return take_stray(reinterpret_cast<uintptr_t>(start)) ? verdict::hand_on_stray : verdict::hand_on;
}

void note_block(void *start, size_t bytes, uint32_t stack)
{
	if (start == nullptr)
		return;
	// Ours, or a signal handler's, which may have interrupted the one who is at the table.
	if (mine.busy || mine.locks != 0) {
		note_stray(start);
		return;
	}
	const at_work inside;
	const auto address = reinterpret_cast<uintptr_t>(start);
	part_of its(address);
	block *entry = its.find(address);
	if (entry == nullptr)
		entry = its.add(address);
	if (entry == nullptr) {
		go_blind();
		return;
	}
	entry->bytes = bytes;
	entry->allocated_by = stack;
	entry->freed_by = 0;
	entry->live = true;
}

verdict note_free(void *start, bool resize, call_site site)
{
	if (mine.locks != 0) { // a signal handler's
		const verdict of_stray = note_stray_free(start);
		if (of_stray != verdict::hand_on_stray)
			go_blind();
		return of_stray;
	}
	const bool at_work_already = mine.busy;
	const at_work inside;
	const auto address = reinterpret_cast<uintptr_t>(start);
	const uint32_t stack = resize || at_work_already ? 0 : note_freeing_stack(site);
	block before = {};
	{
		const part_of its(address);
		if (block *entry = its.find(address)) {
			before = *entry;
			entry->freed_by = entry->live ? stack : entry->freed_by;
			entry->live = false;
		}
	}
	if (before.live)
		return verdict::hand_on;
	// The table may know the address from an earlier block.
	if (take_stray(address))
		return verdict::hand_on_stray;
	if (!at_work_already)
		return judge(address, before.start != 0 ? &before : nullptr, resize);
	if (before.start == 0)
		go_blind();
	return verdict::hand_on;
}

void note_kept(void *start, verdict before)
{
	if (before == verdict::hand_on_stray)
		return note_stray(start);
	if (!is_active() || !orders_here.track || mine.locks != 0)
		return;
	const at_work inside;
	const auto address = reinterpret_cast<uintptr_t>(start);
	const part_of its(address);
	if (block *entry = its.find(address))
		entry->live = true;
}

void each_block(void (*visit)(const block &entry, void *arg), void *arg)
{
	for (part &p : parts) {
		lock(p);
		for (const block *first : p.buckets)
			for (const block *at = first; at != nullptr; at = at->below)
				visit(*at, arg);
		unlock(p);
	}
}

bool is_blind()
{
	return blind.load(relaxed);
}

void lock_blocks()
{
	for (part &p : parts)
		lock(p);
}

void unlock_blocks()
{
	for (part &p : parts)
		unlock(p);
}

} // namespace mp::preload
