// SPDX-License-Identifier: MIT
//
// trace.hpp - events, as whoever has one to tell sees it: one line.
//
//   MP_TRACE(backing_fail, control.traced, mask, level);
//
// The arguments are looked at only when somebody wants the event: when it is
// recorded (a bit of watch_word), or when a tracer has attached to its probe (a
// semaphore, which the kernel counts up). What is done in an ordinary allocation
// or free is told only where that bit has made the call take the whole way.
//
// Owner of the state: trace.cpp; the semaphores are the tracer's.
// Race table: all calls may run together. Context: any, signal handlers too.
#pragma once

#include "mempool/mempool-trace.h"
#include "mempool/watch/debug.hpp"

#include <atomic>
#include <cstdint>
#include <type_traits>

#define MP_TRACE_SEMAPHORE(NAME, name, args) \
	extern volatile unsigned short mempool_##name##_semaphore [[gnu::visibility("hidden")]];
extern "C" {
MEMPOOL_TRACE_EVENTS(MP_TRACE_SEMAPHORE)
}
#undef MP_TRACE_SEMAPHORE

namespace mp::trace {

/// Whom an event is about: a pool, or nobody.
struct subject {
	uint32_t number = 0;
	const char *name = nullptr;
};
inline constexpr subject nobody = {};

namespace event {
#define MP_TRACE_ID(NAME, name, args) inline constexpr unsigned name = MEMPOOL_TRACE_##NAME;
MEMPOOL_TRACE_EVENTS(MP_TRACE_ID)
#undef MP_TRACE_ID
} // namespace event

/// Has a tracer attached to the probe?
template <unsigned id> inline bool attached();
#define MP_TRACE_ATTACHED(NAME, name, args)             \
	template <> inline bool attached<event::name>() \
	{                                               \
		return mempool_##name##_semaphore != 0; \
	}
MEMPOOL_TRACE_EVENTS(MP_TRACE_ATTACHED)
#undef MP_TRACE_ATTACHED

template <unsigned id> inline bool wanted()
{
	return watch::debug_on(watch::tracing) || attached<id>();
}

/// Tells it to probes and to the recording.
void tell(unsigned id, const subject &who, const uint64_t (&args)[MEMPOOL_TRACE_ARGS]);

template <class T> inline uint64_t argument(T value)
{
	if constexpr (std::is_pointer_v<T>)
		return reinterpret_cast<uintptr_t>(value);
	else if constexpr (std::is_signed_v<T>)
		return static_cast<uint64_t>(static_cast<int64_t>(value));
	else
		return value;
}

template <class... Arguments>
[[gnu::cold, gnu::noinline]] void tell_of(unsigned id, const subject &who, Arguments... arguments)
{
	static_assert(sizeof...(arguments) <= MEMPOOL_TRACE_ARGS);
	tell(id, who, {argument(arguments)...});
}

/// As MP_TRACE of an event whose arguments are text from the `from`-th on.
[[gnu::cold]] void tell_text(unsigned id, const subject &who, unsigned from, uint64_t first, const char *text);

/// A pool's number, for its lifetime; not used again.
uint32_t next_pool();

/// A pool that events will name; `id` is create or present.
void tell_pool(unsigned id, const subject &who, const void *pool, int min_nr, int level, size_t element_bytes);

/// What `wake` says of whom it wakes: this thread, in this pool. Wait queues keep it.
uint64_t sleeper_label(const subject &who);

/// The forking thread is the only one, and starts a recording of its own, or none.
void after_fork_in_child();

} // namespace mp::trace

#define MP_TRACE(name, who, ...)                                                                    \
	do {                                                                                        \
		if (mp::trace::wanted<mp::trace::event::name>()) [[unlikely]]                       \
			mp::trace::tell_of(mp::trace::event::name, who __VA_OPT__(, ) __VA_ARGS__); \
	} while (false)
