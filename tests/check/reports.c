// SPDX-License-Identifier: MIT
/*
 * reports.c - the reports that a test provoked, and the fixture that fails a test with reports nobody expected.
 *
 * A report may be made by any thread, or in a signal handler: a slot is claimed by one atomic add, and nothing else
 * is shared while it is written.
 */
#include "support.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS_MAX 64
#define REPORT_BYTES 8192

struct kept_report {
	atomic_bool complete;
	bool expected;
	enum mempool_report_kind kind;
	size_t length;
	char text[REPORT_BYTES];
};

static struct kept_report kept[REPORTS_MAX];
static atomic_uint kept_nr;
static int capture_cookie;
static atomic_int wrong_cookies;

static void keep_report(enum mempool_report_kind kind, const char *text, size_t length, void *arg)
{
	unsigned int slot = atomic_fetch_add(&kept_nr, 1);
	size_t bytes = length < REPORT_BYTES - 1 ? length : REPORT_BYTES - 1;

	if (arg != &capture_cookie)
		atomic_fetch_add(&wrong_cookies, 1);
	if (slot >= REPORTS_MAX)
		return;
	kept[slot].kind = kind;
	kept[slot].length = length;
	memcpy(kept[slot].text, text, bytes);
	atomic_store(&kept[slot].complete, true);
}

static unsigned int kept_count(void)
{
	unsigned int nr = atomic_load(&kept_nr);

	if (nr > REPORTS_MAX)
		nr = REPORTS_MAX;
	/* A slot that is claimed is about to be written by another thread. */
	for (unsigned int i = 0; i < nr; i++)
		while (!atomic_load(&kept[i].complete))
			sched_yield();
	return nr;
}

static const char *first_pending(void)
{
	for (unsigned int i = 0; i < kept_count(); i++)
		if (!kept[i].expected)
			return kept[i].text;
	return "(none)";
}

static void check_form(const struct kept_report *r)
{
	static const char *const prefix[] = {[MEMPOOL_REPORT_WARNING] = "mempool: WARNING: ",
					     [MEMPOOL_REPORT_BUG] = "mempool: BUG: ",
					     [MEMPOOL_REPORT_FATAL] = "mempool: FATAL: ",
					     [MEMPOOL_REPORT_NOTE] = "mempool: "};

	ck_assert_msg(strncmp(r->text, prefix[r->kind], strlen(prefix[r->kind])) == 0,
		      "a report of kind %d must begin with '%s': %s", (int)r->kind, prefix[r->kind], r->text);
	ck_assert_uint_gt(r->length, 0);
	ck_assert_uint_eq(r->length, strlen(r->text));
	ck_assert_int_eq(r->text[r->length - 1], '\n');
}

static const char *claim(bool any_kind, enum mempool_report_kind kind, const char *part)
{
	for (unsigned int i = 0; i < kept_count(); i++) {
		struct kept_report *r = &kept[i];

		if (r->expected || !atomic_load(&r->complete) || !strstr(r->text, part))
			continue;
		if (!any_kind && r->kind != kind)
			continue;
		r->expected = true;
		check_form(r);
		return r->text;
	}
	ck_abort_msg("no report with '%s' (kind %d); made: %u, the first pending: %s", part, any_kind ? -1 : (int)kind,
		     kept_count(), first_pending());
	return NULL;
}

const char *expect_report(enum mempool_report_kind kind, const char *part)
{
	return claim(false, kind, part);
}

const char *expect_some_report(const char *part)
{
	return claim(true, MEMPOOL_REPORT_BUG, part);
}

int reports_pending(void)
{
	int pending = 0;

	for (unsigned int i = 0; i < kept_count(); i++)
		pending += !kept[i].expected;
	return pending;
}

bool has_address(const char *text, const void *address)
{
	for (const char *p = strstr(text, "0x"); p; p = strstr(p + 2, "0x"))
		if (strtoull(p, NULL, 16) == (uintptr_t)address)
			return true;
	return false;
}

bool has_own_code_address(const char *text)
{
	extern const char __executable_start, etext;
	uintptr_t low = (uintptr_t)&__executable_start;
	uintptr_t high = (uintptr_t)&etext;

	for (const char *p = strstr(text, "0x"); p; p = strstr(p + 2, "0x")) {
		uintptr_t address = (uintptr_t)strtoull(p, NULL, 16);

		if (address >= low && address < high)
			return true;
	}
	return false;
}

static void capture_reports(void)
{
	mempool_set_report_fn(keep_report, &capture_cookie);
}

static void no_reports_left(void)
{
	ck_assert_int_eq(atomic_load(&wrong_cookies), 0);
	ck_assert_msg(reports_pending() == 0, "%d unexpected reports, the first: %s", reports_pending(),
		      first_pending());
	ck_assert_uint_eq(atomic_load(&kept_nr), mempool_report_count());
}

TCase *new_case(const char *name)
{
	TCase *tc = tcase_create(name);
	const char *sanitizer = getenv("MEMPOOL_SANITIZER");

	tcase_set_timeout(tc, sanitizer && sanitizer[0] ? 240 : 40);
	tcase_add_checked_fixture(tc, capture_reports, no_reports_left);
	return tc;
}
