/* SPDX-License-Identifier: MIT */
/*
 * logd-setup.h - logd's command line, and the descriptors that it asks for.
 */
#ifndef LOGD_SETUP_H
#define LOGD_SETUP_H

#include <stdbool.h>

struct addrinfo;

/** struct logd_setup - what the command line says, and what was opened for it. */
struct logd_setup {
	const char *socket; /* paths; NULL when not asked for */
	const char *udp;
	const char *output;
	const char *stats;
	bool use_malloc;
	int min_nr;
	struct addrinfo *udp_address;
	int socket_fd; /* -1 when not asked for */
	int udp_fd;
	int output_fd;
	int stats_fd;
};

/**
 * logd_setup_parse() - read the command line.
 *
 * Return: true to go on; otherwise the process is to end with *@status: a
 * mistake was reported (2), or only help was wanted (0).
 */
bool logd_setup_parse(struct logd_setup *setup, int argc, char **argv, int *status);

/** logd_setup_open() - open everything. False when something could not be had; it was reported. */
bool logd_setup_open(struct logd_setup *setup);

/** logd_setup_close() - close everything, and remove the socket. False when data was lost by it; reported. */
bool logd_setup_close(struct logd_setup *setup);

/** logd_complain() - print "logd: NAME: WHAT: reason" to stderr. Always false. */
bool logd_complain(const char *name, const char *what, int error);

#endif /* LOGD_SETUP_H */
