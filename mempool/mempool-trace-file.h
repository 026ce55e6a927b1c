/* SPDX-License-Identifier: MIT */
/*
 * mempool-trace-file.h - how a recording lies in its file, and in memory.
 *
 * A header, and behind it tables, each at the offset that the header names:
 *
 *   events    what each event is called: event_count of struct mempool_trace_event_entry
 *   pools     their names: struct mempool_trace_pool_entry
 *   stacks    call stacks: struct mempool_trace_stack_entry; an event's stack n is entry n - 1
 *   maps      text, the lines of /proc/self/maps for code, ended by a 0
 *   rings     one a thread: struct mempool_trace_ring_entry
 *   records   events_per_ring of struct mempool_trace_record for each ring, in turn
 *
 * The process writes into the mapped file as it goes, so there is no end to be
 * written, and a reader may look at any time: a record whose stamp is not what
 * its place asks for is being written, or was when the process died.
 *
 * All numbers are those of the machine that wrote them; a reader looks at
 * byte_order and version first. The structures end in room for what may come.
 */
#ifndef MEMPOOL_TRACE_FILE_H
#define MEMPOOL_TRACE_FILE_H

#include <stdint.h>

#define MEMPOOL_TRACE_MAGIC "mempool\012" /* 8 bytes: the final 0 is none of them */
#define MEMPOOL_TRACE_VERSION 1u          /* changes when an older reader would misread */
#define MEMPOOL_TRACE_BYTE_ORDER 0x01020304u

/**
 * struct mempool_trace_header - the beginning of the file.
 * @magic: MEMPOOL_TRACE_MAGIC.
 * @byte_order: MEMPOOL_TRACE_BYTE_ORDER.
 * @version: MEMPOOL_TRACE_VERSION.
 * @file_bytes: of the whole file.
 * @event_count: entries in the table of events.
 * @rings, @events_per_ring, @pools, @stacks, @maps_bytes: how large the tables are.
 * @events_at, @pools_at, @stacks_at, @maps_at, @rings_at, @records_at: where they begin.
 * @start_ns: when recording began, by CLOCK_MONOTONIC.
 * @start_realtime_ns: the same moment by CLOCK_REALTIME.
 * @pid: the process.
 * @flags: MEMPOOL_TRACE_ flags of its options.
 * @program: its name.
 * @rings_used: rings that threads were given.
 * @pools_used: pools that were named; may be more than there is room for.
 * @stop_ns: when mempool_trace_stop() ended it; 0: it was not.
 * @unplaced, @threads_lost, @stacks_lost: see struct mempool_trace_losses.
 */
struct mempool_trace_header {
	char magic[8];
	uint32_t byte_order;
	uint32_t version;
	uint64_t file_bytes;
	uint32_t event_count;
	uint32_t rings;
	uint32_t events_per_ring; /* a power of two */
	uint32_t pools;
	uint32_t stacks;
	uint32_t maps_bytes;
	uint64_t events_at;
	uint64_t pools_at;
	uint64_t stacks_at;
	uint64_t maps_at;
	uint64_t rings_at;
	uint64_t records_at;
	uint64_t start_ns;
	uint64_t start_realtime_ns;
	uint32_t pid;
	uint32_t flags;
	char program[32];
	uint32_t rings_used;
	uint32_t pools_used;
	uint64_t stop_ns;
	uint64_t unplaced;
	uint64_t threads_lost;
	uint64_t stacks_lost;
	uint64_t reserved[40];
};

/** struct mempool_trace_event_entry - an event's @name, and its @args as in MEMPOOL_TRACE_EVENTS(). */
struct mempool_trace_event_entry {
	char name[32];
	char args[96];
};

/** struct mempool_trace_pool_entry - a pool; @number is written last, 0: none yet. */
struct mempool_trace_pool_entry {
	uint32_t number;
	int32_t min_nr; /* when it was made, or recording began */
	uint64_t element_bytes;
	uint64_t address;
	uint64_t reserved;
	char name[96];
};

#define MEMPOOL_TRACE_STACK_DEPTH 14

/** struct mempool_trace_stack_entry - return addresses, innermost first; @depth is written last, 0: none yet. */
struct mempool_trace_stack_entry {
	uint64_t hash;
	uint32_t depth;
	uint32_t reserved;
	uint64_t pc[MEMPOOL_TRACE_STACK_DEPTH];
};

/** struct mempool_trace_ring_entry - a ring: who has it, and @head events so far, of which the last are kept. */
struct mempool_trace_ring_entry {
	uint64_t head;
	uint32_t thread;
	uint32_t reserved;
	char name[16];
	uint64_t more[4];
};

/** struct mempool_trace_record - an event; see struct mempool_trace_event. */
struct mempool_trace_record {
	uint64_t stamp; /* its number in the ring, plus 1; 0: it is being written */
	uint64_t time_ns;
	uint64_t event_cpu_thread; /* bits 0-15, 16-31, 32-63 */
	uint64_t pool_stack;       /* bits 0-31, 32-63 */
	uint64_t args[4];
};

#endif /* MEMPOOL_TRACE_FILE_H */
