/* SPDX-License-Identifier: MIT */
/*
 * mempool-publish.h - a process shows its pools and caches to its owner's other
 * processes, such as `mempool stat` and `mempool top`. All of it is an extension.
 *
 * MEMPOOL_PUBLISH=1, or a call, lets a process publish: it makes a page, a file in
 * $MEMPOOL_RUN_DIR, $XDG_RUNTIME_DIR/mempool or /tmp/mempool-UID that its owner
 * alone may read, and starts a thread, which sleeps until somebody asks. Then
 * it reads all figures, and writes them into the page as one snapshot. So
 * nothing is paid on the way of an allocation, and nothing at all while nobody looks.
 *
 * By MEMPOOL_PUBLISH it begins with the first call that may sleep, such as
 * mempool_create() or mempool_alloc(pool, GFP_KERNEL). A forked child of a process
 * that publishes leaves its parent's page alone, and begins one of its own likewise;
 * one that soon executes another program never does. The page is removed at exit.
 *
 * Readers copy what is in the page with pread(2), and check that it is one
 * snapshot: they wait for nobody but with a time limit, and a process that is
 * killed, or cuts its file short, does them no harm.
 */
#ifndef MEMPOOL_PUBLISH_H
#define MEMPOOL_PUBLISH_H

#include <mempool/mempool-certificate.h>
#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>
#include <mempool/slab.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * struct mempool_view_error - why something could not be published, or looked at.
 * @size: set it to sizeof(struct mempool_view_error) before the call.
 * @text: which process or file it is about, what is wrong, and what to do.
 */
struct mempool_view_error {
	size_t size;
	char text[320];
};

/**
 * struct mempool_publish_options - how much is published.
 * @size: sizeof(struct mempool_publish_options).
 * @pools: room for so many pools, 1 to 65536; 0: 256. What has no room is counted.
 * @caches: likewise.
 */
struct mempool_publish_options {
	size_t size;
	unsigned int pools;
	unsigned int caches;
};

/**
 * mempool_publish_start() - publish this process's pools and caches from now on.
 * @options: NULL: the defaults.
 * @error: receives why not; may be NULL.
 *
 * Context: any thread; not from a signal handler. Starts a thread, with all signals blocked.
 * Return: 0; -EALREADY; -EINVAL for options that cannot be; -EAGAIN when there can be no
 * thread; or why the page cannot be made.
 */
int mempool_publish_start(const struct mempool_publish_options *options, struct mempool_view_error *error);

/**
 * mempool_publish_stop() - publish no longer, and remove the page.
 *
 * Context: any thread; waits for the publishing thread. Not from a signal handler.
 * Return: 0; -ESRCH when nothing is published.
 */
int mempool_publish_stop(void);

/**
 * struct mempool_published - a process, as it was when its snapshot was taken.
 * @size: sizeof(struct mempool_published), as the library knows it.
 * @pid: its number.
 * @program: its name.
 * @snapshot: how many snapshots it has taken, with this one.
 * @taken_ns: when, on CLOCK_MONOTONIC.
 * @pools: pools in the snapshot.
 * @caches: caches in it.
 * @pools_left_out: pools that had no room.
 * @caches_left_out: caches likewise.
 */
struct mempool_published {
	size_t size;
	pid_t pid;
	char program[64];
	uint64_t snapshot;
	uint64_t taken_ns;
	unsigned int pools;
	unsigned int caches;
	unsigned int pools_left_out;
	unsigned int caches_left_out;
};

/**
 * struct mempool_published_pool - a pool in a snapshot.
 * @name: its name.
 * @backing: "slab", "kmalloc", "kvmalloc", "pages" or "callbacks".
 * @id: tells pools of one name apart, for as long as they live.
 * @element_bytes: bytes of one element; 0: unknown.
 * @certified: 1: @cert was filled in. 0: not in a forked child whose reserve is
 *             made at its first use.
 * @reserved: 0.
 * @cert: its certificate, of the moment of the snapshot.
 * @stats: its figures.
 */
struct mempool_published_pool {
	char name[MEMPOOL_NAME_MAX];
	char backing[16];
	uint64_t id;
	uint64_t element_bytes;
	uint32_t certified;
	uint32_t reserved;
	struct mempool_cert cert;
	struct mempool_statistics stats;
};

/**
 * struct mempool_published_cache - a cache in a snapshot.
 * @name: its name.
 * @stats: its figures.
 */
struct mempool_published_cache {
	char name[KMEM_CACHE_NAME_MAX];
	struct kmem_cache_statistics stats;
};

/** struct mempool_view - another process, or this one, as it is looked at. */
struct mempool_view;

/**
 * mempool_view_open() - look at a process that publishes.
 * @pid: its number.
 * @view: receives the view, without a snapshot yet.
 * @error: receives why not; may be NULL.
 *
 * Context: any thread; not from a signal handler.
 * Return: 0; -ESRCH: there is no such process, or no longer; -ENOENT: it publishes
 * nothing; -EPERM: it, its page or the directory is another user's, or open to
 * others; -EPROTO: the page is truncated, of another version, or no page; -ENOMEM; or another
 * error of the file system.
 */
int mempool_view_open(pid_t pid, struct mempool_view **view, struct mempool_view_error *error);

/**
 * mempool_view_refresh() - ask for a snapshot, and read it.
 * @view: the view.
 * @timeout_ns: wait so long for it at most, in ns; 0: read the last one that there is, without asking.
 * @error: receives what is wrong; may be NULL.
 *
 * After an error the view holds the snapshot that it held before.
 *
 * Context: any thread, one at a time for each view; sleeps.
 * Return: 0: a snapshot that was taken after the call began; -ETIMEDOUT: the process did not
 * answer (it is stopped, or has no CPU time), and the view holds its last one; or as mempool_view_open().
 */
int mempool_view_refresh(struct mempool_view *view, uint64_t timeout_ns, struct mempool_view_error *error);

/** mempool_view_process() - the process, and what there is in the snapshot; until the next refresh. */
const struct mempool_published *mempool_view_process(const struct mempool_view *view);

/** mempool_view_pool() - the pool of this number, from 0; NULL: there are no more. Until the next refresh. */
const struct mempool_published_pool *mempool_view_pool(const struct mempool_view *view, unsigned int number);

/** mempool_view_cache() - the cache of this number, likewise. */
const struct mempool_published_cache *mempool_view_cache(const struct mempool_view *view, unsigned int number);

/** mempool_view_close() - look no longer. NULL does nothing. */
void mempool_view_close(struct mempool_view *view);

/**
 * mempool_view_each() - find the processes of this user that publish.
 * @visit: called for each, until it returns other than 0.
 * @arg: handed to @visit.
 *
 * Pages that were left behind by processes that have ended are removed.
 *
 * Context: any thread; not from a signal handler. Reads files.
 * Return: 0, or what @visit returned.
 */
int mempool_view_each(int (*visit)(pid_t pid, void *arg), void *arg);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_PUBLISH_H */
