// SPDX-License-Identifier: MIT
/* certificate.c - a certificate tells what is so now, not what was asked for once (extension). */
#include "certified.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
#define MIN_NR 6
#define ELEMENT 4096

static mempool_t *pool;

static mempool_t *make(mempool_alloc_t *alloc, mempool_free_t *free_fn, unsigned int residency)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.residency = residency;
	attr.element_size = ELEMENT;
	return mempool_create_attr(MIN_NR, alloc, free_fn, (void *)ELEMENT, &attr);
}

static void *own_alloc(gfp_t gfp_mask, void *data)
{
	(void)gfp_mask;
	return aligned_alloc(4096, (size_t)data);
}

static void own_free(void *element, void *data)
{
	(void)data;
	free(element);
}

/* Sanitizers make nothing of mlock(); elsewhere it may not be allowed. Ends the pool where there is nothing to see. */
static bool can_lock(void)
{
	if (!under("asan") && !under("tsan") && cert_of(pool).lock_errno == 0 && cert_of(pool).guaranteed)
		return true;
	mempool_destroy(pool);
	return false;
}

START_TEST(certificate_sees_one_page_unlocked)
{
	struct mempool_cert cert;
	size_t locked_bytes;
	void *element;

	pool = make(_i ? own_alloc : mempool_kmalloc, _i ? own_free : mempool_kfree, MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (!can_lock())
		return;
	locked_bytes = cert_of(pool).locked_bytes;
	element = mempool_alloc_preallocated(pool);
	ck_assert_int_eq(munlock(element, ELEMENT), 0);
	mempool_free(element, pool);
	if (_i) { /* where it lies, it is locked again on its way in */
		ck_assert_int_eq(cert_of(pool).guaranteed, 1);
		ck_assert_int_eq(munlock(element, ELEMENT), 0);
	}
	cert = cert_of(pool);
	ck_assert_int_eq(cert.guaranteed, 0);
	ck_assert_uint_eq(cert.doubts, MEMPOOL_DOUBT_UNLOCKED);
	ck_assert_int_eq(cert.lock_errno, ENOLCK);
	ck_assert_uint_eq(cert.unlocked_pages, 1);
	ck_assert_uint_eq(cert.missing_pages + cert.shared_pages, 0);
	ck_assert_uint_eq(cert.locked_bytes, locked_bytes - (_i ? 0 : ELEMENT));
	ck_assert_int_eq(mlock(element, ELEMENT), 0);
	ck_assert_int_eq(cert_of(pool).guaranteed, 1);
	mempool_destroy(pool);
}
END_TEST

START_TEST(certificate_sees_munlockall)
{
	struct mempool_cert cert;

	pool = make(mempool_kmalloc, mempool_kfree, MEMPOOL_RESIDENCY_REQUIRED);
	ck_assert_int_eq(mempool_resize(pool, 3 * MIN_NR), 0);
	if (!can_lock())
		return;
	ck_assert_int_eq(munlockall(), 0);
	cert = cert_of(pool);
	ck_assert_uint_eq(cert.doubts, MEMPOOL_DOUBT_UNLOCKED | MEMPOOL_DOUBT_STRUCTURES);
	ck_assert_uint_eq(cert.unlocked_pages, 3 * MIN_NR);
	ck_assert_int_eq(cert.structures_errno, ENOLCK);
	ck_assert_uint_eq(cert.locked_bytes, 0);
	mempool_destroy(pool);
}
END_TEST

/* A child that no handler of the library has heard of: _Fork(), or the system call. */
START_TEST(certificate_sees_pages_that_a_child_has)
{
	int go[2];
	char byte;
	pid_t pid;
	struct mempool_cert cert;
	void *element[MIN_NR];

	pool = make(mempool_kmalloc, mempool_kfree, MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (access("/proc/self/pagemap", R_OK) != 0 || !can_lock())
		return;
	ck_assert_int_eq(pipe(go), 0);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
	}
	ck_assert_int_gt(pid, 0);
	cert = cert_of(pool);
	ck_assert_uint_eq(cert.doubts, MEMPOOL_DOUBT_SHARED | MEMPOOL_DOUBT_STRUCTURES);
	ck_assert_uint_eq(cert.shared_pages, MIN_NR);
	ck_assert_int_eq(cert.structures_errno, EFAULT);
	for (int i = 0; i < MIN_NR; i++)
		element[i] = memset(mempool_alloc_preallocated(pool), i, ELEMENT);
	for (int i = 0; i < MIN_NR; i++)
		mempool_free(element[i], pool);
	ck_assert_uint_eq(cert_of(pool).shared_pages, 0);
	close(go[1]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_uint_eq(cert_of(pool).doubts, 0);
	mempool_destroy(pool);
}
END_TEST

/* An element of one's own that the reserve takes in is locked as the first ones were. */
START_TEST(certificate_of_adopted_own_elements)
{
	void *own[MIN_NR], *other[MIN_NR];

	pool = make(own_alloc, own_free, MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (!can_lock())
		return;
	for (int i = 0; i < MIN_NR; i++)
		own[i] = mempool_alloc_preallocated(pool);
	for (int i = 0; i < MIN_NR; i++)
		other[i] = mempool_alloc(pool, GFP_KERNEL);
	for (int i = 0; i < 3; i++)
		mempool_free(other[i], pool);
	ck_assert_uint_eq(mempool_free_bulk(pool, other + 3, MIN_NR - 3), MIN_NR - 3);
	ck_assert_uint_eq(cert_of(pool).unlocked_pages, 0);
	ck_assert_int_eq(cert_of(pool).guaranteed, 1);
	for (int i = 0; i < MIN_NR; i++)
		mempool_free(own[i], pool);
	mempool_destroy(pool);
}
END_TEST

/* Not to be read as the beginning of a block of the library's. */
START_TEST(certificate_of_an_embedded_pool)
{
	static struct {
		char before[256];
		mempool_t pool;
	} outer;
	struct mempool_cert cert;

	memset(outer.before, 0x5a, sizeof(outer.before));
	ck_assert_int_eq(mempool_init(&outer.pool, 1, own_alloc, own_free, (void *)ELEMENT), 0);
	cert = cert_of(&outer.pool);
	ck_assert_uint_eq(cert.doubts & ~(unsigned int)(MEMPOOL_DOUBT_SIZE | MEMPOOL_DOUBT_STRUCTURES), 0);
	ck_assert(cert.structures_errno == 0 || cert.structures_errno == EPERM || cert.structures_errno == ENOMEM ||
		  cert.structures_errno == ENOLCK);
	ck_assert_int_eq(cert.mergeable, 1);
	mempool_exit(&outer.pool);
}
END_TEST

/* Of the mapping that an element lies in, as /proc/self/smaps says: may KSM merge it? */
static bool is_mergeable(const void *element)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long start, end;
	bool inside = false, found = false;

	ck_assert_ptr_nonnull(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (unsigned long)element - start < end - start;
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " mg") != NULL;
	}
	fclose(smaps);
	return found;
}

START_TEST(certificate_keeps_ksm_away)
{
	void *element;

	pool = make(_i ? own_alloc : mempool_kmalloc, _i ? own_free : mempool_kfree, MEMPOOL_RESIDENCY_BEST_EFFORT);
	element = mempool_alloc_preallocated(pool);
	mempool_free(element, pool);
	ck_assert_int_eq(cert_of(pool).mergeable, 0);
	/* The kernel would go through all of a sanitizer's terabytes of shadow. */
	if (!under("asan") && !under("tsan") && prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == 0) {
		ck_assert_int_eq(cert_of(pool).mergeable, 0);
		ck_assert(!is_mergeable(element));
		prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	}
	mempool_destroy(pool);
}
END_TEST

/* Which node the kernel is asked to take an element's page from; -1: none. */
static int preferred_node(void *element)
{
	unsigned long nodes[16] = {0};
	int policy = 0;

	if (syscall(SYS_get_mempolicy, &policy, nodes, 1024, element, 2 /* MPOL_F_ADDR */) != 0)
		return -2;
	return policy == 1 /* MPOL_PREFERRED */ ? __builtin_ctzl(nodes[0]) : -1;
}

START_TEST(certificate_of_a_reserve_on_a_node)
{
	mempool_t *here, *anywhere;
	void *element;

	here = mempool_create_node(MIN_NR, mempool_kmalloc, mempool_kfree, (void *)ELEMENT, GFP_KERNEL, 0);
	anywhere =
		mempool_create_node(MIN_NR, mempool_kmalloc, mempool_kfree, (void *)ELEMENT, GFP_KERNEL, NUMA_NO_NODE);
	ck_assert(here && anywhere);
	element = mempool_alloc_preallocated(here);
	if (preferred_node(element) != -2) { /* no NUMA in this kernel */
		ck_assert_int_eq(preferred_node(element), 0);
		mempool_free(element, here);
		ck_assert_int_eq(mempool_resize(here, 4 * MIN_NR), 0);
		for (int i = 0; i < 4 * MIN_NR; i++)
			ck_assert_int_eq(preferred_node(mempool_alloc_preallocated(here)), 0);
		ck_assert_int_eq(preferred_node(mempool_alloc_preallocated(anywhere)), -1);
	}
	/* A node that does not exist is a wish that cannot be met. */
	ck_assert_ptr_nonnull(
		mempool_create_node(MIN_NR, mempool_kmalloc, mempool_kfree, (void *)ELEMENT, GFP_KERNEL, 900));
}
END_TEST

/* Every field is filled, as many bytes as were asked for, and faults are those since the pool was made. */
START_TEST(certificate_fields)
{
	struct mempool_cert cert, part = {.size = offsetof(struct mempool_cert, pinned)};
	char *fresh;

	part.pinned = 4711;
	pool = make(mempool_kmalloc, mempool_kfree, MEMPOOL_RESIDENCY_DEFAULT);
	cert = cert_of(pool);
	ck_assert_uint_eq(cert.size, sizeof(cert));
	ck_assert_uint_eq(cert.residency, MEMPOOL_RESIDENCY_BEST_EFFORT);
	ck_assert_uint_eq(cert.at_fork, MEMPOOL_AT_FORK_COPY);
	ck_assert_uint_eq(cert.element_bytes, ELEMENT);
	ck_assert_uint_eq(cert.reserve_bytes, (size_t)MIN_NR * ELEMENT);
	ck_assert_uint_ne(cert.memlock_limit_bytes, 0);
	ck_assert_uint_ne(cert.address_space_limit_bytes, 0);
	ck_assert_uint_ne(cert.data_limit_bytes, 0);
	ck_assert(cert.cgroup[0] == '/' || cert.cgroup[0] == 0);
	fresh = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(fresh != MAP_FAILED);
	madvise(fresh, 100 * 4096, MADV_NOHUGEPAGE);
	memset(fresh, 1, 100 * 4096);
	ck_assert_uint_ge(cert_of(pool).minor_faults, cert.minor_faults + 100);
	ck_assert_int_eq(mempool_certificate(pool, &part), 0);
	ck_assert_int_eq(part.min_nr, MIN_NR);
	ck_assert_int_eq(part.pinned, 4711);
	part.size = 3;
	ck_assert_int_eq(mempool_certificate(pool, &part), -EINVAL);
	for (unsigned int bit = 0; bit < 32; bit++)
		ck_assert_int_eq(strcmp(mempool_doubt_text(1u << bit), "unknown doubt") == 0,
				 1u << bit > MEMPOOL_DOUBT_SHARED);
	mempool_destroy(pool);
}
END_TEST

TCase *certificate_tests(void)
{
	TCase *tc = new_case("certificate");

	tcase_add_loop_test(tc, certificate_sees_one_page_unlocked, 0, 2);
	tcase_add_test(tc, certificate_sees_munlockall);
	tcase_add_test(tc, certificate_sees_pages_that_a_child_has);
	tcase_add_test(tc, certificate_of_adopted_own_elements);
	tcase_add_test(tc, certificate_of_an_embedded_pool);
	tcase_add_loop_test(tc, certificate_keeps_ksm_away, 0, 2);
	tcase_add_test(tc, certificate_of_a_reserve_on_a_node);
	tcase_add_test(tc, certificate_fields);
	return tc;
}
