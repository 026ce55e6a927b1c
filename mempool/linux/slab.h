/* SPDX-License-Identifier: MIT */
/* The include name that kernel code uses: <linux/slab.h>. */
#include <mempool/slab.h> /* IWYU pragma: export */
