/* SPDX-License-Identifier: MIT */
/*
 * support.h - what every test of the suite leans on: captured reports, deadlines, sleeping threads, child processes.
 *
 * Each test runs in a process of its own (CK_FORK), so all state here is global and starts fresh.
 */
#ifndef TESTS_CHECK_SUPPORT_H
#define TESTS_CHECK_SUPPORT_H

#include <check.h>
#include <mempool/mempool-debug.h>
#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* The test cases, one per file; main.c strings them together. */
TCase *life_tests(void);
TCase *ending_tests(void);
TCase *attr_tests(void);
TCase *alloc_tests(void);
TCase *sleep_tests(void);
TCase *wake_tests(void);
TCase *timeout_tests(void);
TCase *context_tests(void);
TCase *handler_tests(void);
TCase *free_tests(void);
TCase *bulk_tests(void);
TCase *resize_tests(void);
TCase *backings_tests(void);
TCase *exhaust_tests(void);
TCase *slab_tests(void);
TCase *slab_debug_tests(void);
TCase *kmalloc_tests(void);
TCase *pages_tests(void);
TCase *limits_tests(void);
TCase *shrinker_tests(void);
TCase *flags_tests(void);
TCase *debug_tests(void);
TCase *poison_tests(void);
TCase *track_tests(void);
TCase *stats_tests(void);
TCase *walk_tests(void);
TCase *fork_tests(void);
TCase *certificate_tests(void);
TCase *residency_tests(void);
TCase *residency_limits_tests(void);
TCase *explain_tests(void);
TCase *deadlock_tests(void);
TCase *deadlock_random_tests(void);
TCase *fault_tests(void);
TCase *fault_point_tests(void);
TCase *fault_setting_tests(void);
TCase *sweep_tests(void);
TCase *sweep_catches_tests(void);
TCase *fault_control_tests(void);
TCase *publish_tests(void);
TCase *publish_reader_tests(void);
TCase *prefork_tests(void);
TCase *threads_tests(void);
TCase *eventfd_tests(void);
TCase *pressure_tests(void);
TCase *rcu_tests(void);
TCase *typesafe_tests(void);
TCase *trace_tests(void);
TCase *trace_file_tests(void);
TCase *trace_threads_tests(void);

/* new_case() - a test case with reports captured before each test, none unexpected after it, and a long timeout. */
TCase *new_case(const char *name);

/* ---- the ground that we run on ---- */

/* under() - is the suite run under this checker? MEMPOOL_SANITIZER names it: asan, ubsan, tsan, valgrind. */
bool under(const char *sanitizer);

/* on_one_cpu(), on_all_cpus() - where this thread, and those that it starts, may run. The tests run on one, where every
 * store hands out its newest element first; those that want threads to meet choose all. */
void on_one_cpu(void);
void on_all_cpus(void);

/* scale() - fewer rounds under a checker, at least one. */
int scale(int rounds);

int64_t now_ns(void);

/* deadline_ns() - how long a test waits for an event that must come: seconds, more under a checker. */
int64_t deadline_ns(void);

/* What this process has of the two, in bytes, as RLIMIT_AS and RLIMIT_DATA count. */
size_t address_space_used(void);
size_t data_used(void);

/* limit_address_space() - from here on this process gets at most @spare_bytes more; false where that cannot be done. */
bool limit_address_space(size_t spare_bytes);

/* WAIT_FOR() - poll until @cond holds, and fail the test when the deadline passes first. */
#define WAIT_FOR(cond)                                                                                \
	do {                                                                                          \
		int64_t give_up_ = now_ns() + deadline_ns();                                          \
		while (!(cond)) {                                                                     \
			ck_assert_msg(now_ns() < give_up_, "deadline passed waiting for: %s", #cond); \
			poll_pause();                                                                 \
		}                                                                                     \
	} while (0)

void poll_pause(void);

/*
 * same_bytes() - how many bytes from the front of @memory have this value. One assertion on it costs much less than
 * one on each byte: Check writes a message for each.
 */
size_t same_bytes(const volatile void *memory, size_t bytes, int value);

/* ---- reports ---- */

/*
 * expect_report() - exactly the next unexpected report: one of this kind that contains @part must have been made.
 * It is marked as expected. Return: its text.
 */
const char *expect_report(enum mempool_report_kind kind, const char *part);

/* expect_some_report() - as expect_report(), where nothing says how bad it is held to be. */
const char *expect_some_report(const char *part);

/* reports_pending() - reports made that no expect_report() has claimed. */
int reports_pending(void);

/* has_address() - does the text name this address, as "0x..."? */
bool has_address(const char *text, const void *address);

/* has_own_code_address() - does the text name an address in this program's code, as a stack trace must? */
bool has_own_code_address(const char *text);

/* ---- threads ---- */

/* struct sleeper - a thread that makes one allocation which is expected to sleep. */
struct sleeper {
	mempool_t *pool;
	gfp_t mask;          /* 0 means GFP_KERNEL */
	uint64_t timeout_ns; /* not 0: mempool_alloc_timeout() */
	unsigned int count;  /* not 0: mempool_alloc_bulk() into elems */
	unsigned int allocated;
	void *elems[16];
	void *element;
	int error;
	int64_t waited_ns;
	atomic_bool done;
	pthread_t thread;
};

void sleeper_start(struct sleeper *s, mempool_t *pool);
void sleeper_join(struct sleeper *s);

/* wait_for_waiters() - until so many threads sleep in the pool. */
void wait_for_waiters(mempool_t *pool, int waiters);

struct mempool_statistics stats_of(const mempool_t *pool);

/* struct worker - any other thread. */
struct worker {
	void (*run)(void *arg);
	void *arg;
	atomic_bool done;
	pthread_t thread;
};

void worker_start(struct worker *w, void (*run)(void *arg), void *arg);
void worker_join(struct worker *w);

/* ---- processes ---- */

struct child_result {
	int status;        /* as waitpid() gives it */
	char output[8192]; /* what it wrote to stdout and stderr */
};

/* child_run() - run @fn in a forked child, which ends with the value that @fn returns, or by SIGALRM when it hangs. */
void child_run(struct child_result *r, int (*fn)(void *arg), void *arg);

/* child_exec() - start this program anew as "--child @name", with MEMPOOL_DEBUG set to @debug (NULL: unset). */
void child_exec(struct child_result *r, const char *name, const char *debug);

/* child_main() - what the new program does; returns its exit status. In debug.c. */
int child_main(const char *name);

/* fault_child() - one of these modes. In fault_settings.c. */
int fault_child(void);

/* deadlock_child() - another. In deadlock.c. */
int deadlock_child(void);

void ck_assert_exited(const struct child_result *r, int code);
void ck_assert_killed(const struct child_result *r, int signal_number);

/* program_path() - this program's file, found by main(). */
extern char program_path[4096];

#endif /* TESTS_CHECK_SUPPORT_H */
