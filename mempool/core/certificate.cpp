// SPDX-License-Identifier: MIT
//
// certificate.cpp - see mempool-certificate.h.
//
// Race table: only reads, beside everything but exit.
#include "mempool/mempool-certificate.h"

#include "mempool/core/element.hpp"

#include "reserve/base/memory_limits.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/resource.h>

namespace mp::core {
namespace {

size_t limit_of(__rlimit_resource_t what)
{
	rlimit limit = {};
	if (getrlimit(what, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return static_cast<size_t>(limit.rlim_cur);
}

/// What the reserve holds.
void count_elements(mempool_control &control, mempool_cert &cert)
{
	size_t present = 0;
	control.reserve.store().each_entry([&](void *entry) {
		const auto *element =
			static_cast<char *>(entry) - (reinterpret_cast<uintptr_t>(entry) & control.entry_bits);
		present++;
		if (control.arena.owns(element))
			cert.pinned++;
		else if (control.element_bytes != 0 && base::count_missing_pages(element, control.element_bytes) == 0)
			cert.adopted_resident++;
		else
			cert.adopted_unknown++;
	});
	const size_t home = static_cast<size_t>(cert.pinned) + control.arena.count_spare();
	cert.pinned_out = static_cast<int>(control.arena.elements() - std::min(home, control.arena.elements()));
}

int structures_error(const mempool_t &pool, const mempool_control &control)
{
	int error = reserve::pinned_lock_error(&control);
	if (error == 0)
		error = control.host_page.start != nullptr ? control.host_page.lock_error
							   : reserve::pinned_lock_error(&pool);
	reserve::memory_block more;
	for (int i = 0; error == 0 && (more = control.reserve.store().grown(i)).start != nullptr; i++)
		error = reserve::pinned_lock_error(more.start);
	return error != 0 ? error : reserve::make_library_resident();
}

void tell_cgroup(mempool_cert &cert)
{
	base::memory_limits limits;
	const base::limit_reading cgroup = limits.read(false, true).cgroup;
	cert.cgroup_limit_bytes = cgroup.limit_bytes;
	cert.cgroup_used_bytes = cgroup.used_bytes;
	limits.tell_cgroup(cert.cgroup, sizeof(cert.cgroup));
	limits.close();
}

unsigned doubts_of(const mempool_control &control, const mempool_cert &cert)
{
	unsigned doubts = 0;
	const auto doubt = [&doubts](bool holds, mempool_doubt bit) {
		doubts |= holds ? static_cast<unsigned>(bit) : 0U;
	};
	const bool asked = control.residency != MEMPOOL_RESIDENCY_NONE;
	const bool users_own = control.backing == backing::backing_kind::users_own;
	const bool left_out = control.at_fork == MEMPOOL_AT_FORK_PARENT_ONLY && control.arena.elements() == 0;
	doubt(users_own && !asked, MEMPOOL_DOUBT_SIZE);
	doubt(!users_own && !control.arena.used(), MEMPOOL_DOUBT_BACKING);
	doubt(cert.lock_errno != 0, MEMPOOL_DOUBT_UNLOCKED);
	doubt(cert.structures_errno != 0, MEMPOOL_DOUBT_STRUCTURES);
	doubt(cert.missing_pages != 0, MEMPOOL_DOUBT_MISSING);
	// Elements of a backing of the user's own were locked where they are, if that was asked for.
	doubt(control.arena.used() && cert.adopted_resident + cert.adopted_unknown > 0, MEMPOOL_DOUBT_ADOPTED);
	doubt(!control.arena.used() && asked && cert.adopted_unknown > 0, MEMPOOL_DOUBT_ADOPTED);
	doubt(cert.pinned + cert.adopted_resident + cert.adopted_unknown < cert.min_nr, MEMPOOL_DOUBT_LEVEL);
	doubt(left_out, MEMPOOL_DOUBT_CHILD);
	doubt(asked && strcmp(cert.cgroup, control.cgroup) != 0, MEMPOOL_DOUBT_CGROUP);
	return doubts;
}

} // namespace
} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" int mempool_certificate(mempool_t *pool, struct mempool_cert *cert)
{
	const size_t wanted_bytes = cert->size;
	if (!mempool_initialized(pool) || wanted_bytes < sizeof(cert->size))
		return -EINVAL;

	mempool_control &control = control_of(pool, "mempool_certificate");
	mempool_cert now = {};
	now.size = std::min(wanted_bytes, sizeof(now));
	now.residency = control.residency;
	now.at_fork = control.at_fork;
	now.min_nr = min_nr_of(*pool);
	now.element_bytes = control.element_bytes;
	count_elements(control, now);
	now.reserve_bytes = control.arena.bytes();
	now.missing_pages = control.arena.count_missing_pages();
	now.lock_errno = control.arena.used() ? control.arena.lock_error()
					      : control.in_place_error.load(std::memory_order_relaxed);
	now.structures_errno = structures_error(*pool, control);
	now.locked_bytes = (control.arena.used() && now.lock_errno == 0 ? now.reserve_bytes : 0) +
			   (now.structures_errno == 0 ? control.block_bytes : 0);
	now.mergeable = control.arena.used() ? 0 : 1;
	rusage usage = {};
	getrusage(RUSAGE_SELF, &usage);
	now.minor_faults = static_cast<uint64_t>(usage.ru_minflt) - control.minor_faults_before;
	now.major_faults = static_cast<uint64_t>(usage.ru_majflt) - control.major_faults_before;
	now.memlock_limit_bytes = limit_of(RLIMIT_MEMLOCK);
	now.address_space_limit_bytes = limit_of(RLIMIT_AS);
	now.data_limit_bytes = limit_of(RLIMIT_DATA);
	tell_cgroup(now);
	now.doubts = doubts_of(control, now);
	now.guaranteed = now.doubts == 0 ? 1 : 0;
	memcpy(cert, &now, now.size);
	return 0;
}

extern "C" const char *mempool_doubt_text(unsigned int doubt)
{
	switch (doubt) {
	case MEMPOOL_DOUBT_SIZE:
		return "elements come from callbacks of your own, and their residency was not asked for";
	case MEMPOOL_DOUBT_BACKING:
		return "elements come from the backing as they are";
	case MEMPOOL_DOUBT_UNLOCKED:
		return "elements are in memory, but not locked there";
	case MEMPOOL_DOUBT_STRUCTURES:
		return "the pool's own structures, or the library's, are not locked";
	case MEMPOOL_DOUBT_MISSING:
		return "pages of elements are not in memory now";
	case MEMPOOL_DOUBT_ADOPTED:
		return "the reserve holds elements that were taken in for others that are still out";
	case MEMPOOL_DOUBT_LEVEL:
		return "the reserve holds less than min_nr elements";
	case MEMPOOL_DOUBT_CHILD:
		return "this process is a child for which the reserve was left out";
	case MEMPOOL_DOUBT_CGROUP:
		return "the reserve was made in another memory cgroup, which is charged for it";
	default:
		return "unknown doubt";
	}
}
