/* SPDX-License-Identifier: MIT */
/*
 * mempool-limits.h - backings that fail instead of dying: the page layer looks
 * at its headroom before it takes memory, so that an allocation gives NULL
 * where the process would have been killed, or stalled, at the first touch. All
 * of it is an extension.
 *
 * Headroom is the smallest of: a budget of one's own (MEMPOOL_LIMIT=64M or
 * mempool_set_limit()), RLIMIT_AS and RLIMIT_DATA, the memory cgroup (version 1
 * or 2, the nearest that limits), and MemAvailable where watermarks are "on".
 * Each limit has three watermarks, as the kernel's zones have: GFP_KERNEL stops
 * at min, __GFP_HIGH (GFP_ATOMIC) at half of it; low and high, a quarter and a
 * half above min, steer reclaim. Memory that was granted is made present at
 * once, so no touch of it needs any more.
 *
 * How stale a figure may be: after a reading, an eighth of what is free above
 * min, and never more than 4 MiB, is granted without another one, and none
 * where that is less than 64 KiB; a reading serves for 50 ms at most. So what
 * others take meanwhile, within 50 ms, is not seen: min is the room for that.
 * A refusal may stand for 1 ms. Whether there is a limit at all is looked at
 * before each mapping (4 MiB and large kvmalloc) but during that ms; for a
 * cgroup, once a second at most, and anew by a forked child.
 *
 * MEMPOOL_WATERMARKS=off|on|auto chooses; "auto", the default, is on where a
 * limit exists other than MemAvailable. Off, or auto without a limit, nothing is
 * asked and nothing made present. An environment value that cannot be read is
 * reported once, and ignored.
 */
#ifndef MEMPOOL_LIMITS_H
#define MEMPOOL_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** enum mempool_watermark_mode - when the page layer looks at its headroom. */
enum mempool_watermark_mode {
	MEMPOOL_WATERMARKS_OFF,
	MEMPOOL_WATERMARKS_ON,
	MEMPOOL_WATERMARKS_AUTO,
};

/** enum mempool_limit_kind - whose limit leaves the least. */
enum mempool_limit_kind {
	MEMPOOL_LIMIT_NONE,
	MEMPOOL_LIMIT_BUDGET,        /* MEMPOOL_LIMIT, mempool_set_limit() */
	MEMPOOL_LIMIT_ADDRESS_SPACE, /* RLIMIT_AS */
	MEMPOOL_LIMIT_DATA,          /* RLIMIT_DATA */
	MEMPOOL_LIMIT_CGROUP,        /* memory cgroup */
	MEMPOOL_LIMIT_MACHINE,       /* MemAvailable */
};

/**
 * struct mempool_headroom_state - what the page layer may still take.
 * @size: set it to sizeof(struct mempool_headroom_state) before the call.
 * @mode: an enum mempool_watermark_mode.
 * @active: 1 when the watermarks are looked at now, else 0.
 * @limit_kind: the limit that leaves the least, an enum mempool_limit_kind.
 * @refusals: times that memory was refused because of a watermark.
 * @limit_bytes: that limit, in bytes; 0 when there is none.
 * @free_bytes: what it leaves, in bytes, before any watermark.
 * @min_bytes: GFP_KERNEL leaves so many bytes free.
 * @low_bytes: background reclaim begins below this.
 * @high_bytes: and ends here.
 * @populated_bytes: bytes that the page layer and kvmalloc hold and have made present.
 */
struct mempool_headroom_state {
	size_t size;
	int mode;
	int active;
	int limit_kind;
	int reserved;
	uint64_t refusals;
	uint64_t limit_bytes;
	uint64_t free_bytes;
	uint64_t min_bytes;
	uint64_t low_bytes;
	uint64_t high_bytes;
	uint64_t populated_bytes;
};

/**
 * mempool_set_limit() - a budget for what the page layer makes present.
 * @bytes: in bytes; 0 for none.
 *
 * It covers slabs, kmalloc, page blocks and kvmalloc of this process, not the
 * library's own structures. What is held already counts, and is never taken
 * back. Memory that was made present while no watermark was looked at counts
 * when it is next handed out. Extension.
 *
 * Context: any thread. May sleep for a lock; not for signal handlers.
 */
void mempool_set_limit(size_t bytes);

/**
 * mempool_set_watermarks() - when to look at the headroom, and what to leave.
 * @mode: off, on, or on where a limit exists.
 * @min_bytes: what GFP_KERNEL leaves free, in bytes, for each limit; 0 for a
 *	thirty-second of the limit, but 256 KiB at least and 64 MiB at most.
 *
 * Extension.
 *
 * Context: any thread. May sleep for a lock; not for signal handlers.
 * Return: 0, or -EINVAL, with a report, for another mode or a min_bytes above 2^62.
 */
int mempool_set_watermarks(enum mempool_watermark_mode mode, size_t min_bytes);

/**
 * mempool_headroom() - read the limits now.
 * @headroom: @headroom->size set by the caller; receives at most that many bytes.
 *
 * Extension.
 *
 * Context: any thread. May sleep for a lock; not for signal handlers.
 * Return: 0, or -EINVAL when @headroom is NULL or its size is less than a size_t.
 */
int mempool_headroom(struct mempool_headroom_state *headroom);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_LIMITS_H */
