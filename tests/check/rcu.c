// SPDX-License-Identifier: MIT
/* rcu.c - frees that wait for readers (PAR-32). */
#include "reader.h"

#include <errno.h>
#include <mempool/mempool-rcu.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <urcu/urcu-bp.h>

struct entry {
	char text[80];
	struct mempool_rcu_head rcu;
};

static struct kmem_cache *cache;

static void set_up_cache(void)
{
	cache = kmem_cache_create("rcu", sizeof(struct entry), 0, 0, NULL);
	ck_assert_ptr_nonnull(cache);
}

static struct entry *new_entry(void)
{
	struct entry *e = kmem_cache_alloc(cache, GFP_KERNEL);

	ck_assert_ptr_nonnull(e);
	memset(e->text, 'e', sizeof(e->text));
	return e;
}

static uint64_t live_objects(struct kmem_cache *s)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	kmem_cache_stats(s, &st);
	return st.objects;
}

/* ---- kfree_rcu ---- */

static struct entry *seen;

static void entry_is_whole(void)
{
	ck_assert_uint_eq(same_bytes(seen->text, sizeof(seen->text), 'e'), sizeof(seen->text));
}

START_TEST(par_32_kfree_rcu_waits_for_readers)
{
	struct worker helper;

	set_up_cache();
	seen = new_entry();
	start_reader(entry_is_whole);
	kfree_rcu(seen, rcu);
	/* Were it free, it would be the next to be handed out, and overwritten. */
	memset(kmem_cache_alloc(cache, GFP_KERNEL), 'x', sizeof(struct entry));
	ck_assert_uint_eq(live_objects(cache), 2);
	worker_start(&helper, end_reader_later, NULL);
	mempool_rcu_barrier();
	ck_assert(atomic_load(&reader.ended));
	ck_assert_uint_eq(live_objects(cache), 1);
	worker_join(&helper);
	worker_join(&reader.worker);
}
END_TEST

START_TEST(par_32_kfree_rcu_frees_by_itself)
{
	struct entry *none = NULL;

	set_up_cache();
	for (int i = 0; i < 1000; i++) {
		struct entry *e = new_entry();

		errno = 4711;
		kfree_rcu(e, rcu);
		ck_assert_int_eq(errno, 4711);
	}
	kfree_rcu(none, rcu);
	WAIT_FOR(live_objects(cache) == 0);
	for (int i = 0; i < 3; i++) { /* and again, after it slept */
		kfree_rcu(new_entry(), rcu);
		WAIT_FOR(live_objects(cache) == 0);
	}
	kmem_cache_destroy(cache);
}
END_TEST

/* Memory of every kind, and heads of other kinds. */
START_TEST(par_32_kfree_rcu_takes_what_kvfree_takes)
{
	struct large {
		struct rcu_head rcu; /* liburcu's */
		char text[8 << 20];
	} *large = kvmalloc(sizeof(*large), GFP_KERNEL);
	struct page {
		void *head[2];
		char text[40000];
	} *page = kmalloc(sizeof(*page), GFP_KERNEL);

	kfree_rcu(large, rcu);
	kfree_rcu(page, head);
	mempool_rcu_barrier();
	mempool_kfree_rcu((char *)&large + 1, &large);
	expect_report(MEMPOOL_REPORT_BUG, "is not aligned");
}
END_TEST

START_TEST(par_32_kfree_rcu_mightsleep_waits_for_readers)
{
	struct worker helper;

	set_up_cache();
	seen = new_entry();
	start_reader(entry_is_whole);
	worker_start(&helper, end_reader_later, NULL);
	kfree_rcu_mightsleep(seen);
	ck_assert(atomic_load(&reader.ended));
	ck_assert_uint_eq(live_objects(cache), 0);
	kfree_rcu_mightsleep(NULL);
	worker_join(&helper);
	worker_join(&reader.worker);
}
END_TEST

static void free_in_handler(int number)
{
	(void)number;
	kfree_rcu(seen, rcu);
}

START_TEST(par_32_kfree_rcu_in_a_signal_handler)
{
	set_up_cache();
	seen = new_entry();
	signal(SIGUSR1, free_in_handler);
	raise(SIGUSR1);
	mempool_rcu_barrier();
	ck_assert_uint_eq(live_objects(cache), 0);
}
END_TEST

static atomic_bool stop;

static void hammer(void *unused)
{
	(void)unused;
	for (int i = 0; i < scale(20000); i++)
		kfree_rcu(new_entry(), rcu);
}

static void read_often(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		urcu_bp_read_lock();
		sched_yield();
		urcu_bp_read_unlock();
	}
}

START_TEST(par_32_kfree_rcu_from_many_threads)
{
	struct worker workers[3];
	struct worker reading;

	set_up_cache();
	on_all_cpus();
	worker_start(&reading, read_often, NULL);
	for (int i = 0; i < LENGTH(workers); i++)
		worker_start(&workers[i], hammer, NULL);
	for (int i = 0; i < 10; i++)
		mempool_rcu_barrier();
	for (int i = 0; i < LENGTH(workers); i++)
		worker_join(&workers[i]);
	mempool_rcu_barrier();
	ck_assert_uint_eq(live_objects(cache), 0);
	atomic_store(&stop, true);
	worker_join(&reading);
	kmem_cache_destroy(cache);
}
END_TEST

/* ---- without the library's thread, and in forked children ---- */

static void queue_entries(int count)
{
	for (int i = 0; i < count; i++)
		kfree_rcu(new_entry(), rcu);
}

static void *nothing(void *unused)
{
	return unused;
}

static bool can_start_threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL))
		return false;
	pthread_join(thread, NULL);
	return true;
}

static int barrier_frees(void *unused)
{
	(void)unused;
	mempool_rcu_barrier();
	return (int)live_objects(cache);
}

static int no_thread_at_all(void *unused)
{
	struct child_result grandchild;
	struct rlimit limit;

	(void)unused;
	getrlimit(RLIMIT_AS, &limit);
	kmem_cache_free(cache, new_entry());
	if (!limit_address_space(5 << 20))
		return 0;
	if (can_start_threads())
		return 1;
	queue_entries(10);
	if (live_objects(cache) != 10)
		return 2;
	child_run(&grandchild, barrier_frees, NULL); /* its copy */
	ck_assert_exited(&grandchild, 0);
	if (live_objects(cache) != 10)
		return 3;
	mempool_rcu_barrier();
	if (live_objects(cache) != 0)
		return 4;
	queue_entries(10);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	queue_entries(1); /* tries again */
	WAIT_FOR(live_objects(cache) == 0);
	return 0;
}

START_TEST(par_32_without_a_thread_nothing_is_lost)
{
	struct child_result child;

	set_up_cache();
	child_run(&child, no_thread_at_all, NULL);
	ck_assert_exited(&child, 0);
}
END_TEST

static int child_starts_anew(void *unused)
{
	(void)unused;
	queue_entries(5);
	WAIT_FOR(live_objects(cache) == 0);
	queue_entries(5);
	return barrier_frees(NULL);
}

START_TEST(par_32_a_child_has_a_thread_of_its_own)
{
	struct child_result child;

	set_up_cache();
	queue_entries(5);
	WAIT_FOR(live_objects(cache) == 0);
	child_run(&child, child_starts_anew, NULL);
	ck_assert_exited(&child, 0);
	queue_entries(5);
	WAIT_FOR(live_objects(cache) == 0);
}
END_TEST

static struct kmem_cache *childs_cache;

static void free_until_stopped(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		/* No assertions: a child would inherit Check's lock from here. */
		for (int i = 0; i < 100; i++) {
			struct entry *e = kmem_cache_alloc(cache, GFP_KERNEL);

			kfree_rcu(e, rcu);
		}
		mempool_rcu_barrier();
	}
}

/* What the parent's threads had in hand does not matter here, but the queue must be whole. */
static int child_frees_all(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++) {
		struct entry *e = kmem_cache_alloc(childs_cache, GFP_KERNEL);

		kfree_rcu(e, rcu);
	}
	mempool_rcu_barrier();
	return (int)live_objects(childs_cache);
}

START_TEST(par_32_forks_while_others_free)
{
	struct worker workers[2];
	struct worker reading;
	struct child_result child;

	if (under("tsan"))
		return; /* it takes no threads of a child whose parent had several */
	set_up_cache();
	childs_cache = kmem_cache_create("childs", sizeof(struct entry), 0, 0, NULL);
	on_all_cpus();
	worker_start(&reading, read_often, NULL);
	for (int i = 0; i < LENGTH(workers); i++)
		worker_start(&workers[i], free_until_stopped, NULL);
	for (int i = 0; i < scale(100); i++) {
		child_run(&child, child_frees_all, NULL);
		ck_assert_exited(&child, 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < LENGTH(workers); i++)
		worker_join(&workers[i]);
	worker_join(&reading);
	mempool_rcu_barrier();
	ck_assert_uint_eq(live_objects(cache), 0);
}
END_TEST

/* ---- mempool_free_rcu ---- */

static mempool_t pool;
static char elements[2][256];
static int elements_made;
static atomic_int came_back;
static atomic_int too_early;

static void *alloc_one(gfp_t mask, void *data)
{
	(void)mask;
	(void)data;
	return elements_made < LENGTH(elements) ? elements[elements_made++] : NULL;
}

static void take_back(void *element, void *data)
{
	(void)element;
	(void)data;
	atomic_fetch_add(&came_back, 1);
	if (!atomic_load(&reader.ended))
		atomic_fetch_add(&too_early, 1);
}

START_TEST(free_rcu_gives_an_element_back_after_its_readers)
{
	struct worker helper;
	struct entry *e;

	ck_assert_int_eq(mempool_init(&pool, 1, alloc_one, take_back, NULL), 0);
	e = mempool_alloc(&pool, GFP_KERNEL);
	start_reader(NULL);
	mempool_free_rcu(e, &pool, &e->rcu);
	mempool_free_rcu(NULL, &pool, NULL);
	worker_start(&helper, end_reader_later, NULL);
	mempool_exit(&pool); /* waits for it */
	ck_assert_int_eq(atomic_load(&came_back), 2);
	ck_assert_int_eq(atomic_load(&too_early), 0);
	worker_join(&helper);
	worker_join(&reader.worker);
}
END_TEST

START_TEST(free_rcu_serves_sleepers)
{
	struct sleeper s = {0};
	struct entry *e;

	ck_assert_int_eq(mempool_init(&pool, 1, alloc_one, take_back, NULL), 0);
	ck_assert_ptr_nonnull(mempool_alloc(&pool, GFP_KERNEL));
	e = mempool_alloc(&pool, GFP_KERNEL);
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	mempool_free_rcu(e, &pool, &e->rcu);
	sleeper_join(&s);
	ck_assert_ptr_eq(s.element, e);
}
END_TEST

TCase *rcu_tests(void)
{
	TCase *tc = new_case("rcu");

	tcase_add_test(tc, par_32_kfree_rcu_waits_for_readers);
	tcase_add_test(tc, par_32_kfree_rcu_frees_by_itself);
	tcase_add_test(tc, par_32_kfree_rcu_takes_what_kvfree_takes);
	tcase_add_test(tc, par_32_kfree_rcu_mightsleep_waits_for_readers);
	tcase_add_test(tc, par_32_kfree_rcu_in_a_signal_handler);
	tcase_add_test(tc, par_32_kfree_rcu_from_many_threads);
	tcase_add_test(tc, par_32_without_a_thread_nothing_is_lost);
	tcase_add_test(tc, par_32_a_child_has_a_thread_of_its_own);
	tcase_add_test(tc, par_32_forks_while_others_free);
	tcase_add_test(tc, free_rcu_gives_an_element_back_after_its_readers);
	tcase_add_test(tc, free_rcu_serves_sleepers);
	return tc;
}
