// SPDX-License-Identifier: MIT
//
// test_lock.cpp - the adaptive lock: it excludes, it sleeps, it wakes.
// link: -Wl,--wrap=syscall
#include "futex_script.hpp"
#include "support.hpp"

#include "reserve/base/lock.hpp"

#include <atomic>
#include <cerrno>
#include <mutex>
#include <unistd.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

void costs_no_system_call_alone(void **)
{
	futex_reset();
	base::adaptive_lock lock;
	for (int i = 0; i < 3; i++) {
		lock.lock();
		lock.unlock();
	}
	assert_int_equal(futex_waits(), 0);
	assert_int_equal(futex_wakes().size(), 0);
}

void sleeps_until_it_is_free(void **)
{
	futex_reset();
	base::adaptive_lock lock;
	lock.lock();
	futex_wait_call call = {};
	futex_play({[&call](const futex_wait_call &c) {
			    call = c;
			    return 0;
		    },
		    returns(EINTR), returns(EAGAIN), after([&lock] { lock.unlock(); }, 0)});
	errno = 77;
	lock.lock(); // as another thread would, while the first one holds it
	assert_int_equal(futex_steps_left(), 0);
	assert_false(call.has_deadline);
	assert_int_equal(futex_wakes().size(), 1);
	assert_int_equal(errno, 77);
}

/// There may be more sleepers than the one that got it: it has to wake the next.
void is_left_marked_by_who_slept(void **)
{
	futex_reset();
	base::adaptive_lock lock;
	lock.lock();
	futex_play({after([&lock] { lock.unlock(); }, 0)});
	lock.lock();
	lock.unlock();
	assert_int_equal(futex_wakes().size(), 2);
	lock.lock();
	lock.unlock();
	assert_int_equal(futex_wakes().size(), 2); // and is as new then
}

void sleepers_get_it_one_after_the_other(void **)
{
	futex_reset();
	base::adaptive_lock lock;
	lock.lock();
	constexpr int count = 4;
	std::atomic<pid_t> ids[count] = {};
	std::atomic<int> got_it{0};
	crew threads;
	threads.start(count, [&](int thread) {
		ids[thread] = gettid();
		const std::lock_guard guard(lock);
		got_it.fetch_add(1);
	});
	for (const std::atomic<pid_t> &id : ids)
		assert_true(eventually([&id] { return id != 0 && thread_sleeps(id); }));
	assert_int_equal(got_it.load(), 0);
	assert_true(futex_waits() >= count);
	lock.unlock();
	assert_true(eventually([&got_it] { return got_it == count; }));
	threads.join();
}

void lets_one_in_at_a_time(void **)
{
	futex_reset();
	base::adaptive_lock lock;
	unsigned long count = 0; // plain: what the lock is for
	int inside = 0;
	bool crowded = false;
	constexpr unsigned long times = 100'000;
	const auto each = static_cast<unsigned long>(rounds(times));
	crew().start(8, [&](int) {
		      for (unsigned long i = 0; i < each; i++) {
			      const std::lock_guard guard(lock);
			      crowded |= ++inside != 1;
			      count++;
			      inside--;
		      }
	      }).join();
	assert_int_equal(count, 8 * each);
	assert_false(crowded);
}

void is_free_in_a_child(void **)
{
	base::adaptive_lock lock;
	lock.lock();
	const int status = in_child([&lock] {
		lock.reset_in_child();
		lock.lock();
		lock.unlock();
		return 0;
	});
	lock.unlock();
	assert_int_equal(status, 0);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(costs_no_system_call_alone),  cmocka_unit_test(sleeps_until_it_is_free),
		cmocka_unit_test(is_left_marked_by_who_slept), cmocka_unit_test(sleepers_get_it_one_after_the_other),
		cmocka_unit_test(lets_one_in_at_a_time),       cmocka_unit_test(is_free_in_a_child),
	};
	return cmocka_run_group_tests_name("adaptive_lock", tests, nullptr, nullptr);
}
