// SPDX-License-Identifier: MIT
//
// fault_table.hpp - the fault points of a process, as they are set now. Made of
// words of a fixed width without pointers, so that it may lie in a page that
// another process looks at and writes to (fault_control.hpp).
//
// Owner of the state: the process whose points these are; whoever may write the
// page may set what is in it, so nothing read here is trusted: figures are
// brought into their ranges, and names end where their room ends.
// Race table: all calls may run together; a setting is not one step for readers.
#pragma once

#include "mempool/fault-inject.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace mp::watch {

inline constexpr unsigned fault_slots = 128;
inline constexpr unsigned fault_name_bytes = sizeof(mempool_fault_point::name);
inline constexpr unsigned fault_rate_words = 3;
inline constexpr uint32_t fault_table_version = 3;

/// Bits of fault_slot::flags.
enum fault_flag : uint32_t {
	fault_task_filter = 1,
	fault_ignore_gfp_wait = 2,
	fault_cache_filter = 4,
	fault_left = 8, // its point was unregistered: the next of this name begins anew
};

/// What a point's attributes are, of which each has its word in a slot.
struct fault_settings {
	uint64_t probability = 0;
	uint64_t interval = 1;
	int32_t times = 1;
	int32_t space = 0;
	uint32_t verbose = 2;
	uint32_t stacktrace_depth = 32;
	uint32_t flags = fault_ignore_gfp_wait;
	uint32_t min_order = 1;
	uint32_t ratelimit_interval_ms = 5000; // 0: no limit
	uint32_t ratelimit_burst = 10;
	uint64_t require_start = 0;
	uint64_t require_end = UINT64_MAX; // with 0: no frame is required
	uint64_t reject_start = 0;
	uint64_t reject_end = 0; // with 0: none is rejected
};

struct fault_slot {
	enum : uint32_t { unused, claimed, ready };

	std::atomic<uint32_t> state;
	uint16_t stands_for; // point@NAME: the number of the point in `slots`, plus 1; else 0
	uint16_t name_at;    // and where NAME begins
	char name[fault_name_bytes];
	uint64_t hash; // of the name
	std::atomic<uint64_t> probability;
	std::atomic<uint64_t> interval;
	std::atomic<int32_t> times;
	std::atomic<int32_t> space;
	std::atomic<uint32_t> verbose;
	std::atomic<uint32_t> stacktrace_depth;
	std::atomic<uint32_t> flags;
	std::atomic<uint32_t> min_order;
	std::atomic<uint32_t> ratelimit_interval_ms;
	std::atomic<uint32_t> ratelimit_burst;
	std::atomic<uint64_t> require_start;
	std::atomic<uint64_t> require_end;
	std::atomic<uint64_t> reject_start;
	std::atomic<uint64_t> reject_end;
	std::atomic<uint64_t> decisions; // how often it was asked while it was set
	std::atomic<uint64_t> failures;
	uint64_t rate[fault_rate_words]; // fault_report.hpp

	bool is_ready() const
	{
		// acquire: pairs with the release in claim(), ORD-40
		return state.load(std::memory_order_acquire) == ready;
	}
	/// Stacks need not be looked at: none is refused.
	bool takes_any_stack() const
	{
		constexpr auto relaxed = std::memory_order_relaxed;
		return require_start.load(relaxed) == 0 && require_end.load(relaxed) == UINT64_MAX &&
		       reject_start.load(relaxed) == 0 && reject_end.load(relaxed) == 0;
	}
	std::string_view text() const;
	/// Is NAME this one? For slots that stand for another.
	bool is_for(const char *whose) const;
	fault_settings settings() const;
	void set(const fault_settings &to);
};

struct fault_table {
	uint32_t version;
	uint32_t bytes;
	std::atomic<uint32_t> used;    // slots, from the first on, that may be in use
	std::atomic<uint32_t> changes; // goes up with each setting, whoever makes it
	std::atomic<uint64_t> seed;
	std::array<fault_slot, fault_slots> slots;

	/// How many slots there are to look at.
	unsigned count() const;
	/// The slot of this name; nullptr when there is none.
	fault_slot *find(std::string_view name);
	/// How many further names there is room for.
	unsigned room() const;
	/// The slot of this name, which is made if need be, with the defaults; nullptr
	/// when there is no room, or the name is empty or too long.
	fault_slot *claim(std::string_view name);
};

// Written by fault_table_adopt() and fault_table_leave(); here, so that it is reached without a call.
extern constinit std::atomic<fault_table *> fault_table_in_force [[gnu::visibility("hidden")]];

/// The table in force in this process.
inline fault_table &fault_table_live()
{
	// acquire: pairs with the release in fault_table_adopt(), ORD-40
	return *fault_table_in_force.load(std::memory_order_acquire);
}

/// Copies it into `memory`, of sizeof(fault_table) bytes, which is in force from
/// then on. Settings that are being made meanwhile may be lost.
void fault_table_adopt(void *memory);

/// In a forked child: copies it back into memory of the process's own, which is in force from then on.
void fault_table_leave();

/// After settings, by whoever made them: what others know of this table is out of date.
void fault_table_note_change(fault_table &table);

/// The same, and decides again whether anybody need look at the table: for settings of this process.
void fault_table_changed();

/// The slot of a registered point of the user's own; nullptr when it is not registered.
fault_slot *registered_slot(const fault_attr &attr);

/// The library's points, a bit each, that may fail for `name` alone, by point@name.
uint32_t fault_points_of(const fault_table &table, const char *name);

/// Sets what `text` says, all of it or nothing. False: `error` says what is wrong.
bool apply_text(fault_table &table, const char *text, mempool_fault_error &error);

/// mempool_fault_each() on a table.
int each_point(fault_table &table, int (*visit)(const mempool_fault_point *point, void *arg), void *arg);

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<int32_t>::is_always_lock_free);

} // namespace mp::watch
