/* SPDX-License-Identifier: MIT */
/*
 * mempool-trace.h - what happens in pools, event by event: recorded in a file or
 * in memory, and read. All of it is an extension.
 *
 * The environment variable MEMPOOL_TRACE=FILE, read once when the library is
 * loaded, records from the first event on. Where FILE exists already, and in a
 * forked child, FILE.PID is written. MEMPOOL_TRACE_OPTIONS takes, separated by
 * commas: events=N and threads=N (as in struct mempool_trace_options), stacks, nofork.
 *
 * Each event is also a USDT probe of the provider "mempool" (perf, bpftrace),
 * where the library was built with <sys/sdt.h>: its arguments are the pool's
 * number, the pool's name or NULL, and those of the event. Probes of what is done
 * in an ordinary allocation and free fire only while something is recorded, or
 * with MEMPOOL_PROBES=1 in the environment: an ordinary call has no place for them.
 *
 * mempool-trace-file.h says how a file is laid out, mempool-trace(1) converts it.
 */
#ifndef MEMPOOL_TRACE_H
#define MEMPOOL_TRACE_H

#include <mempool/mempool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * MEMPOOL_TRACE_EVENTS() - all events: X(NAME, name, arguments).
 * @X: a macro of three arguments, called once for each event.
 *
 * An argument is name:kind; the kinds are d: a number, with its sign; n: ns;
 * p: an address; g: a gfp mask; t: text, in this and all that follow it.
 */
#define MEMPOOL_TRACE_EVENTS(X)                                                                                    \
	X(THREAD, thread, "name:t")                                /* a thread's first event in this recording */  \
	X(MARK, mark, "text:t")                                    /* mempool_trace_mark() */                      \
	X(PRESENT, present, "min_nr:d level:d element_bytes:d")    /* the pool is there when recording begins */   \
	X(CREATE, create, "min_nr:d level:d element_bytes:d")      /* the pool is initialised */                   \
	X(DESTROY, destroy, "level:d")                             /* the pool ends */                             \
	X(ALLOC, alloc, "element:p gfp:g")                         /* an allocation succeeds; the caller's mask */ \
	X(ALLOC_FAIL, alloc_fail, "gfp:g error:d level:d")         /* an allocation ends with NULL */              \
	X(ALLOC_BULK, alloc_bulk, "count:d missing:d level:d")     /* all that was missing is there */             \
	X(PREALLOCATED, preallocated, "element:p level:d")         /* mempool_alloc_preallocated() succeeds */     \
	X(FREE, free, "element:p")                                 /* an element comes back */                     \
	X(BACKING_FREE, backing_free, "element:p")                 /* an element goes to the backing */            \
	X(FREE_BULK, free_bulk, "count:d taken:d level:d")         /* mempool_free_bulk() took so many */          \
	X(PASS_BEGIN, pass_begin, "pass:d gfp:g")                  /* asks the backing with this mask */           \
	X(BACKING_FAIL, backing_fail, "gfp:g level:d")             /* the backing gave NULL */                     \
	X(RESERVE_TAKE, reserve_take, "element:p level:d count:d") /* out of the reserve; the level after it */    \
	X(RESERVE_GIVE, reserve_give, "element:p level:d count:d") /* into the reserve */                          \
	X(RESERVE_FILL, reserve_fill, "level:d count:d") /* the giving before was no free: creation, resize */     \
	X(ADOPT, adopt, "element:p")             /* the reserve's own is out: it keeps the backing's instead */    \
	X(REPLACE, replace, "element:p guest:p") /* it came home; what stood in for it goes to the backing */      \
	X(WAIT_BEGIN, wait_begin, "need:d level:d waiters:d")  /* an allocation goes to sleep */                   \
	X(WAIT_END, wait_end, "need:d how:d waited:n level:d") /* how: 0 woken, 1 by the clock, 2 had no need */   \
	X(WAKE, wake, "thread:d need:d")                       /* wakes this thread, which needs so many */        \
	X(RESIZE, resize, "old:d new:d level:d")               /* another min_nr */                                \
	X(RECLAIM, reclaim, "gfp:g shift:d freed:d")           /* a round of direct reclaim */                     \
	X(POISON, poison, "element:p offset:d")                /* written to after its free */                     \
	X(FAULT_INJECTED, fault_injected, "size:d point:t")    /* an allocation was made to fail */

/** enum mempool_trace_id - the events' numbers, in this version of the library. */
enum mempool_trace_id {
#define MEMPOOL_TRACE_ID_(NAME, name, args) MEMPOOL_TRACE_##NAME,
	MEMPOOL_TRACE_EVENTS(MEMPOOL_TRACE_ID_)
#undef MEMPOOL_TRACE_ID_
		MEMPOOL_TRACE_ID_COUNT
};

/** MEMPOOL_TRACE_ARGS - an event has at most this many arguments. */
#define MEMPOOL_TRACE_ARGS 4

/**
 * struct mempool_trace_event - one event.
 * @time_ns: when, by CLOCK_MONOTONIC.
 * @number: which of its ring, counted from 0.
 * @event: enum mempool_trace_id.
 * @cpu: the CPU that the thread ran on.
 * @thread: the thread, as gettid() names it.
 * @pool: the pool's number, mempool_trace_pool(); 0: none.
 * @stack: its call stack in the recording's table, counted from 1; 0: none was kept.
 * @args: as MEMPOOL_TRACE_EVENTS() names them; 0 where there is none.
 */
struct mempool_trace_event {
	uint64_t time_ns;
	uint64_t number;
	uint16_t event;
	uint16_t cpu;
	uint32_t thread;
	uint32_t pool;
	uint32_t stack;
	uint64_t args[MEMPOOL_TRACE_ARGS];
};

#define MEMPOOL_TRACE_STACKS 0x01u /* keep who called, with each event: costs some microseconds */
#define MEMPOOL_TRACE_NOFORK 0x02u /* a forked child records nothing */

/**
 * struct mempool_trace_options - how to record.
 * @size: set it to sizeof(struct mempool_trace_options).
 * @events: events kept of each thread, the newest; rounded up to a power of
 *          two; 0: 4096; at most 2^24. Each takes 64 bytes.
 * @threads: threads that can record; 0: 64; at most 1024.
 * @flags: MEMPOOL_TRACE_ flags.
 * @reserved: 0.
 */
struct mempool_trace_options {
	size_t size;
	unsigned int events;
	unsigned int threads;
	unsigned int flags;
	unsigned int reserved;
};

/**
 * mempool_trace_start() - record from now on.
 * @path: the file to write, which is replaced if it exists; NULL: in memory.
 * @options: how; NULL: as the defaults are.
 *
 * All memory and all of the file is taken here: a full disk is an error of this
 * call. The file can be read at any time, also after the process crashed. What
 * was recorded before is dropped where it lay in memory.
 *
 * Threads that come when all rings are taken get that of a thread that has
 * ended; if there is none, their events are counted only, mempool_trace_lost().
 *
 * Context: may sleep. Not from signal handlers.
 * Return: 0; -EBUSY when something is being recorded; -EINVAL for options that
 * make no sense, and for a path that is no ordinary file; -ENAMETOOLONG; or what
 * the system says of the file or the memory, such as -ENOSPC.
 */
int mempool_trace_start(const char *path, const struct mempool_trace_options *options);

/**
 * mempool_trace_stop() - record no longer.
 *
 * What was recorded can be read until something is recorded anew.
 *
 * Context: may sleep, until events that are being written are complete. Not from signal handlers.
 * Return: 0, or -EALREADY when nothing is being recorded.
 */
int mempool_trace_stop(void);

/**
 * struct mempool_trace_losses - what a recording lacks.
 * @size: set it to sizeof(struct mempool_trace_losses) before the call.
 * @overwritten: events for which newer ones of their threads took the place.
 * @unplaced: events of threads that found no ring.
 * @threads: such threads.
 * @pools: pools whose names found no place.
 * @stacks: events whose stack found no place.
 */
struct mempool_trace_losses {
	size_t size;
	uint64_t overwritten;
	uint64_t unplaced;
	uint64_t threads;
	uint64_t pools;
	uint64_t stacks;
};

/**
 * mempool_trace_lost() - how much of what happened was not kept.
 * @losses: receives at most @losses->size bytes; may be NULL.
 *
 * Context: any thread; not from signal handlers.
 * Return: events that were lost, of the current or the last recording.
 */
uint64_t mempool_trace_lost(struct mempool_trace_losses *losses);

/**
 * mempool_trace_for_each() - read the events so far, in the order of time.
 * @since_ns: only those at this time or later; 0: all.
 * @visit: called for each; a return value other than 0 ends the walk. It must
 *         not start or stop a recording, nor read it.
 * @arg: handed to @visit.
 *
 * Reads the current recording, or the last one. Events that come meanwhile may
 * or may not be seen; one that is being overwritten is left out.
 *
 * Context: may sleep. Not from signal handlers.
 * Return: what the last @visit returned; 0 without events; -ENOENT when nothing was ever recorded.
 */
int mempool_trace_for_each(uint64_t since_ns, int (*visit)(const struct mempool_trace_event *event, void *arg),
			   void *arg);

/**
 * mempool_trace_mark() - a word of one's own among the events.
 * @text: up to 32 bytes are kept.
 *
 * Context: any, signal handlers too. Never sleeps.
 */
void mempool_trace_mark(const char *text);

/**
 * mempool_trace_pool() - the number by which events name a pool.
 * @pool: a pool.
 *
 * Numbers are not used again. Context: any. Return: the number; 0 when the pool is not initialised.
 */
uint32_t mempool_trace_pool(const mempool_t *pool);

/**
 * mempool_trace_event_name() - what an event is called.
 * @event: enum mempool_trace_id.
 *
 * Context: any. Return: its name; NULL for a number that is none.
 */
const char *mempool_trace_event_name(unsigned int event);

/**
 * mempool_trace_event_args() - what an event's arguments are, as in MEMPOOL_TRACE_EVENTS().
 * @event: enum mempool_trace_id.
 *
 * Context: any. Return: such as "element:p gfp:g"; NULL for a number that is none.
 */
const char *mempool_trace_event_args(unsigned int event);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_TRACE_H */
