// SPDX-License-Identifier: MIT
//
// test_layout.cpp - how slots are cut up: for every kind of cache and sizes of
// all kinds, each part is where it may be, and no two share a byte.
#include "support.hpp"

#include "mempool/backing/layout.hpp"
#include "mempool/backing/pages.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using backing::make_layout;
using backing::slot_layout;

namespace {

constexpr slab_flags_t debug_flags = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

struct request {
	unsigned size;
	unsigned align;
	slab_flags_t flags;
	bool has_ctor;
};

/// Bytes of a slot: from, up to and without to.
struct part {
	size_t from;
	size_t to;
	const char *what;
};

/// All that must be there side by side. Where the link of free slots may lie in
/// the object it is no part of its own: see may_share().
std::vector<part> parts_of(const request &r, const slot_layout &l)
{
	const size_t object = l.object_offset;
	std::vector<part> parts = {{object, object + r.size, "object"}};
	if ((r.flags & SLAB_RED_ZONE) != 0) {
		parts.push_back({object - 8, object, "left red zone"});
		parts.push_back({object + r.size, object + r.size + 8, "right red zone"});
	}
	if (l.link_offset != 0)
		parts.push_back({object + l.link_offset, object + l.link_offset + sizeof(void *), "link"});
	if (l.record_offset != 0) {
		const size_t record = object + l.record_offset;
		const bool users = (r.flags & SLAB_STORE_USER) != 0;
		parts.push_back(
			{record, record + (users ? sizeof(backing::object_record) : sizeof(uint32_t)), "record"});
	}
	std::sort(parts.begin(), parts.end(), [](const part &a, const part &b) { return a.from < b.from; });
	return parts;
}

void complain(const request &r, const slot_layout &l, const char *what)
{
	fail_msg("size %u, align %u, flags %#x, ctor %d: %s (object at %u, link +%u, record +%u, slot %u, order %u, %u "
		 "slots)",
		 r.size, r.align, r.flags, r.has_ctor, what, l.object_offset, l.link_offset, l.record_offset,
		 l.slot_bytes, l.order, l.slots);
}

void assert_no_overlap(const request &r, const slot_layout &l)
{
	const std::vector<part> parts = parts_of(r, l);
	for (size_t i = 0; i + 1 < parts.size(); i++)
		if (parts[i].to > parts[i + 1].from)
			complain(r, l, parts[i + 1].what);
	if (parts.back().to > l.slot_bytes)
		complain(r, l, "the slot is too short");
}

/// The link of a free slot: outside where a free object's bytes are looked at,
/// and never where a red zone or the record is.
void assert_link_fits(const request &r, const slot_layout &l)
{
	const bool must_be_outside = r.has_ctor || (r.flags & SLAB_POISON) != 0;
	if (l.link_offset == 0) {
		if (must_be_outside)
			complain(r, l, "the link harms a free object");
		const size_t to = l.object_offset + sizeof(void *);
		if (to > l.slot_bytes)
			complain(r, l, "the link reaches into the next slot");
		for (const part &p : parts_of(r, l))
			if (p.from >= l.object_offset + r.size && to > p.from)
				complain(r, l, p.what);
	}
	if ((l.object_offset + l.link_offset) % alignof(void *) != 0)
		complain(r, l, "the link is not aligned");
}

void assert_aligned(const request &r, const slot_layout &l)
{
	size_t align = r.align != 0 ? r.align : r.size >= 16 ? 16 : 8;
	if ((r.flags & SLAB_HWCACHE_ALIGN) != 0 && r.size > 32)
		align = std::max<size_t>(align, 64);
	if (l.object_offset % align != 0 || l.slot_bytes % align != 0)
		complain(r, l, "not aligned"); // a slab's block is aligned to its size
	if ((r.flags & SLAB_HWCACHE_ALIGN) != 0 && r.size <= 64 &&
	    l.slot_bytes % std::max<size_t>(std::bit_ceil(r.size), 8) != 0)
		complain(r, l, "an object straddles two cache lines");
	if (l.record_offset != 0 && (l.object_offset + l.record_offset) % alignof(backing::object_record) != 0)
		complain(r, l, "the record is not aligned");
}

void assert_slab_holds(const request &r, const slot_layout &l)
{
	if (l.object_bytes != r.size)
		complain(r, l, "another size");
	if ((l.record_offset != 0) != ((r.flags & debug_flags) != 0))
		complain(r, l, "the record is there exactly for debugging caches");
	if (l.order < backing::min_slab_order || l.order > backing::max_order)
		complain(r, l, "no such order");
	const size_t slab_bytes = backing::block_bytes(l.order);
	if (l.slots == 0 || size_t{l.slots} * l.slot_bytes > slab_bytes)
		complain(r, l, "the slots do not fit");
	if (size_t{l.slots + 1} * l.slot_bytes <= slab_bytes)
		complain(r, l, "one more slot would fit");
}

/// The multiplication that stands for a division, against the division.
void assert_starts_known(const request &r, const slot_layout &l, size_t offset)
{
	const bool starts = offset % l.slot_bytes == l.object_offset && offset / l.slot_bytes < l.slots;
	if (l.starts_object(offset) != starts)
		complain(r, l, "an object's start is not known, or what is none taken for one");
}

void assert_all_starts_known(const request &r, const slot_layout &l)
{
	for (size_t slot = 0; slot <= l.slots; slot++)
		for (const size_t off : {size_t{0}, size_t{1}, size_t{l.object_offset}, size_t{l.slot_bytes - 1}})
			assert_starts_known(r, l, slot * l.slot_bytes + off);
}

/// Checks one layout; false when none was to be had.
bool check(const request &r)
{
	slot_layout l;
	if (!make_layout(l, r.size, r.align, r.flags, r.has_ctor)) {
		// That is right only where the object and what stands with it are larger than any block.
		if (r.size + 2 * std::max<size_t>(r.align, 64) + sizeof(backing::object_record) + 64 < KMALLOC_MAX_SIZE)
			complain(r, {}, "no layout");
		return false;
	}
	assert_no_overlap(r, l);
	assert_link_fits(r, l);
	assert_aligned(r, l);
	assert_slab_holds(r, l);
	assert_all_starts_known(r, l);
	return true;
}

void check_all_kinds(unsigned size, unsigned align)
{
	for (slab_flags_t flags = 0; flags <= (debug_flags | SLAB_HWCACHE_ALIGN); flags++)
		for (const bool has_ctor : {false, true})
			check({size, align, flags, has_ctor});
}

void every_kmalloc_size_fits(void **)
{
	for (const unsigned size : {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192})
		check_all_kinds(size, std::has_single_bit(size) ? size : 0);
}

void every_small_size_fits(void **)
{
	for (unsigned size = 1; size <= 600; size++)
		check_all_kinds(size, 0);
}

void every_alignment_is_kept(void **)
{
	for (unsigned align = 1; align <= PAGE_SIZE; align *= 2)
		for (const unsigned size : {1U, 7U, 8U, 9U, 24U, 63U, 64U, 65U, 100U, 4095U, 4096U, 4097U})
			check_all_kinds(size, align);
}

void any_size_fits(void **)
{
	random_source random("any_size_fits");
	for (int i = 0; i < rounds(5000); i++) {
		const unsigned size = 1 + static_cast<unsigned>(random.below(1 << random.below(23)));
		check_all_kinds(size, 1U << random.below(13));
	}
}

void every_offset_is_known_as_a_start_or_none(void **)
{
	for (const slab_flags_t flags : {0U, SLAB_RED_ZONE}) {
		for (const unsigned size : {1U, 24U, 96U, 100U, 3000U, 8192U, 100'000U}) {
			const request r = {size, 0, flags, false};
			slot_layout l;
			assert_true(make_layout(l, size, 0, flags, false));
			for (size_t offset = 0; offset < backing::block_bytes(l.order); offset++)
				assert_starts_known(r, l, offset);
		}
	}
}

void the_largest_fit_without_debug_data(void **)
{
	const unsigned largest = KMALLOC_MAX_SIZE;
	assert_true(check({largest, 0, 0, false}));
	assert_true(check({largest - 8, 0, 0, true}));
	assert_false(check({largest, 0, 0, true})); // no room for the link
	assert_false(check({largest, 0, SLAB_STORE_USER, false}));
	assert_false(check({largest, 0, debug_flags, true}));
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(every_kmalloc_size_fits),
		cmocka_unit_test(every_small_size_fits),
		cmocka_unit_test(every_alignment_is_kept),
		cmocka_unit_test(any_size_fits),
		cmocka_unit_test(every_offset_is_known_as_a_start_or_none),
		cmocka_unit_test(the_largest_fit_without_debug_data),
	};
	return cmocka_run_group_tests_name("layout", tests, nullptr, nullptr);
}
