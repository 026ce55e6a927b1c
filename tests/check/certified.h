/* SPDX-License-Identifier: MIT */
/* certified.h - what a pool's certificate says, for the cases that look at residency. */
#ifndef TESTS_CHECK_CERTIFIED_H
#define TESTS_CHECK_CERTIFIED_H

#include "support.h"

#include <mempool/mempool-certificate.h>

static inline struct mempool_cert cert_of(mempool_t *p)
{
	struct mempool_cert cert = {.size = sizeof(cert)};

	ck_assert_int_eq(mempool_certificate(p, &cert), 0);
	return cert;
}

/* Where this user may not lock memory, that is all that may be missing. */
static inline unsigned int doubts_but_locks(mempool_t *p)
{
	struct mempool_cert cert = cert_of(p);

	ck_assert_int_eq(cert.guaranteed, cert.doubts == 0);
	return cert.doubts & ~(unsigned int)(MEMPOOL_DOUBT_UNLOCKED | MEMPOOL_DOUBT_STRUCTURES);
}

#endif /* TESTS_CHECK_CERTIFIED_H */
