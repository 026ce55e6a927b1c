// SPDX-License-Identifier: MIT
/* support.c - deadlines, threads and child processes for the tests. Reports are in reports.c. */
#include "support.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char program_path[4096];

bool under(const char *sanitizer)
{
	const char *name = getenv("MEMPOOL_SANITIZER");

	return name && strcmp(name, sanitizer) == 0;
}

static bool under_any(void)
{
	const char *name = getenv("MEMPOOL_SANITIZER");

	return name && name[0];
}

int scale(int rounds)
{
	int divisor = under("valgrind") ? 50 : under_any() ? 10 : 1;

	return rounds / divisor > 0 ? rounds / divisor : 1;
}

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t deadline_ns(void)
{
	return (under_any() ? 60 : 15) * NS_PER_S;
}

void poll_pause(void)
{
	struct timespec t = {.tv_nsec = 200000};

	nanosleep(&t, NULL);
}

size_t same_bytes(const volatile void *memory, size_t bytes, int value)
{
	const volatile unsigned char *p = memory;
	size_t same = 0;

	while (same < bytes && p[same] == value)
		same++;
	return same;
}

static cpu_set_t all_cpus;

void on_one_cpu(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
	sched_setaffinity(0, sizeof(here), &here);
}

void on_all_cpus(void)
{
	sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
}

/* The @field-th figure of statm, from 0, in bytes. */
static size_t statm_bytes(int field)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	for (int i = 0; f && i <= field; i++)
		if (fscanf(f, "%lu", &pages) != 1)
			pages = 0;
	if (f)
		fclose(f);
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t address_space_used(void)
{
	return statm_bytes(0);
}

size_t data_used(void)
{
	return statm_bytes(5);
}

bool limit_address_space(size_t spare_bytes)
{
	struct rlimit limit;

	/* The sanitizers reserve terabytes; valgrind keeps its own books. */
	if (under("asan") || under("tsan") || under("valgrind"))
		return false;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = address_space_used() + spare_bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	return true;
}

static void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;
	gfp_t mask = s->mask ? s->mask : GFP_KERNEL;
	int64_t start = now_ns();

	errno = 0;
	if (s->count)
		s->error = mempool_alloc_bulk(s->pool, s->elems, s->count, s->allocated);
	else if (s->timeout_ns)
		s->element = mempool_alloc_timeout(s->pool, mask, s->timeout_ns);
	else
		s->element = mempool_alloc(s->pool, mask);
	if (!s->count)
		s->error = errno;
	s->waited_ns = now_ns() - start;
	atomic_store(&s->done, true);
	return NULL;
}

void sleeper_start(struct sleeper *s, mempool_t *pool)
{
	s->pool = pool;
	ck_assert_int_eq(pthread_create(&s->thread, NULL, sleeper_main, s), 0);
}

void sleeper_join(struct sleeper *s)
{
	WAIT_FOR(atomic_load(&s->done));
	pthread_join(s->thread, NULL);
}

struct mempool_statistics stats_of(const mempool_t *pool)
{
	struct mempool_statistics st = {.size = sizeof(st)};

	ck_assert_int_eq(mempool_stats(pool, &st), 0);
	return st;
}

void wait_for_waiters(mempool_t *pool, int waiters)
{
	WAIT_FOR(stats_of(pool).waiters == waiters);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	w->run(w->arg);
	atomic_store(&w->done, true);
	return NULL;
}

void worker_start(struct worker *w, void (*run)(void *arg), void *arg)
{
	w->run = run;
	w->arg = arg;
	atomic_store(&w->done, false);
	ck_assert_int_eq(pthread_create(&w->thread, NULL, worker_main, w), 0);
}

void worker_join(struct worker *w)
{
	WAIT_FOR(atomic_load(&w->done));
	pthread_join(w->thread, NULL);
}

static void child_collect(struct child_result *r, pid_t pid, int from)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(from, r->output + length, sizeof(r->output) - 1 - length)) > 0)
		length += (size_t)n;
	r->output[length] = 0;
	close(from);
	ck_assert_int_eq(waitpid(pid, &r->status, 0), pid);
}

static pid_t child_fork(int *from)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		signal(SIGALRM, SIG_DFL);
		alarm((unsigned int)(deadline_ns() / NS_PER_S));
		return 0;
	}
	close(fds[1]);
	*from = fds[0];
	return pid;
}

void child_run(struct child_result *r, int (*fn)(void *arg), void *arg)
{
	int from = -1;
	pid_t pid = child_fork(&from);

	if (pid == 0)
		_exit(fn(arg));
	child_collect(r, pid, from);
}

void child_exec(struct child_result *r, const char *name, const char *debug)
{
	int from = -1;
	pid_t pid = child_fork(&from);

	if (pid == 0) {
		if (debug)
			setenv("MEMPOOL_DEBUG", debug, 1);
		else
			unsetenv("MEMPOOL_DEBUG");
		execl(program_path, program_path, "--child", name, (char *)NULL);
		_exit(126);
	}
	child_collect(r, pid, from);
}

void ck_assert_exited(const struct child_result *r, int code)
{
	ck_assert_msg(WIFEXITED(r->status) && WEXITSTATUS(r->status) == code,
		      "child: wait status %#x where exit %d was expected; it wrote: %s", (unsigned int)r->status, code,
		      r->output);
}

void ck_assert_killed(const struct child_result *r, int signal_number)
{
	ck_assert_msg(WIFSIGNALED(r->status) && WTERMSIG(r->status) == signal_number,
		      "child: wait status %#x where signal %d was expected; it wrote: %s", (unsigned int)r->status,
		      signal_number, r->output);
}
