// SPDX-License-Identifier: MIT
/* publish_reader.c - snapshots that are torn, cut off, or of a process that is killed while it is being read. */
#include "run_dir.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <mempool/mempool-publish.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mempool_view_error error = {.size = sizeof(error)};

/* The page's layout, as mempool/watch/published.hpp has it: a header, the head, then two halves for the snapshots. */
enum { header = 128, head = 64, half_head = 64, begun_at = header + 16, latest_at = header + 24 };

static struct mempool_view *view_of(pid_t pid)
{
	struct mempool_view *view;

	WAIT_FOR(mempool_view_open(pid, &view, &error) == 0);
	ck_assert_msg(mempool_view_refresh(view, (uint64_t)deadline_ns(), &error) == 0, "%s", error.text);
	return view;
}

/*
 * Two pools, of which "first" always was asked as often as "second", or once more. In a snapshot "second" is read
 * first, as the younger one. So a snapshot in which "second" is ahead is put together from two.
 */
static int take_turns(void)
{
	mempool_t *first = mempool_create_kmalloc_pool(2, 64);
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	mempool_t *second;

	attr.name = "second";
	second = mempool_create_attr(2, mempool_kmalloc, mempool_kfree, (void *)(size_t)64, &attr);
	if (first == NULL || second == NULL || mempool_publish_start(NULL, NULL) != 0)
		return 1;
	for (unsigned int i = 1;; i++) {
		mempool_free(mempool_alloc_preallocated(first), first);
		mempool_free(mempool_alloc_preallocated(second), second);
		if (i % 256 == 0)
			usleep(50); /* on one CPU, the others have to come to their turn */
	}
}

static pid_t start(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(300);
		_exit(take_turns());
	}
	return pid;
}

static void must_be_whole(struct mempool_view *view, uint64_t *snapshot)
{
	const struct mempool_published_pool *second = mempool_view_pool(view, 0), *first = mempool_view_pool(view, 1);

	ck_assert_uint_eq(mempool_view_process(view)->pools, 2);
	ck_assert_str_eq(second->name, "second");
	ck_assert_uint_ge(mempool_view_process(view)->snapshot, *snapshot);
	*snapshot = mempool_view_process(view)->snapshot;
	ck_assert_uint_ge(first->stats.allocs, second->stats.allocs);
	for (int i = 0; i < 2; i++) {
		const struct mempool_statistics *s = &mempool_view_pool(view, (unsigned int)i)->stats;

		ck_assert_int_eq(s->min_nr, 2);
		ck_assert(s->curr_nr >= 0 && s->curr_nr <= 2);
		ck_assert_uint_le(s->frees, s->allocs);
		ck_assert_uint_eq(s->from_reserve, s->allocs);
	}
}

/* PUBLISH_KILLS=1000 is the whole proof; each takes some ms on a quiet machine, and ten times that on a busy one. */
static int kills_wanted(void)
{
	const char *text = getenv("PUBLISH_KILLS");

	return text ? atoi(text) : scale(100);
}

START_TEST(published_by_processes_that_are_killed_while_they_are_read)
{
	unsigned int seed = (unsigned int)now_ns();
	int snapshots = 0;

	on_all_cpus();
	printf("# seed %u\n", seed);
	for (int i = 0; i < kills_wanted(); i++) {
		int looks = (int)((unsigned int)rand_r(&seed) % 4), result;
		pid_t pid = start();
		struct mempool_view *view = view_of(pid);
		uint64_t snapshot = 0;

		for (int n = 0; n < looks; n++) {
			ck_assert_msg(mempool_view_refresh(view, (uint64_t)deadline_ns(), &error) == 0, "%s",
				      error.text);
			must_be_whole(view, &snapshot);
		}
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		while ((result = mempool_view_refresh(view, (uint64_t)deadline_ns(), &error)) == 0) {
			must_be_whole(view, &snapshot);
			snapshots++;
		}
		ck_assert_msg(result == -ESRCH, "%d: %s", result, error.text);
		must_be_whole(view, &snapshot);
		mempool_view_close(view);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
	ck_assert_int_ge(snapshots, 0);
}
END_TEST

#define ROUNDS 500

struct reading {
	struct worker worker;
	pid_t pid;
	int rounds;
};

static void read_on(void *arg)
{
	struct reading *r = arg;
	struct mempool_view_error why = {.size = sizeof(why)};
	struct mempool_view *view;
	uint64_t snapshot = 0;

	if (mempool_view_open(r->pid, &view, &why) != 0)
		return;
	for (int i = 0; i < scale(ROUNDS); i++) {
		if (mempool_view_refresh(view, (uint64_t)deadline_ns(), &why) != 0)
			break;
		must_be_whole(view, &snapshot);
		r->rounds++;
	}
	mempool_view_close(view);
}

START_TEST(published_to_several_readers_at_once)
{
	struct reading readers[3] = {{.rounds = 0}};
	pid_t pid;

	on_all_cpus();
	pid = start();
	mempool_view_close(view_of(pid));
	for (int i = 0; i < LENGTH(readers); i++) {
		readers[i].pid = pid;
		worker_start(&readers[i].worker, read_on, &readers[i]);
	}
	for (int i = 0; i < LENGTH(readers); i++) {
		worker_join(&readers[i].worker);
		ck_assert_int_eq(readers[i].rounds, scale(ROUNDS));
	}
	end(pid);
}
END_TEST

static uint64_t word(const char *path, off_t at)
{
	int fd = open(path, O_RDONLY);
	uint64_t w;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &w, sizeof(w), at), sizeof(w));
	close(fd);
	return w;
}

/* What a writer does that is two snapshots on, or that was stopped in the middle, is done by hand. */
START_TEST(published_snapshots_that_are_torn_are_not_taken)
{
	struct mempool_view *view;
	uint64_t latest, later, at, was, snapshot = 0;
	char path[400];
	int status;
	pid_t pid = start();

	view = view_of(pid);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_int_eq(pages(path, sizeof(path)), 1);
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), 0);
	must_be_whole(view, &snapshot);
	latest = word(path, latest_at);
	ck_assert_uint_eq(latest, snapshot);

	/* The next one was begun: it goes into the other half. The one after it goes into this. */
	later = latest + 1;
	put(path, begun_at, &later, sizeof(later));
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), 0);
	later = latest + 2;
	put(path, begun_at, &later, sizeof(later));
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), -EPROTO);
	ck_assert_ptr_nonnull(strstr(error.text, "without a whole snapshot"));
	put(path, begun_at, &latest, sizeof(latest));

	/* Another word in a pool's figures. */
	at = header + head + half_head + 64 + 40;
	if (latest % 2 == 1)
		at += (uint64_t)half_head + 256 * sizeof(struct mempool_published_pool) +
		      256 * sizeof(struct mempool_published_cache);
	was = word(path, (off_t)at);
	later = was + 1;
	put(path, (off_t)at, &later, sizeof(later));
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), -EPROTO);
	put(path, (off_t)at, &was, sizeof(was));
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), 0);
	must_be_whole(view, &snapshot);

	/* More pools than there is room for. */
	at = header + head + 16 + (at > 10000 ? at - (header + head + half_head + 64 + 40) : 0);
	was = word(path, (off_t)at);
	later = UINT64_MAX;
	put(path, (off_t)at, &later, sizeof(later));
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), -EPROTO);
	put(path, (off_t)at, &was, sizeof(was));
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), 0);

	/* Cut off while it is looked at: the file is read, not its memory. */
	ck_assert_int_eq(truncate(path, 4096), 0);
	ck_assert_int_eq(mempool_view_refresh(view, 0, &error), -EPROTO);
	ck_assert_ptr_nonnull(strstr(error.text, "is truncated"));
	ck_assert_ptr_nonnull(strstr(error.text, path));
	ck_assert_int_eq(mempool_view_refresh(view, 1000000, &error), -EPROTO);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(mempool_view_refresh(view, 1000000, &error), -EPROTO);
	must_be_whole(view, &snapshot);
	mempool_view_close(view);
	ck_assert_int_eq(mempool_view_open(pid, &view, &error), -EPROTO);
	end(pid);
}
END_TEST

TCase *publish_reader_tests(void)
{
	TCase *tc = new_case("publish_reader");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, make_run_dir, remove_run_dir);
	tcase_add_test(tc, published_by_processes_that_are_killed_while_they_are_read);
	tcase_add_test(tc, published_to_several_readers_at_once);
	tcase_add_test(tc, published_snapshots_that_are_torn_are_not_taken);
	return tc;
}
