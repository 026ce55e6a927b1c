/* SPDX-License-Identifier: MIT */
/*
 * logd-message.c - see logd-message.h.
 *
 * Each take_...() below moves the front of `rest` past what it recognises; one
 * that returns false has moved nothing.
 */
#include "logd-message.h"

#include <string.h>
#include <time.h>

enum { PRIORITY_MAX = 191, USER_NOTICE = 13 };

static void skip(struct span *rest, size_t count)
{
	rest->at += count;
	rest->length -= count;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take_char(struct span *rest, char c)
{
	if (rest->length == 0 || *rest->at != c)
		return false;
	skip(rest, 1);
	return true;
}

/* Up to the next space, which is taken too; false when there is none, or nothing before it. */
static bool take_word(struct span *rest, struct span *word)
{
	const char *space = memchr(rest->at, ' ', rest->length);

	if (space == NULL || space == rest->at)
		return false;
	*word = (struct span){rest->at, (size_t)(space - rest->at)};
	skip(rest, word->length + 1);
	return true;
}

static bool is_nil(struct span word)
{
	return word.length == 1 && *word.at == '-';
}

/* "<34>" */
static bool take_priority(struct span *rest, unsigned int *priority)
{
	unsigned int value = 0;
	size_t i = 1;

	if (rest->length < 3 || rest->at[0] != '<')
		return false;
	while (i < rest->length && i < 4 && is_digit(rest->at[i]))
		value = value * 10 + (unsigned int)(rest->at[i++] - '0');
	if (i == 1 || i == rest->length || rest->at[i] != '>' || value > PRIORITY_MAX)
		return false;
	skip(rest, i + 1);
	*priority = value;
	return true;
}

/* "Nov  2 23:01:02 ": 9 stands for a digit, _ for a digit or a space. */
static bool take_bsd_timestamp(struct span *rest, struct span *timestamp)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const char shape[] = " _9 99:99:99 ";
	const size_t length = 3 + sizeof(shape) - 1;
	bool known = false;

	if (rest->length < length)
		return false;
	for (size_t month = 0; month < 12; month++)
		known = known || memcmp(rest->at, months + 3 * month, 3) == 0;
	for (size_t i = 3; i < length && known; i++) {
		const char wanted = shape[i - 3], c = rest->at[i];

		if (wanted == '9' || wanted == '_')
			known = is_digit(c) || (wanted == '_' && c == ' ');
		else
			known = c == wanted;
	}
	if (!known)
		return false;
	*timestamp = (struct span){rest->at, length - 1};
	skip(rest, length);
	return true;
}

/* A host may be given as an IPv6 address, whose colons must not be taken for a tag's. */
static bool is_address_ahead(struct span rest)
{
	unsigned int colons = 0;
	size_t i = 0;

	for (; i < rest.length && rest.at[i] != ' '; i++) {
		if (rest.at[i] == ':')
			colons++;
		else if (memchr("0123456789abcdefABCDEF.", rest.at[i], 23) == NULL)
			return false;
	}
	return colons >= 2 && i < rest.length;
}

/* "sshd[4242]: " or "kernel: " */
static bool take_tag(struct span *rest, struct logd_message *m)
{
	struct span ahead = *rest, tag = {rest->at, 0}, process = {NULL, 0};

	while (tag.length < ahead.length && strchr(" :[", ahead.at[tag.length]) == NULL)
		tag.length++;
	if (tag.length == 0 || is_address_ahead(ahead))
		return false;
	skip(&ahead, tag.length);
	if (take_char(&ahead, '[')) {
		const char *end = memchr(ahead.at, ']', ahead.length);

		if (end == NULL)
			return false;
		process = (struct span){ahead.at, (size_t)(end - ahead.at)};
		skip(&ahead, process.length + 1);
		if (memchr(process.at, ' ', process.length) != NULL)
			return false;
	}
	if (!take_char(&ahead, ':'))
		return false;
	take_char(&ahead, ' ');
	m->tag = tag;
	m->process = process;
	*rest = ahead;
	return true;
}

/* RFC 3164, behind the priority. The host is missing from what a local syslog() sends. */
static bool parse_bsd(struct span rest, struct logd_message *m)
{
	if (!take_bsd_timestamp(&rest, &m->timestamp))
		return false;
	if (!take_tag(&rest, m) && take_word(&rest, &m->host))
		take_tag(&rest, m);
	m->text = rest;
	return true;
}

/* "-" or "[id name="value"][...]", where a value may hold \" \] and \\ */
static bool take_structured_data(struct span *rest)
{
	struct span ahead = *rest;

	if (take_char(rest, '-'))
		return true;
	if (ahead.length == 0 || *ahead.at != '[')
		return false;
	while (take_char(&ahead, '[')) {
		bool quoted = false;

		while (ahead.length > 0 && (quoted || *ahead.at != ']')) {
			if (*ahead.at == '"')
				quoted = !quoted;
			else if (quoted && *ahead.at == '\\' && ahead.length > 1)
				skip(&ahead, 1);
			skip(&ahead, 1);
		}
		if (!take_char(&ahead, ']'))
			return false;
	}
	*rest = ahead;
	return true;
}

/* RFC 5424, behind the priority. */
static bool parse_ietf(struct span rest, struct logd_message *m)
{
	struct span from_id, id;

	if (!take_char(&rest, '1') || !take_char(&rest, ' '))
		return false;
	if (!take_word(&rest, &m->timestamp) || !take_word(&rest, &m->host) || !take_word(&rest, &m->tag) ||
	    !take_word(&rest, &m->process))
		return false;
	if (!is_nil(m->timestamp) && !is_digit(*m->timestamp.at))
		return false;

	from_id = rest;
	if (!take_word(&rest, &id))
		return false;
	const bool plain = is_nil(id) && rest.length > 0 && *rest.at == '-';

	if (!take_structured_data(&rest) || (rest.length > 0 && !take_char(&rest, ' ')))
		return false;
	if (rest.length >= 3 && memcmp(rest.at, "\xef\xbb\xbf", 3) == 0)
		skip(&rest, 3); /* says that the text is UTF-8 */
	/* A message number and structured data are somebody's: they stay in front of the text. */
	m->text = plain ? rest : from_id;

	if (is_nil(m->timestamp))
		m->timestamp.length = 0;
	if (is_nil(m->host))
		m->host.length = 0;
	if (is_nil(m->tag))
		m->tag.length = 0;
	if (is_nil(m->process))
		m->process.length = 0;
	return true;
}

bool logd_parse(const char *bytes, size_t length, struct logd_message *message)
{
	struct span rest = {bytes, length};

	/* Many senders end a datagram as they would end a line, or a string. */
	while (rest.length > 0 && (bytes[rest.length - 1] == '\n' || bytes[rest.length - 1] == '\0'))
		rest.length--;
	const struct span whole = rest;

	*message = (struct logd_message){.priority = USER_NOTICE};
	if (take_priority(&rest, &message->priority)) {
		const unsigned int priority = message->priority;

		if (parse_ietf(rest, message))
			return true;
		*message = (struct logd_message){.priority = priority};
		if (parse_bsd(rest, message))
			return true;
	}
	*message = (struct logd_message){.priority = message->priority, .text = whole};
	return false;
}

/* A line that is being put together; what does not fit is cut off. */
struct builder {
	char *line;
	size_t length;
	bool cut;
};

static void add_char(struct builder *b, char c)
{
	if (b->length < LOGD_LINE_MAX - 1)
		b->line[b->length++] = c;
	else
		b->cut = true;
}

static void add_string(struct builder *b, const char *string)
{
	while (*string != '\0')
		add_char(b, *string++);
}

static void add_span(struct builder *b, struct span span)
{
	for (size_t i = 0; i < span.length; i++) {
		const unsigned char c = (unsigned char)span.at[i];

		if ((c >= 0x20 && c != 0x7f) || c == '\t') {
			add_char(b, span.at[i]);
			continue;
		}
		add_char(b, '#');
		add_char(b, (char)('0' + (c >> 6)));
		add_char(b, (char)('0' + (c >> 3 & 7)));
		add_char(b, (char)('0' + (c & 7)));
	}
}

static void add_now(struct builder *b)
{
	char text[sizeof("2026-11-22T23:01:02Z")] = "-";
	const time_t now = time(NULL);
	struct tm parts;

	if (gmtime_r(&now, &parts) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	add_string(b, text);
}

static void add_priority(struct builder *b, unsigned int priority)
{
	static const char *const facilities[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
						 "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
						 "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
						 "local2", "local3", "local4", "local5", "local6",   "local7"};
	static const char *const severities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

	add_string(b, facilities[priority / 8]);
	add_char(b, '.');
	add_string(b, severities[priority % 8]);
}

size_t logd_format(char line[LOGD_LINE_MAX], struct logd_message *message, const char *host)
{
	struct builder b = {line, 0, message->cut};

	if (message->timestamp.length > 0)
		add_span(&b, message->timestamp);
	else
		add_now(&b);
	add_char(&b, ' ');
	if (message->host.length > 0)
		add_span(&b, message->host);
	else
		add_string(&b, host);
	add_char(&b, ' ');
	add_priority(&b, message->priority);
	add_char(&b, ' ');
	if (message->tag.length > 0)
		add_span(&b, message->tag);
	else
		add_char(&b, '-');
	if (message->process.length > 0) {
		add_char(&b, '[');
		add_span(&b, message->process);
		add_char(&b, ']');
	}
	add_string(&b, ": ");
	add_span(&b, message->text);

	message->cut = b.cut;
	if (b.cut) {
		if (b.length > LOGD_LINE_MAX - 1 - 3)
			b.length = LOGD_LINE_MAX - 1 - 3;
		add_string(&b, "...");
	}
	line[b.length++] = '\n';
	return b.length;
}
