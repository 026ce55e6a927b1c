/* SPDX-License-Identifier: MIT */
/*
 * mempool.hpp - the C++ face: pools of typed elements, bulk handles, and a
 * std::pmr memory resource. All of it is an extension; what lies beneath is
 * the kernel's mempool, and PAR-n cites docs/parity.md.
 *
 *	mp::pool<record> records(64, "records");
 *	auto r = records.make(GFP_KERNEL, "hello");   never empty, never throws for lack of memory
 *	                                              r's destructor gives the record back
 *
 *	class mp::pool<T>         mempool-pool.hpp    allocates, constructs, resizes, counts
 *	class mp::bulk<T>         mempool-bulk.hpp    owns several elements at once
 *	class mp::pool_resource   mempool-pmr.hpp     serves std::pmr containers
 *
 * C++20, header-only, no state of its own. It also serves programs built with
 * -fno-exceptions and -fno-rtti. Where exceptions are off, what would throw
 * leaves an empty object or returns false, with errno set.
 */
#ifndef MEMPOOL_MEMPOOL_HPP
#define MEMPOOL_MEMPOOL_HPP

#if __cplusplus < 202002L
#error "mempool/mempool.hpp wants C++20: compile with -std=c++20"
#else
#include <mempool/mempool-bulk.hpp>
#include <mempool/mempool-pmr.hpp>
#include <mempool/mempool-pool.hpp>
#endif

#endif /* MEMPOOL_MEMPOOL_HPP */
