// SPDX-License-Identifier: MIT
//
// certificate.cpp - see mempool-certificate.h.
//
// Race table: only reads, beside everything but exit.
#include "mempool/mempool-certificate.h"

#include "mempool/core/element.hpp"
#include "mempool/core/home.hpp"

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

/// Why elements are not locked. What they once were counts only as a reason: the
/// pages say whether it is so now.
int elements_error(int recorded, const base::page_counts &now, const base::page_look &at)
{
	if (now.unlocked != 0)
		return recorded != 0 ? recorded : ENOLCK;
	return recorded == EFAULT && (now.missing + now.shared != 0 || !at.knows_sharing()) ? EFAULT : 0;
}

/// The same of structures, which have no doubts of their own for what is missing or shared.
int structures_error_of(int recorded, const base::page_counts &now, const base::page_look &at)
{
	const int error = elements_error(recorded, now, at);
	return error == 0 && now.missing + now.shared != 0 ? EFAULT : error;
}

/// What the reserve holds. Pages of elements that are locked in place are added.
void count_elements(mempool_control &control, const base::page_look &at, mempool_cert &cert, base::page_counts &pages)
{
	size_t present = 0;
	control.reserve.store().each_entry([&](void *entry) {
		const void *element = bare(control, entry);
		present++;
		if (control.arena.owns(element)) {
			cert.pinned++;
			return;
		}
		base::page_counts its;
		if (control.element_bytes != 0)
			at.count(element, control.element_bytes, its);
		if (control.element_bytes != 0 && its.missing == 0)
			cert.adopted_resident++;
		else
			cert.adopted_unknown++;
		if (!in_place(control))
			return;
		pages.missing += its.missing;
		pages.unlocked += its.unlocked;
		pages.shared += its.shared;
		cert.mergeable |= keep_unmerged_in_place(control, element) ? 0 : 1;
	});
	const size_t home = static_cast<size_t>(cert.pinned) + control.arena.count_spare();
	cert.pinned_out = static_cast<int>(control.arena.elements() - std::min(home, control.arena.elements()));
}

void look_at_elements(mempool_control &control, const base::page_look &at, mempool_cert &cert)
{
	base::page_counts pages = control.arena.look(at);
	const bool resident = control.arena.used() || in_place(control);
	cert.mergeable = resident && control.arena.keep_unmerged() ? 0 : 1;
	count_elements(control, at, cert, pages);
	cert.missing_pages = pages.missing;
	cert.unlocked_pages = pages.unlocked;
	cert.shared_pages = pages.shared;
	const int recorded = control.arena.used() ? control.arena.lock_error()
						  : control.in_place_error.load(std::memory_order_relaxed);
	cert.lock_errno = elements_error(recorded, pages, at);
	cert.reserve_bytes = control.arena.bytes();
	cert.locked_bytes =
		cert.reserve_bytes - std::min(cert.reserve_bytes, pages.unlocked * base::machine_page_bytes());
}

int structures_error(const mempool_t &pool, const mempool_control &control, const base::page_look &at)
{
	base::page_counts pages;
	int error = reserve::pinned_lock_error(&control);
	reserve::look_at_pinned(&control, at, pages);
	if (control.host_page.start != nullptr) {
		error = error != 0 ? error : control.host_page.lock_error;
		at.count(control.host_page.start, control.host_page.bytes, pages);
	} else if (pool.origin == made_by_create) {
		error = error != 0 ? error : reserve::pinned_lock_error(&pool);
		reserve::look_at_pinned(&pool, at, pages);
	}
	reserve::memory_block more;
	for (int i = 0; (more = control.reserve.store().grown(i)).start != nullptr; i++) {
		error = error != 0 ? error : reserve::pinned_lock_error(more.start);
		reserve::look_at_pinned(more.start, at, pages);
	}
	error = error != 0 ? error : reserve::make_library_resident();
	reserve::look_at_library(at, pages);
	return structures_error_of(error, pages, at);
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
	doubt(asked && (cert.shared_pages != 0 || cert.mergeable != 0), MEMPOOL_DOUBT_SHARED);
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
	const base::page_look at;
	look_at_elements(control, at, now);
	now.structures_errno = structures_error(*pool, control, at);
	now.locked_bytes += now.structures_errno == 0 ? control.block_bytes : 0;
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
	case MEMPOOL_DOUBT_SHARED:
		return "pages of elements are another process's, too, or may become so";
	default:
		return "unknown doubt";
	}
}
