// SPDX-License-Identifier: MIT
/* explain.c - what mempool_explain() says against what mempool_alloc() does, and masks as text (extension). */
#include "scripted.h"

#include <errno.h>
#include <mempool/mempool-explain.h>
#include <string.h>

/* What was told, as far as it can be compared. */
struct told {
	int backing_calls;
	gfp_t masks[4];
	int end; /* the first of MEMPOOL_STEP_ELEMENT, _NULL, _SLEEP */
	int flags, warnings;
	int steps;
};

static int take_down(const struct mempool_step *step, void *arg)
{
	struct told *told = arg;

	ck_assert_uint_eq(step->size, sizeof(*step));
	ck_assert_ptr_nonnull(step->fact);
	ck_assert_int_gt((int)strlen(step->text), 0);
	told->steps++;
	told->flags += step->kind == MEMPOOL_STEP_FLAG;
	told->warnings += step->kind == MEMPOOL_STEP_WARNING;
	if (step->kind == MEMPOOL_STEP_BACKING && told->end == -1) {
		ck_assert_int_lt(told->backing_calls, LENGTH(told->masks));
		told->masks[told->backing_calls++] = step->mask;
	}
	if (step->kind >= MEMPOOL_STEP_SLEEP && told->end == -1)
		told->end = step->kind;
	return 0;
}

static struct told explained(gfp_t mask, int backing_works, int level, int min_nr)
{
	struct mempool_situation s = {
		.size = sizeof(s), .backing_works = backing_works, .level = level, .min_nr = min_nr};
	struct told told = {.end = -1};

	ck_assert_int_eq(mempool_explain(mask, &s, take_down, &told), 0);
	return told;
}

/* Each mask in each state: the same calls of the backing with the same masks, and the same end. */
static void compare(gfp_t mask, int backing_works, int level)
{
	struct told told = explained(mask, backing_works, level, 2);
	mempool_t pool = {0};
	void *held[2] = {NULL, NULL}, *element;
	int taken = 0;

	const bool sleeps = told.end == MEMPOOL_STEP_SLEEP;

	ck_assert_int_eq(sleeps, backing_works == 0 && level == 0 && (mask & __GFP_DIRECT_RECLAIM) != 0);
	scripted_pool(&pool, &bk, 2);
	while (mempool_curr_nr(&pool) > level)
		held[taken++] = mempool_alloc_preallocated(&pool);
	scripted_set(&bk, "", !backing_works);
	scripted_forget(&bk);
	errno = 0;
	if (sleeps) { /* without any patience, what would sleep is over at once, and says so */
		element = mempool_alloc_timeout(&pool, mask, 0);
		ck_assert_ptr_null(element);
		ck_assert_int_eq(errno, ETIMEDOUT);
	} else {
		element = mempool_alloc(&pool, mask);
		ck_assert_int_eq(element ? MEMPOOL_STEP_ELEMENT : MEMPOOL_STEP_NULL, told.end);
	}
	ck_assert_int_eq(bk.calls, told.backing_calls);
	for (int i = 0; i < bk.calls; i++)
		ck_assert_uint_eq(bk.masks[i], told.masks[i]);
	mempool_free(element, &pool);
	while (taken > 0)
		mempool_free(held[--taken], &pool);
	scripted_exit(&pool, &bk);
}

START_TEST(explain_says_what_alloc_does)
{
	/* Flags that reclaim and passes depend on, in each combination; the rest a few at a time. */
	static const gfp_t rest[] = {0, __GFP_NOFAIL, __GFP_ACCOUNT | __GFP_COMP, __GFP_RETRY_MAYFAIL | __GFP_NOWARN};
	int compared = 0;

	for (gfp_t mask = 0; mask < 0x20; mask++)
		for (int r = 0; r < LENGTH(rest); r++)
			for (int extra = 0; extra < 2; extra++)
				for (int state = 0; state < 3; state++, compared++)
					compare(mask | rest[r] | (extra ? __GFP_NOMEMALLOC | __GFP_NORETRY : 0),
						state == 0, state == 1 ? 2 : 0);
	ck_assert_int_eq(compared, 32 * 4 * 2 * 3);
}
END_TEST

START_TEST(explain_kernel_and_atomic)
{
	struct told kernel = explained(GFP_KERNEL, 0, 0, 4), atomic = explained(GFP_ATOMIC, 0, 0, 4);

	ck_assert_int_eq(kernel.end, MEMPOOL_STEP_SLEEP); /* PAR-12 */
	ck_assert_int_eq(kernel.backing_calls, 2);        /* PAR-11 */
	ck_assert_int_eq(kernel.flags, 4);
	ck_assert_int_eq(atomic.end, MEMPOOL_STEP_NULL); /* PAR-13 */
	ck_assert_int_eq(atomic.backing_calls, 1);
	ck_assert_int_eq(explained(GFP_KERNEL | __GFP_ZERO, 1, 4, 4).warnings, 1); /* PAR-14 */
	ck_assert_int_eq(explained(0x80000000u, 1, 4, 4).warnings, 1);
	ck_assert_int_eq(explained(GFP_KERNEL, 0, 1, 0).end, MEMPOOL_STEP_ELEMENT); /* PAR-4 */
}
END_TEST

static int stop_at_once(const struct mempool_step *step, void *arg)
{
	(void)step;
	return ++*(int *)arg;
}

START_TEST(explain_refuses_and_stops)
{
	static const struct mempool_situation bad[] = {{sizeof(bad[0]), 0, -1, 2, 0},
						       {sizeof(bad[0]), 0, 3, 2, 0},
						       {sizeof(bad[0]), 0, 0, -1, 0},
						       {sizeof(bad[0]), 0, 0, 0, -1},
						       {sizeof(bad[0]), 0, 2, 0, 0}};
	const struct mempool_situation good = {sizeof(good), 0, 0, 0, 3};
	int calls = 0;

	for (int i = 0; i < LENGTH(bad); i++)
		ck_assert_int_eq(mempool_explain(GFP_KERNEL, &bad[i], stop_at_once, &calls), -EINVAL);
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq(mempool_explain(GFP_KERNEL, &good, stop_at_once, &calls), 1);
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(explain_masks_as_text)
{
	static const struct {
		gfp_t mask;
		const char *text;
	} same[] = {{GFP_KERNEL, "GFP_KERNEL"},
		    {0, "0"},
		    {GFP_ATOMIC, "GFP_ATOMIC"},
		    {GFP_NOWAIT, "GFP_NOWAIT"},
		    {GFP_KERNEL | __GFP_NORETRY, "GFP_KERNEL|__GFP_NORETRY"},
		    {GFP_KERNEL_ACCOUNT, "GFP_KERNEL_ACCOUNT"},
		    {__GFP_HIGH, "__GFP_HIGH"},
		    {GFP_NOIO, "GFP_NOIO"}};
	gfp_t mask = 7;
	size_t offset = 99;
	char text[256], tiny[4];

	for (int i = 0; i < LENGTH(same); i++) {
		ck_assert_uint_eq(mempool_gfp_text(same[i].mask, text, sizeof(text)), strlen(same[i].text));
		ck_assert_str_eq(text, same[i].text);
		ck_assert_int_eq(mempool_gfp_parse(text, &mask, NULL), 0);
		ck_assert_uint_eq(mask, same[i].mask);
	}
	for (gfp_t all = 0; all <= __GFP_BITS_MASK; all++) {
		ck_assert_uint_lt(mempool_gfp_text(all, text, sizeof(text)), sizeof(text));
		ck_assert_int_eq(mempool_gfp_parse(text, &mask, NULL), 0);
		ck_assert_uint_eq(mask, all);
	}
	ck_assert_uint_eq(mempool_gfp_text(GFP_KERNEL, tiny, sizeof(tiny)), strlen("GFP_KERNEL"));
	ck_assert_str_eq(tiny, "GFP");
	ck_assert_uint_eq(mempool_gfp_text(GFP_KERNEL, NULL, 0), strlen("GFP_KERNEL"));
	mempool_gfp_text(GFP_NOIO | 0x10000000u, text, sizeof(text));
	ck_assert_str_eq(text, "GFP_NOIO|0x10000000");

	ck_assert_int_eq(mempool_gfp_parse(" GFP_NOIO | __GFP_HIGH ", &mask, NULL), 0);
	ck_assert_uint_eq(mask, GFP_NOIO | __GFP_HIGH);
	mask = 7;
	ck_assert_int_eq(mempool_gfp_parse("GFP_NOIO| GFP_NOISE", &mask, &offset), -EINVAL);
	ck_assert_uint_eq(offset, 10);
	ck_assert_int_eq(mempool_gfp_parse("", &mask, &offset), -EINVAL);
	ck_assert_uint_eq(offset, 0);
	ck_assert_int_eq(mempool_gfp_parse("GFP_NOIO|", &mask, &offset), -EINVAL);
	ck_assert_uint_eq(offset, 9);
	ck_assert_uint_eq(mask, 7);
}
END_TEST

TCase *explain_tests(void)
{
	TCase *tc = new_case("explain");

	tcase_add_test(tc, explain_says_what_alloc_does);
	tcase_add_test(tc, explain_kernel_and_atomic);
	tcase_add_test(tc, explain_refuses_and_stops);
	tcase_add_test(tc, explain_masks_as_text);
	return tc;
}
