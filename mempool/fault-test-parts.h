/* SPDX-License-Identifier: MIT */
/*
 * fault-test-parts.h - what a sweep of fault-test.h is, and how it is carried out; include that.
 *
 * Names that end in '_' are nobody else's business.
 */
#ifndef MEMPOOL_FAULT_TEST_PARTS_H
#define MEMPOOL_FAULT_TEST_PARTS_H

#include <errno.h>
#include <mempool/fault-inject.h>
#include <mempool/mempool-stats.h>
#include <mempool/slab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define MEMPOOL_FAULT_TEST_SYMBOLS_ 1
#endif
#endif

/* How a test fails. */
#ifndef MEMPOOL_FAULT_TEST_FAIL
#if defined(CHECK_H)
#define MEMPOOL_FAULT_TEST_FAIL(text) ck_abort_msg("%s", text)
#elif defined(CMOCKA_H_)
#define MEMPOOL_FAULT_TEST_FAIL(text) (print_error("%s\n", text), _fail(__FILE__, __LINE__))
#else
#define MEMPOOL_FAULT_TEST_FAIL(text) (fprintf(stderr, "%s\n", text), abort())
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** enum mempool_fault_sweep_mode - what a sweep is at. */
enum mempool_fault_sweep_mode {
	MEMPOOL_FAULT_SWEEP_NEW,
	MEMPOOL_FAULT_SWEEP_UNHARMED,   /* nothing fails */
	MEMPOOL_FAULT_SWEEP_SINGLE,     /* the n-th allocation fails */
	MEMPOOL_FAULT_SWEEP_PERSISTENT, /* and all after it */
	MEMPOOL_FAULT_SWEEP_DONE
};

#define MEMPOOL_FAULT_SWEEP_LEVELS 96 /* pools and caches that are looked at one by one; the others in a sum */

/* struct mempool_fault_level - how many a pool or cache has out, and what its reserve lacks. */
struct mempool_fault_level {
	const void *who;
	long long out;
	long long missing;
	char name[40];
};

/**
 * struct mempool_fault_sweep - a sweep; begin with MEMPOOL_FAULT_SWEEP_INIT.
 * @name: for the texts; NULL: the file and the line.
 * @again: called after each n, when nothing fails: does the object under test still work? NULL: not asked.
 * @live: one's own count of what is out: bytes, files, ...; must be what it was before. NULL: none.
 * @arg: handed to both.
 * @cold: the block does not run unharmed first, so that what is made the first time only can fail, too; what
 *	that leaves behind in the library counts as a leak, then.
 * @n_max: a sweep that goes further fails, as one without end; 0: 10000.
 * @mode: what it is at, or was; to be read only, like all that follows.
 * @n: the allocation that fails in this run of the block; 0: none.
 * @hits: faults that the last run had.
 * @single: allocations that failed by themselves, when it is done: how many points the block has.
 * @persistent: values of @n from which on all failed.
 */
struct mempool_fault_sweep {
	const char *name;
	bool (*again)(void *arg);
	long long (*live)(void *arg);
	void *arg;
	bool cold;
	unsigned int n_max;

	enum mempool_fault_sweep_mode mode;
	unsigned int n;
	unsigned int hits;
	unsigned int single;
	unsigned int persistent;

	bool armed; /* the part of the block that may fail is running */
	bool failed;
	const char *file;
	int line;
	struct mempool_fault_hit last;
	char restore[160]; /* settings to go back to */
	long long live_before;
	int pools, caches;
	int levels;
	struct mempool_fault_level others;
	struct mempool_fault_level level[MEMPOOL_FAULT_SWEEP_LEVELS];
};

#if defined(__cplusplus)
#define MEMPOOL_FAULT_SWEEP_INIT \
	{                        \
	}
#else
#define MEMPOOL_FAULT_SWEEP_INIT                        \
	{                                               \
		.name = NULL, .again = NULL, .n_max = 0 \
	}
#endif

static inline void mempool_fault_sweep_say_(const char *text)
{
	MEMPOOL_FAULT_TEST_FAIL(text);
}

/* The settings that the sweep changed are again what they were. */
static inline void mempool_fault_sweep_calm_(struct mempool_fault_sweep *s)
{
	mempool_fault_set_nth(0);
	mempool_fault_set_quiet(false);
	if (s->restore[0] != 0)
		mempool_fault_apply(0, s->restore, NULL);
	s->restore[0] = 0;
	s->armed = false;
}

/* The stack of the latest fault, a line each frame, behind what is in @text. */
static inline void mempool_fault_sweep_stack_(const struct mempool_fault_hit *hit, char *text, size_t bytes)
{
	size_t used = strlen(text);
	char **names = NULL;

#ifdef MEMPOOL_FAULT_TEST_SYMBOLS_
	names = backtrace_symbols(hit->stack, (int)hit->depth);
#endif
	for (unsigned int i = 0; i < hit->depth && used < bytes; i++) {
		int more = names != NULL ? snprintf(text + used, bytes - used, "\n    %s", names[i])
					 : snprintf(text + used, bytes - used, "\n    %p", hit->stack[i]);

		used += more > 0 ? (size_t)more : 0;
	}
	free(names);
}

/* Ends the test. */
static inline void mempool_fault_sweep_fail_(struct mempool_fault_sweep *s, const char *what)
{
	char text[3072], whose[160];
	struct mempool_fault_hit hit;

	if (s->failed) /* MEMPOOL_FAULT_TEST_FAIL() came back */
		return;
	hit.size = sizeof(hit);
	if (s->armed && mempool_fault_last(&hit) == 0)
		s->last = hit;
	mempool_fault_sweep_calm_(s);
	s->failed = true;
	if (s->name != NULL)
		snprintf(whose, sizeof(whose), "%s", s->name);
	else
		snprintf(whose, sizeof(whose), "the sweep at %s:%d", s->file != NULL ? s->file : "?", s->line);
	if (s->n == 0)
		snprintf(text, sizeof(text), "%s, with no fault: %s", whose, what);
	else if (s->last.point[0] == 0)
		snprintf(text, sizeof(text), "%s, n = %u%s, which was not reached: %s", whose, s->n,
			 s->mode == MEMPOOL_FAULT_SWEEP_PERSISTENT ? " and all later" : "", what);
	else
		snprintf(text, sizeof(text), "%s, n = %u%s: %s; the latest fault: %s%s%s%s, size %zu", whose, s->n,
			 s->mode == MEMPOOL_FAULT_SWEEP_PERSISTENT ? " and all later" : "", what, s->last.point,
			 s->last.name[0] != 0 ? " of '" : "", s->last.name, s->last.name[0] != 0 ? "'" : "",
			 s->last.asked);
	if (s->n != 0 && s->last.point[0] != 0)
		mempool_fault_sweep_stack_(&s->last, text, sizeof(text));
	mempool_fault_sweep_say_(text);
}

static inline struct mempool_fault_level *mempool_fault_sweep_level_(struct mempool_fault_sweep *s, const void *who,
								     const char *name)
{
	for (int i = 0; i < s->levels; i++)
		if (s->level[i].who == who)
			return &s->level[i];
	if (s->levels == MEMPOOL_FAULT_SWEEP_LEVELS)
		return &s->others;
	struct mempool_fault_level *fresh = &s->level[s->levels++];

	memset(fresh, 0, sizeof(*fresh));
	fresh->who = who;
	snprintf(fresh->name, sizeof(fresh->name), "%s", name);
	return fresh;
}

static inline int mempool_fault_sweep_see_pool_(mempool_t *pool, void *arg)
{
	struct mempool_fault_sweep *s = (struct mempool_fault_sweep *)arg;
	struct mempool_fault_level *level = mempool_fault_sweep_level_(s, pool, mempool_name(pool));
	struct mempool_statistics stats;
	const int wanted = pool->min_nr > 1 ? pool->min_nr : 1;

	stats.size = sizeof(stats);
	s->pools++;
	if (mempool_stats(pool, &stats) != 0)
		return 0;
	level->out += (long long)(stats.allocs - stats.frees);
	level->missing += stats.curr_nr < wanted ? wanted - stats.curr_nr : 0;
	return 0;
}

/* Classes of kmalloc come when they are first needed, and stay. So do the library's sheaves, with what they hold. */
static inline int mempool_fault_sweep_see_cache_(struct kmem_cache *cache, void *arg)
{
	struct mempool_fault_sweep *s = (struct mempool_fault_sweep *)arg;
	struct mempool_fault_level *level;
	struct kmem_cache_statistics stats;
	const char *name = kmem_cache_name(cache);

	stats.size = sizeof(stats);
	if (strcmp(name, "sheaf") == 0)
		return 0;
	if (strncmp(name, "kmalloc-", 8) != 0)
		s->caches++;
	level = mempool_fault_sweep_level_(s, cache, name);
	if (kmem_cache_stats(cache, &stats) == 0)
		level->out += (long long)stats.objects;
	return 0;
}

/* What there is now: into @s, which has no levels yet. */
static inline void mempool_fault_sweep_look_(struct mempool_fault_sweep *s)
{
	s->pools = s->caches = s->levels = 0;
	memset(&s->others, 0, sizeof(s->others));
	mempool_for_each(mempool_fault_sweep_see_pool_, s);
	kmem_cache_for_each(mempool_fault_sweep_see_cache_, s);
	s->live_before = s->live != NULL ? s->live(s->arg) : 0;
}

static inline void mempool_fault_sweep_compare_level_(struct mempool_fault_sweep *s,
						      const struct mempool_fault_level *before,
						      const struct mempool_fault_level *now)
{
	char what[160];

	if (now->out != before->out) {
		snprintf(what, sizeof(what), "a leak: '%s' has %lld out, and had %lld before", now->name, now->out,
			 before->out);
		mempool_fault_sweep_fail_(s, what);
	}
	if (now->missing > before->missing) {
		snprintf(what, sizeof(what), "the reserve of '%s' lacks %lld elements, and lacked %lld before",
			 now->name, now->missing, before->missing);
		mempool_fault_sweep_fail_(s, what);
	}
}

/* After each n: all is as it was. Not on the stack of a small thread: two sweeps are large. */
static inline void mempool_fault_sweep_compare_(struct mempool_fault_sweep *s)
{
	static const struct mempool_fault_level none = {NULL, 0, 0, ""};
	struct mempool_fault_sweep now = MEMPOOL_FAULT_SWEEP_INIT;
	char what[160];

	now.live = s->live;
	now.arg = s->arg;
	mempool_fault_sweep_look_(&now);
	for (int i = 0; i < now.levels; i++) {
		const struct mempool_fault_level *before = &none;

		for (int k = 0; k < s->levels; k++)
			if (s->level[k].who == now.level[i].who)
				before = &s->level[k];
		mempool_fault_sweep_compare_level_(s, before, &now.level[i]);
	}
	snprintf(now.others.name, sizeof(now.others.name), "all others");
	mempool_fault_sweep_compare_level_(s, &s->others, &now.others);
	if (now.pools != s->pools || now.caches != s->caches) {
		snprintf(what, sizeof(what), "a leak: there are %d pools and %d caches, and were %d and %d before",
			 now.pools, now.caches, s->pools, s->caches);
		mempool_fault_sweep_fail_(s, what);
	}
	if (now.live_before != s->live_before) {
		snprintf(what, sizeof(what), "a leak: sweep.live counts %lld, and counted %lld before", now.live_before,
			 s->live_before);
		mempool_fault_sweep_fail_(s, what);
	}
}

/* Keeps what the sweep is about to change, as settings that bring it back. */
static inline int mempool_fault_sweep_keep_(const struct mempool_fault_point *point, void *arg)
{
	struct mempool_fault_sweep *s = (struct mempool_fault_sweep *)arg;
	const size_t used = strlen(s->restore);

	if (strcmp(point->name, "failslab") == 0)
		snprintf(s->restore + used, sizeof(s->restore) - used, "failslab.ignore-gfp-wait=%c;",
			 point->ignore_gfp_wait ? 'Y' : 'N');
	if (strcmp(point->name, "fail_page_alloc") == 0)
		snprintf(s->restore + used, sizeof(s->restore) - used,
			 "fail_page_alloc:ignore-gfp-wait=%c,min-order=%u;", point->ignore_gfp_wait ? 'Y' : 'N',
			 point->min_order);
	return 0;
}

/* The part of the block that may fail is over. */
static inline void mempool_fault_sweep_disarm_(struct mempool_fault_sweep *s)
{
	const int kept_errno = errno;

	if (!s->armed)
		return;
	s->armed = false;
	s->hits = mempool_fault_hits();
	s->last.size = sizeof(s->last);
	if (mempool_fault_last(&s->last) != 0)
		s->last.point[0] = 0;
	mempool_fault_set_nth(0);
	errno = kept_errno;
}

/* Ends a sweep. */
static inline void mempool_fault_sweep_end_(struct mempool_fault_sweep *s)
{
	mempool_fault_sweep_calm_(s);
	s->mode = MEMPOOL_FAULT_SWEEP_DONE;
}

/* Begins; for MEMPOOL_FAULT_SWEEP(). */
static inline void mempool_fault_sweep_begin_(struct mempool_fault_sweep *s, const char *file, int line)
{
	s->mode = MEMPOOL_FAULT_SWEEP_NEW;
	s->n = s->hits = s->single = s->persistent = 0;
	s->failed = s->armed = false;
	s->last.point[0] = 0;
	s->file = file;
	s->line = line;
	s->restore[0] = 0;
	mempool_fault_each(0, mempool_fault_sweep_keep_, s);
	mempool_fault_apply(0, "failslab.ignore-gfp-wait=N;fail_page_alloc:ignore-gfp-wait=N,min-order=0", NULL);
}

/* What is true after a run of the block; and which run comes next, if one does. */
static inline void mempool_fault_sweep_judge_(struct mempool_fault_sweep *s)
{
	const unsigned int calm = mempool_fault_save();

	if (s->mode == MEMPOOL_FAULT_SWEEP_UNHARMED) {
		mempool_fault_sweep_look_(s);
	} else {
		if (s->again != NULL && !s->again(s->arg)) {
			mempool_fault_restore(calm);
			mempool_fault_sweep_fail_(s, "what is under test does not work again");
		}
		mempool_fault_sweep_compare_(s);
	}
	mempool_fault_restore(calm);
}

static inline void mempool_fault_sweep_advance_(struct mempool_fault_sweep *s)
{
	switch (s->mode) {
	case MEMPOOL_FAULT_SWEEP_NEW:
		s->mode = s->cold ? MEMPOOL_FAULT_SWEEP_SINGLE : MEMPOOL_FAULT_SWEEP_UNHARMED;
		s->n = s->cold ? 1 : 0;
		break;
	case MEMPOOL_FAULT_SWEEP_UNHARMED:
		s->mode = MEMPOOL_FAULT_SWEEP_SINGLE;
		s->n = 1;
		break;
	case MEMPOOL_FAULT_SWEEP_SINGLE:
		s->single += s->hits > 0;
		s->mode = s->hits > 0 ? MEMPOOL_FAULT_SWEEP_SINGLE : MEMPOOL_FAULT_SWEEP_PERSISTENT;
		s->n = s->hits > 0 ? s->n + 1 : 1;
		break;
	case MEMPOOL_FAULT_SWEEP_PERSISTENT:
		s->persistent += s->hits > 0;
		s->mode = s->hits > 0 ? MEMPOOL_FAULT_SWEEP_PERSISTENT : MEMPOOL_FAULT_SWEEP_DONE;
		s->n = s->hits > 0 ? s->n + 1 : 0;
		break;
	case MEMPOOL_FAULT_SWEEP_DONE:
		break;
	}
}

/* Ends one run of the block and begins the next; for MEMPOOL_FAULT_SWEEP(). */
static inline bool mempool_fault_sweep_next_(struct mempool_fault_sweep *s)
{
	mempool_fault_sweep_disarm_(s);
	if (s->failed || s->mode == MEMPOOL_FAULT_SWEEP_DONE)
		return false;
	if (s->mode != MEMPOOL_FAULT_SWEEP_NEW)
		mempool_fault_sweep_judge_(s);
	else if (s->cold)
		mempool_fault_sweep_look_(s);
	if (s->failed) /* MEMPOOL_FAULT_TEST_FAIL() came back */
		return false;
	mempool_fault_sweep_advance_(s);
	if (s->mode == MEMPOOL_FAULT_SWEEP_DONE) {
		mempool_fault_sweep_end_(s);
		return false;
	}
	if (s->n > (s->n_max != 0 ? s->n_max : 10000U)) {
		mempool_fault_sweep_fail_(s, "there is no end to it");
		return false;
	}
	s->hits = 0;
	s->last.point[0] = 0;
	s->armed = true;
	mempool_fault_set_quiet(true);
	errno = 0;
	if (s->mode == MEMPOOL_FAULT_SWEEP_PERSISTENT)
		mempool_fault_set_nth_persistent(s->n);
	else
		mempool_fault_set_nth(s->n);
	return true;
}

#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_FAULT_TEST_PARTS_H */
