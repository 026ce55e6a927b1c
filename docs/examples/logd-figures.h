/* SPDX-License-Identifier: MIT */
/*
 * logd-figures.h - what logd has done, counted in memory that is there from the
 * start, and written as JSON at the end.
 *
 * Owners: the thread that receives counts received, lost, malformed, cut and
 * the samples; the thread that writes counts the rest. Whoever writes the JSON
 * has joined both.
 */
#ifndef LOGD_FIGURES_H
#define LOGD_FIGURES_H

#include <mempool/mempool.h>
#include <stdint.h>

enum {
	FIGURES_SAMPLES = 4096,
	FIGURES_BUCKETS = 61 * 16, /* 16 to each power of two of ns: 6 % wide */
};

struct logd_figures {
	uint64_t received;  /* datagrams read */
	uint64_t malformed; /* of them, in neither format */
	uint64_t cut;       /* of them, too long for a record */
	uint64_t lost;      /* of them, dropped as there was no memory */
	uint64_t written;   /* lines in the file */
	uint64_t unwritten; /* received, but the file could not be written to the end */
	bool sync_failed;   /* what was written may not be on the disk */

	uint64_t longest_ns; /* from receipt to write */
	uint64_t bucket[FIGURES_BUCKETS];

	uint64_t sample_every_ns;
	uint64_t last_sample_ns;
	unsigned int samples;
	struct figures_sample {
		uint64_t at_ns; /* CLOCK_MONOTONIC */
		uint64_t lost;  /* until then */
		int level;      /* the reserve's */
	} sample[FIGURES_SAMPLES];
};

/** figures_now_ns() - CLOCK_MONOTONIC in ns. */
uint64_t figures_now_ns(void);

/** figures_count_write() - a line was written, @ns after its message was received. */
void figures_count_write(struct logd_figures *figures, uint64_t ns);

/**
 * figures_count_level() - note the reserve's level for the picture, at most once in some ms.
 * @figures: the figures.
 * @now_ns: figures_now_ns().
 * @pool: the pool; NULL is a level of 0.
 */
void figures_count_level(struct logd_figures *figures, uint64_t now_ns, const mempool_t *pool);

/**
 * figures_write() - write all of it as one JSON object.
 * @figures: the figures.
 * @fd: where to.
 * @pool: adds the pool's own figures, and its certificate; NULL for none.
 *
 * Return: 0; -1 with errno when the file could not be written.
 */
int figures_write(const struct logd_figures *figures, int fd, mempool_t *pool);

#endif /* LOGD_FIGURES_H */
