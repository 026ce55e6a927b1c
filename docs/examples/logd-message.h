/* SPDX-License-Identifier: MIT */
/*
 * logd-message.h - what a syslog message says: RFC 3164 (as BSD and the C
 * library's syslog() send it) and RFC 5424.
 *
 * Nothing here allocates or copies: a parsed message points into the datagram
 * that it came in, and a line is put together in the caller's memory.
 */
#ifndef LOGD_MESSAGE_H
#define LOGD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	LOGD_MESSAGE_MAX = 2048,                /* bytes of a datagram; RFC 5424, 6.1 asks for this many */
	LOGD_LINE_MAX = LOGD_MESSAGE_MAX + 256, /* bytes of a line, its '\n' included */
};

/** struct span - some bytes of a datagram; length 0 when there is nothing. */
struct span {
	const char *at;
	size_t length;
};

/** struct logd_message - a datagram's parts. What the sender left out has length 0. */
struct logd_message {
	unsigned int priority; /* facility * 8 + severity */
	struct span timestamp; /* as the sender wrote it */
	struct span host;
	struct span tag;     /* the program */
	struct span process; /* its number, without brackets */
	struct span text;
	bool cut; /* something at the end is missing; set it for a datagram that was longer than yours */
};

/**
 * logd_parse() - take a datagram apart.
 * @bytes: the datagram; it may hold any bytes.
 * @length: how many.
 * @message: receives the parts.
 *
 * Return: false when it is in neither format. It is not lost then: @message
 * has all of it as text, with the priority that it gives or else user.notice.
 */
bool logd_parse(const char *bytes, size_t length, struct logd_message *message);

/**
 * logd_format() - the line that goes to the file.
 * @line: LOGD_LINE_MAX bytes.
 * @message: from logd_parse(); its cut is set when the line has no room for all of it.
 * @host: stands in for a host that was left out.
 *
 * "TIMESTAMP HOST FACILITY.SEVERITY TAG[PROCESS]: TEXT\n". A timestamp that was
 * left out is that of now. Bytes that would break the line become "#ooo", in
 * octal. The line of a message that was cut ends in "...".
 *
 * Return: the line's length, its '\n' included.
 */
size_t logd_format(char line[LOGD_LINE_MAX], struct logd_message *message, const char *host);

#endif /* LOGD_MESSAGE_H */
