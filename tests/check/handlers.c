// SPDX-License-Identifier: MIT
/* handlers.c - signal handlers: sleeping there is reported, and what does not sleep is welcome (PAR-15). */
#include "scripted.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static mempool_t pool;
static void *taken[8];
static void (*handler_body)(void);

static void free_when_asleep(void *unused)
{
	(void)unused;
	wait_for_waiters(&pool, 1);
	mempool_free(taken[0], &pool);
}

static void run_handler_body(int number)
{
	(void)number;
	handler_body();
}

static void in_signal_handler(void (*body)(void), int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = run_handler_body;
	action.sa_flags = flags;
	handler_body = body;
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(raise(SIGUSR1), 0);
}

static void just_might_sleep(void)
{
	might_sleep();
}

START_TEST(par_15_might_sleep_in_a_signal_handler)
{
	if (under("tsan"))
		return;
	in_signal_handler(just_might_sleep, 0);
	expect_report(MEMPOOL_REPORT_BUG, __FILE__);
	might_sleep();
	ck_assert_int_eq(reports_pending(), 0);
}
END_TEST

static void *handler_element;

static void alloc_in_handler(void)
{
	handler_element = mempool_alloc(&pool, GFP_KERNEL);
}

START_TEST(par_15_sleeping_in_a_signal_handler_is_reported)
{
	struct worker w;

	if (under("tsan"))
		return;
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	worker_start(&w, free_when_asleep, NULL);
	in_signal_handler(alloc_in_handler, 0);
	worker_join(&w);
	ck_assert_ptr_eq(handler_element, taken[0]);
	expect_report(MEMPOOL_REPORT_BUG, "'scripted'");
	mempool_free(handler_element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_15_sleeping_on_an_alternate_signal_stack_is_reported)
{
	stack_t stack = {.ss_size = 1 << 18};

	if (under("tsan"))
		return;
	stack.ss_sp = malloc(stack.ss_size);
	ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
	in_signal_handler(just_might_sleep, SA_ONSTACK);
	expect_report(MEMPOOL_REPORT_BUG, __FILE__);
	might_sleep();
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
}
END_TEST

static void alloc_atomic_in_handler(void)
{
	handler_element = mempool_alloc(&pool, GFP_ATOMIC);
}

START_TEST(par_15_atomic_in_a_signal_handler_is_welcome)
{
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_SLEEP), 0);
	scripted_pool(&pool, &bk, 1);
	in_signal_handler(alloc_atomic_in_handler, 0);
	ck_assert_ptr_eq(handler_element, bk.slots[1]);
	mempool_free(handler_element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_15_blocked_signals_are_not_a_handler)
{
	sigset_t all, before;

	sigfillset(&all);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
	might_sleep();
	ck_assert_int_eq(reports_pending(), 0);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}
END_TEST

TCase *handler_tests(void)
{
	TCase *tc = new_case("handlers");

	tcase_add_test(tc, par_15_might_sleep_in_a_signal_handler);
	tcase_add_test(tc, par_15_sleeping_in_a_signal_handler_is_reported);
	tcase_add_test(tc, par_15_sleeping_on_an_alternate_signal_stack_is_reported);
	tcase_add_test(tc, par_15_atomic_in_a_signal_handler_is_welcome);
	tcase_add_test(tc, par_15_blocked_signals_are_not_a_handler);
	return tc;
}
