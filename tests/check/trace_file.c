// SPDX-License-Identifier: MIT
/*
 * trace_file.c - recordings in files: what a crash, a full disk, and a fork leave; and what is refused (extension).
 */
#include "scripted.h"

#include <mempool/mempool-trace.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static mempool_t pool;
static int counts[MEMPOOL_TRACE_ID_COUNT];
static uint32_t first_thread;

static int count(const struct mempool_trace_event *event, void *arg)
{
	(void)arg;
	if (first_thread == 0)
		first_thread = event->thread;
	counts[event->event]++;
	return 0;
}

static int look(void)
{
	memset(counts, 0, sizeof(counts));
	first_thread = 0;
	return mempool_trace_for_each(0, count, NULL);
}

static char folder[] = "/tmp/check-trace-XXXXXX";
static char file[sizeof(folder) + 32];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/trace", folder);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Does the file hold this text? It is written by mempool_trace_mark(). */
static bool holds(const char *path, const char *text)
{
	size_t bytes = (size_t)size_of(path);
	char *all = malloc(bytes);
	FILE *from = fopen(path, "r");
	bool found;

	ck_assert_ptr_nonnull(from);
	ck_assert_uint_eq(fread(all, 1, bytes, from), bytes);
	fclose(from);
	ck_assert_int_eq(memcmp(all, "mempool\n", 8), 0);
	found = memmem(all, bytes, text, strlen(text)) != NULL;
	free(all);
	return found;
}

static void remove_folder(void)
{
	char command[sizeof(folder) + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static int crash(void *unused)
{
	(void)unused;
	mempool_trace_start(file, NULL);
	mempool_trace_mark("the last word");
	signal(SIGABRT, SIG_DFL);
	abort();
}

START_TEST(a_crash_leaves_a_whole_file)
{
	struct child_result child;

	make_folder();
	child_run(&child, crash, NULL);
	ck_assert_killed(&child, SIGABRT);
	ck_assert(holds(file, "the last word"));
	remove_folder();
}
END_TEST

START_TEST(a_file_is_replaced_and_stays_whole_for_who_has_it)
{
	make_folder();
	ck_assert_int_eq(mempool_trace_start(file, NULL), 0);
	ck_assert_int_eq(mempool_trace_start(NULL, NULL), -EBUSY);
	mempool_trace_mark("once");
	ck_assert_int_eq(mempool_trace_stop(), 0);
	ck_assert_int_eq(mempool_trace_stop(), -EALREADY);
	ck_assert(holds(file, "once"));
	ck_assert_int_eq(mempool_trace_start(file, NULL), 0);
	mempool_trace_mark("twice");
	ck_assert(!holds(file, "once"));
	ck_assert(holds(file, "twice"));
	ck_assert_int_eq(mempool_trace_stop(), 0);
	remove_folder();
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct mempool_trace_options options = {.size = sizeof(options), .flags = 4};
	char name[5000];

	ck_assert_int_eq(look(), -ENOENT);
	ck_assert_int_eq(mempool_trace_start(NULL, &options), -EINVAL);
	options = (struct mempool_trace_options){.size = 3};
	ck_assert_int_eq(mempool_trace_start(NULL, &options), -EINVAL);
	options = (struct mempool_trace_options){.size = sizeof(options), .threads = 1025};
	ck_assert_int_eq(mempool_trace_start(NULL, &options), -EINVAL);
	options = (struct mempool_trace_options){.size = sizeof(options), .reserved = 1};
	ck_assert_int_eq(mempool_trace_start(NULL, &options), -EINVAL);
	ck_assert_int_eq(mempool_trace_start("", NULL), -EINVAL);
	ck_assert_int_eq(mempool_trace_start("/dev/full", NULL), -EINVAL);
	ck_assert_int_eq(mempool_trace_start("/tmp", NULL), -EINVAL);
	ck_assert_int_eq(mempool_trace_start("/nowhere/at/all", NULL), -ENOENT);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	ck_assert_int_eq(mempool_trace_start(name, NULL), -ENAMETOOLONG);
	ck_assert_ptr_null(mempool_trace_event_name(MEMPOOL_TRACE_ID_COUNT));
	ck_assert_ptr_null(mempool_trace_event_args(MEMPOOL_TRACE_ID_COUNT));
	ck_assert_str_eq(mempool_trace_event_args(MEMPOOL_TRACE_WAIT_BEGIN), "need:d level:d waiters:d");
	ck_assert_uint_eq(mempool_trace_lost(NULL), 0);
}
END_TEST

static int start_with_little_room(void *unused)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	int error;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	error = mempool_trace_start(file, NULL);
	mempool_trace_mark("nowhere");
	return error == -EFBIG && access(file, F_OK) != 0 ? 0 : 1;
}

START_TEST(a_file_that_cannot_grow_is_an_error_at_the_start)
{
	struct child_result child;

	make_folder();
	child_run(&child, start_with_little_room, NULL);
	ck_assert_exited(&child, 0);
	remove_folder();
}
END_TEST

static int mark_in_child(void *unused)
{
	char own[sizeof(file) + 16];

	(void)unused;
	snprintf(own, sizeof(own), "%s.%d", file, getpid());
	if (access(own, F_OK) == 0)
		return 1; /* made before there is an event */
	mempool_free(mempool_alloc(&pool, GFP_KERNEL), &pool);
	mempool_trace_mark("of the child");
	if (!holds(own, "of the child") || !holds(own, "scripted") || holds(file, "of the child"))
		return 2;
	look();
	if (counts[MEMPOOL_TRACE_MARK] != 1 || counts[MEMPOOL_TRACE_ALLOC] != 1 || first_thread != (uint32_t)getpid())
		return 3;
	return mempool_trace_stop();
}

START_TEST(a_child_goes_on_in_a_file_of_its_own)
{
	struct child_result child;

	make_folder();
	ck_assert_int_eq(mempool_trace_start(file, NULL), 0);
	scripted_pool(&pool, &bk, 1);
	mempool_trace_mark("of the parent");
	child_run(&child, mark_in_child, NULL);
	ck_assert_exited(&child, 0);
	mempool_trace_mark("and again");
	look();
	ck_assert_int_eq(counts[MEMPOOL_TRACE_MARK], 2);
	ck_assert(holds(file, "and again"));
	mempool_trace_stop();
	scripted_exit(&pool, &bk);
	remove_folder();
}
END_TEST

static int nothing_more(void *with_file)
{
	mempool_trace_mark("of the child");
	if (mempool_trace_stop() != -EALREADY)
		return 1;
	if (with_file && holds(file, "of the child"))
		return 2;
	/* It may record something of its own. */
	if (mempool_trace_start(NULL, NULL) != 0)
		return 3;
	mempool_trace_mark("of the child");
	look();
	return counts[MEMPOOL_TRACE_MARK] == 1 ? 0 : 4;
}

START_TEST(a_child_of_who_forbids_it_or_records_in_memory_records_nothing)
{
	struct mempool_trace_options options = {.size = sizeof(options), .flags = MEMPOOL_TRACE_NOFORK};
	struct child_result child;

	make_folder();
	ck_assert_int_eq(mempool_trace_start(NULL, NULL), 0);
	child_run(&child, nothing_more, NULL);
	ck_assert_exited(&child, 0);
	ck_assert_int_eq(mempool_trace_stop(), 0);
	ck_assert_int_eq(mempool_trace_start(file, &options), 0);
	child_run(&child, nothing_more, file);
	ck_assert_exited(&child, 0);
	look();
	ck_assert_int_eq(counts[MEMPOOL_TRACE_MARK], 0);
	mempool_trace_stop();
	remove_folder();
}
END_TEST

TCase *trace_file_tests(void)
{
	TCase *c = new_case("trace_file");

	tcase_add_test(c, a_crash_leaves_a_whole_file);
	tcase_add_test(c, a_file_is_replaced_and_stays_whole_for_who_has_it);
	tcase_add_test(c, what_makes_no_sense_is_refused);
	tcase_add_test(c, a_file_that_cannot_grow_is_an_error_at_the_start);
	tcase_add_test(c, a_child_goes_on_in_a_file_of_its_own);
	tcase_add_test(c, a_child_of_who_forbids_it_or_records_in_memory_records_nothing);
	return c;
}
