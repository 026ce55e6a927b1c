/* SPDX-License-Identifier: MIT */
/*
 * hoarder.h - a thread that eats all of its process's memory on command, so
 * that one can see how a program fares without any. `mempool demo` starts logd
 * with it.
 *
 * Link hoarder.c into a program, unchanged; the program itself does not know.
 * When the environment variable HOARDER_FD names a socket (a number), a thread
 * is started before main(), and obeys what comes through it:
 *
 *	b	begin to hoard; answers "hoarding B bytes in N blocks\n" once nothing
 *		was left, and nothing came free, for a tenth of a second
 *	r	release everything; answers "released B bytes in N blocks\n"
 *
 * The process should have a limit (RLIMIT_AS): the machine is not to suffer. In
 * a memory cgroup nothing would ever be refused, but the process killed. There
 * HOARDER_LEAVE, a number of bytes, makes the hoarder touch all that it takes,
 * and stop where only so many are left, by mempool_headroom(3): the next who
 * touches more than these is the one that goes too far.
 *
 * What it eats, and takes again within a millisecond whenever some comes free:
 * address space, by mmap(); malloc()'s memory; and libmempool's own, pages and
 * the objects of every cache. A pool's reserve is out of its reach: that is
 * what a reserve is.
 */
#ifndef HOARDER_H
#define HOARDER_H

#define HOARDER_FD "HOARDER_FD"
#define HOARDER_LEAVE "HOARDER_LEAVE"
#define HOARDER_BEGIN 'b'
#define HOARDER_RELEASE 'r'

#endif /* HOARDER_H */
