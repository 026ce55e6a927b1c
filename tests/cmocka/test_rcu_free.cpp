// SPDX-License-Identifier: MIT
//
// test_rcu_free.cpp - the queue of frees that wait for readers: its order, its
// thread, where there is none, and handlers that interrupted a lock's holder.
// link: -Wl,--wrap=pthread_create
#include "mempool/backing/rcu_free.hpp"
#include "mempool/mempool-rcu.h"

#include "reserve/base/clock.hpp"
#include "reserve/base/counted_lock.hpp"

#include <atomic>
#include <cerrno>
#include <mutex>
#include <pthread.h>
#include <sched.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::backing;

namespace {

std::atomic<bool> refuse{true};
std::atomic<int> attempts{0};

/// Something that waits, and remembers when it was freed.
struct item {
	deferred_free waiting;
	int freed_as;
	void (*when_freed)();
};

std::atomic<int> freed{0};

void free_item(deferred_free &waiting)
{
	auto &i = reinterpret_cast<item &>(waiting);
	i.freed_as = freed.fetch_add(1) + 1;
	if (i.when_freed != nullptr)
		i.when_freed();
}
constexpr deferred_op op = {free_item};

item items[8];

int start_anew(void **)
{
	for (item &i : items)
		i = {};
	freed = 0;
	attempts = 0;
	refuse = true;
	return 0;
}

/// Each call tries to start the thread; what is queued stays, in order, and a barrier frees it.
void without_a_thread_all_waits_for_a_barrier(void **)
{
	for (item &i : items) {
		errno = 77;
		defer_free(i.waiting, op);
		assert_int_equal(errno, 77);
	}
	assert_int_equal(attempts, 8);
	assert_int_equal(freed, 0);
	rcu_free_barrier();
	assert_int_equal(attempts, 9);
	for (int i = 0; i < 8; i++)
		assert_int_equal(items[i].freed_as, i + 1);
	rcu_free_barrier();
	assert_int_equal(freed, 8);
}

/// A handler that interrupted a lock's holder neither takes the queue's lock nor starts a thread.
void under_a_lock_it_takes_none(void **)
{
	base::counted_lock lock;
	{
		const std::lock_guard guard(lock);
		defer_free(items[0].waiting, op);
		defer_free(items[1].waiting, op);
	}
	assert_int_equal(attempts, 0);
	rcu_free_barrier();
	assert_int_equal(freed, 2);
}

void defer_more()
{
	defer_free(items[1].waiting, op);
	rcu_free_barrier(); // also those of the batch that it is part of
	assert_int_equal(freed, 3);
}

void a_free_may_wait_for_others(void **)
{
	items[0].when_freed = defer_more;
	defer_free(items[0].waiting, op);
	defer_free(items[2].waiting, op);
	rcu_free_barrier();
	assert_int_equal(freed, 3);
}

/// Last: the thread stays. It sleeps in between, and is woken each time.
void the_thread_frees_by_itself(void **)
{
	refuse = false;
	for (int i = 0; i < 8; i++) {
		defer_free(items[i].waiting, op);
		const uint64_t deadline = base::deadline_after(20 * base::ns_per_s);
		while (freed <= i && base::now_ns() < deadline)
			sched_yield();
		assert_int_equal(freed, i + 1);
	}
	assert_int_equal(attempts, 1);
}

} // namespace

extern "C" int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
extern "C" int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	attempts++;
	return refuse ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_a_thread_all_waits_for_a_barrier, start_anew),
		cmocka_unit_test_setup(under_a_lock_it_takes_none, start_anew),
		cmocka_unit_test_setup(a_free_may_wait_for_others, start_anew),
		cmocka_unit_test_setup(the_thread_frees_by_itself, start_anew),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
