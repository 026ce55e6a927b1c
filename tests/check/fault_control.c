// SPDX-License-Identifier: MIT
/* fault_control.c - the points of a running process from outside: its control page, and which pages are refused. */
#include "fault_support.h"
#include "run_dir.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <mempool/fault-inject.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mempool_fault_error error = {.size = sizeof(error)};

/* A process with a control page that does as @run says. */
static pid_t start(int (*run)(void))
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(120);
		_exit(mempool_fault_control_start(NULL) == 0 ? run() : 99);
	}
	WAIT_FOR(mempool_fault_reach(pid, &error) == 0);
	return pid;
}

static int rest(void)
{
	while (pause() == -1)
		;
	return 0;
}

/* Ends when an allocation fails. */
static int allocate_until_it_fails(void)
{
	for (;;) {
		void *p = kmalloc(64, GFP_NOWAIT);

		if (p == NULL)
			return 7;
		kfree(p);
		usleep(100);
	}
}

struct wanted {
	const char *name;
	struct mempool_fault_point point;
	int times_seen;
};

static int look_for(const struct mempool_fault_point *point, void *arg)
{
	struct wanted *w = arg;

	if (strcmp(point->name, w->name) == 0) {
		w->point = *point;
		w->times_seen++;
	}
	return 0;
}

static struct wanted point_of(pid_t pid, const char *name)
{
	struct wanted w = {.name = name};

	ck_assert_int_eq(mempool_fault_each(pid, look_for, &w), 0);
	return w;
}

START_TEST(control_reaches_a_running_process)
{
	pid_t pid = start(allocate_until_it_fails);
	uint64_t decisions = point_of(pid, "failslab").point.decisions;
	int status;

	/* What has no probability is not asked. A task filter that lets nobody in is. */
	ck_assert_int_eq(mempool_fault_apply(pid, "failslab:probability=100,task-filter=Y", &error), 0);
	WAIT_FOR(point_of(pid, "failslab").point.decisions > decisions);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);

	ck_assert_int_eq(mempool_fault_apply(pid, "failslab:task-filter=N,verbose=0;fail_page_alloc=x", &error),
			 -EINVAL);
	ck_assert_uint_eq(error.offset, 49);
	ck_assert(point_of(pid, "failslab").point.task_filter);

	ck_assert_int_eq(mempool_fault_apply(pid, "failslab:task-filter=N,verbose=0", &error), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	/* It ended by _exit(), and left its page; ours are untouched. */
	ck_assert_uint_eq(point_of(0, "failslab").point.probability, 0);
	ck_assert_int_eq(pages(NULL, 0), 1);
	ck_assert_int_eq(mempool_fault_apply(pid, "off", &error), -ESRCH);
	ck_assert_ptr_nonnull(strstr(error.text, "has ended; removed"));
	ck_assert_int_eq(pages(NULL, 0), 0);
}
END_TEST

START_TEST(control_page_goes_at_exit)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (mempool_fault_control_start(NULL) != 0 || mempool_fault_control_start(NULL) != 0 ||
		    pages(NULL, 0) != 1)
			_exit(1);
		exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(pages(NULL, 0), 0);
	ck_assert_int_eq(mempool_fault_reach(pid, &error), -ESRCH);
	ck_assert_int_eq(mempool_fault_reach(getpid(), NULL), 0);
	ck_assert_int_eq(mempool_fault_reach(getppid(), &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, "MEMPOOL_CONTROL=1"));
}
END_TEST

/* Is the page refused so, its file named, and nothing written? */
static void refused(pid_t pid, int with, const char *path, const char *why)
{
	struct mempool_fault_error e = {.size = sizeof(e)};
	struct wanted w = {.name = "failslab"};

	ck_assert_msg(mempool_fault_reach(pid, &e) == with, "not %d, but: %s", with, e.text);
	ck_assert_msg(strstr(e.text, path) != NULL && strstr(e.text, why) != NULL, "'%s' and '%s' are not in: %s", path,
		      why, e.text);
	ck_assert_int_eq(mempool_fault_apply(pid, "failslab.probability=100", NULL), with);
	ck_assert_int_eq(mempool_fault_each(pid, look_for, &w), with);
	ck_assert_int_eq(w.times_seen, 0);
}

START_TEST(control_refuses_what_is_no_page_of_that_process)
{
	char path[400], other[440];
	uint32_t version = 99, right;
	pid_t pid = start(rest);
	int fd;

	ck_assert_int_eq(pages(path, sizeof(path)), 1);
	snprintf(other, sizeof(other), "%s.kept", path);

	ck_assert_int_eq(chmod(path, 0644), 0);
	refused(pid, -EPERM, path, "open to others");
	ck_assert_int_eq(chmod(path, 0600), 0);

	fd = open(path, O_RDONLY);
	ck_assert_int_eq(pread(fd, &right, sizeof(right), 12), sizeof(right));
	close(fd);
	put(path, 12, &version, sizeof(version));
	refused(pid, -EPROTO, path, "has version 99");
	put(path, 12, &right, sizeof(right));
	put(path, 0, "X", 1);
	refused(pid, -EPROTO, path, "is no page of libmempool's");
	put(path, 0, "M", 1);
	ck_assert_int_eq(mempool_fault_reach(pid, NULL), 0);

	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	refused(pid, -ELOOP, path, "symbolic link");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	refused(pid, -EPERM, path, "not a regular file");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rename(other, path), 0);

	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		refused(pid, -EPERM, path, "belongs to user 65534, not to you (0)");
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	ck_assert_int_eq(mempool_fault_reach(pid, NULL), 0);

	/* It rests, and does not touch what is cut off. */
	ck_assert_int_eq(truncate(path, 5000), 0);
	refused(pid, -EPROTO, path, "is truncated: 5000 of");
	ck_assert_int_eq(truncate(path, 50), 0);
	refused(pid, -EPROTO, path, "is truncated: 50 bytes");
	end(pid);
	ck_assert_int_eq(mempool_fault_reach(pid, &error), -ESRCH);
	ck_assert_int_eq(pages(NULL, 0), 0);
}
END_TEST

/* What is left behind by whom had the number before, and by a program that executed another. */
START_TEST(control_knows_what_was_left_behind)
{
	char path[400], name[400];
	pid_t pid = start(rest);
	int status, go[2];

	ck_assert_int_eq(pages(path, sizeof(path)), 1);
	snprintf(name, sizeof(name), "%s/%d-17.faults", run_dir, pid);
	ck_assert_int_eq(rename(path, name), 0);
	ck_assert_int_eq(mempool_fault_reach(pid, &error), -ESRCH);
	ck_assert_ptr_nonnull(strstr(error.text, name));
	ck_assert_ptr_nonnull(strstr(error.text, "an earlier process"));
	ck_assert_int_eq(pages(NULL, 0), 0);
	end(pid);

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (mempool_fault_control_start(NULL) != 0)
			_exit(1);
		dup2(go[0], 0);
		close(go[1]);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	close(go[0]);
	WAIT_FOR(pages(path, sizeof(path)) == 1 && mempool_fault_reach(pid, &error) == -ESRCH);
	refused(pid, -ESRCH, path, "has executed another program since");
	close(go[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static int to_parent, from_parent;

/* Comes to a decision when it is told to, and says with what result. */
static int decide_when_told(void)
{
	char told;

	while (read(from_parent, &told, 1) == 1) {
		void *p = kmalloc(64, GFP_NOWAIT);
		char result = p != NULL ? 'y' : 'n';

		kfree(p);
		if (write(to_parent, &result, 1) != 1)
			return 1;
	}
	return 0;
}

START_TEST(control_page_of_a_forked_child_is_its_own)
{
	int there[2], back[2], status;
	char result;
	pid_t pid;

	ck_assert_int_eq(mempool_fault_control_start(&error), 0);
	fault_set("failslab:probability=100,times=5,verbose=0");
	ck_assert(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(there[1]);
		from_parent = there[0];
		to_parent = back[1];
		_exit(decide_when_told());
	}
	close(there[0]);
	ck_assert_int_eq(mempool_fault_reach(pid, &error), -ENOENT);
	ck_assert_int_eq(write(there[1], "?", 1), 1);
	ck_assert_int_eq(read(back[0], &result, 1), 1);
	ck_assert_int_eq(result, 'n');
	ck_assert_int_eq(pages(NULL, 0), 2);
	ck_assert_int_eq(point_of(pid, "failslab").point.times, 4);
	ck_assert_int_eq(point_of(0, "failslab").point.times, 5);

	ck_assert_int_eq(mempool_fault_apply(pid, "off", &error), 0);
	ck_assert_uint_eq(point_of(0, "failslab").point.probability, 100);
	ck_assert_int_eq(write(there[1], "?", 1), 1);
	ck_assert_int_eq(read(back[0], &result, 1), 1);
	ck_assert_int_eq(result, 'y');
	fault_set("off");
	close(there[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

#define SETTERS 4
#define ROUNDS 40

START_TEST(control_takes_one_setting_after_the_other)
{
	pid_t pid = start(rest), setters[SETTERS];
	struct mempool_fault_point p;
	char text[200], name[64];
	int status;

	for (int s = 0; s < SETTERS; s++) {
		setters[s] = fork();
		ck_assert_int_ge(setters[s], 0);
		if (setters[s] != 0)
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			snprintf(text, sizeof(text),
				 "failslab:probability=%d,times=%d,space=%d,interval=%d,min-order=%d;failslab@new%d=1,"
				 "1,1,1",
				 s, s, s, s, s, i);
			if (mempool_fault_apply(pid, text, NULL) != 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int s = 0; s < SETTERS; s++) {
		ck_assert_int_eq(waitpid(setters[s], &status, 0), setters[s]);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	p = point_of(pid, "failslab").point;
	ck_assert_uint_lt(p.probability, SETTERS);
	ck_assert(p.times == (int)p.probability && p.space == p.times && p.interval == p.probability &&
		  p.min_order == p.probability);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "failslab@new%d", i);
		ck_assert_int_eq(point_of(pid, name).times_seen, 1);
	}
	end(pid);
}
END_TEST

START_TEST(control_refuses_more_names_than_there_is_room_for)
{
	static char text[8000];
	struct wanted w;
	size_t used = 0;

	for (int i = 0; i < 130; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "failslab@x%d=1,50,0,1;", i);
	ck_assert_int_eq(mempool_fault_apply(0, text, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "no room"));
	w = point_of(0, "failslab@x0");
	ck_assert_int_eq(w.times_seen, 0);
}
END_TEST

START_TEST(control_wants_a_directory_of_its_own)
{
	char link[400];

	ck_assert_int_eq(chmod(run_dir, 0750), 0);
	ck_assert_int_eq(mempool_fault_control_start(&error), -EPERM);
	ck_assert_ptr_nonnull(strstr(error.text, run_dir));
	ck_assert_ptr_nonnull(strstr(error.text, "is open to others"));
	ck_assert_int_eq(chmod(run_dir, 0700), 0);

	snprintf(link, sizeof(link), "%s.link", run_dir);
	ck_assert_int_eq(symlink(run_dir, link), 0);
	setenv("MEMPOOL_RUN_DIR", link, 1);
	ck_assert_int_eq(mempool_fault_control_start(&error) == 0, 0);
	ck_assert_ptr_nonnull(strstr(error.text, "symbolic link"));
	ck_assert_int_eq(unlink(link), 0);

	setenv("MEMPOOL_RUN_DIR", "here", 1);
	ck_assert_int_eq(mempool_fault_control_start(&error), -ENOTDIR);
	ck_assert_ptr_nonnull(strstr(error.text, "begins with '/'"));
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(run_dir, 65534, 65534), 0);
		setenv("MEMPOOL_RUN_DIR", run_dir, 1);
		ck_assert_int_eq(mempool_fault_control_start(&error), -EPERM);
		ck_assert_ptr_nonnull(strstr(error.text, "belongs to user 65534"));
	}
	ck_assert_int_eq(pages(NULL, 0), 0);
}
END_TEST

TCase *fault_control_tests(void)
{
	TCase *tc = new_case("fault_control");

	tcase_add_checked_fixture(tc, make_run_dir, remove_run_dir);
	tcase_add_test(tc, control_reaches_a_running_process);
	tcase_add_test(tc, control_page_goes_at_exit);
	tcase_add_test(tc, control_refuses_what_is_no_page_of_that_process);
	tcase_add_test(tc, control_knows_what_was_left_behind);
	tcase_add_test(tc, control_page_of_a_forked_child_is_its_own);
	tcase_add_test(tc, control_takes_one_setting_after_the_other);
	tcase_add_test(tc, control_refuses_more_names_than_there_is_room_for);
	tcase_add_test(tc, control_wants_a_directory_of_its_own);
	return tc;
}
