/* SPDX-License-Identifier: MIT */
/* The include name that kernel code uses: <linux/gfp.h>. */
#include <mempool/gfp.h> /* IWYU pragma: export */
