/* SPDX-License-Identifier: MIT */
/*
 * mempool-pressure.h - to be told when a pool draws on its reserve, and to wait
 * for an element in an event loop. All of it is an extension.
 *
 *	int fd = mempool_eventfd(pool);                       at set-up
 *	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, ...EPOLLIN...);
 *
 *	element = mempool_alloc(pool, GFP_NOWAIT);
 *	if (element == NULL)
 *		stop reading, and go on when fd is readable:
 *		read(fd, &count, sizeof(count)), and only then try again
 */
#ifndef MEMPOOL_PRESSURE_H
#define MEMPOOL_PRESSURE_H

#include <mempool/mempool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * mempool_eventfd() - the descriptor that tells of elements. Extension.
 * @pool: an initialised pool.
 *
 * After an allocation from @pool returned NULL, the descriptor becomes readable
 * as soon as an element comes into the reserve: by a free, a bulk free, or a
 * resize. Reading it (8 bytes, as eventfd(2) has it) resets it. It may also be
 * readable without an element being there: try, and wait again when that fails.
 * Memory that becomes free elsewhere does not signal it.
 *
 * Read first, then allocate: an allocation that fails after the reading asks
 * for the next signal, and none is lost.
 *
 * Several event loops on one pool: add the descriptor with EPOLLIN | EPOLLET to
 * each, and never read it. Every signal then wakes all of them, and each whose
 * allocation fails again asks for the next. Neither with EPOLLEXCLUSIVE, nor with
 * reading, may they share it: the one that is woken would eat what the others wait for.
 *
 * The descriptor is the pool's: nonblocking, close-on-exec, closed by
 * mempool_exit(). Signalling allocates nothing. A forked child has it no longer;
 * the first call there makes a new one, so that parent and child do not signal
 * each other.
 *
 * Context: makes the descriptor when first called, which needs kernel memory: call
 * it at set-up, or let the pool be made with it (mempool_attr.eventfd). Any thread. Not from a signal handler.
 * Return: the descriptor, always the same; -EMFILE, -ENFILE or -ENOMEM when it cannot be made.
 */
int mempool_eventfd(mempool_t *pool);

/**
 * enum mempool_pressure_event - what happened to a pool's reserve. Extension.
 * @MEMPOOL_PRESSURE_ENTER: it is full no longer: an element was taken from it.
 * @MEMPOOL_PRESSURE_BELOW: it holds less than the level asked for.
 * @MEMPOOL_PRESSURE_LEAVE: it is full again.
 */
enum mempool_pressure_event {
	MEMPOOL_PRESSURE_ENTER = 1,
	MEMPOOL_PRESSURE_BELOW = 2,
	MEMPOOL_PRESSURE_LEAVE = 3,
};

/** MEMPOOL_PRESSURE_MAX - so many listeners may one pool have. */
#define MEMPOOL_PRESSURE_MAX 4

/**
 * struct mempool_pressure - who is to be told, and of what. Extension.
 * @size: sizeof(struct mempool_pressure), so that the structure can grow.
 * @callback: called at each event, or NULL.
 * @arg: handed to @callback.
 * @level: MEMPOOL_PRESSURE_BELOW comes when the reserve holds less; 0: never.
 * @fd: an eventfd of yours, to which 1 is added at each event, or -1. Make it
 *      with EFD_NONBLOCK: a write that would block is given up.
 *
 * Start from MEMPOOL_PRESSURE_INIT and set what you want.
 */
struct mempool_pressure {
	size_t size;
	void (*callback)(mempool_t *pool, enum mempool_pressure_event event, void *arg);
	void *arg;
	int level;
	int fd;
};

#ifdef __cplusplus
#define MEMPOOL_PRESSURE_INIT                                             \
	{                                                                 \
		sizeof(struct mempool_pressure), nullptr, nullptr, 0, -1, \
	}
#else
#define MEMPOOL_PRESSURE_INIT                                      \
	{                                                          \
		.size = sizeof(struct mempool_pressure), .fd = -1, \
	}
#endif

/**
 * mempool_pressure_register() - be told when a pool draws on its reserve. Extension.
 * @pool: an initialised pool.
 * @p: copied.
 *
 * An episode is ENTER, perhaps BELOW, and LEAVE, each once and in this order. It
 * begins at once when the reserve is not full now. After the last ENTER, LEAVE
 * is certain to come when the reserve is full and nobody is at work on it. An
 * episode that is over before anybody could be told may go without any event.
 *
 * Events of one pool never overlap. They are told by the thread that caused them,
 * before its call returns, or by another that is just telling. So @p->callback
 * may run in any thread that uses the pool, and in a signal handler, if those
 * allocate or free: it must not sleep, and does only what is allowed there. It
 * may allocate from the pool without sleeping, and free to it. No lock of the
 * library is held.
 *
 * A forked child inherits listeners, with the same @p->fd, which is the parent's too.
 *
 * Context: may sleep, until an event under way was told. Not from a signal handler,
 * nor from a callback.
 * Return: 0; -EINVAL for a bad @p, also reported; -EEXIST when the same callback, arg
 * and fd are registered; -ENOSPC when there are MEMPOOL_PRESSURE_MAX already;
 * -EDEADLK from a callback.
 */
int mempool_pressure_register(mempool_t *pool, const struct mempool_pressure *p);

/**
 * mempool_pressure_unregister() - be told no longer. Extension.
 * @pool: the pool.
 * @p: the same callback, arg and fd as registered.
 *
 * When it returns, the callback runs in no thread, and will not be called any
 * more. mempool_exit() unregisters all.
 *
 * Context: as mempool_pressure_register().
 * Return: 0; -EINVAL as above; -ENOENT when no such listener is registered; -EDEADLK from a callback.
 */
int mempool_pressure_unregister(mempool_t *pool, const struct mempool_pressure *p);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_PRESSURE_H */
