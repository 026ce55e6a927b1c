/* SPDX-License-Identifier: MIT */
/*
 * calls.c - calls DEED...: does what the tests of the preloaded library want to
 * see done, and prints what came of it. Nothing but what it is told to allocates
 * once main() runs.
 */
#include "deeds.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *at_start;
static void *before_libc[1500];

/* Before main(), and maybe before the preloaded library's own constructor. */
__attribute__((constructor)) static void construct(void)
{
	at_start = malloc(77);
}

static void *unseen(void *pointer)
{
	__asm__ volatile("" : "+r"(pointer));
	return pointer;
}

/* Before libc is ready, when nobody knows yet what is to be watched: more than anybody notes at a time. */
static void begin_early(int argc, char **argv)
{
	const int many = argc > 1 && strcmp(argv[1], "many-early") == 0;

	for (size_t i = 0; i < sizeof(before_libc) / sizeof(before_libc[0]); i++) {
		before_libc[i] = unseen(malloc(88));
		if (!many && i != 0)
			free(before_libc[i]);
	}
}
__attribute__((section(".preinit_array"), used)) static void (*const begins_early)(int, char **) = begin_early;

static void tell(const char *what, const void *result)
{
	if (result != NULL && result != MAP_FAILED)
		printf("%s: done\n", what);
	else
		printf("%s: %s\n", what, errno == ENOMEM ? "ENOMEM" : "another error");
	errno = 0;
}

/* Each function that allocates, once; a failed one leaves its result NULL. */
static void each(void)
{
	void *aligned = NULL;
	void *block;

	tell("malloc", block = unseen(malloc(100)));
	free(block);
	tell("calloc", block = unseen(calloc(10, 10)));
	free(block);
	tell("realloc", block = unseen(realloc(unseen(NULL), 100)));
	free(block);
	tell("reallocarray", block = unseen(reallocarray(unseen(NULL), 10, 10)));
	free(block);
	errno = posix_memalign(&aligned, 64, 128);
	tell("posix_memalign", aligned);
	free(aligned);
	tell("aligned_alloc", block = unseen(aligned_alloc(64, 128)));
	free(block);
	tell("memalign", block = unseen(memalign(64, 128)));
	free(block);
	tell("valloc", block = unseen(valloc(100)));
	free(block);
	tell("pvalloc", block = unseen(pvalloc(100)));
	free(block);
}

/* What libc allocates in the program's name. */
static void by_libc(void)
{
	char *text = NULL;
	FILE *file;

	tell("strdup", text = unseen(strdup("some text")));
	free(text);
	tell("strndup", text = unseen(strndup("some text", 4)));
	free(text);
	text = NULL;
	if (asprintf(&text, "%d", 42) < 0)
		text = NULL;
	tell("asprintf", text);
	free(text);
	tell("fopen", file = fopen("/dev/null", "r"));
	if (file != NULL)
		fclose(file);
}

static void mappings(void)
{
	void *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	tell("mmap", map);
	if (map == MAP_FAILED)
		return;
	void *larger = mremap(map, 8192, 65536, MREMAP_MAYMOVE);
	tell("mremap", larger);
	munmap(larger != MAP_FAILED ? larger : map, larger != MAP_FAILED ? 65536 : 8192);
}

/* A block whose realloc() fails must be as it was. */
static void kept(void)
{
	char *block = unseen(malloc(100));

	if (block == NULL)
		return;
	memset(block, 'k', 100);
	char *larger = unseen(realloc(block, 1 << 20));
	tell("realloc", larger);
	char *now = unseen(larger != NULL ? larger : block);
	size_t same = 0;
	for (size_t i = 0; i < 100; i++)
		same += now[i] == 'k';
	printf("%zu bytes kept\n", same);
	free(now);
	errno = 5;
	free(unseen(malloc(10)));
	printf("errno %d\n", errno);
}

/* The allocator itself fails, without being told to. */
static void too_much(void)
{
	volatile size_t bytes = (size_t)-1 / 4;
	char *block = unseen(malloc(100));

	tell("realloc", unseen(realloc(unseen(block), bytes)));
	free(block);
}

/* A block that was there before all, which realloc() cannot make so large. */
static void early(void)
{
	volatile size_t bytes = (size_t)-1 / 4;

	tell("early realloc", unseen(realloc(before_libc[0], bytes)));
	free(before_libc[0]);
}

static void *allocate_some(void *failures)
{
	for (size_t i = 1; i <= 20; i++) {
		void *block = unseen(malloc(1000 * i));
		if (block == NULL)
			++*(int *)failures;
		free(block);
	}
	return NULL;
}

static void threads(void)
{
	pthread_t thread[4];
	int failures[4] = {0};

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, allocate_some, &failures[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("failures: %d %d %d %d\n", failures[0], failures[1], failures[2], failures[3]);
}

/* Three allocations in the parent before the fork, one after it, two in the child. */
static void forks(void)
{
	int status = 0;

	for (int i = 0; i < 3; i++)
		free(unseen(malloc(10)));
	const pid_t child = fork();
	if (child == 0) {
		int failed = 0;
		for (int i = 0; i < 2; i++) {
			void *block = unseen(malloc(20));
			failed += block == NULL;
			free(block);
		}
		_exit(failed);
	}
	waitpid(child, &status, 0);
	void *block = unseen(malloc(30));
	printf("child: %d, parent: %d\n", WEXITSTATUS(status), block == NULL);
	free(block);
}

/* Forks while other threads allocate: no lock may stay taken in the child. */
static void *allocate_until(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		void *block = unseen(malloc(50));
		free(unseen(realloc(block, 5000)));
	}
	return NULL;
}

static void fork_storm(void)
{
	pthread_t thread[2];
	int stop = 0;
	int ended = 0;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, allocate_until, &stop);
	for (int i = 0; i < 100; i++) {
		int status = 1;
		const pid_t child = fork();
		if (child == 0) {
			free(unseen(malloc(60)));
			_exit(0);
		}
		ended += waitpid(child, &status, 0) == child && status == 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("children: %d\n", ended);
}

static const struct {
	const char *name;
	void (*function)(void);
} deeds[] = {
	{"each", each},
	{"by-libc", by_libc},
	{"mappings", mappings},
	{"kept", kept},
	{"too-much", too_much},
	{"early", early},
	{"threads", threads},
	{"forks", forks},
	{"fork-storm", fork_storm},
	{"crash", crash},
	{"crash-in-thread", crash_in_thread},
	{"overflow", overflow},
	{"overflow-in-thread", overflow_in_thread},
	{"abort", abort},
	{"own-handler", own_handler},
	{"own-signal", own_signal},
	{"allocating-handler", allocating_handler},
	{"double-free", double_free},
	{"foreign-free", foreign_free},
	{"realloc-freed", realloc_freed},
	{"leaks", leaks},
};

int main(int argc, char **argv)
{
	static char buffer[BUFSIZ];

	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	free(at_start);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "exec") == 0) {
			execv("/proc/self/exe", argv + i);
			return 3;
		}
		if (strncmp(argv[i], "exit=", 5) == 0)
			exit(atoi(argv[i] + 5));
		if (strncmp(argv[i], "_exit=", 6) == 0)
			_exit(atoi(argv[i] + 6));
		for (size_t j = 0; j < sizeof(deeds) / sizeof(deeds[0]); j++)
			if (strcmp(argv[i], deeds[j].name) == 0)
				deeds[j].function();
	}
	return 0;
}
