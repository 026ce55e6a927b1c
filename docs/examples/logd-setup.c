/* SPDX-License-Identifier: MIT */
/*
 * logd-setup.c - see logd-setup.h.
 */
#include "logd-setup.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MIN_NR_DEFAULT = 64, MIN_NR_MAX = 1000000 };

static const char help[] =
	"usage: logd --output FILE [--socket PATH] [--udp [ADDRESS:]PORT] [OPTION...]\n"
	"Collect syslog messages (RFC 3164, RFC 5424) into a file, until SIGTERM or SIGINT.\n"
	"\n"
	"  --output FILE            append a line for each message\n"
	"  --socket PATH            listen to a Unix datagram socket, as /dev/log is\n"
	"  --udp [ADDRESS:]PORT     listen to UDP; ADDRESS is 127.0.0.1 unless given\n"
	"  --allocator=mempool      take records from a pool: nothing is lost when memory runs out (default)\n"
	"  --allocator=malloc       take records from malloc(): messages are lost when memory runs out\n"
	"  --min-nr N               records that the pool keeps in reserve (default 64)\n"
	"  --stats FILE             write figures as JSON at the end\n"
	"  --help                   print this\n";

bool logd_complain(const char *name, const char *what, int error)
{
	fprintf(stderr, "logd: %s: %s: %s\n", name, what, strerror(error));
	return false;
}

static bool refuse(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "logd: %s: '%s' is not %s\n", option, value, wanted);
	return false;
}

static bool parse_number(const char *text, int max, int *number)
{
	long value = 0;

	if (*text == '\0' || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text))
		return false;
	value = strtol(text, NULL, 10);
	*number = (int)value;
	return value >= 1 && value <= max;
}

/* "PORT", "ADDRESS:PORT" or "[ADDRESS]:PORT" */
static bool parse_udp(const char *text, struct addrinfo **found)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM};
	const char *colon = strrchr(text, ':');
	const char *port_text = colon != NULL ? colon + 1 : text;
	char address[64] = "127.0.0.1";
	int port;

	if (colon != NULL) {
		const bool bracketed = *text == '[' && colon[-1] == ']';
		const int length = (int)(colon - text) - (bracketed ? 2 : 0);

		if (length <= 0 || length >= (int)sizeof(address))
			return false;
		snprintf(address, sizeof(address), "%.*s", length, text + bracketed);
	}
	return parse_number(port_text, 65535, &port) && getaddrinfo(address, port_text, &hints, found) == 0;
}

static bool take_option(struct logd_setup *setup, int option, const char *value)
{
	switch (option) {
	case 's':
		setup->socket = value;
		if (*value == '\0' || strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
			return refuse("--socket", value, "a path of 1 to 107 bytes");
		return true;
	case 'u':
		setup->udp = value;
		if (setup->udp_address != NULL)
			freeaddrinfo(setup->udp_address);
		setup->udp_address = NULL;
		return parse_udp(value, &setup->udp_address) || refuse("--udp", value, "[ADDRESS:]PORT, in numbers");
	case 'a':
		setup->use_malloc = strcmp(value, "malloc") == 0;
		return setup->use_malloc || strcmp(value, "mempool") == 0 ||
		       refuse("--allocator", value, "malloc or mempool");
	case 'n':
		return parse_number(value, MIN_NR_MAX, &setup->min_nr) ||
		       refuse("--min-nr", value, "a number from 1 to 1000000");
	case 'o':
		setup->output = value;
		return *value != '\0' || refuse("--output", value, "a file's name");
	case 'f':
		setup->stats = value;
		return *value != '\0' || refuse("--stats", value, "a file's name");
	default:
		return false; /* getopt has named it */
	}
}

bool logd_setup_parse(struct logd_setup *setup, int argc, char **argv, int *status)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'}, {"udp", required_argument, NULL, 'u'},
		{"output", required_argument, NULL, 'o'}, {"allocator", required_argument, NULL, 'a'},
		{"min-nr", required_argument, NULL, 'n'}, {"stats", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
	int option;

	*setup = (struct logd_setup){
		.min_nr = MIN_NR_DEFAULT, .socket_fd = -1, .udp_fd = -1, .output_fd = -1, .stats_fd = -1};
	*status = 2;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'h') {
			*status = fputs(help, stdout) < 0 || fflush(stdout) != 0;
			return false;
		}
		if (!take_option(setup, option, optarg)) {
			fputs("logd: --help lists the options\n", stderr);
			return false;
		}
	}
	if (optind < argc)
		return refuse("argument", argv[optind], "known; --help lists the options");
	if (setup->output == NULL || (setup->socket == NULL && setup->udp == NULL)) {
		fputs("logd: --output and one of --socket and --udp are needed; --help lists the options\n", stderr);
		return false;
	}
	return true;
}

static bool open_socket(struct logd_setup *setup)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return logd_complain(setup->socket, "cannot make a socket", errno);
	memcpy(address.sun_path, setup->socket, strlen(setup->socket));
	/* A socket that nobody listens to is left from a daemon that died; all else is not ours to remove. */
	if (lstat(setup->socket, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED)
		unlink(setup->socket);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		logd_complain(setup->socket, "cannot listen", errno);
		close(fd);
		return false;
	}
	setup->socket_fd = fd;
	return true;
}

static bool open_udp(struct logd_setup *setup)
{
	const struct addrinfo *where = setup->udp_address;

	setup->udp_fd = socket(where->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (setup->udp_fd < 0 || bind(setup->udp_fd, where->ai_addr, where->ai_addrlen) != 0)
		return logd_complain(setup->udp, "cannot listen to UDP", errno);
	return true;
}

bool logd_setup_open(struct logd_setup *setup)
{
	setup->output_fd = open(setup->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (setup->output_fd < 0)
		return logd_complain(setup->output, "cannot open", errno);
	if (setup->stats != NULL) {
		setup->stats_fd = open(setup->stats, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
		if (setup->stats_fd < 0)
			return logd_complain(setup->stats, "cannot open", errno);
	}
	/* The sockets last: whoever can connect finds a daemon that can write. */
	return (setup->udp == NULL || open_udp(setup)) && (setup->socket == NULL || open_socket(setup));
}

bool logd_setup_close(struct logd_setup *setup)
{
	bool ok = true;

	if (setup->socket_fd >= 0) {
		unlink(setup->socket);
		close(setup->socket_fd);
	}
	if (setup->udp_fd >= 0)
		close(setup->udp_fd);
	if (setup->udp_address != NULL)
		freeaddrinfo(setup->udp_address);
	/* Some file systems tell only now that the disk is full. */
	if (setup->output_fd >= 0 && close(setup->output_fd) != 0)
		ok = logd_complain(setup->output, "cannot close", errno);
	if (setup->stats_fd >= 0 && close(setup->stats_fd) != 0)
		ok = logd_complain(setup->stats, "cannot close", errno);
	return ok;
}
