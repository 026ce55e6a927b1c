/* SPDX-License-Identifier: MIT */
/*
 * epoll_server.c - an echo server that stops reading when its buffers run out.
 *
 *	epoll_server /tmp/echo.sock 8
 *
 * One thread, many connections, and at most so many buffers, however many
 * clients there are. What an author may want to copy:
 *
 *  - a connection has a buffer only while bytes are on their way: it takes one
 *    when it can be read from, and gives it back when all was written;
 *  - mempool_alloc(pool, GFP_NOWAIT) returns NULL when all are out. Then the
 *    connection is paused: it is not read from, so its client's socket fills up,
 *    and the client waits. Nothing is lost and nothing is queued in memory;
 *  - mempool_eventfd(pool) becomes readable when a buffer came back. Read it
 *    first, then allocate; who is paused longest goes on first;
 *  - with EPOLLONESHOT a paused connection reports nothing at all, a hang-up
 *    included, until it is armed again;
 *  - all memory and descriptors but the connections' own are there at the start.
 *
 * A client that never reads its echo keeps its buffer: a server for strangers
 * also wants a time limit, which is left out here.
 */
#include <errno.h>
#include <inttypes.h>
#include <mempool/mempool-pressure.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, BUFFER_BYTES = 4096, BUFFERS_MAX = 1 << 20 };

struct connection {
	int fd;
	char *buffer;
	size_t length;
	size_t written;
	struct connection *next; /* of the free ones, or of the paused ones */
};

static struct connection connections[CONNECTIONS_MAX];
static struct connection *free_connections;
static struct {
	struct connection *first, **end;
} paused = {.end = &paused.first};

static mempool_t *pool;
static int epoll, listener, stop_fd, memory_fd, buffers, buffers_left;
static uint64_t bytes_echoed, pauses;

/* The backing: as many buffers as were asked for, all of them the reserve's. */
static void *buffer_alloc(gfp_t gfp_mask, void *left)
{
	if (*(int *)left == 0)
		return NULL;
	--*(int *)left;
	return kmalloc(BUFFER_BYTES, gfp_mask);
}

static void buffer_free(void *buffer, void *left)
{
	++*(int *)left;
	kfree(buffer);
}

static bool complain(const char *what)
{
	fprintf(stderr, "epoll_server: %s: %s\n", what, strerror(errno));
	return false;
}

static bool watch(int fd, uint32_t events, void *who)
{
	struct epoll_event event = {.events = events, .data.ptr = who};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 || complain("epoll_ctl");
}

/* One event, and then nothing until the next call. */
static void arm(struct connection *c, uint32_t events)
{
	struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = c};

	epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* Without a buffer it waits for more to read, or is closed. */
static void give_back(struct connection *c, bool open)
{
	mempool_free(c->buffer, pool);
	c->buffer = NULL;
	if (open)
		return arm(c, EPOLLIN);
	close(c->fd);
	c->next = free_connections;
	free_connections = c;
}

/* Writes what is in the buffer, as far as the client takes it. */
static void write_echo(struct connection *c)
{
	while (c->written < c->length) {
		ssize_t n = send(c->fd, c->buffer + c->written, c->length - c->written, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return arm(c, EPOLLOUT);
		if (n < 0)
			return give_back(c, false); /* the client has gone */
		c->written += (size_t)n;
		bytes_echoed += (uint64_t)n;
	}
	give_back(c, true);
}

/* With a buffer: one piece, so that others get theirs. */
static void read_piece(struct connection *c, char *buffer)
{
	ssize_t n = recv(c->fd, buffer, BUFFER_BYTES, 0);

	c->buffer = buffer;
	c->length = n > 0 ? (size_t)n : 0;
	c->written = 0;
	if (n > 0)
		write_echo(c);
	else
		give_back(c, n < 0 && errno == EAGAIN); /* at the end all that was read has been written */
}

static void serve(struct connection *c)
{
	/* Nobody overtakes those who are paused. */
	char *buffer = c->buffer == NULL && paused.first == NULL ? mempool_alloc(pool, GFP_NOWAIT) : NULL;

	if (c->buffer != NULL)
		return write_echo(c);
	if (buffer != NULL)
		return read_piece(c, buffer);
	c->next = NULL;
	*paused.end = c;
	paused.end = &c->next;
	pauses++;
}

/* A buffer came back. An allocation that fails here asks for the next signal. */
static void resume(void)
{
	uint64_t count;
	char *buffer;

	if (read(memory_fd, &count, sizeof(count)) < 0)
		return;
	while (paused.first != NULL && (buffer = mempool_alloc(pool, GFP_NOWAIT)) != NULL) {
		struct connection *c = paused.first;

		paused.first = c->next;
		if (paused.first == NULL)
			paused.end = &paused.first;
		read_piece(c, buffer);
	}
}

static void accept_client(void)
{
	struct connection *c = free_connections;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0 && c != NULL && watch(fd, EPOLLIN | EPOLLONESHOT, c)) {
		free_connections = c->next;
		*c = (struct connection){.fd = fd};
	} else if (fd >= 0) {
		close(fd);
	}
}

static bool set_up(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	sigset_t stops;

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		connections[i].next = free_connections;
		free_connections = &connections[i];
	}
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);

	buffers_left = buffers;
	pool = mempool_create(buffers, buffer_alloc, buffer_free, &buffers_left);
	if (pool == NULL)
		return complain("cannot reserve buffers");
	memory_fd = mempool_eventfd(pool);
	stop_fd = signalfd(-1, &stops, SFD_CLOEXEC);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (memory_fd < 0 || stop_fd < 0 || epoll < 0 || listener < 0)
		return complain("cannot make descriptors");
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, SOMAXCONN) != 0)
		return complain(path);
	return watch(listener, EPOLLIN, &listener) && watch(memory_fd, EPOLLIN, &memory_fd) &&
	       watch(stop_fd, EPOLLIN, &stop_fd);
}

static void run(void)
{
	struct epoll_event events[64];

	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < count; i++) {
			void *who = events[i].data.ptr;

			if (who == &stop_fd)
				return;
			if (who == &listener)
				accept_client();
			else if (who == &memory_fd)
				resume();
			else
				serve(who);
		}
	}
}

int main(int argc, char **argv)
{
	buffers = argc == 3 ? atoi(argv[2]) : 8;
	if (argc < 2 || argc > 3 || strlen(argv[1]) > 107 || buffers < 1 || buffers > BUFFERS_MAX) {
		fprintf(stderr, "usage: epoll_server SOCKET [BUFFERS, 1 to %d]\n", BUFFERS_MAX);
		return 2;
	}
	if (!set_up(argv[1]))
		return 1;
	run();
	unlink(argv[1]);
	printf("%" PRIu64 " bytes echoed, %" PRIu64 " pauses, %d of %d buffers at home\n", bytes_echoed, pauses,
	       mempool_curr_nr(pool), buffers);
	mempool_destroy(pool);
	return 0;
}
