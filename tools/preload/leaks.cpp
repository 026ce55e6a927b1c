// SPDX-License-Identifier: MIT
//
// leaks.cpp - see leaks.hpp.
#include "tools/preload/leaks.hpp"

#include "tools/preload/blocks.hpp"
#include "tools/preload/heaps.hpp"
#include "tools/preload/next.hpp"
#include "tools/preload/roots.hpp"

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
/// What was freed and is smaller than this is not looked into. Larger memory may have gone
/// back to the system meanwhile, and be something else by now.
constexpr uint64_t surely_still_heap = 64 << 10;

struct found_block {
	uintptr_t start;
	uint64_t bytes;
	uint32_t stack;
	bool live, reached;

	uintptr_t end() const { return start + std::max<uint64_t>(bytes, 1); }
};

struct search {
	found_block *all; // sorted by address; those that were freed, too
	size_t used, room;
	uint32_t *open; // reached, but not yet looked into
	size_t open_used;
	void *buffer;
};

void add_block(const block &entry, void *arg)
{
	auto *s = static_cast<search *>(arg);
	if (s->used < s->room)
		s->all[s->used++] = {entry.start, entry.bytes, entry.allocated_by, entry.live, false};
}

void count_block(const block &, void *arg)
{
	++*static_cast<size_t *>(arg);
}

/// The last block that begins at `at` or before, `used` if there is none.
size_t block_before(const search &s, uintptr_t at)
{
	const found_block *after = std::upper_bound(s.all, s.all + s.used, at,
						    [](uintptr_t a, const found_block &b) { return a < b.start; });
	return after == s.all ? s.used : static_cast<size_t>(after - s.all - 1);
}

/// glibc's own lists point to the header of a free piece of memory, which begins within the
/// last word of the block before it.
bool is_next_chunk(const found_block &b, uintptr_t word)
{
	return word != b.start && word % 16 == 0 && word + sizeof(uintptr_t) >= b.end();
}

void look_at_word(uintptr_t word, void *arg)
{
	auto *s = static_cast<search *>(arg);
	if (s->used == 0 || word < s->all[0].start || word >= s->all[s->used - 1].end())
		return;
	// A block that was freed may have become part of a live one that begins before it.
	for (size_t i = block_before(*s, word), steps = 0; i < s->used && steps < 8; i--, steps++) {
		found_block &b = s->all[i];
		if (!b.live || word >= b.end() || is_next_chunk(b, word))
			continue;
		if (!b.reached) {
			b.reached = true;
			s->open[s->open_used++] = static_cast<uint32_t>(i);
		}
		return;
	}
}

/// Without what the allocator has for itself.
void look_between(search &s, uintptr_t start, uintptr_t end)
{
	while (start < end) {
		const heap_range heap = heap_behind(start);
		const uintptr_t until = heap.start != 0 ? std::min(heap.start, end) : end;
		if (start < until)
			each_word(s.buffer, start, until, look_at_word, &s);
		start = until < end ? heap.end : end;
	}
}

/// Looks into what is no block: blocks are looked into when something points to them.
void look_at_range(const memory_range &range, void *arg)
{
	auto *s = static_cast<search *>(arg);
	if (is_own_memory(range.start))
		return;
	uintptr_t at = range.start;
	size_t i = block_before(*s, at);
	i = i == s->used ? 0 : i;
	for (; i < s->used && s->all[i].start < range.end; i++) {
		const found_block &b = s->all[i];
		if (b.end() <= at || (!b.live && b.bytes >= surely_still_heap))
			continue;
		if (b.start > at)
			look_between(*s, at, b.start);
		at = b.end();
		if (range.heap)
			return;
	}
	if (at < range.end)
		look_between(*s, at, range.end);
}

void follow(search &s)
{
	while (s.open_used > 0) {
		const found_block &b = s.all[s.open[--s.open_used]];
		each_word(s.buffer, b.start, b.start + b.bytes, look_at_word, &s);
	}
}

void report(const found_block &lost)
{
	self->lost_blocks.fetch_add(1, relaxed);
	self->lost_bytes.fetch_add(lost.bytes, relaxed);
	const stack_trace *stack = lost.stack != 0 && lost.stack <= max_stacks
					   ? &shared->answers.stacks.at[lost.stack - 1].stack
					   : nullptr;
	auto &leaks = shared->answers.leaks;
	for (size_t i = 0; i < leaks.used(); i++) {
		leak_record &known = leaks.at[i];
		if (known.ready && known.process == self_number &&
		    known.stack.hash == (stack != nullptr ? stack->hash : 0)) {
			known.blocks++;
			known.bytes += lost.bytes;
			return;
		}
	}
	leak_record *record = claim(leaks);
	if (record == nullptr)
		return;
	record->process = self_number;
	record->blocks = 1;
	record->bytes = lost.bytes;
	if (stack != nullptr)
		record->stack = *stack;
	record->ready.set();
}

} // namespace

void check_leaks()
{
	search s = {};
	each_block(count_block, &s.room);
	s.room += 1024; // others may still be at work
	s.all = static_cast<found_block *>(own_pages(s.room * sizeof(found_block)));
	s.open = static_cast<uint32_t *>(own_pages(s.room * sizeof(uint32_t)));
	s.buffer = own_pages(scan_buffer_bytes);
	if (s.all == nullptr || s.open == nullptr || s.buffer == nullptr)
		return;
	each_block(add_block, &s);
	std::sort(s.all, s.all + s.used, [](const found_block &a, const found_block &b) { return a.start < b.start; });
	each_root(look_at_range, &s);
	follow(s);
	for (size_t i = 0; i < s.used; i++) {
		const found_block &b = s.all[i];
		if (!b.live)
			continue;
		self->live_blocks.fetch_add(1, relaxed);
		self->live_bytes.fetch_add(b.bytes, relaxed);
		if (!b.reached)
			report(b);
	}
	self->leaks_checked.store(1, relaxed);
}

} // namespace mp::preload
