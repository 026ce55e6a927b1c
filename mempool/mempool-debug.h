/* SPDX-License-Identifier: MIT */
/*
 * mempool-debug.h - checks that can be switched on, and where reports go.
 * All of it is an extension.
 *
 * The environment variable MEMPOOL_DEBUG, read once when the library is loaded,
 * takes the names below, separated by commas: MEMPOOL_DEBUG=poison,track
 * A name that is not known is reported, and the whole setting is then refused.
 */
#ifndef MEMPOOL_DEBUG_H
#define MEMPOOL_DEBUG_H

#include <mempool/mempool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define MEMPOOL_DEBUG_POISON 0x01u   /* "poison": fill reserved and free elements, check when they leave (PAR-30) */
#define MEMPOOL_DEBUG_REDZONE 0x02u  /* "redzone": guard bytes in caches created from now on */
#define MEMPOOL_DEBUG_USER 0x04u     /* "user": caches created from now on keep who allocated and freed */
#define MEMPOOL_DEBUG_TRACK 0x08u    /* "track": pools initialised from now on report double, foreign, missing frees */
#define MEMPOOL_DEBUG_SLEEP 0x10u    /* "sleep": check each allocation that might sleep, not only those that do */
#define MEMPOOL_DEBUG_CHECKS 0x20u   /* "checks": SLAB_CONSISTENCY_CHECKS for caches created from now on */
#define MEMPOOL_DEBUG_PANIC 0x40u    /* "panic": abort after the first report */
#define MEMPOOL_DEBUG_DEADLOCK 0x80u /* "deadlock": as "track"; look for deadlocks before a thread sleeps */
#define MEMPOOL_DEBUG_DEADLOCK_ABORT 0x100u /* "deadlock-abort": the same, and abort when there is one */
#define MEMPOOL_DEBUG_ALL 0x3fu             /* "all": everything but "panic" and what concerns deadlocks */

/**
 * mempool_debug_set() - switch checks on and off.
 * @flags: MEMPOOL_DEBUG_ flags; what is not named is switched off.
 *
 * Context: any thread. Never sleeps.
 * Return: 0, or -EINVAL when @flags has an unknown bit; nothing is changed then.
 */
int mempool_debug_set(unsigned int flags);

/**
 * mempool_debug_thread_owned() - promise that who takes an element of this pool frees it.
 * @pool: a pool that was initialised with "deadlock" on; others are left alone.
 *
 * Without the promise a deadlock is reported as possible while there are threads
 * that take no part in it: one of them may have been handed an element, and free
 * it. With it, for all pools concerned, it is reported as certain. A free by another
 * thread is reported as a bug, and ends the promise.
 *
 * Context: any thread. Never sleeps.
 */
void mempool_debug_thread_owned(mempool_t *pool);

/** mempool_debug_get() - the MEMPOOL_DEBUG_ flags in force. */
unsigned int mempool_debug_get(void);

/** enum mempool_report_kind - how bad it is. */
enum mempool_report_kind {
	MEMPOOL_REPORT_WARNING, /* doubtful use, handled */
	MEMPOOL_REPORT_BUG,     /* the program's mistake; the library limits the damage and goes on */
	MEMPOOL_REPORT_FATAL,   /* the process is aborted after the report */
	MEMPOOL_REPORT_NOTE     /* nothing is wrong: a fault that was asked for was injected */
};

/**
 * mempool_report_fn - receives reports instead of stderr.
 * @kind: how bad it is.
 * @text: the whole report, lines ended by '\n', valid during the call only.
 * @length: bytes of @text, without the final 0.
 * @arg: as given to mempool_set_report_fn().
 *
 * It is called by the thread that made the mistake, perhaps with memory
 * exhausted or in a signal handler: it must not call the pool concerned.
 */
typedef void(mempool_report_fn)(enum mempool_report_kind kind, const char *text, size_t length, void *arg);

/**
 * mempool_set_report_fn() - choose where reports go.
 * @fn: receives each report; NULL for stderr.
 * @arg: handed to @fn.
 *
 * Context: any thread, preferably once at the start. Never sleeps.
 */
void mempool_set_report_fn(mempool_report_fn *fn, void *arg);

/** mempool_report_count() - how many reports were made so far, in this process. */
unsigned long mempool_report_count(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_DEBUG_H */
