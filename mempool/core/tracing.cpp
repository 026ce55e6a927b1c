// SPDX-License-Identifier: MIT
//
// tracing.cpp - what a recording wants to know of pools: which are there when it
// begins, and their numbers. See mempool-trace.h.
//
// No state of its own.
#include "mempool/core/control.hpp"
#include "mempool/watch/trace.hpp"
#include "mempool/watch/trace_session.hpp"

#include <cerrno>

namespace mp::core {
namespace {

int tell_present(void *object, void *)
{
	const auto &pool = *static_cast<const mempool_t *>(object);
	const mempool_control &control = *pool.control;
	trace::tell_pool(trace::event::present, control.traced, &pool, min_nr_of(pool), control.reserve.store().level(),
			 control.element_bytes);
	return 0;
}

} // namespace
} // namespace mp::core

using namespace mp;

extern "C" int mempool_trace_start(const char *path, const struct mempool_trace_options *options)
{
	trace::settings how;
	if (!trace::read_options(options, how) || (path != nullptr && path[0] == '\0'))
		return -EINVAL;
	const int error = trace::start(path, how);
	if (error == 0)
		watch::registry_walk(watch::registry_kind::pool, core::tell_present, nullptr);
	return error;
}

extern "C" uint32_t mempool_trace_pool(const mempool_t *pool)
{
	return mempool_initialized(pool) ? pool->control->traced.number : 0;
}
