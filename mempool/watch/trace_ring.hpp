// SPDX-License-Identifier: MIT
//
// trace_ring.hpp - events on their way into a recording.
//
// A thread claims a ring with its first event, and is from then on the only one
// that writes there, but for handlers that interrupt it: each event takes a
// number of its own, and so a place.
//
// Owner of the state: the recording. Race table:
//   write / write in a handler   the head's increment; the places differ
//   write / read                 the record's stamp, ORD-32
//   claim / claim                the exchange of the owner: nobody, oneself, or a dead thread
#pragma once

#include "mempool/watch/trace_session.hpp"

namespace mp::trace {

/// Allocates nothing and takes no lock.
void write_event(session &s, unsigned id, uint32_t pool, const uint64_t (&args)[MEMPOOL_TRACE_ARGS]);

/// A name for the number of a pool.
void write_pool(session &s, const mempool_trace_pool_entry &pool);

/// The n-th event of a ring; false when it is not there, or was overwritten just now.
bool read_event(const session &s, uint32_t ring, uint64_t number, mempool_trace_event &to);

} // namespace mp::trace
