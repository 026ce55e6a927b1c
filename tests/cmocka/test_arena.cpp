// SPDX-License-Identifier: MIT
//
// test_arena.cpp - memory of a pool's own: whose is an address, and what is spare.
#include "support.hpp"

#include "reserve/element_arena.hpp"
#include "reserve/locked_store.hpp"
#include "reserve/spread_store.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;

namespace {

constexpr size_t stride = 192;

struct arena {
	std::unique_ptr<reserve::element_arena> a = std::make_unique<reserve::element_arena>();
	explicit arena(size_t elements, size_t align = 64)
	{
		a->init({stride, align, base::at_fork::copy, -1});
		grow(elements);
	}
	~arena() { a->destroy(); }
	arena(const arena &) = delete;
	arena &operator=(const arena &) = delete;

	void grow(size_t elements)
	{
		assert_true(a->grow(elements));
		a->offer_grown();
	}
	std::set<void *> take_all()
	{
		std::set<void *> taken;
		while (void *element = a->take_spare())
			assert_true(taken.insert(element).second);
		return taken;
	}
};

void each_element_is_spare_once(void **)
{
	arena arena(100);
	arena.grow(7);
	arena.grow(300);
	assert_int_equal(arena.a->count_spare(), 407);
	const std::set<void *> all = arena.take_all();
	assert_int_equal(all.size(), 407);
	assert_false(arena.a->has_spare());
	assert_null(arena.a->take_spare());
	const char *last = nullptr;
	for (void *element : all) {
		assert_true(arena.a->owns(element));
		assert_true(arena.a->owns(static_cast<char *>(element) + stride - 1));
		assert_in_range(reinterpret_cast<uintptr_t>(element) - arena.a->hull_start(), 0,
				arena.a->hull_bytes() - 1);
		assert_true(last == nullptr || static_cast<char *>(element) - last >= static_cast<ptrdiff_t>(stride));
		last = static_cast<char *>(element);
	}
	int outside = 0;
	assert_false(arena.a->owns(&outside));
	assert_false(arena.a->owns(nullptr));
	for (void *element : all)
		arena.a->put_spare(element);
	assert_int_equal(arena.a->count_spare(), 407);
	assert_true(arena.take_all() == all);
}

void what_was_grown_can_be_dropped(void **)
{
	arena arena(10);
	const std::set<void *> before = arena.take_all();
	assert_true(arena.a->grow(50));
	arena.a->drop_grown();
	assert_int_equal(arena.a->elements(), 10);
	assert_false(arena.a->has_spare());
	for (void *element : before)
		assert_true(arena.a->owns(element));
}

void impossible_sizes_fail(void **)
{
	arena arena(1);
	assert_false(arena.a->grow(SIZE_MAX / 2));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(arena.a->elements(), 1);
	for (int i = 0; i < 100; i++) // little steps do not use the segments up soon
		if (arena.a->grow(1))
			arena.a->offer_grown();
	assert_true(arena.a->elements() > 30);
	assert_int_equal(arena.a->count_spare(), arena.a->elements());
}

void threads_never_share_a_spare(void **)
{
	constexpr int threads = 4;
	constexpr int rounds = 20'000;
	arena arena(6);
	std::atomic<int> shared{0};
	std::vector<std::thread> crew;
	for (int t = 1; t <= threads; t++)
		crew.emplace_back([&, t] {
			for (int i = 0; i < rounds; i++) {
				auto *element = static_cast<std::atomic<int> *>(arena.a->take_spare());
				if (element == nullptr)
					continue;
				shared += element->exchange(t) != 0 ? 1 : 0;
				shared += element->exchange(0) != t ? 1 : 0;
				arena.a->put_spare(element);
			}
		});
	for (std::thread &t : crew)
		t.join();
	assert_int_equal(shared, 0);
	assert_int_equal(arena.a->count_spare(), 6);
}

/// A store whose entries lie at multiples of 8, so that guests can be marked.
template <class Store> struct marked_store {
	static constexpr int target = 4;
	std::vector<uint64_t> memory = std::vector<uint64_t>(Store::bytes_for(target) / 8 + 16);
	std::unique_ptr<Store> s = std::make_unique<Store>();
	uint64_t elements[2 * target] = {};

	marked_store()
	{
		const auto start = (reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t{63};
		s->init(reinterpret_cast<void *>(start), target); // NOLINT(performance-no-int-to-ptr)
	}
	void *resident(int i) { return &elements[i]; }
	void *guest(int i) { return reinterpret_cast<char *>(&elements[i]) + reserve::guest_bit; }
};

template <class Store> void guests_give_way(void **)
{
	marked_store<Store> m;
	assert_null(m.s->swap_guest(m.resident(4)));
	m.s->give(m.resident(0));
	m.s->give(m.guest(1));
	m.s->give(m.resident(2));
	m.s->give(m.guest(3));
	assert_false(m.s->give(m.resident(4)));
	const uint64_t taken = m.s->taken();
	std::set<void *> gone = {m.s->swap_guest(m.resident(4)), m.s->swap_guest(m.resident(5))};
	assert_true(gone == std::set<void *>({m.guest(1), m.guest(3)}));
	assert_null(m.s->swap_guest(m.resident(6)));
	assert_int_equal(m.s->level(), 4); // nothing was taken or given
	assert_int_equal(m.s->taken(), taken);
	int seen = 0;
	m.s->each_entry([&](void *entry) {
		seen++;
		assert_int_equal(reinterpret_cast<uintptr_t>(entry) & reserve::guest_bit, 0);
	});
	assert_int_equal(seen, 4);
	for (int i = 0; i < 4; i++)
		assert_non_null(m.s->take());
	assert_null(m.s->take());
}

template <class Store> void residents_can_be_told_from_guests(void **)
{
	marked_store<Store> m;
	m.s->give(m.guest(0));
	m.s->give(m.resident(1));
	m.s->give(m.guest(2));
	assert_ptr_equal(m.s->take_resident(), m.resident(1));
	assert_null(m.s->take_resident());
	assert_int_equal(m.s->level(), 2);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(each_element_is_spare_once),
		cmocka_unit_test(what_was_grown_can_be_dropped),
		cmocka_unit_test(impossible_sizes_fail),
		cmocka_unit_test(threads_never_share_a_spare),
		cmocka_unit_test(guests_give_way<reserve::spread_store>),
		cmocka_unit_test(guests_give_way<reserve::locked_store>),
		cmocka_unit_test(residents_can_be_told_from_guests<reserve::spread_store>),
		cmocka_unit_test(residents_can_be_told_from_guests<reserve::locked_store>),
	};
	return cmocka_run_group_tests_name("arena", tests, nullptr, nullptr);
}
