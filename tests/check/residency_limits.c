// SPDX-License-Identifier: MIT
/*
 * residency_limits.c - reserves where a limit of the process stands in the way: what is promised then, which errno and
 * report it ends in, and what the certificate says (extension).
 *
 * Each in a child that gives up CAP_IPC_LOCK, or is limited; 77 from it: that was not ours to do.
 */
#include "certified.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((rlim_t)1024)
#define ELEMENT 4096
#define MANY 64 /* of them are more than any limit here */

static struct child_result child;

static mempool_t *make(int min_nr, unsigned int residency)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.name = "limited";
	attr.residency = residency;
	errno = 0;
	return mempool_create_attr(min_nr, mempool_kmalloc, mempool_kfree, (void *)ELEMENT, &attr);
}

/* Still root, but no more than others where memory is locked. */
static bool drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	data[0].permitted &= ~(1u << CAP_IPC_LOCK);
	data[0].inheritable &= ~(1u << CAP_IPC_LOCK);
	return syscall(SYS_capset, &header, data) == 0;
}

static bool may_lock(rlim_t bytes)
{
	const struct rlimit to = {bytes, bytes};

	return setrlimit(RLIMIT_MEMLOCK, &to) == 0 && drop_ipc_lock();
}

/* ---- RLIMIT_MEMLOCK ---- */

static int too_much_to_lock(void *arg)
{
	const rlim_t limit = *(rlim_t *)arg;
	const int error = limit ? ENOMEM : EPERM;
	struct mempool_cert cert;
	mempool_t *pool;
	void *element;

	if (!may_lock(limit))
		return 77;
	if (make(MANY, MEMPOOL_RESIDENCY_REQUIRED) || errno != error)
		return 1;
	expect_report(MEMPOOL_REPORT_BUG, limit ? "RLIMIT_MEMLOCK is too low" : "RLIMIT_MEMLOCK is 0");
	pool = make(MANY, MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (!pool || reports_pending())
		return 2; /* best effort says nothing: the certificate does */
	cert = cert_of(pool);
	if (cert.guaranteed || !(cert.doubts & MEMPOOL_DOUBT_UNLOCKED) ||
	    cert.doubts & ~(unsigned int)(MEMPOOL_DOUBT_UNLOCKED | MEMPOOL_DOUBT_STRUCTURES))
		return 3;
	if (cert.lock_errno != error || cert.memlock_limit_bytes != limit || cert.pinned != MANY)
		return 4;
	/* Structures were asked for with the elements, or before the limit was there. */
	if (!!cert.structures_errno != !!(cert.doubts & MEMPOOL_DOUBT_STRUCTURES))
		return 5;
	if (limit == 0 && cert.structures_errno != EPERM)
		return 6;
	/* What can be had without locks is had. */
	if (cert.missing_pages != 0)
		return 7;
	element = mempool_alloc_preallocated(pool);
	if (!element)
		return 8;
	memset(element, 1, ELEMENT);
	mempool_free(element, pool);
	mempool_destroy(pool);
	return 0;
}

static void run_limited(int (*what)(void *), rlim_t limit)
{
	if (under("asan") || under("tsan"))
		return; /* they make mlock() do nothing, and want much address space */
	child_run(&child, what, &limit);
	if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != 77)
		ck_assert_exited(&child, 0);
}

START_TEST(residency_limits_no_memory_may_be_locked)
{
	run_limited(too_much_to_lock, 0);
}
END_TEST

START_TEST(residency_limits_little_memory_may_be_locked)
{
	run_limited(too_much_to_lock, 64 * KIB);
}
END_TEST

/* A reserve that fits, and one that grows out of the limit. */
static int growing_out_of_the_limit(void *arg)
{
	const rlim_t limit = *(rlim_t *)arg;
	struct mempool_cert cert;
	mempool_t *pool;
	int grown;

	if (!may_lock(limit))
		return 77;
	pool = make(4, MEMPOOL_RESIDENCY_REQUIRED);
	if (!pool || reports_pending())
		return 1;
	if (!cert_of(pool).guaranteed)
		return 2;
	grown = mempool_resize(pool, (int)(limit / ELEMENT) * 2);
	if (grown != -ENOMEM)
		return 3;
	cert = cert_of(pool);
	if (!cert.guaranteed || cert.min_nr != 4 || cert.pinned != 4 || mempool_curr_nr(pool) != 4)
		return 4; /* what was promised before holds */
	mempool_destroy(pool);
	return 0;
}

START_TEST(residency_limits_growing_out_of_what_may_be_locked)
{
	/* the library's own pages are locked as well: more than 1 MiB of them in a build for a sanitizer */
	run_limited(growing_out_of_the_limit, 4096 * KIB);
}
END_TEST

/* ---- EAGAIN: the kernel could not lock all of it just then ---- */

static bool refuse_mlock(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mlock, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mlock2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int not_locked_just_then(void *arg)
{
	struct mempool_cert cert;
	mempool_t *pool;

	(void)arg;
	if (!refuse_mlock())
		return 77;
	if (make(MANY, MEMPOOL_RESIDENCY_REQUIRED) || errno != EAGAIN)
		return 1;
	expect_report(MEMPOOL_REPORT_BUG, "the kernel could not (errno 11)");
	pool = make(MANY, MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (!pool || reports_pending())
		return 2;
	cert = cert_of(pool);
	if (cert.guaranteed || !(cert.doubts & MEMPOOL_DOUBT_UNLOCKED) || cert.lock_errno != EAGAIN)
		return 3;
	if (cert.pinned != MANY || cert.missing_pages != 0)
		return 4;
	mempool_destroy(pool);
	return 0;
}

START_TEST(residency_limits_memory_could_not_be_locked_just_then)
{
	run_limited(not_locked_just_then, 0);
}
END_TEST

/* ---- RLIMIT_AS, RLIMIT_DATA ---- */

static int which; /* RLIMIT_AS or RLIMIT_DATA */

static int no_space_for_more(void *arg)
{
	struct rlimit to;
	struct mempool_cert cert;
	mempool_t *pool = make(MANY, 0), *held = make(4, MEMPOOL_RESIDENCY_REQUIRED), *other;
	const unsigned int before = pool ? cert_of(pool).doubts : ~0u;
	void *elements[MANY];

	to.rlim_cur = to.rlim_max = (which == RLIMIT_AS ? address_space_used() : data_used()) + *(rlim_t *)arg;
	if (!pool || !held || setrlimit(which, &to) != 0)
		return 77;
	cert = cert_of(pool);
	if ((which == RLIMIT_AS ? cert.address_space_limit_bytes : cert.data_limit_bytes) != to.rlim_cur)
		return 1;
	if (cert.doubts != before)
		return 2; /* what is there stays */
	for (unsigned int residency = 0; residency <= MEMPOOL_RESIDENCY_NONE; residency++) {
		other = make(1 << 16, residency); /* 256 MiB */
		if (other || errno != ENOMEM)
			return 10 + (int)residency;
		if (residency == MEMPOOL_RESIDENCY_REQUIRED)
			expect_report(MEMPOOL_REPORT_BUG, "or there is no memory");
		if (reports_pending())
			return 20 + (int)residency; /* no memory is nobody's mistake */
	}
	if (mempool_resize(held, 1 << 16) != -ENOMEM || held->min_nr != 4 || !cert_of(held).guaranteed)
		return 3;
	/* Where it is not required, it is filled as far as can be (PAR-27), and the certificate says so. */
	if (mempool_resize(pool, 1 << 16) != 0 || !(cert_of(pool).doubts & MEMPOOL_DOUBT_LEVEL))
		return 4;
	if (mempool_resize(pool, MANY) != 0 || mempool_curr_nr(pool) != MANY || cert_of(pool).pinned != MANY)
		return 7;
	if (reports_pending())
		return 8;
	for (int i = 0; i < MANY; i++) {
		elements[i] = mempool_alloc_preallocated(pool);
		if (!elements[i])
			return 5;
		memset(elements[i], i, ELEMENT);
	}
	for (int i = 0; i < MANY; i++)
		mempool_free(elements[i], pool);
	if (cert_of(pool).doubts != before || cert_of(pool).missing_pages)
		return 6;
	mempool_destroy(pool);
	return 0;
}

START_TEST(residency_limits_no_address_space_for_more)
{
	which = RLIMIT_AS;
	run_limited(no_space_for_more, 16 * 1024 * KIB);
}
END_TEST

START_TEST(residency_limits_no_data_for_more)
{
	which = RLIMIT_DATA;
	run_limited(no_space_for_more, 16 * 1024 * KIB);
}
END_TEST

TCase *residency_limits_tests(void)
{
	TCase *tc = new_case("residency_limits");

	tcase_add_test(tc, residency_limits_no_memory_may_be_locked);
	tcase_add_test(tc, residency_limits_little_memory_may_be_locked);
	tcase_add_test(tc, residency_limits_growing_out_of_what_may_be_locked);
	tcase_add_test(tc, residency_limits_memory_could_not_be_locked_just_then);
	tcase_add_test(tc, residency_limits_no_address_space_for_more);
	tcase_add_test(tc, residency_limits_no_data_for_more);
	return tc;
}
