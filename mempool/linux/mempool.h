/* SPDX-License-Identifier: MIT */
/* The include name that kernel code uses: <linux/mempool.h>. */
#include <mempool/mempool.h> /* IWYU pragma: export */
