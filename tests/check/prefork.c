// SPDX-License-Identifier: MIT
/* prefork.c - servers whose children use the pool that the parent made, and daemons (extension). */
#include "support.h"

#include <mempool/mempool-certificate.h>
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

/* The same in a child; one that has nothing of the reserve takes in what is freed to it. */
static int serve_as_child(void *unused)
{
	if (at_fork == MEMPOOL_AT_FORK_PARENT_ONLY) {
		if (mempool_curr_nr(pool) != 0)
			return 22;
		for (int i = 0; i < MIN_NR; i++)
			mempool_free(kmem_cache_alloc(cache, GFP_KERNEL), pool);
	}
	return serve(unused);
}

/* In the way of daemon(3): the one that goes on is a child's child. */
static int serve_twice_removed(void *unused)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(serve_as_child(unused));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 30;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 31;
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
	at_fork = (unsigned int)_i;
	make_pool();
	child_run(&child, serve_twice_removed, NULL);
	ck_assert_exited(&child, 0);
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
