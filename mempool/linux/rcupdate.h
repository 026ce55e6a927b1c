/* SPDX-License-Identifier: MIT */
/* The include name that kernel code uses: <linux/rcupdate.h>, for the frees; readers are liburcu's. */
#include <mempool/mempool-rcu.h> /* IWYU pragma: export */
