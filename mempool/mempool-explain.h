/* SPDX-License-Identifier: MIT */
/*
 * mempool-explain.h - what mempool_alloc() would do with a mask, step by step,
 * by the same rules as it does it; and masks as text. All of it is an extension,
 * for those who teach, learn or debug.
 */
#ifndef MEMPOOL_EXPLAIN_H
#define MEMPOOL_EXPLAIN_H

#include <mempool/gfp.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * struct mempool_situation - in what state a pool is when it is asked.
 * @size: set it to sizeof(struct mempool_situation).
 * @backing_works: 1: alloc_fn has something to give; 0: it gives NULL.
 * @level: elements in the reserve, 0 to max(@min_nr, 1).
 * @min_nr: what the pool promises, 0 or more.
 * @sleepers: threads that wait for an element already, 0 or more.
 */
struct mempool_situation {
	size_t size;
	int backing_works;
	int level;
	int min_nr;
	int sleepers;
};

/** enum mempool_step_kind - what happens in a step. */
enum mempool_step_kind {
	MEMPOOL_STEP_FLAG,    /* a flag of the caller's mask, and what it allows */
	MEMPOOL_STEP_WARNING, /* something is reported */
	MEMPOOL_STEP_MASK,    /* the mask changes */
	MEMPOOL_STEP_BACKING, /* alloc_fn is called */
	MEMPOOL_STEP_RESERVE, /* the reserve is asked */
	MEMPOOL_STEP_SLEEP,   /* the caller sleeps, and then starts over */
	MEMPOOL_STEP_ELEMENT, /* the end: it has an element */
	MEMPOOL_STEP_NULL,    /* the end: it has none */
};

/**
 * struct mempool_step - one step.
 * @size: sizeof(struct mempool_step), as the library knows it.
 * @kind: an enum mempool_step_kind.
 * @mask: MEMPOOL_STEP_FLAG: the flag; else the mask in force.
 * @fact: the rule behind it, as "PAR-9"; "" when it follows from no rule of its own.
 * @text: one sentence without its full stop, valid during the call only.
 */
struct mempool_step {
	size_t size;
	int kind;
	gfp_t mask;
	const char *fact;
	const char *text;
};

/**
 * mempool_explain() - each step of an allocation, without making it.
 * @gfp_mask: the caller's mask.
 * @situation: the pool's state.
 * @visit: called for each step, in order, until it returns other than 0.
 * @arg: handed to @visit.
 *
 * Context: any; allocates nothing, and never sleeps.
 * Return: 0, what @visit returned, or -EINVAL when the situation cannot be: a
 * negative figure, or a level above max(min_nr, 1).
 */
int mempool_explain(gfp_t gfp_mask, const struct mempool_situation *situation,
		    int (*visit)(const struct mempool_step *step, void *arg), void *arg);

/**
 * mempool_gfp_text() - a mask in words, such as "GFP_KERNEL|__GFP_NOWARN".
 * @gfp_mask: the mask.
 * @text: receives it, always with an end; may be NULL when @room is 0.
 * @room: bytes of @text.
 *
 * The largest combination that fits comes first, then single flags; bits
 * without a name as a number; nothing at all as "0".
 *
 * Context: any. Never sleeps.
 * Return: bytes of the whole text without its end; not less than @room: it was cut.
 */
size_t mempool_gfp_text(gfp_t gfp_mask, char *text, size_t room);

/**
 * mempool_gfp_parse() - a mask from words.
 * @text: names of flags and combinations, with '|' between them; spaces around
 *	them do not matter; "0" is the empty mask.
 * @gfp_mask: receives the mask.
 * @offset: when it fails, receives the byte of @text at which; may be NULL.
 *
 * Context: any. Never sleeps.
 * Return: 0, or -EINVAL; @gfp_mask is left alone then.
 */
int mempool_gfp_parse(const char *text, gfp_t *gfp_mask, size_t *offset);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_EXPLAIN_H */
