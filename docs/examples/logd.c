/* SPDX-License-Identifier: MIT */
/*
 * logd.c - a syslog collector that loses nothing when memory runs out.
 *
 *	logd --socket /run/logd.sock --output /var/log/all.log
 *
 * It reads messages from a Unix datagram socket as /dev/log is (and from UDP),
 * takes a record for each from a mempool, and hands it to a thread that appends
 * it to a file and frees it. What a daemon author may want to copy:
 *
 *  - start_pool(), record_alloc(), record_free(): all that the pool needs;
 *  - mempool_alloc(pool, GFP_KERNEL) may sleep until the writer gives a record
 *    back. Meanwhile the socket fills up and its senders wait: no message is
 *    lost, and the daemon needs no more memory. It cannot sleep for ever, as
 *    each record is written and freed without taking another;
 *  - what the way from socket to file needs is there before the first message:
 *    threads, descriptors, buffers, the stack (the main thread's has 128 KiB
 *    from the start, and far less is used here);
 *  - a full disk is waited out; only a stop that it outlasts gives messages up,
 *    and then says how many.
 *
 * --allocator=malloc shows what happens without a pool. UDP has no way to make
 * its senders wait: what comes while its socket is full is lost in the kernel.
 */
#include "logd-figures.h"
#include "logd-message.h"
#include "logd-setup.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <mempool/mempool.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	LINES_A_WRITE = 64,   /* lines handed to one writev() */
	RETRY_MS = 100,       /* between attempts to write to a full disk */
	RETRIES_AT_STOP = 10, /* of them, once a stop was asked for */
	DRAIN_MAX = 100000,   /* datagrams read after a stop: more than sockets hold, but UDP may come for ever */
};

/** struct record - one message on its way from the socket to the file. */
struct record {
	struct record *next; /* the queue runs through the records: handing over allocates nothing */
	uint64_t received_ns;
	size_t length;
	char line[LOGD_LINE_MAX];
};

static struct logd_setup setup;
static struct logd_figures figures = {.sample_every_ns = 5000000};
static struct kmem_cache *cache;
static mempool_t *pool; /* NULL: --allocator=malloc */
static char host[HOST_NAME_MAX + 1];
static int stop_fd;
static atomic_bool stop_asked;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct record *first, **end;
	bool closed;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .end = &queue.first};

/* The pool is made once, while memory is there. */
static bool start_pool(void)
{
	if (setup.use_malloc)
		return true;
	cache = kmem_cache_create("logd_record", sizeof(struct record), 0, 0, NULL);
	if (cache == NULL)
		return logd_complain("logd_record", "cannot make a cache", errno);
	pool = mempool_create_slab_pool(setup.min_nr, cache);
	if (pool == NULL)
		return logd_complain("logd_record", "cannot reserve records", errno);
	return true;
}

static struct record *record_alloc(void)
{
	/* Never NULL from the pool: it sleeps until the writer frees a record. */
	return pool != NULL ? mempool_alloc(pool, GFP_KERNEL) : malloc(sizeof(struct record));
}

static void record_free(struct record *record)
{
	if (pool != NULL)
		mempool_free(record, pool);
	else
		free(record);
}

static void queue_push(struct record *record)
{
	record->next = NULL;
	pthread_mutex_lock(&queue.lock);
	if (queue.first == NULL)
		pthread_cond_signal(&queue.changed);
	*queue.end = record;
	queue.end = &record->next;
	pthread_mutex_unlock(&queue.lock);
}

static void queue_close(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.closed = true;
	pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
}

/* Everything queued, oldest first; waits for the first. NULL when the queue is empty and closed. */
static struct record *queue_take_all(void)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.first == NULL && !queue.closed)
		pthread_cond_wait(&queue.changed, &queue.lock);
	struct record *all = queue.first;

	queue.first = NULL;
	queue.end = &queue.first;
	pthread_mutex_unlock(&queue.lock);
	return all;
}

/*
 * How a write went: 0, or why it failed. An outage is reported once, and waited
 * out; false when a stop was asked for and enough was tried.
 */
static bool may_go_on(int error)
{
	static int told, tries_at_stop;

	if (error == 0 && told != 0)
		fprintf(stderr, "logd: %s: can be written again\n", setup.output);
	if (error != 0 && error != told)
		fprintf(stderr, "logd: %s: cannot write: %s; nothing is dropped, trying again every %d ms\n",
			setup.output, strerror(error), RETRY_MS);
	told = error;
	if (error == 0) {
		tries_at_stop = 0;
		return true;
	}
	if (atomic_load(&stop_asked) && ++tries_at_stop > RETRIES_AT_STOP)
		return false;
	poll(NULL, 0, RETRY_MS);
	return true;
}

/* Half a line at the end must not run into the first one after the next start. */
static void cut_off(size_t bytes)
{
	if (bytes > 0 && ftruncate(setup.output_fd, lseek(setup.output_fd, 0, SEEK_END) - (off_t)bytes) != 0)
		fprintf(stderr, "logd: %s: ends in half a line\n", setup.output);
}

/* Appends lines to the file. Returns the first record that could not be written, NULL when all were. */
static struct record *write_lines(struct record *first)
{
	size_t done = 0; /* bytes of the first line that are in the file already */

	while (first != NULL) {
		struct iovec part[LINES_A_WRITE];
		size_t wanted = 0;
		int parts = 0;

		for (struct record *r = first; r != NULL && parts < LINES_A_WRITE; r = r->next) {
			part[parts++] = (struct iovec){r->line, r->length};
			wanted += r->length;
		}
		part[0].iov_base = first->line + done;
		part[0].iov_len -= done;
		wanted -= done;

		const ssize_t n = writev(setup.output_fd, part, parts);
		const int error = n > 0 ? 0 : n < 0 ? errno : ENOSPC;
		const uint64_t now_ns = figures_now_ns();

		if (error == EINTR)
			continue;
		for (done += n > 0 ? (size_t)n : 0; first != NULL && done >= first->length; first = first->next) {
			done -= first->length;
			figures_count_write(&figures, now_ns - first->received_ns);
		}
		/* After a part of it the next write tells why: a disk that has just become full is not yet an error. */
		if (n > 0 && (size_t)n < wanted)
			continue;
		if (!may_go_on(error)) {
			cut_off(done);
			return first;
		}
	}
	return NULL;
}

static void sync_output(void)
{
	static int told;

	/* Pipes and devices know no sync, and say EINVAL. */
	if (fdatasync(setup.output_fd) == 0 || errno == EINVAL || errno == EROFS || errno == told)
		return;
	told = errno;
	logd_complain(setup.output, "written lines may not be on the disk", errno);
	figures.sync_failed = true;
}

/* Records are freed once their lines are safe. One sync serves all that came while the last one ran. */
static void *writer(void *unused)
{
	(void)unused;
	for (struct record *batch; (batch = queue_take_all()) != NULL;) {
		for (struct record *left = write_lines(batch); left != NULL; left = left->next)
			figures.unwritten++;
		sync_output();
		while (batch != NULL) {
			struct record *next = batch->next;

			record_free(batch);
			batch = next;
		}
	}
	return NULL;
}

/* Says so once when malloc() begins to fail, and once when it works again. */
static void count_record(const struct record *record)
{
	static uint64_t told;

	figures.received++;
	if (record == NULL && figures.lost++ == told)
		fprintf(stderr, "logd: out of memory: messages are being lost\n");
	if (record != NULL && figures.lost != told) {
		fprintf(stderr, "logd: memory again: %" PRIu64 " messages were lost\n", figures.lost - told);
		told = figures.lost;
	}
}

/* One datagram, if there is one. */
static bool receive_one(int fd)
{
	static char datagram[LOGD_MESSAGE_MAX];
	struct logd_message message;
	const ssize_t n = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		logd_complain("socket", "cannot receive", errno);
		poll(NULL, 0, RETRY_MS); /* it may last: do not fill the disk with complaints */
	}
	if (n < 0)
		return false;

	const uint64_t now_ns = figures_now_ns();
	struct record *record = record_alloc();

	count_record(record);
	figures_count_level(&figures, now_ns, pool);
	if (record == NULL)
		return true;

	const bool cut = (size_t)n > sizeof(datagram); /* MSG_TRUNC: n is what was sent */

	figures.malformed += !logd_parse(datagram, cut ? sizeof(datagram) : (size_t)n, &message);
	message.cut = cut;
	record->received_ns = now_ns;
	record->length = logd_format(record->line, &message, host);
	figures.cut += message.cut;
	queue_push(record);
	return true;
}

/* Until a stop is asked for, and then until the sockets are empty. */
static void receive_all(void)
{
	struct pollfd watched[] = {{.fd = stop_fd, .events = POLLIN},
				   {.fd = setup.socket_fd, .events = POLLIN},
				   {.fd = setup.udp_fd, .events = POLLIN}}; /* poll() passes over a -1 */
	int drained = 0;

	while (drained < DRAIN_MAX) {
		const bool stopping = atomic_load(&stop_asked);
		bool any = false;

		/* From here on local senders get EPIPE; what they have sent can still be read. */
		if (stopping && drained++ == 0 && setup.socket_fd >= 0)
			shutdown(setup.socket_fd, SHUT_RD);
		if (setup.socket_fd >= 0)
			any = receive_one(setup.socket_fd);
		if (setup.udp_fd >= 0)
			any = receive_one(setup.udp_fd) || any;
		if (stopping && !any)
			return;
		if (!any)
			poll(watched, 3, -1);
	}
}

static void ask_to_stop(int signal_nr)
{
	const int kept_errno = errno;
	const uint64_t one = 1;

	(void)signal_nr;
	atomic_store(&stop_asked, true);
	if (write(stop_fd, &one, sizeof(one)) < 0)
		abort(); /* impossible: it would take 2^64 signals */
	errno = kept_errno;
}

static bool prepare(void)
{
	const struct sigaction stop = {.sa_handler = ask_to_stop, .sa_flags = SA_RESTART};
	const time_t now = time(NULL);
	struct tm unused;

	gmtime_r(&now, &unused); /* its first call reads the time zone, which allocates */
	gethostname(host, sizeof(host) - 1);
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return logd_complain("eventfd", "cannot be made", errno);
	signal(SIGPIPE, SIG_IGN); /* write() is to tell, not to kill */
	signal(SIGXFSZ, SIG_IGN);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	return start_pool() && logd_setup_open(&setup);
}

/* The daemon's life: this thread receives, another writes. */
static bool serve(void)
{
	pthread_t writer_thread;
	const int error = pthread_create(&writer_thread, NULL, writer, NULL);

	if (error != 0)
		return logd_complain("writer", "cannot start the thread", error);
	receive_all();
	queue_close();
	pthread_join(writer_thread, NULL);
	if (figures.unwritten > 0)
		fprintf(stderr, "logd: %s: %" PRIu64 " of %" PRIu64 " received messages could not be written\n",
			setup.output, figures.unwritten, figures.received);
	return figures.unwritten == 0 && !figures.sync_failed;
}

int main(int argc, char **argv)
{
	int status;

	if (!logd_setup_parse(&setup, argc, argv, &status))
		return status;
	bool ok = prepare() && serve();

	if (setup.stats_fd >= 0 && figures_write(&figures, setup.stats_fd, pool) != 0)
		ok = logd_complain(setup.stats, "cannot write", errno);
	ok = logd_setup_close(&setup) && ok;
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
