// SPDX-License-Identifier: MIT
//
// pass.hpp - what single and bulk allocations share between their passes: the
// look at the mask, and the sleep.
//
// No state of its own.
#pragma once

#include "mempool/core/control.hpp"

#include "reserve/base/clock.hpp"

namespace mp::core {

/// PAR-12: a sleeper asks the backing again after this time at the latest, as
/// nobody tells it when memory is there again.
inline constexpr uint64_t retry_ns = 5 * base::ns_per_s;

/// Reports flags that a mempool does not support or that have no name, once a
/// process each; returns the mask less the latter (PAR-14).
gfp_t check_mask(const mempool_control &control, gfp_t callers);

/// One allocation's sleeps.
class waiting {
      public:
	enum class end { woken, retry, deadline };

	/// `caller` is for reports; the deadline by CLOCK_MONOTONIC.
	waiting(mempool_control &control, const char *caller, uint64_t deadline_ns)
		: control_(control), sleeper_(control.reserve), caller_(caller), deadline_ns_(deadline_ns)
	{
	}

	/// Sleeps until the reserve may serve `need` elements (woken), until retry_ns
	/// are over (retry), or until the deadline, without any sleep if that is over already.
	end sleep(int need);

      private:
	mempool_control &control_;
	pool_reserve::sleeper sleeper_;
	const char *caller_;
	uint64_t deadline_ns_;
	bool checked_ = false;
};

} // namespace mp::core
