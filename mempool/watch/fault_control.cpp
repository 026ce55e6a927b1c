// SPDX-License-Identifier: MIT
//
// fault_control.cpp - see fault_control.hpp and fault-inject.h.
#include "mempool/watch/fault_control.hpp"

#include "mempool/watch/fault_table.hpp"

#include "reserve/base/process_page.hpp"
#include "reserve/base/report.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace mp::watch {

constinit std::atomic<bool> fault_control_due{false};

namespace {

constexpr base::page_kind kind = {"faults", fault_table_version, sizeof(fault_table),
				  "start it with MEMPOOL_CONTROL=1, or MEMPOOL_FAULT"};

enum class stage : unsigned { none, making, made };
constinit std::atomic<stage> state{stage::none};
constinit base::process_page page;

/// 0, also when there is one already; or -errno, and `error`.
int make_page(base::page_error &error)
{
	stage none = stage::none;
	// acquire: pairs with the release below, ORD-43
	if (!state.compare_exchange_strong(none, stage::making, std::memory_order_acquire))
		return none == stage::made ? 0 : -EALREADY;
	bool good = page.make(kind, sizeof(fault_table), error);
	if (good) {
		fault_table_adopt(page.payload());
		good = page.show(error); // else nobody can find it, which does no harm
	}
	// release: pairs with the acquire above, ORD-43
	state.store(good ? stage::made : stage::none, std::memory_order_release);
	return good ? 0 : -error.error;
}

bool is_on(const char *setting)
{
	return setting != nullptr && *setting != 0 && strcmp(setting, "0") != 0;
}

// After the environment's settings were made.
__attribute__((constructor(105))) void begin_if_asked()
{
	const char *control = secure_getenv("MEMPOOL_CONTROL");
	if (is_on(control) || (control == nullptr && secure_getenv("MEMPOOL_FAULT") != nullptr))
		fault_control_begin();
}

__attribute__((destructor(101))) void end()
{
	page.remove();
}

/// What is wrong with a page, as the caller wants to have it.
int refuse(const base::page_error &why, mempool_fault_error *error)
{
	mempool_fault_error here = {};
	snprintf(here.text, sizeof(here.text), "%s", why.text);
	if (error != nullptr) {
		here.size = error->size;
		memcpy(error, &here, std::min(error->size, sizeof(here)));
	}
	return -why.error;
}

bool is_this_process(pid_t pid)
{
	return pid == 0 || pid == getpid();
}

} // namespace

void fault_control_begin()
{
	fault_control_due.store(false, std::memory_order_relaxed);
	base::page_error error = {};
	if (const int result = make_page(error); result != 0 && result != -EALREADY)
		base::report(base::severity::warning)
			.line("faults cannot be controlled from outside: %s", error.text)
			.emit_without_stack();
}

void fault_control_after_fork_in_child()
{
	if (!page.made())
		return;
	fault_table_leave();
	page.forget();
	state.store(stage::none, std::memory_order_relaxed);
	fault_control_due.store(true, std::memory_order_relaxed);
}

} // namespace mp::watch

using namespace mp;
using namespace mp::watch;

extern "C" int mempool_fault_control_start(struct mempool_fault_error *error)
{
	base::page_error why = {};
	const int result = make_page(why);
	return result == 0 || result == -EALREADY ? result : refuse(why, error);
}

extern "C" int mempool_fault_reach(pid_t pid, struct mempool_fault_error *error)
{
	base::opened_page of;
	base::page_error why = {};
	return is_this_process(pid) || of.open(pid, kind, why) ? 0 : refuse(why, error);
}

extern "C" int mempool_fault_apply(pid_t pid, const char *text, struct mempool_fault_error *error)
{
	base::opened_page of;
	base::page_error why = {};
	fault_table *table = &fault_table_live();
	if (!is_this_process(pid)) {
		// One setting after the other: whoever is refused must not have half of another's before him.
		if (!of.open(pid, kind, why) || !of.lock(why) ||
		    (table = static_cast<fault_table *>(of.map(why))) == nullptr)
			return refuse(why, error);
	}
	mempool_fault_error here = {};
	if (apply_text(*table, text, here))
		return 0;
	if (error != nullptr) {
		here.size = error->size;
		memcpy(error, &here, std::min(error->size, sizeof(here)));
	}
	return -EINVAL;
}

extern "C" int mempool_fault_each(pid_t pid, int (*visit)(const struct mempool_fault_point *point, void *arg),
				  void *arg)
{
	if (is_this_process(pid))
		return each_point(fault_table_live(), visit, arg);
	base::opened_page of;
	base::page_error why = {};
	fault_table copy;
	if (!of.open(pid, kind, why) || !of.read(&copy, sizeof(copy), 0, why))
		return -why.error;
	return each_point(copy, visit, arg);
}
