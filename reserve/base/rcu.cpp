// SPDX-License-Identifier: MIT
//
// rcu.cpp - see rcu.hpp.
#include "reserve/base/rcu.hpp"

#include "reserve/base/platform.hpp"

#include <urcu/urcu-bp.h>

#if MP_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace mp::base {
namespace {

// TSan does not see into liburcu. The end of a section and the end of a grace
// period are told to it as release and acquire of one address, ORD-5.
#if MP_TSAN
char grace;
void tell_section_ended()
{
	__tsan_release(&grace);
}
void tell_grace_period_ended()
{
	__tsan_acquire(&grace);
}
#else
void tell_section_ended() {}
void tell_grace_period_ended() {}
#endif

} // namespace

rcu_reader::rcu_reader()
{
	urcu_bp_read_lock();
}

rcu_reader::~rcu_reader()
{
	tell_section_ended();
	urcu_bp_read_unlock();
}

void rcu_synchronize()
{
	urcu_bp_synchronize_rcu();
	tell_grace_period_ended();
}

void rcu_fork_prepare()
{
	urcu_bp_before_fork();
}

void rcu_fork_parent()
{
	urcu_bp_after_fork_parent();
}

void rcu_fork_child()
{
	urcu_bp_after_fork_child();
}

} // namespace mp::base
