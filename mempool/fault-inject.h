/* SPDX-License-Identifier: MIT */
/*
 * fault-inject.h - allocations that fail on purpose: the kernel's attributes, in
 * the kernel's order (PAR-36 to PAR-38), and what it lacks.
 *
 * A point is a place that can be made to fail. Those of the library:
 *
 *   failslab                  kmem_cache_alloc() and kmalloc(); size in bytes
 *   fail_page_alloc           the page layer, and kvmalloc()'s mappings; size in pages
 *   fail_mempool_alloc        the backing, in each pass of mempool_alloc(); the reserve is asked then
 *   fail_mempool_alloc_bulk   once a mempool_alloc_bulk(): all is to come from the reserve
 *   fail_mempool_create, fail_mempool_resize, fail_kmem_cache_create
 *                             extension: -ENOMEM, or NULL
 *   delay_mempool_free        extension: an element that is freed comes into the reserve only with the next
 *                             delayed one, or when a sleeper has waited for 5 s
 *   drain_mempool_reserve     extension: the reserve counts as empty, once in a call that asks it
 *
 * point@NAME is the same for the pool or cache of this name alone, which need
 * not exist yet: fail_mempool_alloc@requests. A name with ".=:;," or spaces in it
 * is quoted: failslab@"net::message". For fail_page_alloc it is the cache that
 * wants the pages. Programs add points of their own.
 *
 * The environment variable MEMPOOL_FAULT, read once when the library is loaded,
 * takes settings, separated by ';' or ends of lines:
 *
 *   failslab=1,10,0,-1                          <interval>,<probability>,<space>,<times>, as in the kernel
 *   fail_mempool_alloc@req:probability=100,times=3
 *   failslab.cache-filter=Y                     one attribute
 *   +my_point=1,50,0,-1                         a point that the program registers later
 *   seed=1234                                   the draws begin with it
 *   off                                         all points
 *
 * A process with a control page is set from outside, too: mempool fault set PID,
 * or mempool_fault_apply().
 *
 * The attributes are named as the kernel's files are: probability, interval,
 * times, space, verbose, verbose_ratelimit_interval_ms, verbose_ratelimit_burst,
 * task-filter, stacktrace-depth, require-start, require-end, reject-start,
 * reject-end, ignore-gfp-wait, cache-filter, min-order. A setting that is wrong
 * anywhere is refused whole.
 *
 * Draws can be repeated: whether a decision fails follows from the seed, the
 * point, the thread's name and how often that thread came to this point, and
 * from nothing else; reports say all four. `times` and `space` are shared by all
 * threads, so who gets the last of them is up to scheduling. A thread's name is
 * that of mempool_fault_set_thread(), or else of pthread_setname_np(); without
 * either it is "main", or the function that the thread began with, as
 * "program+0x12e0". Threads that began with the same one fail alike, each by its
 * own count: give them names where they are to differ.
 */
#ifndef MEMPOOL_FAULT_INJECT_H
#define MEMPOOL_FAULT_INJECT_H

#include <mempool/mempool.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * struct fault_attr - when a point fails (PAR-36, PAR-37).
 * @probability: percent of the decisions that come so far, 0 to 100; 0: off.
 * @interval: of those, only every so many-th; 0 and 1: each.
 * @times: failures left; -1: no end. Changed by atomic operations.
 * @space: what fits in here is let through first, in the point's unit; likewise.
 * @verbose: 0: no report; 1: a line; 2: with the stack.
 * @verbose_ratelimit_interval_ms, @verbose_ratelimit_burst: at most so many reports in so many ms; 0 ms: all.
 * @task_filter: only threads that called mempool_fault_set_make_it_fail().
 * @stacktrace_depth: frames that the four fields below look at, 0 to 32.
 * @require_start, @require_end: a frame's address must lie in [start, end); 0 and ULONG_MAX: it need not.
 * @reject_start, @reject_end: no frame's address may; this wins. Both 0: any may.
 * @count: decisions that came as far as the interval; a registered point counts for each thread.
 * @name: for reports; a registered point's own.
 * @reserved: 0.
 *
 * Once it is registered, the point's settings are the library's, and these fields are not looked at.
 */
struct fault_attr {
	unsigned long probability;
	unsigned long interval;
	int times;
	int space;
	unsigned long verbose;
	unsigned int verbose_ratelimit_interval_ms;
	unsigned int verbose_ratelimit_burst;
	bool task_filter;
	unsigned long stacktrace_depth;
	unsigned long require_start;
	unsigned long require_end;
	unsigned long reject_start;
	unsigned long reject_end;
	unsigned long count;
	const char *name;
	unsigned long reserved[6];
};

/* The kernel's defaults (PAR-37). */
#define FAULT_ATTR_INITIALIZER                                                         \
	{                                                                              \
		0, 1, 1, 0, 2, 5000, 10, false, 32, 0, ~0UL, 0, 0, 0, (const char *)0, \
		{                                                                      \
			0, 0, 0, 0, 0, 0                                               \
		}                                                                      \
	}
#define DECLARE_FAULT_ATTR(name) struct fault_attr name = FAULT_ATTR_INITIALIZER

enum fault_flags {
	FAULT_NOWARN = 1 << 0, /* no report, whatever the point's verbose says */
};

/**
 * setup_fault_attr() - set a point from the kernel's text.
 * @attr: the point.
 * @str: "<interval>,<probability>,<space>,<times>", all four (PAR-37).
 *
 * Context: any thread. Never sleeps.
 * Return: 1; 0, after a report, when the text is wrong: nothing is changed then.
 */
int setup_fault_attr(struct fault_attr *attr, char *str);

/**
 * should_fail_ex() - does this one fail? (PAR-36)
 * @attr: the point.
 * @size: how much is asked for, in the point's unit; for @attr->space.
 * @flags: enum fault_flags.
 *
 * A thread whose nth is set decides by that alone.
 *
 * Context: any, signal handlers too. Never sleeps.
 * Return: true when it is to fail.
 */
bool should_fail_ex(struct fault_attr *attr, ssize_t size, int flags);

/** should_fail() - should_fail_ex() without flags. */
bool should_fail(struct fault_attr *attr, ssize_t size);

/**
 * mempool_fault_register() - give a point of one's own a name that settings know.
 * @attr: the point, which must live until mempool_fault_unregister().
 * @name: 1 to 95 bytes, without "@.=:;,", spaces and ends of lines.
 *
 * A setting for this name that came before, as in MEMPOOL_FAULT, wins over what
 * @attr has. Two points of one name share their settings. Extension; the kernel
 * makes files with fault_create_debugfs_attr().
 *
 * Context: any thread, once a point. Never sleeps.
 * Return: 0; -EINVAL for a name that cannot be; -ENOSPC after 128 names.
 */
int mempool_fault_register(struct fault_attr *attr, const char *name);

/** mempool_fault_unregister() - switches a registered point off; its name is free for another. */
void mempool_fault_unregister(struct fault_attr *attr);

/**
 * mempool_fault_set_nth() - let this thread's n-th decision from now on fail.
 * @n: counted from 1 over all points but delay_mempool_free and
 *	drain_mempool_reserve, which make nothing fail; 0: switched off.
 *
 * Until it has failed, nothing else decides for this thread (PAR-36). It is the
 * kernel's /proc/self/task/TID/fail-nth.
 *
 * Context: any. Never sleeps.
 */
void mempool_fault_set_nth(unsigned int n);

/** mempool_fault_get_nth() - what is left to count; 0: it has failed, or was never set. */
unsigned int mempool_fault_get_nth(void);

/** mempool_fault_set_nth_persistent() - likewise, and all after it fail, too, until it is set anew. Extension. */
void mempool_fault_set_nth_persistent(unsigned int n);

/** mempool_fault_hits() - faults that this thread was given since it last set its nth. Extension. */
unsigned int mempool_fault_hits(void);

/**
 * mempool_fault_set_quiet() - no reports of this thread's faults, whatever the points' verbose says.
 * @on: mempool_fault_last() still tells of them.
 *
 * Extension.
 *
 * Context: any. Never sleeps.
 */
void mempool_fault_set_quiet(bool on);

/**
 * struct mempool_fault_hit - a fault that was injected.
 * @size: set it to sizeof(struct mempool_fault_hit) before the call.
 * @point: such as "failslab" or "fail_mempool_alloc@requests".
 * @name: of the pool or cache that asked; "" for a point of one's own, and for pages.
 * @asked: how much was asked for, in the point's unit.
 * @seed: the seed of the draw.
 * @count: the thread's decision at this point, from 1; 0: its nth decided.
 * @depth: frames in @stack.
 * @stack: return addresses, the innermost first.
 */
struct mempool_fault_hit {
	size_t size;
	char point[96];
	char name[64];
	size_t asked;
	uint64_t seed;
	unsigned int count;
	unsigned int depth;
	void *stack[16];
};

/**
 * mempool_fault_last() - this thread's latest fault, reported or not.
 * @hit: receives it.
 *
 * Extension.
 *
 * Context: any. Never sleeps.
 * Return: 0; -ENOENT when this thread was given none since it last set its nth.
 */
int mempool_fault_last(struct mempool_fault_hit *hit);

/**
 * mempool_fault_save() - from here on, nothing is injected in this thread.
 *
 * Scopes nest: each save has its restore. Extension.
 *
 * Context: any. Never sleeps.
 * Return: what mempool_fault_restore() wants back.
 */
unsigned int mempool_fault_save(void);

/** mempool_fault_restore() - end the scope whose mempool_fault_save() returned @flags. */
void mempool_fault_restore(unsigned int flags);

/** mempool_fault_set_make_it_fail() - let this thread through task filters; the kernel's make-it-fail. */
void mempool_fault_set_make_it_fail(bool on);

/**
 * struct mempool_fault_error - what is wrong with a setting.
 * @size: set it to sizeof(struct mempool_fault_error) before the call.
 * @offset: the byte of the text at which it goes wrong.
 * @text: what is wrong, and what would do.
 */
struct mempool_fault_error {
	size_t size;
	size_t offset;
	char text[320];
};

/**
 * mempool_fault_apply() - set points, as MEMPOOL_FAULT does.
 * @pid: 0: in this process. Another must have a control page.
 * @text: settings; all of them are made, or none.
 * @error: receives what is wrong; may be NULL.
 *
 * Another process goes by it from its next decision on. Should somebody cut its
 * page short at this very moment, the caller gets a SIGBUS. Extension.
 *
 * Context: any thread; not from a signal handler. May wait for another process that sets points.
 * Return: 0; -EINVAL for a wrong text; any other for a process that cannot be
 * reached, as mempool_fault_reach() says it.
 */
int mempool_fault_apply(pid_t pid, const char *text, struct mempool_fault_error *error);

/**
 * mempool_fault_control_start() - let this process's points be looked at, and set, from outside.
 * @error: receives why not; may be NULL.
 *
 * Makes the control page: a file in $MEMPOOL_RUN_DIR, $XDG_RUNTIME_DIR/mempool
 * or /tmp/mempool-UID, which its owner alone may read and write. MEMPOOL_CONTROL=1
 * makes it when the library is loaded, and so does MEMPOOL_FAULT, but for
 * MEMPOOL_CONTROL=0. From then on each place that may fail looks at its point, which
 * costs some ns. It is removed at exit. A forked child makes one of its own at its first decision. Extension.
 *
 * Context: any thread; not from a signal handler. Calls the system.
 * Return: 0; -EALREADY while another thread does so; or why the page cannot be made.
 */
int mempool_fault_control_start(struct mempool_fault_error *error);

/**
 * mempool_fault_reach() - can that process's points be set and looked at?
 * @pid: 0: this one.
 * @error: receives why not: which file it is about, and what to do; may be NULL.
 *
 * A page that its process left behind is removed. Extension.
 *
 * Context: any thread; not from a signal handler. Reads files.
 * Return: 0; -ESRCH: there is no such process, or no longer; -ENOENT: it has no
 * page; -EPERM: it, the page or the directory is another user's, or open to
 * others; -EPROTO: the page is truncated, of another version, or no page; or
 * another error of the file system.
 */
int mempool_fault_reach(pid_t pid, struct mempool_fault_error *error);

/**
 * struct mempool_fault_point - a point, as it is set now.
 * @size: sizeof(struct mempool_fault_point), as the library knows it.
 * @name: such as "failslab" or "fail_mempool_alloc@requests".
 * @decisions: how often it was asked while it was set, or a thread's nth was; threads that come at the same time may
 * count once.
 * @failures: how often it failed.
 *
 * The rest is as in struct fault_attr, and as the kernel's files of those names.
 */
struct mempool_fault_point {
	size_t size;
	char name[96];
	unsigned long probability;
	unsigned long interval;
	int times;
	int space;
	unsigned long verbose;
	unsigned int verbose_ratelimit_interval_ms;
	unsigned int verbose_ratelimit_burst;
	unsigned long stacktrace_depth;
	bool task_filter;
	bool ignore_gfp_wait;
	bool cache_filter;
	unsigned int min_order;
	unsigned long require_start;
	unsigned long require_end;
	unsigned long reject_start;
	unsigned long reject_end;
	uint64_t decisions;
	uint64_t failures;
};

/**
 * mempool_fault_each() - look at all points.
 * @pid: as in mempool_fault_apply().
 * @visit: called for each, until it returns other than 0.
 * @arg: handed to @visit.
 *
 * Extension.
 *
 * Context: any thread; for another process not from a signal handler.
 * Return: 0, what @visit returned, or as mempool_fault_reach().
 */
int mempool_fault_each(pid_t pid, int (*visit)(const struct mempool_fault_point *point, void *arg), void *arg);

/** mempool_fault_seed() - the seed of all draws; random unless it was set. */
uint64_t mempool_fault_seed(void);

/** mempool_fault_set_seed() - set it; threads' counts go on. As "seed=N" in MEMPOOL_FAULT. */
void mempool_fault_set_seed(uint64_t seed);

/**
 * mempool_fault_set_thread() - name this thread for its draws.
 * @name: 31 bytes of it count in reports, all in the draws; NULL: find it out again.
 *
 * Its counts begin anew. Extension.
 *
 * Context: any thread. Never sleeps.
 */
void mempool_fault_set_thread(const char *name);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_FAULT_INJECT_H */
