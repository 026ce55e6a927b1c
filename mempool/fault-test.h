/* SPDX-License-Identifier: MIT */
/*
 * fault-test.h - for tests: a block of code is run again and again, and each
 * time another of its allocations fails. All of it is an extension.
 *
 *	struct mempool_fault_sweep sweep = MEMPOOL_FAULT_SWEEP_INIT;
 *
 *	MEMPOOL_FAULT_SWEEP(&sweep) {
 *		struct parser *p = parser_new();
 *
 *		mempool_fault_sweep_ok(&sweep, p != NULL);
 *		parser_free(p);
 *	}
 *
 * The block runs once unharmed; what it leaves behind then, such as memory for
 * the first time only, is taken for its own. Then its n-th allocation fails,
 * for n = 1, 2, ... until there is no n-th one; and then all of it from the
 * n-th on. Allocations are the decisions of all points of fault-inject.h, and
 * of points of one's own, in the thread that runs the block. While the sweep
 * lasts, GFP_KERNEL allocations and single pages can fail too.
 *
 * After each n, with nothing failing any more:
 *
 *   - pools and caches have as many elements and objects out as before it, and
 *     there are as many pools and caches; sweep.live may count something else
 *   - each pool's reserve is as full as it was before
 *   - what sweep.again does works
 *
 * and in the block, by a call: errno was ENOMEM (mempool_fault_sweep_ok()), or
 * -ENOMEM was returned (mempool_fault_sweep_error()); a failed krealloc() kept its
 * block (mempool_fault_sweep_krealloc()); anything else (MEMPOOL_FAULT_CHECK()).
 *
 * What is wrong ends the test, with a text that names n, the point and the stack.
 * Include <check.h> or <cmocka.h> before this header, and it ends by their
 * means; else by abort(), or by what MEMPOOL_FAULT_TEST_FAIL(text) does, if
 * that is defined before.
 *
 * Do not leave the block by break, return or goto without mempool_fault_sweep_stop().
 * The same for assertions of a framework in it: in cmocka, which goes on with
 * the next test, call mempool_fault_sweep_stop() in a teardown. C11 and C++20.
 */
#ifndef MEMPOOL_FAULT_TEST_H
#define MEMPOOL_FAULT_TEST_H

#include <mempool/fault-test-parts.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * MEMPOOL_FAULT_SWEEP() - the block that follows is run with each of its allocations failing.
 * @s: a struct mempool_fault_sweep; @s->single and @s->persistent say afterwards how many there were.
 *
 * Context: a thread of a test, at most one sweep in it. Only this thread's allocations fail.
 */
#define MEMPOOL_FAULT_SWEEP(s) for (mempool_fault_sweep_begin_((s), __FILE__, __LINE__); mempool_fault_sweep_next_(s);)

/** mempool_fault_sweep_stop() - end a sweep that is left early; does nothing after its end. */
static inline void mempool_fault_sweep_stop(struct mempool_fault_sweep *s)
{
	mempool_fault_sweep_end_(s);
}

/* For MEMPOOL_FAULT_AFTER(): a loop of one turn. */
static inline bool mempool_fault_sweep_after_(struct mempool_fault_sweep *s, int turn)
{
	mempool_fault_sweep_disarm_(s);
	return turn == 0;
}

/**
 * MEMPOOL_FAULT_AFTER() - in a swept block, at its end: what follows is no longer made to fail.
 * @s: the sweep.
 *
 * For what is to hold after a failure, and to show that the object under test works again, in a second block
 * rather than by @s->again.
 */
#define MEMPOOL_FAULT_AFTER(s) \
	for (int mempool_fault_turn_ = 0; mempool_fault_sweep_after_((s), mempool_fault_turn_); mempool_fault_turn_++)

/** mempool_fault_sweep_hit() - has a fault been injected in this run of the block? */
static inline bool mempool_fault_sweep_hit(const struct mempool_fault_sweep *s)
{
	return s->armed ? mempool_fault_hits() > 0 : s->hits > 0;
}

/**
 * mempool_fault_sweep_ok() - say how what is under test ended, right after it.
 * @s: the sweep.
 * @ok: did it succeed? If not, a fault must have been injected, and errno be ENOMEM.
 *
 * Return: @ok.
 */
static inline bool mempool_fault_sweep_ok(struct mempool_fault_sweep *s, bool ok)
{
	const int error = errno;
	char what[96];

	if (!ok && !mempool_fault_sweep_hit(s)) {
		snprintf(what, sizeof(what), "it fails without a fault (errno %d)", error);
		mempool_fault_sweep_fail_(s, what);
	} else if (!ok && error != ENOMEM) {
		snprintf(what, sizeof(what), "it fails with errno %d (%s) instead of ENOMEM", error, strerror(error));
		mempool_fault_sweep_fail_(s, what);
	}
	errno = error;
	return ok;
}

/**
 * mempool_fault_sweep_error() - as mempool_fault_sweep_ok(), for what returns 0 or -errno.
 * @s: the sweep.
 * @error: what it returned: 0 or more, or -ENOMEM.
 *
 * Return: true when @error is none.
 */
static inline bool mempool_fault_sweep_error(struct mempool_fault_sweep *s, int error)
{
	char what[96];

	if (error < 0 && !mempool_fault_sweep_hit(s)) {
		snprintf(what, sizeof(what), "it returns %d without a fault", error);
		mempool_fault_sweep_fail_(s, what);
	} else if (error < 0 && error != -ENOMEM) {
		snprintf(what, sizeof(what), "it returns %d (%s) instead of -ENOMEM", error, strerror(-error));
		mempool_fault_sweep_fail_(s, what);
	}
	return error >= 0;
}

/**
 * MEMPOOL_FAULT_CHECK() - what must be true in a swept block; false ends the test, with n, point and stack.
 * @s: the sweep.
 * @condition: what must be true.
 */
#define MEMPOOL_FAULT_CHECK(s, condition) mempool_fault_sweep_check_((s), (condition), "not true: " #condition)

static inline void mempool_fault_sweep_check_(struct mempool_fault_sweep *s, bool is_true, const char *what)
{
	if (!is_true)
		mempool_fault_sweep_fail_(s, what);
}

static inline unsigned long mempool_fault_sweep_sum_(const void *block, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)block;
	unsigned long sum = 5381;

	for (size_t i = 0; i < bytes; i++)
		sum = sum * 33 + at[i];
	return sum;
}

/**
 * mempool_fault_sweep_krealloc() - krealloc(), and a look at whether it kept the block.
 * @s: the sweep.
 * @block, @size, @gfp: as for krealloc().
 *
 * When it fails, @block must still be there, with all that was in it; when it
 * does not, the new block must begin with what was in @block.
 *
 * Return: what krealloc() returned.
 */
static inline void *mempool_fault_sweep_krealloc(struct mempool_fault_sweep *s, void *block, size_t size, gfp_t gfp)
{
	const size_t old_bytes = block != NULL ? ksize(block) : 0;
	const size_t same = old_bytes < size ? old_bytes : size;
	const unsigned long all = mempool_fault_sweep_sum_(block, old_bytes);
	const unsigned long front = mempool_fault_sweep_sum_(block, same);
	void *fresh = krealloc(block, size, gfp);
	const int error = errno;

	if (fresh == NULL && block != NULL)
		MEMPOOL_FAULT_CHECK(s, ksize(block) == old_bytes && mempool_fault_sweep_sum_(block, old_bytes) == all);
	if (fresh != NULL && size != 0)
		MEMPOOL_FAULT_CHECK(s, mempool_fault_sweep_sum_(fresh, same) == front);
	errno = error;
	mempool_fault_sweep_ok(s, fresh != NULL);
	return fresh;
}

#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_FAULT_TEST_H */
