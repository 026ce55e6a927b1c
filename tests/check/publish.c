// SPDX-License-Identifier: MIT
/* publish.c - a process that publishes its pools and caches, and those that look at it. */
#include "run_dir.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool-publish.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mempool_view_error error = {.size = sizeof(error)};

static const struct mempool_published_pool *pool_of(struct mempool_view *view, const char *name)
{
	const struct mempool_published_pool *p;

	for (unsigned int i = 0; (p = mempool_view_pool(view, i)) != NULL; i++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static mempool_t *named_pool(const char *name, int min_nr)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.name = name;
	return mempool_create_attr(min_nr, mempool_kmalloc, mempool_kfree, (void *)(size_t)256, &attr);
}

static struct mempool_view *view_of(pid_t pid)
{
	struct mempool_view *view;

	WAIT_FOR(mempool_view_open(pid, &view, &error) == 0);
	return view;
}

static void refresh(struct mempool_view *view)
{
	ck_assert_msg(mempool_view_refresh(view, (uint64_t)deadline_ns(), &error) == 0, "%s", error.text);
}

/* A child that publishes and does as @run says. */
static pid_t start(int (*run)(void))
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(300);
		_exit(mempool_publish_start(NULL, NULL) == 0 ? run() : 99);
	}
	return pid;
}

static int rest(void)
{
	while (pause() == -1)
		;
	return 0;
}

START_TEST(published_figures_are_those_of_the_process)
{
	mempool_t *pool = named_pool("shown", 8);
	struct kmem_cache *cache = kmem_cache_create("things", 100, 0, 0, NULL);
	const struct mempool_published_pool *p;
	const struct mempool_published_cache *c = NULL;
	struct mempool_statistics stats;
	struct mempool_view *view;
	void *elements[3], *object = kmem_cache_alloc(cache, GFP_KERNEL);

	ck_assert_int_eq(mempool_publish_start(NULL, &error), 0);
	ck_assert_int_eq(mempool_publish_start(NULL, &error), -EALREADY);
	for (int i = 0; i < 3; i++)
		elements[i] = mempool_alloc_preallocated(pool);
	view = view_of(getpid());
	refresh(view);
	ck_assert_int_eq(mempool_view_process(view)->pid, getpid());
	ck_assert_uint_eq(mempool_view_process(view)->size, sizeof(struct mempool_published));
	p = pool_of(view, "shown");
	ck_assert_ptr_nonnull(p);
	stats = stats_of(pool);
	ck_assert_mem_eq(&p->stats, &stats, sizeof(stats));
	ck_assert_int_eq(p->stats.curr_nr, 5);
	ck_assert_uint_eq(p->element_bytes, 256);
	ck_assert_str_eq(p->backing, "kmalloc");
	ck_assert_uint_eq(p->certified, 1);
	ck_assert_uint_eq(p->cert.guaranteed, 0);
	ck_assert(p->cert.doubts & MEMPOOL_DOUBT_LEVEL);
	for (unsigned int i = 0; i < mempool_view_process(view)->caches; i++)
		if (strcmp(mempool_view_cache(view, i)->name, "things") == 0)
			c = mempool_view_cache(view, i);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->stats.object_size, 100);
	ck_assert_uint_eq(c->stats.allocs, 1);
	ck_assert_uint_eq(c->stats.objects, 1);
	ck_assert_ptr_null(mempool_view_pool(view, mempool_view_process(view)->pools));

	for (int i = 0; i < 3; i++)
		mempool_free(elements[i], pool);
	kmem_cache_free(cache, object);
	refresh(view);
	ck_assert_int_eq(pool_of(view, "shown")->stats.curr_nr, 8);
	ck_assert_int_eq(pool_of(view, "shown")->stats.lowest_nr, 5);
	mempool_destroy(pool);
	refresh(view);
	ck_assert_ptr_null(pool_of(view, "shown"));

	ck_assert_int_eq(pages(NULL, 0), 1);
	ck_assert_int_eq(mempool_publish_stop(), 0);
	ck_assert_int_eq(mempool_publish_stop(), -ESRCH);
	ck_assert_int_eq(pages(NULL, 0), 0);
	ck_assert_int_eq(mempool_view_refresh(view, 1, &error), -ESRCH);
	mempool_view_close(view);
	mempool_view_close(NULL);
	ck_assert_int_eq(mempool_view_open(getpid(), &view, &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, "MEMPOOL_PUBLISH=1"));
	kmem_cache_destroy(cache);
}
END_TEST

START_TEST(published_is_what_there_is_room_for)
{
	struct mempool_publish_options options = {.size = sizeof(options), .pools = 2, .caches = 1};
	struct mempool_publish_options wrong = {.size = sizeof(wrong), .pools = 65537};
	struct kmem_cache *more = kmem_cache_create("more", 40, 0, 0, NULL);
	mempool_t *pools[5];
	struct mempool_view *view;

	ck_assert_int_eq(mempool_publish_start(&wrong, &error), -EINVAL);
	wrong.size = 1000;
	ck_assert_int_eq(mempool_publish_start(&wrong, NULL), -EINVAL);
	for (int i = 0; i < LENGTH(pools); i++)
		pools[i] = named_pool("many", 1);
	ck_assert_int_eq(mempool_publish_start(&options, &error), 0);
	view = view_of(getpid());
	refresh(view);
	ck_assert_uint_eq(mempool_view_process(view)->pools, 2);
	ck_assert_uint_eq(mempool_view_process(view)->pools_left_out, 3);
	ck_assert_uint_eq(mempool_view_process(view)->caches, 1);
	ck_assert_uint_ge(mempool_view_process(view)->caches_left_out, 1);
	ck_assert(mempool_view_pool(view, 0)->id != mempool_view_pool(view, 1)->id);
	mempool_view_close(view);
	for (int i = 0; i < LENGTH(pools); i++)
		mempool_destroy(pools[i]);
	kmem_cache_destroy(more);
}
END_TEST

static void *nothing(gfp_t gfp_mask, void *pool_data)
{
	(void)gfp_mask;
	return pool_data != NULL && atomic_load((atomic_int *)pool_data) > 0 ? NULL : malloc(16);
}

static void release(void *element, void *pool_data)
{
	(void)pool_data;
	free(element);
}

START_TEST(published_while_a_thread_sleeps)
{
	static atomic_int empty;
	mempool_t *pool = mempool_create(1, nothing, release, &empty);
	struct mempool_view *view;
	struct sleeper s = {0};
	void *last;

	ck_assert_int_eq(mempool_publish_start(NULL, &error), 0);
	view = view_of(getpid());
	atomic_store(&empty, 1);
	last = mempool_alloc(pool, GFP_KERNEL);
	sleeper_start(&s, pool);
	wait_for_waiters(pool, 1);
	refresh(view);
	ck_assert_int_eq(mempool_view_pool(view, 0)->stats.waiters, 1);
	ck_assert_int_eq(mempool_view_pool(view, 0)->stats.curr_nr, 0);
	ck_assert_str_eq(mempool_view_pool(view, 0)->backing, "callbacks");
	mempool_free(last, pool);
	sleeper_join(&s);
	refresh(view);
	ck_assert_int_eq(mempool_view_pool(view, 0)->stats.waiters, 0);
	ck_assert_uint_eq(mempool_view_pool(view, 0)->stats.sleeps, 1);
	ck_assert_uint_gt(mempool_view_pool(view, 0)->stats.wait_longest_ns, 0);
	mempool_free(s.element, pool);
	mempool_view_close(view);
	mempool_destroy(pool);
}
END_TEST

START_TEST(published_by_a_forked_child_anew)
{
	mempool_t *pool = named_pool("both", 4);
	struct mempool_view *parents, *childs;
	int go[2], status;
	char told;
	pid_t pid;

	ck_assert_int_eq(mempool_publish_start(NULL, &error), 0);
	parents = view_of(getpid());
	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(300);
		close(go[1]);
		/* What cannot sleep begins nothing. */
		mempool_free(mempool_alloc(pool, GFP_NOWAIT), pool);
		if (read(go[0], &told, 1) != 1)
			_exit(1);
		for (int i = 0; i < 100; i++)
			mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
		if (read(go[0], &told, 1) != 0)
			_exit(2);
		exit(0);
	}
	close(go[0]);
	ck_assert_int_eq(mempool_view_open(pid, &childs, &error), -ENOENT);
	ck_assert_int_eq(write(go[1], "!", 1), 1);
	childs = view_of(pid);
	ck_assert_int_eq(pages(NULL, 0), 2);
	do
		refresh(childs);
	while (pool_of(childs, "both")->stats.allocs < 101);
	refresh(parents);
	ck_assert_uint_eq(pool_of(parents, "both")->stats.allocs, 0);
	ck_assert_int_eq(mempool_view_process(parents)->pid, getpid());
	close(go[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(mempool_view_refresh(childs, 1, &error), -ESRCH);
	ck_assert_int_eq(pages(NULL, 0), 1);
	refresh(parents);
	mempool_view_close(childs);
	mempool_view_close(parents);
	mempool_destroy(pool);
}
END_TEST

struct seen {
	pid_t pids[8];
	int count;
};

static int note(pid_t pid, void *arg)
{
	struct seen *s = arg;

	s->pids[s->count++] = pid;
	return s->count == LENGTH(s->pids);
}

START_TEST(published_processes_are_found)
{
	pid_t first = start(rest), second = start(rest);
	struct seen s = {.count = 0};

	WAIT_FOR((s.count = 0, mempool_view_each(note, &s) == 0 && s.count == 2));
	ck_assert(s.pids[0] + s.pids[1] == first + second && (s.pids[0] == first || s.pids[0] == second));
	end(first);
	ck_assert_int_eq(pages(NULL, 0), 2);
	s.count = 0;
	ck_assert_int_eq(mempool_view_each(note, &s), 0);
	ck_assert_int_eq(s.count, 1);
	ck_assert_int_eq(s.pids[0], second);
	ck_assert_int_eq(pages(NULL, 0), 1);
	end(second);
}
END_TEST

START_TEST(published_by_a_process_that_does_not_answer)
{
	pid_t pid = start(rest);
	struct mempool_view *view = view_of(pid);
	uint64_t snapshot;
	int status;

	refresh(view);
	snapshot = mempool_view_process(view)->snapshot;
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_int_eq(mempool_view_refresh(view, 1000000, &error), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(error.text, "did not answer"));
	ck_assert_uint_eq(mempool_view_process(view)->snapshot, snapshot);
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), 0);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	refresh(view);
	ck_assert_uint_gt(mempool_view_process(view)->snapshot, snapshot);
	end(pid);
	ck_assert_int_eq(mempool_view_refresh(view, (uint64_t)NS_PER_S, &error), -ESRCH);
	ck_assert_ptr_nonnull(strstr(error.text, "has ended"));
	mempool_view_close(view);
}
END_TEST

TCase *publish_tests(void)
{
	TCase *tc = new_case("publish");

	tcase_add_checked_fixture(tc, make_run_dir, remove_run_dir);
	tcase_add_test(tc, published_figures_are_those_of_the_process);
	tcase_add_test(tc, published_is_what_there_is_room_for);
	tcase_add_test(tc, published_while_a_thread_sleeps);
	tcase_add_test(tc, published_by_a_forked_child_anew);
	tcase_add_test(tc, published_processes_are_found);
	tcase_add_test(tc, published_by_a_process_that_does_not_answer);
	return tc;
}
