// SPDX-License-Identifier: MIT
/* pressure.c - listeners of a pool: what they are told, in which order, and that each episode ends (extension). */
#include "scripted.h"

#include <errno.h>
#include <fcntl.h>
#include <mempool/mempool-pressure.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static mempool_t pool;
static void *taken[16];

static void reset(int fd)
{
	uint64_t count = 0;

	ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(read(fd, &count, sizeof(count)), -1);
}

static char heard[64]; /* E, B, L */
static int heard_count;
static struct mempool_pressure ear = MEMPOOL_PRESSURE_INIT;

static void hear(mempool_t *from, enum mempool_pressure_event event, void *arg)
{
	/* It runs in a handler, too, where Check's assertions do not belong. */
	bool right = from == &pool && arg == heard;

	heard[heard_count++ % (LENGTH(heard) - 1)] = right ? "?EBL"[event] : '!';
	errno = 1;
}

static void listen_to_pool(int min_nr, int level)
{
	scripted_pool(&pool, &bk, min_nr);
	ear.callback = hear;
	ear.arg = heard;
	ear.level = level;
	ck_assert_int_eq(mempool_pressure_register(&pool, &ear), 0);
	scripted_set(&bk, "", true);
}

static void take(int count)
{
	for (int i = 0; i < count; i++) {
		taken[i] = mempool_alloc(&pool, GFP_NOWAIT);
		ck_assert_ptr_nonnull(taken[i]);
	}
}

static void give(int from, int to)
{
	for (int i = from; i < to; i++) {
		errno = 4711;
		mempool_free(taken[i], &pool);
		ck_assert_int_eq(errno, 4711);
	}
}

START_TEST(listeners_hear_enter_below_leave_in_this_order)
{
	listen_to_pool(4, 2);
	ck_assert_str_eq(heard, "");
	take(2);
	ck_assert_str_eq(heard, "E");
	take(0);
	taken[2] = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_str_eq(heard, "EB");
	mempool_free(taken[2], &pool); /* up and down again: told already */
	taken[2] = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_str_eq(heard, "EB");
	give(0, 2);
	ck_assert_str_eq(heard, "EB");
	give(2, 3);
	ck_assert_str_eq(heard, "EBL");
	take(1);
	give(0, 1);
	ck_assert_str_eq(heard, "EBLEL");
	ck_assert_int_eq(mempool_pressure_unregister(&pool, &ear), 0);
	take(1);
	give(0, 1);
	ck_assert_str_eq(heard, "EBLEL");
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(listeners_hear_of_bulk_and_resize)
{
	void *elems[3] = {NULL};

	listen_to_pool(4, 2);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 0), 0);
	ck_assert_str_eq(heard, "EB");
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 2), 2);
	ck_assert_str_eq(heard, "EB");
	ck_assert_int_eq(mempool_resize(&pool, 3), 0); /* full, as it wants less */
	ck_assert_str_eq(heard, "EBL");
	ck_assert_int_eq(mempool_resize(&pool, 4), 0); /* and the backing has nothing */
	ck_assert_str_eq(heard, "EBLE");
	mempool_free(elems[2], &pool);
	ck_assert_str_eq(heard, "EBLEL");
	taken[0] = mempool_alloc_preallocated(&pool);
	ck_assert_str_eq(heard, "EBLELE");
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(a_late_listener_hears_of_the_episode_at_once)
{
	scripted_pool(&pool, &bk, 3);
	scripted_set(&bk, "", true);
	take(2);
	ear.callback = hear;
	ear.arg = heard;
	ear.level = 2;
	ck_assert_int_eq(mempool_pressure_register(&pool, &ear), 0);
	ck_assert_str_eq(heard, "EB");
	give(0, 2);
	ck_assert_str_eq(heard, "EBL");
	scripted_exit(&pool, &bk);
}
END_TEST

static void use_in_handler(int number)
{
	(void)number;
	for (int i = 0; i < 2; i++)
		taken[i] = mempool_alloc(&pool, GFP_NOWAIT);
	for (int i = 0; i < 2; i++)
		mempool_free(taken[i], &pool);
}

START_TEST(listeners_are_told_in_a_signal_handler)
{
	listen_to_pool(2, 1);
	signal(SIGUSR1, use_in_handler);
	raise(SIGUSR1);
	ck_assert_str_eq(heard, "EBL");
	scripted_exit(&pool, &bk);
}
END_TEST

/* In the middle of ENTER a handler ends the episode: LEAVE comes after it, not within. */
static void interrupted(mempool_t *from, enum mempool_pressure_event event, void *arg)
{
	(void)from;
	(void)arg;
	heard[heard_count++] = "?ebl"[event];
	if (event == MEMPOOL_PRESSURE_ENTER)
		raise(SIGUSR1);
	heard[heard_count++] = "?EBL"[event];
}

static void *first;

static void give_in_handler(int number)
{
	(void)number;
	mempool_free(first, &pool);
}

START_TEST(events_do_not_overlap)
{
	scripted_pool(&pool, &bk, 1);
	scripted_set(&bk, "", true);
	first = mempool_alloc_preallocated(&pool);
	signal(SIGUSR1, give_in_handler);
	ear.callback = interrupted;
	ck_assert_int_eq(mempool_pressure_register(&pool, &ear), 0);
	ck_assert_str_eq(heard, "eElL");
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(listeners_may_have_a_descriptor)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	scripted_pool(&pool, &bk, 2);
	ear.fd = fd;
	ck_assert_int_eq(mempool_pressure_register(&pool, &ear), 0);
	scripted_set(&bk, "", true);
	take(1);
	reset(fd);
	give(0, 1);
	reset(fd);
	scripted_exit(&pool, &bk);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

static int from_callback[2];

static void register_again(mempool_t *from, enum mempool_pressure_event event, void *arg)
{
	struct mempool_pressure other = MEMPOOL_PRESSURE_INIT;

	(void)event;
	(void)arg;
	other.fd = 1000;
	from_callback[0] = mempool_pressure_register(from, &other);
	from_callback[1] = mempool_pressure_unregister(from, &ear);
}

START_TEST(bad_listeners_are_refused)
{
	struct mempool_pressure p = MEMPOOL_PRESSURE_INIT;

	scripted_pool(&pool, &bk, 1);
	ck_assert_int_eq(mempool_pressure_register(&pool, NULL), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "there is no mempool_pressure");
	ck_assert_int_eq(mempool_pressure_register(&pool, &p), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "neither callback nor fd");
	p.callback = register_again;
	p.level = -1;
	ck_assert_int_eq(mempool_pressure_register(&pool, &p), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "level is negative");
	p.level = 0;
	p.size = 8;
	ck_assert_int_eq(mempool_pressure_register(&pool, &p), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "size is wrong");
	p.size = sizeof(p);
	ck_assert_int_eq(mempool_pressure_unregister(&pool, &p), -ENOENT);
	for (int i = 0; i < MEMPOOL_PRESSURE_MAX; i++) {
		p.arg = &heard[i];
		ck_assert_int_eq(mempool_pressure_register(&pool, &p), 0);
		ck_assert_int_eq(mempool_pressure_register(&pool, &p), -EEXIST);
	}
	p.arg = NULL;
	ck_assert_int_eq(mempool_pressure_register(&pool, &p), -ENOSPC);
	ear.callback = hear;
	scripted_set(&bk, "", true);
	take(1);
	ck_assert_int_eq(from_callback[0], -EDEADLK);
	ck_assert_int_eq(from_callback[1], -EDEADLK);
	give(0, 1);
	scripted_exit(&pool, &bk);
}
END_TEST

/* ---- many threads: the order holds, and each episode ends ---- */

static char elements[2][64];
static int elements_made;

static void *few_alloc(gfp_t mask, void *data)
{
	(void)mask;
	(void)data;
	return elements_made < LENGTH(elements) ? elements[elements_made++] : NULL;
}

static void few_free(void *element, void *data)
{
	(void)element;
	(void)data;
}

static atomic_int order_errors;
static atomic_int last_event = MEMPOOL_PRESSURE_LEAVE;
static atomic_int episodes;

static void check_order(mempool_t *from, enum mempool_pressure_event event, void *arg)
{
	int before = atomic_exchange(&last_event, (int)event);
	bool right = event == MEMPOOL_PRESSURE_ENTER   ? before == MEMPOOL_PRESSURE_LEAVE
		     : event == MEMPOOL_PRESSURE_BELOW ? before == MEMPOOL_PRESSURE_ENTER
						       : before != MEMPOOL_PRESSURE_LEAVE;

	(void)from;
	(void)arg;
	if (!right)
		atomic_fetch_add(&order_errors, 1);
	if (event == MEMPOOL_PRESSURE_ENTER)
		atomic_fetch_add(&episodes, 1);
}

static void take_and_give(void *unused)
{
	(void)unused;
	for (int i = 0; i < scale(2000); i++)
		mempool_free(mempool_alloc(&pool, GFP_NOWAIT), &pool);
}

START_TEST(every_episode_ends)
{
	struct worker workers[3];

	ck_assert_int_eq(mempool_init(&pool, 2, few_alloc, few_free, NULL), 0);
	on_all_cpus();
	ear.callback = check_order;
	ear.level = 1;
	ck_assert_int_eq(mempool_pressure_register(&pool, &ear), 0);
	for (int round = 0; round < scale(50); round++) {
		for (int i = 0; i < LENGTH(workers); i++)
			worker_start(&workers[i], take_and_give, NULL);
		for (int i = 0; i < LENGTH(workers); i++)
			worker_join(&workers[i]);
		ck_assert_int_eq(mempool_curr_nr(&pool), 2);
		ck_assert_int_eq(atomic_load(&last_event), MEMPOOL_PRESSURE_LEAVE);
	}
	ck_assert_int_eq(atomic_load(&order_errors), 0);
	ck_assert_int_gt(atomic_load(&episodes), 0);
}
END_TEST

TCase *pressure_tests(void)
{
	TCase *tc = new_case("pressure");

	tcase_add_test(tc, listeners_hear_enter_below_leave_in_this_order);
	tcase_add_test(tc, listeners_hear_of_bulk_and_resize);
	tcase_add_test(tc, a_late_listener_hears_of_the_episode_at_once);
	tcase_add_test(tc, listeners_are_told_in_a_signal_handler);
	tcase_add_test(tc, events_do_not_overlap);
	tcase_add_test(tc, listeners_may_have_a_descriptor);
	tcase_add_test(tc, bad_listeners_are_refused);
	tcase_add_test(tc, every_episode_ends);
	return tc;
}
