// SPDX-License-Identifier: MIT
//
// test_cpp_face.cpp - mp::pool<T>: making it, moving it, its elements one by one.
//
// link: -Wl,--wrap=mempool_alloc_slab -Wl,--wrap=kmem_cache_create
#include "tests/cmocka/cpp_face.hpp"

#include "tests/cmocka/support.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/cmocka/cmocka_cpp.hpp"

namespace {

using namespace mp::test;
using namespace std::chrono_literals;

using counted_pool = mp::pool<counted>;

// What can be said at compile time.
static_assert(!std::is_copy_constructible_v<counted_pool> && !std::is_copy_assignable_v<counted_pool>);
static_assert(std::is_nothrow_move_constructible_v<counted_pool> && std::is_nothrow_move_assignable_v<counted_pool>);
static_assert(std::is_nothrow_constructible_v<mp::pool<int>, std::nothrow_t, int>);
static_assert(!std::is_convertible_v<int, mp::pool<int>> && !std::is_convertible_v<mp::pool<int>, bool>);
static_assert(noexcept(std::declval<mp::pool<int> &>().make(GFP_KERNEL, 1)));
static_assert(!noexcept(std::declval<counted_pool &>().make(GFP_KERNEL, 1)));
static_assert(std::is_same_v<mp::pool<int>::ptr, std::unique_ptr<int, mp::pool<int>::deleter>>);
static_assert(mp::detail::type_name<int>() == "int");
static_assert(mp::detail::type_name<counted>().ends_with("counted"));

static_assert(mp::detail::timeout_ns(0s) == 0 && mp::detail::timeout_ns(-1h) == 0);
static_assert(mp::detail::timeout_ns(3us) == 3000 && mp::detail::timeout_ns(1.5s) == 1'500'000'000);
static_assert(mp::detail::timeout_ns(std::chrono::duration<double, std::nano>(0.25)) == 1); // rounded up
static_assert(mp::detail::timeout_ns(std::chrono::hours::max()) == INT64_MAX);
static_assert(mp::detail::timeout_ns(std::chrono::nanoseconds::max()) == INT64_MAX);
static_assert(mp::detail::timeout_ns(std::chrono::duration<double>(1e300)) == INT64_MAX);

int start_test(void **)
{
	counted::reset();
	catch_reports();
	return 0;
}

void makes_and_destroys_in_place(void **)
{
	counted_pool pool(4, "counters");
	assert_true(pool.valid());
	assert_true(static_cast<bool>(pool));
	assert_int_equal(pool.error(), 0);
	assert_string_equal(mempool_name(pool.native_handle()), "counters");
	assert_int_equal(pool.min_nr(), 4);
	assert_int_equal(pool.curr_nr(), 4);
	{
		const counted_pool::ptr element = pool.make(GFP_KERNEL, 17);
		assert_non_null(element.get());
		assert_int_equal(element->value, 17);
		assert_int_equal(counted::alive, 1);
		assert_false(all_back(pool));
	}
	assert_int_equal(counted::alive, 0);
	assert_true(all_back(pool));
}

void takes_the_types_name(void **)
{
	const mp::pool<std::array<int, 3>> pool(1);
	const std::string name = mempool_name(pool.native_handle());
	assert_true(name.find("array<int, 3") != std::string::npos);
}

/// A name that is cut to length, where the type's is longer.
template <int...> struct long_name {
	int member;
};
void cuts_a_long_types_name(void **)
{
	using type = long_name<1000000, 1000001, 1000002, 1000003, 1000004, 1000005, 1000006, 1000007>;
	const mp::pool<type> pool(std::nothrow, 1);
	assert_true(pool.valid());
	assert_int_equal(strlen(mempool_name(pool.native_handle())), MEMPOOL_NAME_MAX - 1);
}

void makes_aggregates(void **)
{
	struct message {
		std::string sender;
		int priority;
	};
	mp::pool<message> pool(2);
	const auto element = pool.make(GFP_KERNEL, "sshd", 6);
	assert_string_equal(element->sender.c_str(), "sshd");
	assert_int_equal(element->priority, 6);
}

void forwards_arguments(void **)
{
	mp::pool<std::unique_ptr<int>> pool(1);
	const auto element = pool.make(GFP_KERNEL, std::make_unique<int>(3));
	assert_int_equal(**element, 3);
}

void says_why_it_cannot_be_made(void **)
{
	const counted_pool negative(std::nothrow, -1);
	assert_false(negative.valid());
	assert_int_equal(negative.error(), EINVAL);
	assert_int_equal(reports_caught(), 1);
	const std::string name(MEMPOOL_NAME_MAX, 'n');
	const counted_pool named(std::nothrow, 1, name.c_str());
	assert_false(named.valid());
	assert_true(named.error() == EINVAL || named.error() == ENAMETOOLONG);
	{
		const drought d(2);
		const counted_pool starved(std::nothrow, 3);
		assert_int_equal(starved.error(), ENOMEM);
	}
	no_caches = true;
	const counted_pool cacheless(std::nothrow, 3);
	no_caches = false;
	assert_int_equal(cacheless.error(), ENOMEM);
}

void throws_why_it_cannot_be_made(void **)
{
	int code = 0;
	try {
		const counted_pool pool(-1);
	} catch (const std::system_error &e) {
		code = e.code().value();
	}
	assert_int_equal(code, EINVAL);
	const drought d;
	const thrown what = what_throws([] { const counted_pool pool(3); });
	assert_int_equal(what, thrown::bad_alloc);
}

void leaks_no_cache_when_it_cannot_be_made(void **)
{
	const auto count = [] {
		int caches = 0;
		kmem_cache_for_each(
			[](struct kmem_cache *, void *n) {
				++*static_cast<int *>(n);
				return 0;
			},
			&caches);
		return caches;
	};
	const int before = count();
	{
		const counted_pool negative(std::nothrow, -1);
		const counted_pool fine(std::nothrow, 1);
		assert_int_equal(count(), before + 1);
	}
	assert_int_equal(count(), before);
}

void gives_the_memory_back_when_a_constructor_throws(void **)
{
	counted_pool pool(2);
	counted::throw_at = 1;
	const thrown what = what_throws([&] { static_cast<void>(pool.make(GFP_KERNEL)); });
	assert_int_equal(what, thrown::runtime_error);
	assert_int_equal(counted::made, 0);
	assert_true(all_back(pool));
	assert_int_equal(pool.stats().allocs, 1);
	assert_int_equal(pool.curr_nr(), 2);
	// The same with an element of the reserve.
	const drought d;
	counted::throw_at = 1;
	const thrown again = what_throws([&] { static_cast<void>(pool.make_for(GFP_KERNEL, 1s)); });
	assert_int_equal(again, thrown::runtime_error);
	assert_true(all_back(pool));
	assert_int_equal(pool.stats().from_reserve, 1);
	assert_int_equal(pool.curr_nr(), 2);
}

void is_empty_only_where_it_must_not_sleep(void **)
{
	counted_pool pool(2);
	const drought d;
	const auto first = pool.make(GFP_KERNEL, 1);
	const auto second = pool.make(GFP_ATOMIC, 2);
	assert_true(first && second);
	errno = 0;
	const auto third = pool.make(GFP_ATOMIC, 3);
	assert_int_equal(errno, ENOMEM);
	assert_null(third.get());
	assert_null(pool.make(GFP_NOWAIT).get());
	assert_null(pool.alloc(GFP_NOWAIT));
	assert_int_equal(counted::made, 2);
	assert_int_equal(pool.stats().failures, 3);
}

void sleeps_until_another_thread_gives_back(void **)
{
	counted_pool pool(1);
	const drought d;
	auto only = pool.make(GFP_KERNEL, 1);
	std::atomic<bool> got{false};
	std::thread sleeper([&] { got = pool.make(GFP_KERNEL, 2) != nullptr; });
	const bool slept = eventually([&] { return pool.stats().waiters == 1; });
	only.reset();
	sleeper.join();
	assert_true(slept);
	assert_true(got);
	assert_true(all_back(pool));
}

void gives_up_after_a_time(void **)
{
	counted_pool pool(1);
	assert_non_null(pool.make_for(GFP_KERNEL, std::chrono::hours::max(), 1).get());
	assert_non_null(pool.make_for(GFP_ATOMIC, -1s, 1).get());
	const drought d;
	const auto only = pool.make(GFP_KERNEL);
	const auto start = std::chrono::steady_clock::now();
	errno = 0;
	const auto late = pool.make_for(GFP_KERNEL, 20ms);
	const int error = errno;
	assert_null(late.get());
	assert_int_equal(error, ETIMEDOUT);
	assert_true(std::chrono::steady_clock::now() - start >= 20ms);
	errno = 0;
	assert_null(pool.alloc_for(GFP_KERNEL, 0s));
	assert_int_equal(errno, ETIMEDOUT);
	errno = 0;
	assert_null(pool.alloc_for(GFP_NOWAIT, 1h));
	assert_int_equal(errno, ENOMEM);
}

void hands_out_raw_memory(void **)
{
	counted_pool pool(2);
	counted *raw = pool.alloc(GFP_KERNEL);
	counted *timed = pool.alloc_for(GFP_NOIO, 1ms);
	counted *reserved = pool.alloc_preallocated();
	assert_true(raw != nullptr && timed != nullptr && reserved != nullptr);
	assert_int_equal(counted::made, 0);
	assert_int_equal(pool.curr_nr(), 1);
	pool.free(raw);
	pool.free(timed);
	pool.free(reserved);
	pool.free(nullptr);
	assert_true(all_back(pool));
	assert_int_equal(pool.curr_nr(), 2);
	counted *all[2] = {pool.alloc_preallocated(), pool.alloc_preallocated()};
	errno = 0;
	assert_null(pool.alloc_preallocated());
	assert_int_equal(errno, ENOMEM);
	for (counted *element : all)
		pool.free(element);
}

void moves(void **)
{
	counted_pool pool(2, "first");
	mempool_t *const handle = pool.native_handle();
	auto element = pool.make(GFP_KERNEL, 5);
	counted_pool moved(std::move(pool));
	assert_false(pool.valid()); // NOLINT(*-use-after-move,*Move): what a moved pool is like
	assert_null(pool.native_handle());
	assert_ptr_equal(moved.native_handle(), handle);
	element.reset(); // knows its way home
	assert_true(all_back(moved));

	counted_pool other(3, "second");
	auto others = other.make(GFP_KERNEL);
	others.reset();
	other = std::move(moved);
	assert_ptr_equal(other.native_handle(), handle);
	assert_int_equal(other.min_nr(), 2);
	counted_pool &same = other;
	other = std::move(same);
	assert_ptr_equal(other.native_handle(), handle);
	moved = counted_pool(1);
	moved.swap(other);
	assert_ptr_equal(moved.native_handle(), handle);
	assert_int_equal(other.min_nr(), 1);
}

void resizes_and_counts(void **)
{
	counted_pool pool(2);
	assert_int_equal(pool.resize(5), 0);
	assert_int_equal(pool.min_nr(), 5);
	assert_int_equal(pool.curr_nr(), 5);
	assert_int_equal(pool.resize(1), 0);
	assert_int_equal(pool.curr_nr(), 1);
	assert_int_equal(reports_caught(), 0);
	assert_int_equal(pool.resize(0), -EINVAL);
	assert_int_equal(reports_caught(), 1);
	const mempool_statistics figures = pool.stats();
	assert_int_equal(figures.size, sizeof(figures));
	assert_int_equal(figures.min_nr, 1);
	assert_int_equal(figures.lowest_nr, 1);
	assert_int_equal(figures.allocs, 0);
}

/// Elements of this type are aligned, whole, and apart from each other, whatever their backing.
template <class T> bool serves_properly()
{
	mp::pool<T> pool(2);
	std::vector<typename mp::pool<T>::ptr> elements;
	for (unsigned char i = 0; i < 4; i++) {
		elements.push_back(pool.make(GFP_KERNEL));
		auto *bytes = reinterpret_cast<unsigned char *>(elements.back().get());
		if (reinterpret_cast<uintptr_t>(bytes) % alignof(T) != 0)
			return false;
		bytes[0] = bytes[sizeof(T) - 1] = i;
	}
	for (unsigned char i = 0; i < 4; i++) {
		const auto *bytes = reinterpret_cast<const unsigned char *>(elements[i].get());
		if (bytes[0] != i || bytes[sizeof(T) - 1] != i)
			return false;
	}
	elements.clear();
	return all_back(pool);
}

template <size_t size, size_t align> struct alignas(align) block {
	unsigned char bytes[size];
	block() {}
};

void serves_every_size_and_alignment(void **)
{
	assert_true((serves_properly<block<1, 1>>()));
	assert_true((serves_properly<block<3, 1>>()));
	assert_true((serves_properly<block<24, 8>>()));
	assert_true((serves_properly<block<100, 64>>()));
	assert_true((serves_properly<block<64, 256>>()));
	assert_true((serves_properly<block<1, PAGE_SIZE>>()));
	assert_true((serves_properly<block<PAGE_SIZE * 2 + 1, 1>>()));      // from kmalloc
	assert_true((serves_properly<block<PAGE_SIZE * 3, 64>>()));         // from a cache, for its alignment
	assert_true((serves_properly<block<KMALLOC_MAX_SIZE + 16, 16>>())); // from kvmalloc
}

void many_threads_share_it(void **)
{
	mp::pool<std::array<int, 16>> pool(8);
	std::atomic<int> wrong{0};
	std::vector<std::thread> threads;
	threads.reserve(4);
	for (int t = 0; t < 4; t++)
		threads.emplace_back([&, t] {
			for (int i = rounds(20'000); i > 0; i--) {
				const auto element = pool.make(GFP_KERNEL);
				element->fill(t);
				for (const int member : *element)
					wrong += member != t;
			}
		});
	for (std::thread &thread : threads)
		thread.join();
	assert_int_equal(wrong, 0);
	assert_true(all_back(pool));
}

} // namespace

int main()
{
#define TEST(name) cmocka_unit_test_setup(name, start_test)
	const CMUnitTest tests[] = {
		TEST(makes_and_destroys_in_place),
		TEST(takes_the_types_name),
		TEST(cuts_a_long_types_name),
		TEST(makes_aggregates),
		TEST(forwards_arguments),
		TEST(says_why_it_cannot_be_made),
		TEST(throws_why_it_cannot_be_made),
		TEST(leaks_no_cache_when_it_cannot_be_made),
		TEST(gives_the_memory_back_when_a_constructor_throws),
		TEST(is_empty_only_where_it_must_not_sleep),
		TEST(sleeps_until_another_thread_gives_back),
		TEST(gives_up_after_a_time),
		TEST(hands_out_raw_memory),
		TEST(moves),
		TEST(resizes_and_counts),
		TEST(serves_every_size_and_alignment),
		TEST(many_threads_share_it),
	};
	return cmocka_run_group_tests_name("C++ face: pool", tests, nullptr, nullptr);
}
