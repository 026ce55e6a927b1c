/* SPDX-License-Identifier: MIT */
/*
 * fault-inject.h - allocations that fail on purpose, by the kernel's rules
 * (PAR-36 to PAR-38), and what userspace adds: points for one pool or cache,
 * decisions that can be replayed, settings from the environment and from outside.
 *
 * MEMPOOL_FAULT='failslab=1,10,0,-1;fail_mempool_alloc@req:probability=100,times=3'
 */
#ifndef FAULT_INJECT_H
#define FAULT_INJECT_H

#include <mempool/mempool.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** struct fault_attr - what the kernel's has, by its names. Initialise it with FAULT_ATTR_INITIALIZER. */
struct fault_attr {
	unsigned long probability;
	unsigned long interval;
	int times;  /* changed by atomic operations */
	int space;  /* likewise */
	unsigned long verbose;
	bool task_filter;
	unsigned long stacktrace_depth;
	unsigned long require_start;
	unsigned long require_end;
	unsigned long reject_start;
	unsigned long reject_end;
	unsigned long count;
	const char *name;
	unsigned long reserved[4];
};

enum fault_flags {
	FAULT_NOWARN = 1 << 0,
};

int setup_fault_attr(struct fault_attr *attr, char *str);
bool should_fail_ex(struct fault_attr *attr, ssize_t size, int flags);
bool should_fail(struct fault_attr *attr, ssize_t size);

/* A point of one's own, by name: then MEMPOOL_FAULT and mempool fault(1) know it. */
int mempool_fault_register(struct fault_attr *attr, const char *name);
void mempool_fault_unregister(struct fault_attr *attr);

/* This thread: the n-th decision from now on fails (n > 0); 0: switched off. get: what is left, 0 when it was hit. */
void mempool_fault_set_nth(unsigned int n);
unsigned int mempool_fault_get_nth(void);
/* Extension: from the n-th on all fail, until it is set anew. */
void mempool_fault_set_nth_persistent(unsigned int n);
/* How many faults this thread was given since it last set its nth. */
unsigned int mempool_fault_hits(void);

/* Nothing is injected in between, in this thread; they nest. */
unsigned int mempool_fault_save(void);
void mempool_fault_restore(unsigned int flags);

/* task-filter=Y: only threads that asked for it (the kernel's make-it-fail). */
void mempool_fault_set_make_it_fail(bool on);

/* The whole of a setting as in MEMPOOL_FAULT, here (@pid 0) or in another process of this user's. */
struct mempool_fault_error {
	size_t size;     /* sizeof(struct mempool_fault_error) */
	size_t offset;   /* byte of the text at which it goes wrong */
	char text[160];  /* what is wrong and what would do */
};
int mempool_fault_apply(pid_t pid, const char *text, struct mempool_fault_error *error);

/* One point, as it is now. */
struct mempool_fault_point {
	size_t size;
	char name[96]; /* "failslab", "fail_mempool_alloc@req" */
	unsigned long probability, interval;
	int times, space;
	unsigned long verbose, stacktrace_depth;
	bool task_filter, ignore_gfp_wait, cache_filter;
	unsigned int min_order;
	uint64_t decisions; /* how often it was asked */
	uint64_t failures;
};
int mempool_fault_each(pid_t pid, int (*visit)(const struct mempool_fault_point *point, void *arg), void *arg);

/* The control page of this process: from now on others of the same user's may look and set (mempool fault). */
int mempool_fault_publish(void);

uint64_t mempool_fault_seed(void);
void mempool_fault_set_seed(uint64_t seed);
/* The name that this thread's decisions are drawn by; without one, its name of pthread_setname_np(), then its creation path. */
void mempool_fault_set_thread(const char *name);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* FAULT_INJECT_H */
