/* SPDX-License-Identifier: MIT */
/*
 * deeds.c - see deeds.h.
 */
#include "deeds.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static void *unseen(void *pointer)
{
	__asm__ volatile("" : "+r"(pointer));
	return pointer;
}

__attribute__((noinline)) static void write_to(int *where)
{
	*(volatile int *)where = 1;
}

void crash(void)
{
	write_to(unseen((void *)16));
}

static void *crash_there(void *where)
{
	write_to(where);
	return NULL;
}

void crash_in_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, crash_there, (void *)16);
	pthread_join(thread, NULL);
}

__attribute__((noinline)) static int deeper(volatile char *above)
{
	volatile char here[1024];

	here[0] = above[0];
	if (here[0] == 0) /* never, as the compiler does not know */
		return 0;
	return deeper(here) + here[0];
}

void overflow(void)
{
	volatile char first = 1;

	printf("%d\n", deeper(&first));
}

static void *overflow_there(void *unused)
{
	overflow();
	return unused;
}

void overflow_in_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, overflow_there, NULL);
	pthread_join(thread, NULL);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	printf("own handler: %d at %p%s\n", number, info->si_addr, context != NULL ? ", with context" : "");
	_exit(9);
}

/* Its own handler sees what it would see alone, and the handler before it was the default. */
void own_handler(void)
{
	struct sigaction mine;
	struct sigaction before;

	memset(&mine, 0, sizeof(mine));
	mine.sa_sigaction = on_signal;
	mine.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &mine, &before);
	printf("before: %s\n", before.sa_handler == SIG_DFL ? "default" : "another");
	sigaction(SIGSEGV, NULL, &before);
	printf("now: %s\n", before.sa_sigaction == on_signal ? "own" : "another");
	crash();
}

static void on_simple_signal(int number)
{
	printf("own handler: %d\n", number);
	signal(number, SIG_DFL);
	raise(number);
}

/* What many servers do: report, and die of the same signal. */
void own_signal(void)
{
	printf("before: %s\n", signal(SIGABRT, on_simple_signal) == SIG_DFL ? "default" : "another");
	abort();
}

static volatile sig_atomic_t ticks;

static void on_tick(int number)
{
	ticks += number == SIGALRM;
	free(unseen(malloc(10)));
}

/* Signals strike in the middle of everything. The allocator is not made for that, so this is for when all allocations
 * fail. */
void allocating_handler(void)
{
	const struct itimerval often = {{0, 200}, {0, 200}};
	const struct itimerval never = {{0, 0}, {0, 0}};

	signal(SIGALRM, on_tick);
	setitimer(ITIMER_REAL, &often, NULL);
	while (ticks < 200)
		free(unseen(malloc(100)));
	setitimer(ITIMER_REAL, &never, NULL);
	puts("ticked");
}

void double_free(void)
{
	void *block = unseen(malloc(40));
	void *again = unseen(block);

	free(block);
	free(again);
	puts("went on");
}

void foreign_free(void)
{
	static char buffer[64] __attribute__((aligned(16)));

	free(unseen(buffer));
}

void realloc_freed(void)
{
	void *block = unseen(malloc(40));
	void *again = unseen(block);

	free(block);
	printf("%s\n", realloc(again, 80) == NULL ? "refused" : "done");
}

struct node {
	struct node *below;
	char room[40];
};
/* Not static, or else the compiler would see that nobody reads them. */
struct node *leak_list;
void *leak_inside;
static volatile int twice = 2;

__attribute__((noinline)) static void lose(size_t bytes)
{
	void *block = unseen(malloc(bytes));

	if (block != NULL)
		memset(block, 0, bytes);
}

/* Lost: 2 blocks of one place and 1 of another. Not: a list of 10, and what only its middle is known of. */
void leaks(void)
{
	for (int i = 0; i < 10; i++) {
		struct node *node = unseen(malloc(sizeof(*node)));
		if (node == NULL)
			return;
		node->below = leak_list;
		leak_list = node;
	}
	char *block = unseen(malloc(5000));
	leak_inside = unseen(block != NULL ? block + 2000 : NULL);
	for (int i = 0; i < twice; i++)
		lose(300);
	lose(4000);
}
