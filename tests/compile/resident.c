// SPDX-License-Identifier: MIT
/*
 * resident.c - what resident.sh starts: in a memory cgroup that is full, and whose OOM killer is off, do elements of a
 * reserve stay touchable? "resident CASE CGROUP [BACKING]" watches from outside of the cgroup a child that is in it: a
 * hoarder thread touches fresh memory until it stalls; then two threads take, write every byte of, and give back all
 * elements, and count their page faults. Everything is said through a page that both share.
 *
 * Exit status: 0 no fault, nobody stalled; 1 faults; 2 stalled; 3 it could not be set up.
 */
#include <errno.h>
#include <fcntl.h>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool.h>
#include <mempool/slab.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 100000
#define SHARE 8 /* elements of each worker */
#define DEADLINE_S 90
#define STACK_BYTES (256 * 1024)

static struct shared {
	atomic_long hoarded; /* pages */
	atomic_int ready;    /* workers at their start line */
	atomic_int go;       /* said by the watcher */
	atomic_long rounds;  /* of both workers */
	atomic_long faults;
	atomic_int nulls;
	atomic_int done;
	atomic_int problem; /* line */
	pid_t grandchild;
} * shared;

static mempool_t *pool;
static int serves; /* elements by mempool_alloc(): from the backing, as long as that has any */
static const struct backing {
	const char *name;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	size_t data, element_bytes; /* a slab's data is made */
} backings[] =
	{
		{"kmalloc", mempool_kmalloc, mempool_kfree, 4096, 4096},
		{"slab", mempool_alloc_slab, mempool_free_slab, 0, 256},
		{"pages", mempool_alloc_pages, mempool_free_pages, 1, 8192},
		{"kvmalloc", mempool_kvmalloc, mempool_kvfree, 200000, 200000},
},
  *backing = backings;

static void give_up(int line)
{
	atomic_store(&shared->problem, line);
	_exit(3);
}
#define NEED(cond)                         \
	do {                               \
		if (!(cond))               \
			give_up(__LINE__); \
	} while (0)

static long faults_so_far(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void take_and_write(int round)
{
	void *element[SHARE];

	for (int i = 0; i < SHARE; i++) {
		element[i] =
			serves ? mempool_alloc(pool, i % 2 ? GFP_ATOMIC : GFP_NOIO) : mempool_alloc_preallocated(pool);
		if (!element[i])
			atomic_fetch_add(&shared->nulls, 1);
		else
			memset(element[i], round, backing->element_bytes);
	}
	for (int i = 0; i < SHARE; i++)
		mempool_free(element[i], pool);
}

/* The C library's code that is needed has to be there: it is not the reserve's. */
static void warm_up(void)
{
	char *room = mmap(NULL, backing->element_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(room != MAP_FAILED);
	memset(room, 1, backing->element_bytes);
	munmap(room, backing->element_bytes);
	faults_so_far();
}

static void *work(void *arg)
{
	long before;

	warm_up();
	atomic_fetch_add(&shared->ready, 1);
	while (!atomic_load(&shared->go))
		sched_yield();
	before = faults_so_far();
	for (int round = 0; round < ROUNDS; round++) {
		take_and_write(round);
		atomic_fetch_add(&shared->rounds, 1);
	}
	atomic_fetch_add(&shared->faults, faults_so_far() - before);
	atomic_fetch_add(&shared->done, 1);
	pause();
	return arg;
}

static char *stacks[2];

static void start_worker(int i, pthread_t *thread)
{
	pthread_attr_t attr;

	stacks[i] = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(stacks[i] != MAP_FAILED);
	NEED(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, stacks[i], STACK_BYTES) == 0);
	NEED(pthread_create(thread, &attr, work, NULL) == 0);
}

/*
 * As docs/guarantee.md has it, and only behind a fork: that shares the stacks, and what glibc keeps at their ends for
 * the kernel to write into when it takes the thread off its CPU (rseq), so that a thread faults that does nothing.
 */
static void lock_stacks(void)
{
	for (int i = 0; i < 2; i++)
		NEED(mlock(stacks[i], STACK_BYTES) == 0);
}

static void *hoard(void *arg)
{
	for (;;) {
		char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			return arg;
		*page = 1;
		atomic_fetch_add(&shared->hoarded, 1);
	}
}

/* Elements of the backing come into the reserve, and make way again. */
static void adopt(void)
{
	void *own[2 * SHARE], *other[2 * SHARE];

	for (int i = 0; i < 2 * SHARE; i++)
		NEED(own[i] = mempool_alloc_preallocated(pool));
	for (int i = 0; i < 2 * SHARE; i++)
		NEED(other[i] = mempool_alloc(pool, GFP_KERNEL));
	for (int i = 0; i < 2 * SHARE; i++)
		mempool_free(other[i], pool);
	for (int i = 0; i < 2 * SHARE; i++)
		mempool_free(own[i], pool);
}

static void have_child(int living)
{
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid == 0) {
		if (living)
			pause();
		_exit(0);
	}
	if (living)
		shared->grandchild = pid;
	else
		waitpid(pid, NULL, 0);
}

static void in_the_cgroup(const char *what, const char *cgroup)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	struct mempool_cert cert = {.size = sizeof(cert)};
	pthread_t threads[3];
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY);
	NEED(fd >= 0 && dprintf(fd, "%d", getpid()) > 0);
	close(fd);

	if (strcmp(what, "control") == 0)
		attr.residency = MEMPOOL_RESIDENCY_NONE;
	pool = mempool_create_attr(
		strcmp(what, "resized") == 0 ? 1 : 2 * SHARE, backing->alloc, backing->free,
		backing->data ? (void *)backing->data : kmem_cache_create("resident", 256, 0, 0, NULL), &attr);
	NEED(pool);
	serves = strcmp(what, "served") == 0;
	if (strcmp(what, "resized") == 0)
		NEED(mempool_resize(pool, 2 * SHARE) == 0);
	if (strcmp(what, "adopted") == 0)
		adopt();
	for (int i = 0; i < 2; i++)
		start_worker(i, &threads[i]);
	while (atomic_load(&shared->ready) < 2)
		sched_yield();
	if (serves)
		NEED(mlockall(MCL_CURRENT) == 0); /* the C library's code, too, that asks for headroom */
	if (strcmp(what, "control") == 0 || strcmp(what, "living") == 0)
		have_child(1);
	if (strcmp(what, "dead") == 0)
		have_child(0);
	lock_stacks();
	NEED(mempool_certificate(pool, &cert) == 0);
	NEED(cert.guaranteed || strcmp(what, "control") == 0);
	NEED(pthread_create(&threads[2], NULL, hoard, NULL) == 0);
	for (;;)
		pause();
}

static void nap(void)
{
	nanosleep(&(struct timespec){0, 20000000}, NULL);
}

/* Waits until a figure has not changed for a while; false at the deadline. */
static int stands_still(atomic_long *figure, time_t deadline)
{
	long last = -1;

	for (int still = 0; still < 15;) {
		long now = atomic_load(figure);

		still = now == last && now > 0 ? still + 1 : 0;
		last = now;
		if (atomic_load(&shared->problem) || time(NULL) > deadline)
			return 0;
		nap();
	}
	return 1;
}

int main(int argc, char **argv)
{
	time_t deadline = time(NULL) + DEADLINE_S;
	int status = 3;
	pid_t child;

	if (argc != 3 && argc != 4)
		return 3;
	if (argc == 4)
		for (backing = backings; strcmp(backing->name, argv[3]) != 0; backing++)
			if (backing == &backings[sizeof(backings) / sizeof(backings[0]) - 1])
				return 3;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 0, sizeof(*shared));
	child = fork();
	if (child == 0)
		in_the_cgroup(argv[1], argv[2]);
	if (stands_still(&shared->hoarded, deadline)) {
		long rounds = -1;

		atomic_store(&shared->go, 1);
		status = 0;
		while (atomic_load(&shared->done) < 2 && status == 0) {
			for (int i = 0; i < 250 && atomic_load(&shared->done) < 2; i++)
				nap();
			if (atomic_load(&shared->done) < 2 && atomic_load(&shared->rounds) == rounds)
				status = 2; /* nothing for five seconds */
			rounds = atomic_load(&shared->rounds);
		}
		if (status == 0 && (atomic_load(&shared->faults) || atomic_load(&shared->nulls)))
			status = 1;
	}
	if (shared->grandchild)
		kill(shared->grandchild, SIGKILL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("%s, %s: %ld pages hoarded, %ld rounds, %ld faults, %d NULL%s%s\n", argv[1], backing->name,
	       atomic_load(&shared->hoarded), atomic_load(&shared->rounds), atomic_load(&shared->faults),
	       atomic_load(&shared->nulls), status == 2 ? ", stalled" : "", status == 3 ? ", not set up" : "");
	if (atomic_load(&shared->problem))
		printf("line %d failed\n", atomic_load(&shared->problem));
	return status;
}
