// SPDX-License-Identifier: MIT
/* eventfd.c - a pool's eventfd: an event loop that waits for an element misses none (extension). */
#include "scripted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <mempool/mempool-pressure.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 100000

static mempool_t pool;
static void *taken[16];

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void reset(int fd)
{
	uint64_t count = 0;

	ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
	ck_assert_uint_eq(count, 1);
	ck_assert(!readable(fd));
}

START_TEST(eventfd_is_made_once_and_ends_with_the_pool)
{
	int fd;

	scripted_pool(&pool, &bk, 2);
	fd = mempool_eventfd(&pool);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(mempool_eventfd(&pool), fd);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	scripted_exit(&pool, &bk);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

static int made_up_front(void *unused)
{
	const struct rlimit none = {3, 3}, some = {16, 16};
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	mempool_t *p;

	(void)unused;
	attr.eventfd = 1;
	for (int fd = 3; fd < 16; fd++)
		close(fd);
	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 16}) != 0)
		return 1;
	if (mempool_create_attr(2, mempool_kmalloc, mempool_kfree, (void *)64, &attr) || errno != EMFILE)
		return 2;
	if (setrlimit(RLIMIT_NOFILE, &some) != 0)
		return 3;
	p = mempool_create_attr(2, mempool_kmalloc, mempool_kfree, (void *)64, &attr);
	if (!p || setrlimit(RLIMIT_NOFILE, &none) != 0)
		return 4;
	return mempool_eventfd(p) < 0 ? 5 : 0; /* it is there already */
}

START_TEST(eventfd_can_be_made_with_the_pool)
{
	struct child_result child;

	child_run(&child, made_up_front, NULL);
	ck_assert_exited(&child, 0);
}
END_TEST

/* Each way by which an element comes into the reserve. */
static void come_by_free(void)
{
	mempool_free(taken[0], &pool);
}
static void come_by_bulk(void)
{
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, 1), 1);
}
static void come_by_resize(void)
{
	scripted_set(&bk, "a-", true);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	mempool_free(taken[0], &pool);
}
static void come_by_free_with_poison(void)
{
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	mempool_free(taken[0], &pool);
}
static void (*const ways[])(void) = {come_by_free, come_by_bulk, come_by_resize, come_by_free_with_poison};

static void *fail_by_alloc(void)
{
	return mempool_alloc(&pool, GFP_NOWAIT);
}
static void *fail_by_preallocated(void)
{
	return mempool_alloc_preallocated(&pool);
}
static void *fail_by_timeout(void)
{
	return mempool_alloc_timeout(&pool, GFP_KERNEL, 0);
}
static void *(*const failures[])(void) = {fail_by_alloc, fail_by_preallocated, fail_by_timeout};

START_TEST(eventfd_tells_of_an_element_after_a_failure)
{
	int fd;

	scripted_pool(&pool, &bk, 1);
	fd = mempool_eventfd(&pool);
	scripted_drain(&pool, &bk, taken);
	ck_assert(!readable(fd));
	ck_assert_ptr_null(failures[_i % LENGTH(failures)]());
	ck_assert(!readable(fd));
	errno = 4711;
	ways[_i / LENGTH(failures)]();
	ck_assert_int_eq(errno, 4711);
	ck_assert(readable(fd));
	reset(fd);
	/* Nobody has failed since: nobody waits. */
	taken[0] = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_ptr_nonnull(taken[0]);
	mempool_free(taken[0], &pool);
	ck_assert(!readable(fd));
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(eventfd_is_quiet_while_nobody_failed)
{
	int fd;

	scripted_pool(&pool, &bk, 2);
	fd = mempool_eventfd(&pool);
	scripted_set(&bk, "", true);
	taken[0] = mempool_alloc(&pool, GFP_NOWAIT);
	mempool_free(taken[0], &pool);
	ck_assert(!readable(fd));
	scripted_exit(&pool, &bk);
}
END_TEST

static int child_has_its_own(void *arg)
{
	int parents = *(int *)arg;
	int fd;

	if (fcntl(parents, F_GETFD) != -1)
		return 1;
	fd = mempool_eventfd(&pool);
	if (fd < 0)
		return 2;
	if (mempool_alloc(&pool, GFP_NOWAIT))
		return 3;
	mempool_free(taken[0], &pool);
	return readable(fd) ? 0 : 4;
}

START_TEST(eventfd_is_not_shared_with_a_child)
{
	struct child_result child;
	int fd;

	scripted_pool(&pool, &bk, 1);
	fd = mempool_eventfd(&pool);
	scripted_drain(&pool, &bk, taken);
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_NOWAIT));
	child_run(&child, child_has_its_own, &fd);
	ck_assert_exited(&child, 0);
	ck_assert(!readable(fd));
	mempool_free(taken[0], &pool);
	ck_assert(readable(fd));
	scripted_exit(&pool, &bk);
}
END_TEST

/* ---- many rounds: the pool's only elements are the reserve's ---- */

static char elements[4][64];
static int elements_made;
static atomic_uintptr_t handed[4];
static atomic_int rounds_left;
static atomic_bool stop;

static uintptr_t to_hand; /* goes to the givers in the middle of the next allocation, ... */
static int delay;         /* ... which then takes a little longer, by so many turns of a loop */

static void *few_alloc(gfp_t mask, void *data)
{
	(void)mask;
	(void)data;
	if (to_hand) {
		atomic_store(&handed[0], to_hand);
		to_hand = 0;
		for (volatile int i = 0; i < delay; i++) {}
	}
	return elements_made < LENGTH(elements) ? elements[elements_made++] : NULL;
}

static void few_free(void *element, void *data)
{
	(void)element;
	(void)data;
}

static void few_pool(int min_nr)
{
	elements_made = LENGTH(elements) - min_nr;
	ck_assert_int_eq(mempool_init(&pool, min_nr, few_alloc, few_free, NULL), 0);
	on_all_cpus();
}

static void give_back(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop))
		for (int i = 0; i < LENGTH(handed); i++)
			mempool_free((void *)atomic_exchange(&handed[i], 0), &pool);
}

/* An event loop's way to an element. False when nothing came until the deadline. */
static void *wait_for_element(int epoll, bool reads)
{
	struct epoll_event event;
	uint64_t count;
	void *element;

	while (!(element = mempool_alloc(&pool, GFP_NOWAIT))) {
		if (epoll_wait(epoll, &event, 1, (int)(deadline_ns() / NS_PER_MS)) != 1)
			return NULL;
		if (reads && read(mempool_eventfd(&pool), &count, sizeof(count)) < 0 && errno != EAGAIN)
			return NULL;
	}
	return element;
}

static int new_epoll(uint32_t events)
{
	struct epoll_event event = {.events = events};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_ge(epoll, 0);
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, mempool_eventfd(&pool), &event), 0);
	return epoll;
}

/* Frees fall on each moment between the backing's NULL and the call's end. */
START_TEST(eventfd_loses_no_wake_up)
{
	struct worker giver;
	int epoll;

	few_pool(1);
	epoll = new_epoll(EPOLLIN);
	atomic_store(&rounds_left, scale(ROUNDS));
	worker_start(&giver, give_back, NULL);
	while (atomic_fetch_sub(&rounds_left, 1) > 0) {
		void *element = wait_for_element(epoll, true);

		ck_assert_msg(element != NULL, "no signal, with %d rounds left, level %d", atomic_load(&rounds_left),
			      mempool_curr_nr(&pool));
		to_hand = (uintptr_t)element;
		delay = (delay + 1) % 128;
	}
	atomic_store(&stop, true);
	worker_join(&giver);
	close(epoll);
}
END_TEST

struct loop {
	int epoll;
	int slot;
	bool failed;
};

static void run_loop(void *arg)
{
	struct loop *l = arg;

	while (atomic_fetch_sub(&rounds_left, 1) > 0) {
		void *element = wait_for_element(l->epoll, false);

		if (!element) {
			l->failed = true;
			atomic_store(&rounds_left, 0);
			return;
		}
		while (atomic_load(&handed[l->slot]))
			sched_yield();
		atomic_store(&handed[l->slot], (uintptr_t)element);
	}
}

/* Three loops share two elements. */
START_TEST(eventfd_wakes_several_loops_that_never_read)
{
	struct worker workers[4];
	struct loop loops[3] = {0};

	few_pool(2);
	atomic_store(&rounds_left, scale(ROUNDS));
	for (int i = 0; i < LENGTH(loops); i++) {
		loops[i].slot = i;
		loops[i].epoll = new_epoll(EPOLLIN | EPOLLET);
		worker_start(&workers[i], run_loop, &loops[i]);
	}
	worker_start(&workers[3], give_back, NULL);
	for (int i = 0; i < LENGTH(loops); i++)
		pthread_join(workers[i].thread, NULL);
	atomic_store(&stop, true);
	pthread_join(workers[3].thread, NULL);
	for (int i = 0; i < LENGTH(loops); i++)
		ck_assert_msg(!loops[i].failed, "loop %d waited in vain, level %d", i, mempool_curr_nr(&pool));
}
END_TEST

/* Waits in the kernel until the ring has a completion; it ends with the case's deadline otherwise. */
static void submit_and_wait(int ring, unsigned int submit, unsigned int wait)
{
	long done;

	do
		done = syscall(SYS_io_uring_enter, ring, submit, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	while (done < 0 && errno == EINTR);
	ck_assert_int_eq(done, submit);
}

static void free_soon(void *unused)
{
	(void)unused;
	mempool_free(taken[0], &pool);
}

START_TEST(eventfd_wakes_an_io_uring)
{
	struct io_uring_params params = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params), fd;
	const unsigned int *completed;
	const struct io_uring_cqe *cqes;
	struct io_uring_sqe *sqe;
	struct worker giver;
	char *rings;

	if (ring < 0) {
		printf("eventfd: io_uring is not tested: io_uring_setup(): %s\n", strerror(errno));
		return;
	}
	rings = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(*cqes), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	ck_assert(params.features & IORING_FEAT_SINGLE_MMAP && rings != MAP_FAILED && (void *)sqe != MAP_FAILED);
	completed = (const unsigned int *)(rings + params.cq_off.tail);
	cqes = (const struct io_uring_cqe *)(rings + params.cq_off.cqes);

	scripted_pool(&pool, &bk, 1);
	fd = mempool_eventfd(&pool);
	scripted_drain(&pool, &bk, taken);
	ck_assert_ptr_null(mempool_alloc_preallocated(&pool));
	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_POLL_ADD, .fd = fd, .poll32_events = POLLIN, .user_data = 4711};
	((unsigned int *)(rings + params.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned int *)(rings + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	submit_and_wait(ring, 1, 0);
	ck_assert_uint_eq(__atomic_load_n(completed, __ATOMIC_ACQUIRE), 0);
	worker_start(&giver, free_soon, NULL);
	submit_and_wait(ring, 0, 1);
	worker_join(&giver);
	ck_assert_uint_eq(__atomic_load_n(completed, __ATOMIC_ACQUIRE), 1);
	ck_assert_uint_eq(cqes[0].user_data, 4711);
	ck_assert(cqes[0].res > 0 && cqes[0].res & POLLIN);
	taken[0] = mempool_alloc_preallocated(&pool);
	ck_assert_ptr_nonnull(taken[0]);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
	close(ring);
}
END_TEST

TCase *eventfd_tests(void)
{
	TCase *tc = new_case("eventfd");

	tcase_add_test(tc, eventfd_is_made_once_and_ends_with_the_pool);
	tcase_add_test(tc, eventfd_can_be_made_with_the_pool);
	tcase_add_loop_test(tc, eventfd_tells_of_an_element_after_a_failure, 0, LENGTH(ways) * LENGTH(failures));
	tcase_add_test(tc, eventfd_is_quiet_while_nobody_failed);
	tcase_add_test(tc, eventfd_is_not_shared_with_a_child);
	tcase_add_test(tc, eventfd_loses_no_wake_up);
	tcase_add_test(tc, eventfd_wakes_several_loops_that_never_read);
	tcase_add_test(tc, eventfd_wakes_an_io_uring);
	return tc;
}
