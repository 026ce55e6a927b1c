// SPDX-License-Identifier: MIT
/*
 * wake.c - who is woken when elements come back (PAR-24).
 *
 * A wake-up that got lost would be made good by the clock after 5 s. So these tests do not look at times: they look at
 * the pool's count of sleeps that the clock ended, which must be 0.
 */
#include "scripted.h"

#include <sched.h>
#include <stdlib.h>

#define SLEEPERS 8

static mempool_t pool;
static void *taken[SLEEPERS + 1];

static void woken_by_elements_only(void)
{
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	ck_assert_int_eq(stats_of(&pool).waiters, 0);
}

static void start_sleepers(struct sleeper *s, int nr)
{
	for (int i = 0; i < nr; i++)
		sleeper_start(&s[i], &pool);
	wait_for_waiters(&pool, nr);
}

/* Two that sleep one behind the other. */
static void start_in_turn(struct sleeper *first, struct sleeper *second)
{
	sleeper_start(first, &pool);
	wait_for_waiters(&pool, 1);
	sleeper_start(second, &pool);
	wait_for_waiters(&pool, 2);
}

static void each_has_its_own(struct sleeper *s, int nr)
{
	for (int i = 0; i < nr; i++) {
		sleeper_join(&s[i]);
		ck_assert_ptr_nonnull(s[i].element);
		for (int j = 0; j < i; j++)
			ck_assert_ptr_ne(s[i].element, s[j].element);
	}
}

START_TEST(par_24_eight_sleepers_and_eight_frees)
{
	int rounds = scale(50);

	scripted_pool(&pool, &bk, SLEEPERS);
	ck_assert_int_eq(scripted_drain(&pool, &bk, taken), SLEEPERS);
	for (int round = 0; round < rounds; round++) {
		struct sleeper s[SLEEPERS] = {0};

		start_sleepers(s, SLEEPERS);
		for (int i = 0; i < SLEEPERS; i++)
			mempool_free(taken[i], &pool);
		each_has_its_own(s, SLEEPERS);
		for (int i = 0; i < SLEEPERS; i++)
			taken[i] = s[i].element;
		ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	}
	woken_by_elements_only();
	for (int i = 0; i < SLEEPERS; i++)
		mempool_free(taken[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_eight_sleepers_and_one_bulk_free)
{
	struct sleeper s[SLEEPERS] = {0};

	scripted_pool(&pool, &bk, SLEEPERS);
	scripted_drain(&pool, &bk, taken);
	start_sleepers(s, SLEEPERS);
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, SLEEPERS), SLEEPERS);
	each_has_its_own(s, SLEEPERS);
	woken_by_elements_only();
	for (int i = 0; i < SLEEPERS; i++)
		mempool_free(s[i].element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_one_element_passes_through_eight_sleepers)
{
	struct sleeper s[SLEEPERS] = {0};
	int served = 0;

	/* One element, eight sleepers: each who gets it gives it back, and that wakes another. */
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	start_sleepers(s, SLEEPERS);
	mempool_free(taken[0], &pool);
	while (served < SLEEPERS) {
		int before = served;

		for (int i = 0; i < SLEEPERS; i++) {
			if (!atomic_load(&s[i].done) || !s[i].element)
				continue;
			ck_assert_ptr_eq(s[i].element, taken[0]);
			s[i].element = NULL;
			served++;
			mempool_free(taken[0], &pool);
		}
		if (served == before)
			poll_pause();
	}
	for (int i = 0; i < SLEEPERS; i++)
		sleeper_join(&s[i]);
	woken_by_elements_only();
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_a_woken_sleeper_that_the_backing_served_leaves_the_element_to_the_next)
{
	struct sleeper s[2] = {{0}};
	struct sleeper *first;

	/*
	 * Two sleep; the backing gives one element. Whoever is woken by the freed one gets the backing's, so the freed
	 * one stays in the reserve, and the other sleeper could be served: it must not be left asleep.
	 */
	scripted_pool(&pool, &bk, 2);
	scripted_drain(&pool, &bk, taken);
	start_sleepers(s, 2);
	scripted_set(&bk, "a", true);
	mempool_free(taken[0], &pool);
	each_has_its_own(s, 2);
	first = s[0].element == bk.slots[2] ? &s[0] : &s[1];
	ck_assert_ptr_eq(first->element, bk.slots[2]);
	woken_by_elements_only();
	for (int i = 0; i < 2; i++)
		mempool_free(s[i].element, &pool);
	mempool_free(taken[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_single_is_not_held_back_behind_a_bulk_sleeper)
{
	struct sleeper bulk = {.count = 3};
	struct sleeper single = {0};

	scripted_pool(&pool, &bk, 4);
	scripted_drain(&pool, &bk, taken);
	start_in_turn(&bulk, &single);
	mempool_free(taken[0], &pool);
	sleeper_join(&single);
	ck_assert_ptr_eq(single.element, taken[0]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	ck_assert(!atomic_load(&bulk.done));
	for (int i = 1; i < 4; i++)
		mempool_free(taken[i], &pool);
	sleeper_join(&bulk);
	woken_by_elements_only();
	for (int i = 0; i < 3; i++)
		mempool_free(bulk.elems[i], &pool);
	mempool_free(single.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_small_bulk_is_not_held_back_behind_a_large_one)
{
	struct sleeper large = {.count = 4};
	struct sleeper small = {.count = 2};

	scripted_pool(&pool, &bk, 4);
	scripted_drain(&pool, &bk, taken);
	start_in_turn(&large, &small);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	sleeper_join(&small);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	ck_assert(!atomic_load(&large.done));
	mempool_free(taken[2], &pool);
	mempool_free(taken[3], &pool);
	mempool_free(small.elems[0], &pool);
	mempool_free(small.elems[1], &pool);
	sleeper_join(&large);
	woken_by_elements_only();
	for (int i = 0; i < 4; i++)
		mempool_free(large.elems[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_bulk_served_leaves_the_rest_to_the_singles)
{
	struct sleeper bulk = {.count = 2};
	struct sleeper s[2] = {{0}};

	/* Four elements at once: the bulk and both singles behind it can be served, so all must wake. */
	scripted_pool(&pool, &bk, 4);
	scripted_drain(&pool, &bk, taken);
	sleeper_start(&bulk, &pool);
	wait_for_waiters(&pool, 1);
	sleeper_start(&s[0], &pool);
	sleeper_start(&s[1], &pool);
	wait_for_waiters(&pool, 3);
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, 4), 4);
	sleeper_join(&bulk);
	each_has_its_own(s, 2);
	woken_by_elements_only();
	ck_assert_uint_eq(mempool_free_bulk(&pool, bulk.elems, 2), 2);
	mempool_free(s[0].element, &pool);
	mempool_free(s[1].element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_an_expired_sleeper_does_not_swallow_a_wake_up)
{
	struct sleeper hasty = {.timeout_ns = 1};
	struct sleeper patient = {0};
	int rounds = scale(300);

	/* A sleeper whose time ends just as the element comes must not leave the other one asleep beside it. */
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	for (int round = 0; round < rounds; round++) {
		hasty = (struct sleeper){.timeout_ns = (uint64_t)(round % 100) * 2000 + 1};
		patient = (struct sleeper){0};
		sleeper_start(&hasty, &pool);
		sleeper_start(&patient, &pool);
		WAIT_FOR(stats_of(&pool).waiters == 2 || atomic_load(&hasty.done));
		mempool_free(taken[0], &pool);
		sleeper_join(&hasty);
		if (hasty.element)
			mempool_free(hasty.element, &pool);
		sleeper_join(&patient);
		ck_assert_ptr_eq(patient.element, taken[0]);
		ck_assert_int_lt(patient.waited_ns, 4900 * NS_PER_MS);
	}
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static void *stolen;

static void steal_from_the_woken(struct scripted *b, gfp_t mask)
{
	(void)mask;
	if (!stolen && mempool_curr_nr(b->pool) == 2)
		stolen = mempool_alloc_preallocated(b->pool);
}

START_TEST(par_24_who_must_sleep_again_leaves_the_rest_to_the_next)
{
	struct sleeper bulk = {.count = 2};
	struct sleeper single = {0};

	/*
	 * Two elements come, and the bulk sleeper is woken for both; but before it looks, somebody takes one of them.
	 * It sleeps again; the one that is left serves the single sleeper, whom nobody has woken yet.
	 */
	scripted_pool(&pool, &bk, 2);
	scripted_drain(&pool, &bk, taken);
	start_in_turn(&bulk, &single);
	__atomic_store_n(&bk.on_alloc, steal_from_the_woken, __ATOMIC_RELEASE); /* sleepers read it */
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, 2), 2);
	sleeper_join(&single);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	ck_assert(!atomic_load(&bulk.done));
	mempool_free(single.element, &pool);
	mempool_free(stolen, &pool);
	sleeper_join(&bulk);
	woken_by_elements_only();
	ck_assert_uint_eq(mempool_free_bulk(&pool, bulk.elems, 2), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

/* A backing without a lock of its own: one element, and then nothing. */
static atomic_int gave_one;
static char the_one[64];

static void *give_one(gfp_t mask, void *data)
{
	(void)mask;
	(void)data;
	return atomic_exchange_explicit(&gave_one, 1, memory_order_relaxed) ? NULL : the_one;
}

static void take_back(void *element, void *data)
{
	(void)element;
	(void)data;
}

static atomic_int round_begun, round_done;

static void allocate_each_round(void *arg)
{
	int rounds = *(int *)arg;
	unsigned int spins = 0;

	for (int i = 1; i <= rounds; i++) {
		while (atomic_load(&round_begun) < i)
			if (++spins % 1024 == 0)
				sched_yield();
		if (round_begun > rounds)
			return;
		if (mempool_alloc(&pool, GFP_KERNEL) != the_one)
			abort();
		atomic_store(&round_done, i);
	}
}

START_TEST(par_24_no_wake_up_is_lost_on_the_way_to_sleep)
{
	int rounds = scale(50000);
	const int64_t end_ns = now_ns() + 15000 * NS_PER_MS; /* on a loaded machine a round takes a time slice */
	struct worker w;
	int i;

	/*
	 * The element comes back just while the other thread, which found nothing, is on its way to sleep; and it comes
	 * once only, so that no later free makes good what was missed. The moment moves a little each round.
	 */
	ck_assert_int_eq(mempool_init(&pool, 1, give_one, take_back, NULL), 0);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), the_one);
	worker_start(&w, allocate_each_round, &rounds);
	for (i = 1; i <= rounds && stats_of(&pool).timeouts == 0 && now_ns() < end_ns; i++) {
		unsigned int spins = 0;

		atomic_store(&round_begun, i);
		for (volatile int delay = i % 400; delay > 0; delay--)
			;
		mempool_free(the_one, &pool);
		while (atomic_load(&round_done) < i)
			if (++spins % 1024 == 0)
				sched_yield();
	}
	atomic_store(&round_begun, rounds + 1);
	worker_join(&w);
	if (!under("valgrind"))
		ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	mempool_free(the_one, &pool);
	mempool_exit(&pool);
}
END_TEST

TCase *wake_tests(void)
{
	TCase *tc = new_case("wake");

	tcase_add_test(tc, par_24_eight_sleepers_and_eight_frees);
	tcase_add_test(tc, par_24_eight_sleepers_and_one_bulk_free);
	tcase_add_test(tc, par_24_one_element_passes_through_eight_sleepers);
	tcase_add_test(tc, par_24_a_woken_sleeper_that_the_backing_served_leaves_the_element_to_the_next);
	tcase_add_test(tc, par_24_single_is_not_held_back_behind_a_bulk_sleeper);
	tcase_add_test(tc, par_24_small_bulk_is_not_held_back_behind_a_large_one);
	tcase_add_test(tc, par_24_bulk_served_leaves_the_rest_to_the_singles);
	tcase_add_test(tc, par_24_who_must_sleep_again_leaves_the_rest_to_the_next);
	tcase_add_test(tc, par_24_no_wake_up_is_lost_on_the_way_to_sleep);
	tcase_add_test(tc, par_24_an_expired_sleeper_does_not_swallow_a_wake_up);
	return tc;
}
