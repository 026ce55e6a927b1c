/* SPDX-License-Identifier: MIT */
/*
 * logd-figures.c - see logd-figures.h.
 */
#include "logd-figures.h"

#include <inttypes.h>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool-stats.h>
#include <stdio.h>
#include <time.h>

uint64_t figures_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Below 16 ns a bucket is one ns wide, above it a sixteenth of its power of two. */
static unsigned int bucket_of(uint64_t ns)
{
	if (ns < 16)
		return (unsigned int)ns;
	const unsigned int power = 63 - (unsigned int)__builtin_clzll(ns);

	return (power - 3) * 16 + (unsigned int)(ns >> (power - 4) & 15);
}

/* The largest value that falls into a bucket: a percentile is not made to look better than it is. */
static uint64_t bucket_end(unsigned int bucket)
{
	if (bucket < 16)
		return bucket;
	return ((uint64_t)(16 + bucket % 16 + 1) << (bucket / 16 - 1)) - 1;
}

void figures_count_write(struct logd_figures *figures, uint64_t ns)
{
	figures->written++;
	figures->bucket[bucket_of(ns)]++;
	if (figures->longest_ns < ns)
		figures->longest_ns = ns;
}

void figures_count_level(struct logd_figures *figures, uint64_t now_ns, const mempool_t *pool)
{
	if (now_ns - figures->last_sample_ns < figures->sample_every_ns)
		return;
	if (figures->samples == FIGURES_SAMPLES) {
		/* Full: half as many, twice as far apart, so that a run of any length fits. */
		for (unsigned int i = 0; i < FIGURES_SAMPLES / 2; i++)
			figures->sample[i] = figures->sample[2 * i];
		figures->samples = FIGURES_SAMPLES / 2;
		figures->sample_every_ns *= 2;
	}
	figures->sample[figures->samples++] = (struct figures_sample){
		.at_ns = now_ns, .lost = figures->lost, .level = pool != NULL ? mempool_curr_nr(pool) : 0};
	figures->last_sample_ns = now_ns;
}

static uint64_t percentile(const struct logd_figures *figures, unsigned int percent)
{
	const uint64_t wanted = (figures->written * percent + 99) / 100;
	uint64_t seen = 0;

	for (unsigned int i = 0; i < FIGURES_BUCKETS; i++) {
		seen += figures->bucket[i];
		if (seen >= wanted && seen > 0)
			return bucket_end(i) < figures->longest_ns ? bucket_end(i) : figures->longest_ns;
	}
	return figures->longest_ns;
}

static int write_pool(int fd, const mempool_t *pool)
{
	struct mempool_statistics st = {.size = sizeof(st)};

	if (mempool_stats(pool, &st) != 0)
		return 0;
	return dprintf(fd,
		       " \"pool\": {\"min_nr\": %d, \"lowest\": %d, \"allocs\": %" PRIu64 ", \"from_reserve\": %" PRIu64
		       ", \"backing_failures\": %" PRIu64 ", \"sleeps\": %" PRIu64 ", \"wait_total_ns\": %" PRIu64
		       ", \"wait_longest_ns\": %" PRIu64 "},\n",
		       st.min_nr, st.lowest_nr, st.allocs, st.from_reserve, st.backing_failures, st.sleeps,
		       st.wait_total_ns, st.wait_longest_ns);
}

/* Whether the reserve is guaranteed now, or else why not, in words. */
static int write_certificate(int fd, mempool_t *pool)
{
	struct mempool_cert cert = {.size = sizeof(cert)};
	const char *separator = "";
	int rc = 0;

	if (mempool_certificate(pool, &cert) != 0)
		return 0;
	rc = dprintf(fd, " \"certificate\": {\"guaranteed\": %s, \"doubts\": [", cert.guaranteed ? "true" : "false");
	for (unsigned int doubts = cert.doubts; doubts != 0 && rc >= 0; doubts &= doubts - 1) {
		rc = dprintf(fd, "%s\"%s\"", separator, mempool_doubt_text(doubts & -doubts));
		separator = ", ";
	}
	return rc < 0 ? rc : dprintf(fd, "]},\n");
}

int figures_write(const struct logd_figures *figures, int fd, mempool_t *pool)
{
	int rc = dprintf(fd,
			 "{\n \"received\": %" PRIu64 ", \"malformed\": %" PRIu64 ", \"cut\": %" PRIu64
			 ", \"lost\": %" PRIu64 ",\n \"written\": %" PRIu64 ", \"unwritten\": %" PRIu64
			 ",\n \"p50_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64 ", \"longest_ns\": %" PRIu64 ",\n",
			 figures->received, figures->malformed, figures->cut, figures->lost, figures->written,
			 figures->unwritten, percentile(figures, 50), percentile(figures, 99), figures->longest_ns);

	if (rc >= 0 && pool != NULL)
		rc = write_pool(fd, pool);
	if (rc >= 0 && pool != NULL)
		rc = write_certificate(fd, pool);
	if (rc >= 0)
		rc = dprintf(fd, " \"samples\": [");
	for (unsigned int i = 0; i < figures->samples && rc >= 0; i++)
		rc = dprintf(fd, "%s[%" PRIu64 ", %d, %" PRIu64 "]", i > 0 ? ",\n  " : "", figures->sample[i].at_ns,
			     figures->sample[i].level, figures->sample[i].lost);
	if (rc >= 0)
		rc = dprintf(fd, "]\n}\n");
	return rc < 0 ? -1 : 0;
}
