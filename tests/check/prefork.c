// SPDX-License-Identifier: MIT
/* prefork.c - servers whose children use the pool that the parent made, and daemons (extension). */
#include "certified.h"

#include <mempool/slab.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIN_NR 6
#define ELEMENT 256

static struct child_result child;
static struct kmem_cache *cache;
static mempool_t *pool;
static unsigned int at_fork;

static void make_pool(void)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.at_fork = at_fork;
	cache = kmem_cache_create("prefork", ELEMENT, 0, 0, NULL);
	pool = mempool_create_attr(MIN_NR, mempool_alloc_slab, mempool_free_slab, cache, &attr);
	ck_assert_ptr_nonnull(pool);
}

/* A server's children: each uses the pool that the parent made, all at the same time. */
static int serve(void *unused)
{
	(void)unused;
	for (int round = 0; round < 200; round++) {
		char *element = mempool_alloc(pool, GFP_KERNEL);
		void *reserved = mempool_alloc_preallocated(pool);

		memset(element, round, ELEMENT);
		if (reserved)
			memset(reserved, round, ELEMENT);
		mempool_free(reserved, pool);
		if (same_bytes(element, ELEMENT, round & 0xff) != ELEMENT)
			return 20;
		mempool_free(element, pool);
	}
	if (mempool_curr_nr(pool) != MIN_NR)
		return 21;
	return 0;
}

/* What a child is promised: a reserve of its own, all of it, unless it was left out. */
static int look_at_certificate(void)
{
	struct mempool_cert cert = cert_of(pool);
	unsigned int doubts = doubts_but_locks(pool);

	if (at_fork == MEMPOOL_AT_FORK_PARENT_ONLY)
		return doubts == (MEMPOOL_DOUBT_CHILD | MEMPOOL_DOUBT_LEVEL) && cert.reserve_bytes == 0 ? 0 : 23;
	if (cert.pinned != MIN_NR || cert.missing_pages || cert.shared_pages)
		return 24;
	return doubts ? 25 : 0;
}

/* The same in a child; one that has nothing of the reserve takes in what is freed to it. */
static int serve_as_child(void *unused)
{
	int wrong = look_at_certificate();

	if (wrong)
		return wrong;
	if (at_fork == MEMPOOL_AT_FORK_PARENT_ONLY) {
		if (mempool_curr_nr(pool) != 0)
			return 22;
		for (int i = 0; i < MIN_NR; i++)
			mempool_free(kmem_cache_alloc(cache, GFP_KERNEL), pool);
	}
	return serve(unused);
}

/*
 * In the way of daemon(3), twice: each parent is gone before its child goes on, which has a session of its own and
 * nothing open at 0 to 2. What it found goes into a pipe.
 */
static int become_daemon(void *fd)
{
	int wrong;

	for (int i = 0; i < 2; i++) {
		pid_t parent = getpid(), pid = fork();

		if (pid < 0)
			return 30;
		if (pid > 0)
			_exit(0);
		while (getppid() == parent)
			poll_pause();
		if (i == 0 && setsid() < 0)
			return 31;
	}
	for (int i = 0; i < 3; i++)
		close(i);
	alarm((unsigned int)(deadline_ns() / NS_PER_S));
	wrong = serve_as_child(NULL);
	return write(*(int *)fd, &wrong, sizeof(wrong)) == sizeof(wrong) ? 0 : 32;
}

/* _i: how the reserve is at a fork */
START_TEST(prefork_children_and_parent_serve_together)
{
	pid_t pid[4];
	struct mempool_cert cert = {.size = sizeof(cert)};

	at_fork = (unsigned int)_i;
	make_pool();
	for (int i = 0; i < LENGTH(pid); i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(serve_as_child(NULL));
		ck_assert_int_gt(pid[i], 0);
	}
	ck_assert_int_eq(serve(NULL), 0);
	for (int i = 0; i < LENGTH(pid); i++) {
		int status;

		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(mempool_certificate(pool, &cert), 0);
	ck_assert_int_eq(cert.pinned, MIN_NR);
	mempool_destroy(pool);
}
END_TEST

START_TEST(prefork_a_daemon_forks_twice)
{
	int found[2], wrong = -1;

	at_fork = (unsigned int)_i;
	make_pool();
	ck_assert_int_eq(pipe(found), 0);
	child_run(&child, become_daemon, &found[1]);
	ck_assert_exited(&child, 0);
	close(found[1]);
	ck_assert_int_eq(read(found[0], &wrong, sizeof(wrong)), sizeof(wrong));
	ck_assert_int_eq(wrong, 0);
	close(found[0]);
	mempool_destroy(pool);
}
END_TEST

TCase *prefork_tests(void)
{
	TCase *tc = new_case("prefork");

	tcase_add_loop_test(tc, prefork_children_and_parent_serve_together, 0, 3);
	tcase_add_loop_test(tc, prefork_a_daemon_forks_twice, 0, 3);
	return tc;
}
