# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# tests/harness/lab-rules.sh: the rules that lab-mutations breaks, in the order of
# docs/parity.md, and the claims that no broken rule can make fail.
#
# mutation NAME LESSON[:TEXT] FILE OLD NEW [FILE OLD NEW]...: OLD stands once in FILE,
# and NEW breaks the rule. LESSON must notice; with TEXT, by the claim of that text.
# reason CLAIM TEXT WHY: the claim's name and text, and why it always holds.

alloc=mempool/core/alloc.cpp
masks=mempool/core/masks.hpp
decision=mempool/watch/fault_decision.hpp
parts=reserve/wait_queue_parts.hpp
race=tools/lab_race.cpp

mutation PAR-1 ordinary-day mempool/core/create.cpp 'error = make_home(pool, control, target_for(pool.min_nr));' \
	'error = make_home(pool, control, target_for(pool.min_nr)); free_to_backing(pool, control, alloc_from_backing(pool, control, gfp_mask));'
mutation PAR-1-full ordinary-day:'the reserve is full' mempool/core/create.cpp 'make_home(pool, control, target_for(pool.min_nr))' \
	'make_home(pool, control, target_for(pool.min_nr) - 1)' \
	mempool/core/create.cpp 'while (error == 0 && control.reserve.has_room())' \
	'while (error == 0 && store.level() + 1 < store.target())'
mutation PAR-4 min-nr-zero mempool/core/control.hpp 'return min_nr > 1 ? min_nr : 1;' 'return min_nr;'
mutation PAR-4-one min-nr-zero:'the second does not' mempool/core/control.hpp 'return min_nr > 1 ? min_nr : 1;' \
	'return min_nr > 0 ? min_nr : 2;' mempool/core/create.cpp 'while (error == 0 && control.reserve.has_room())' \
	'while (error == 0 && (pool.min_nr > 0 ? control.reserve.has_room() : store.level() < 1))'
mutation PAR-4-min-nr min-nr-zero:'min_nr is what was asked for' mempool/core/create.cpp 'pool.min_nr = r.min_nr;' \
	'pool.min_nr = target_for(r.min_nr);'
mutation PAR-7 min-nr-zero:'mempool_is_saturated()' mempool/core/inspect.cpp 'mempool_curr_nr(pool) >= min_nr_of(*pool)' \
	'mempool_curr_nr(pool) > min_nr_of(*pool)'
mutation PAR-7-level first-failure:'two are left' mempool/core/inspect.cpp 'pool->control->reserve.store().level() : 0' \
	'pool->control->reserve.store().target() : 0'
mutation PAR-8 two-passes $masks 'callers | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN' \
	'callers | __GFP_NOMEMALLOC | __GFP_NOWARN'
mutation PAR-9 two-passes $masks '~(__GFP_DIRECT_RECLAIM | __GFP_IO)' '~__GFP_IO'
mutation PAR-9-reclaim reclaim mempool/backing/reclaim.cpp 'return (gfp_mask & __GFP_DIRECT_RECLAIM) != 0 &&' 'return gfp_mask != 0 &&'
mutation PAR-10-backing-first ordinary-day $alloc 'void *element = ask_backing_in_pass(pool, control, first_mask(full));' \
	'if (void *entry = take_entry_once(pool, control)) return element_of(pool, control, entry); void *element = ask_backing_in_pass(pool, control, first_mask(full));'
mutation PAR-10-newest-first first-failure reserve/locked_store.cpp 'return slots_[level];' \
	'return std::exchange(slots_[0], slots_[level]);'
mutation PAR-10-reserve resize:'GFP_KERNEL got an element each time' $alloc $'if (void *entry = take_entry_once(pool, control))\n\t\treturn element_of(pool, control, entry);\n\treturn alloc_patiently' \
	$'if (full != 0)\n\t\treturn nullptr;\n\treturn alloc_patiently'
mutation PAR-11 two-passes $alloc 'mask = full;' 'mask = full; if ((full & __GFP_DIRECT_RECLAIM) == 0) error = ENOMEM;'
mutation PAR-11-at-once two-passes:'nobody slept' $alloc $'mask = full;\n\t\t\tbreak;' \
	$'mask = full;\n\t\t\tif ((full & __GFP_DIRECT_RECLAIM) != 0)\n\t\t\t\tstatic_cast<void>(sleeps.sleep(1));\n\t\t\tbreak;'
mutation PAR-12-never-null atomic-vs-kernel $alloc 'switch (after_pass(mask, full)) {' \
	'switch (after_pass(mask, full) == next::sleep ? next::give_up : after_pass(mask, full)) {'
mutation PAR-12-backing-first sleep-and-wake $alloc 'MP_TRACE(pass_begin, control.traced, 2, mask);' \
	'if (control.counters.sum(count_sleeps) > 0) if (void *entry = take_entry(pool, control)) return element_of(pool, control, entry); MP_TRACE(pass_begin, control.traced, 2, mask);'
mutation PAR-12-five-seconds five-seconds mempool/core/pass.hpp 'retry_ns = 5 *' 'retry_ns = 1 *'
mutation PAR-12-forever five-seconds:'but not much more than that' mempool/core/pass.hpp 'retry_ns = 5 *' 'retry_ns = 25 *'
mutation PAR-13 atomic-vs-kernel $masks '? next::sleep : next::give_up' '? next::sleep : next::sleep'
mutation PAR-13-urgent atomic-vs-kernel:'in one pass' $masks '(full & __GFP_DIRECT_RECLAIM) != 0 ? next::sleep' \
	'(full & __GFP_HIGH) == 0 ? next::sleep'
mutation PAR-16 atomic-vs-kernel:'the backing was asked when the pool was made, and not since' $alloc \
	'void *entry = take_entry_once(*pool, control);' \
	'if (void *element = ask_backing_in_pass(*pool, control, GFP_NOWAIT)) return element; void *entry = take_entry_once(*pool, control);'
mutation PAR-16-empty atomic-vs-kernel $alloc 'void *entry = take_entry_once(*pool, control);' \
	'void *entry = control.reserve.store().level() > 1 ? take_entry_once(*pool, control) : nullptr;'
mutation PAR-17-all-or-nothing two-loops mempool/core/bulk.cpp 'if (!control.reserve.take_into_gaps(elems.data(), static_cast<int>(elems.size()), missing)) {' \
	'if (control.reserve.store().level() < missing) { for (void *&slot : elems) if (slot == nullptr) slot = take_entry(pool, control); return false; }
	if (!control.reserve.take_into_gaps(elems.data(), static_cast<int>(elems.size()), missing)) {'
mutation PAR-17-second-pass two-loops mempool/core/bulk.cpp 'mask = full; // what it adds' 'mask = full; sleeps.sleep(missing); // what it adds'
mutation PAR-17-first-pass two-loops:'the first has all three' mempool/core/bulk.cpp 'if (missing == 0 || ask_reserve(' \
	'if (missing == 0 || (mask == full && ask_reserve('  mempool/core/bulk.cpp $'elems, missing))\n\t\t\treturn;\n\t\tif (mask' \
	$'elems, missing)))\n\t\t\treturn;\n\t\tif (mask'
mutation PAR-17-over-again two-loops:'woken, it got all three' mempool/core/bulk.cpp $'!= waiting::end::retry)\n\t\t\tcontinue;' \
	$'!= waiting::end::retry) {\n\t\t\task = false;\n\t\t\tcontinue;\n\t\t}'
mutation PAR-18 two-loops:'one wake-up' $parts 'available < w->need_ :' 'available < 1 :'
mutation PAR-18-loops two-loops:'both slept at the same time' $alloc 'base::deadline_after(timeout_ns)' 'base::deadline_after(timeout_ns / 1000000000000)'
mutation PAR-19 first-failure:'a failing backing is an ordinary event: nothing was reported' $alloc \
	'if (void *entry = take_entry_once(pool, control))' \
	'base::report(base::severity::warning).line("the backing failed").emit(); if (void *entry = take_entry_once(pool, control))'
mutation PAR-21 first-failure mempool/core/free.cpp 'control.reserve.wants() &&' 'control.reserve.wants() && pool.min_nr < 0 &&'
mutation PAR-21-home refill-first mempool/core/home.cpp 'control.reserve.store().swap_guest(entry)' \
	'pool.min_nr < 0 ? control.reserve.store().swap_guest(entry) : nullptr'
mutation PAR-21-to-backing ordinary-day:'and went back there' mempool/core/free.cpp 'return pool.free(element, pool.pool_data);' 'return;'
mutation PAR-21-last two-loops:'and in the end all four' mempool/core/free.cpp 'control.reserve.wants() &&' \
	'control.reserve.store().level() + 1 < control.reserve.store().target() &&'
mutation PAR-21-pinned reclaim:'the reserve is full' mempool/core/free.cpp 'control.reserve.wants() &&' 'pool.min_nr < 0 &&' \
	mempool/core/home.cpp 'tries < 3' 'tries < 0' mempool/core/home.cpp $'base::fence(std::memory_order_seq_cst);\n\tsettle_spares(pool, control);' ''
mutation PAR-23 min-nr-zero mempool/core/free.cpp 'control.reserve.wants() &&' 'pool.min_nr > 0 && control.reserve.wants() &&'
mutation PAR-24-wake sleep-and-wake reserve/element_reserve.hpp 'if (queue_.waiting_in_order() > 0) [[unlikely]]' 'if (queue_.waiting_in_order() > 99)'
mutation PAR-24-whom sleep-and-wake reserve/wait_queue_parts.hpp 'available -= w->need_;' 'available -= 0;'
mutation PAR-24-oldest sleep-and-wake reserve/wait_queue_parts.hpp 'older->ticket_ > w.ticket_' 'older->ticket_ > 0'
mutation PAR-24-look-again missing-barrier:'the sleeper did not sleep: the element was there' reserve/element_reserve.hpp 'if (reserve_.store_.count(need) >= need) {' 'if (need > 99) {'
mutation PAR-24-news two-loops:'nobody was woken' $parts 'int available = supply_.available(supply_.of, static_cast<int>(std::min<int64_t>(needs_, INT_MAX)));' \
	'int available = INT_MAX;'
mutation PAR-24-gone sleep-and-wake:'nobody sleeps any more' $parts 'count_.store(waiting() - 1, std::memory_order_relaxed);' ''
mutation PAR-26 resize mempool/core/resize.cpp 'take_above(new_min_nr)' 'take_above(new_min_nr + 1)'
mutation PAR-26-dismiss resize:'no element is lost: what is out of the backing is in the reserve' mempool/core/resize.cpp \
	'dismiss(pool, control, entry);' 'static_cast<void>(entry);'
mutation PAR-27 resize mempool/core/resize.cpp 'while (control.reserve.has_room()) {' 'while (pool.min_nr < 0) {'
mutation PAR-27-returns resize:'mempool_resize() returned' mempool/core/resize.cpp $'top_up(*pool, control);\n' \
	$'top_up(*pool, control);\n\tif (control.reserve.has_room())\n\t\treturn -ENOMEM;\n'
mutation PAR-27-min-nr resize:'min_nr is' mempool/core/resize.cpp $'grow(more, new_min_nr);\n\tset_min_nr(pool, new_min_nr);' \
	$'grow(more, new_min_nr);'
mutation PAR-28 resize:'the sleeper was woken, not timed out' mempool/core/resize.cpp \
	'if (!give_entry(pool, control, entry_for(control, element))) {' \
	'if (!control.reserve.store().give(entry_for(control, element))) {'
mutation PAR-30 poison mempool/core/element.cpp 'if (wrong == size_bytes) {' 'if (wrong <= size_bytes) {'
mutation PAR-30-fill poison mempool/watch/poison.cpp '[size_bytes - 1] = poison_end' '[size_bytes - 1] = poison_free'
mutation PAR-30-kept poison:'it is the same element' mempool/core/element.cpp $'check_poison(pool, control, element);\n' \
	$'{\n\t\tcheck_poison(pool, control, element);\n\t\tif (*static_cast<unsigned char *>(element) == watch::poison_free)\n\t\t\treturn nullptr;\n\t}\n'
mutation PAR-35-nested reclaim mempool/backing/reclaim.cpp '!inside && !base::holds_locks()' '!base::holds_locks()'
mutation PAR-35-mask reclaim mempool/backing/reclaim.cpp 'ask(*static_cast<shrinker *>(s), gfp_mask, shift)' \
	'ask(*static_cast<shrinker *>(s), gfp_mask | __GFP_FS, shift)'
mutation PAR-36-nth fault-order $decision 'if (thread.nth != 0)' 'if (thread.nth != 0 && rules.probability != 0)'
mutation PAR-36-task-filter fault-order $decision 'if (rules.task_filter && !thread.make_it_fail)' \
	'if (fits(budget.space, draw.size) || (rules.task_filter && !thread.make_it_fail))'
mutation PAR-36-times fault-order $decision 'if (budget.times.load(std::memory_order_relaxed) == 0)' \
	'if (fits(budget.space, draw.size) || budget.times.load(std::memory_order_relaxed) == 0)'
mutation PAR-36-space fault-order $decision \
	$'if (fits(budget.space, draw.size))\n\t\treturn false;\n\tconst uint32_t count = ++*draw.count;' \
	$'const uint32_t count = ++*draw.count;\n\tif ((rules.interval <= 1 || count % rules.interval == 0) && fits(budget.space, draw.size))\n\t\treturn false;'
mutation PAR-36-draw fault-order $decision 'fault_percent(draw.seed,' \
	'fault_percent([] { static uint64_t calls; return ++calls; }(),'
mutation PAR-36-chance fault-order $decision 'if (rules.probability <= fault_percent(' 'if (rules.probability < 50 && rules.probability <= fault_percent('
mutation PAR-36-off fault-order:'nothing fails' $decision $'if (rules.probability == 0)\n\t\treturn false;' \
	$'if (rules.probability == 0)\n\t\treturn take_time(budget.times);'
mutation PAR-36-marked fault-order:'the same thread, marked, fails' $decision 'if (rules.task_filter && !thread.make_it_fail)' \
	'if (rules.task_filter)'
mutation PAR-36-times-left fault-order:'and with no times left' mempool/watch/fault_decision.cpp 'return left != 0;' 'return true;' \
	$decision $'if (budget.times.load(std::memory_order_relaxed) == 0)\n\t\treturn false;' ''
mutation PAR-37-off fault-order $decision 'if (rules.probability == 0)' 'if (rules.probability == 0 && (fits(budget.space, draw.size) || true))'
mutation PAR-37-order fault-order:'the point is set so' mempool/watch/fault_text.cpp '{&attributes[1], &attributes[0],' '{&attributes[0], &attributes[1],'
mutation PAR-37-range fault-order:'setup_fault_attr() takes them' mempool/watch/fault_text.cpp '{"times", INT32_MAX,' '{"times", 1,'
mutation PAR-37-all-four fault-order:'three numbers are refused' mempool/watch/fault_text.cpp \
	$'if (a != short_form[0] && !take(\',\'))\n' $'if (*at_ == 0)\n\t\t\t\treturn true;\n\t\t\tif (a != short_form[0] && !take(\',\'))\n'
mutation PAR-37-defaults fault-order:'a point of which nothing was said' mempool/watch/fault_table.hpp 'int32_t times = 1;' 'int32_t times = -1;'
mutation PAR-38 fault-order mempool/core/faults.hpp 'if (fault_at(watch::fault_point::mempool_alloc, control, gfp_mask))' \
	'if ((gfp_mask & __GFP_IO) == 0 && fault_at(watch::fault_point::mempool_alloc, control, gfp_mask))'

# What is not the kernel's.
mutation fork userspace reserve/residency.cpp 'r.set_lost(!base::populate(r.start, r.bytes));' 'r.set_lost(false);'
mutation headroom userspace mempool/backing/headroom.cpp \
	'add(MEMPOOL_LIMIT_BUDGET, {budget_bytes_, populated_bytes_.load(std::memory_order_relaxed)});' ';'
mutation refusals userspace mempool/backing/headroom.cpp 'refusals_.fetch_add(1, std::memory_order_relaxed);' ''
mutation certificate-verdict userspace mempool/core/certificate.cpp 'now.doubts == 0 ? 1 : 0' 'now.doubts == 0 ? 0 : 1'
mutation certificate-pinned userspace mempool/core/certificate.cpp 'cert.pinned++;' ''
mutation certificate-missing userspace mempool/core/certificate.cpp 'cert.missing_pages = pages.missing;' \
	'cert.missing_pages = pages.missing + 1;'
mutation timeouts sleep-and-wake:'sleeps that the clock ended' mempool/core/pass.cpp 'how == outcome::woken ? count_wakes : count_timeouts' \
	'count_timeouts'
mutation allocs missing-barrier:'allocations' mempool/core/inspect.cpp 'control.sole.allocs() + now.from_reserve' 'control.sole.allocs()'
mutation resize-told resize:'six times another min_nr' mempool/core/resize.cpp 'control.watchers.note_given(*pool); // it may be full now' \
	'return 0;'
mutation pages reclaim:'the cache has pages' mempool/backing/pages.cpp $'\tif (order > backing::max_order) {\n\t\tstatic constinit' \
	$'\tif ((gfp_mask & __GFP_DIRECT_RECLAIM) == 0)\n\t\treturn 0;\n\tif (order > backing::max_order) {\n\t\tstatic constinit'
mutation certificate userspace:'it was given' mempool/core/certificate.cpp 'wanted_bytes < sizeof(cert->size))' 'wanted_bytes < sizeof(mempool_cert) + 1)'
mutation populated userspace:'page faults' reserve/residency.cpp $'range.lock_error = base::lock_pages(range.start, range.bytes) ? 0 : errno;\n\treturn base::populate(range.start, range.bytes);' \
	'range.lock_error = ENOMEM; return true;'

# In the lesson's own model of the race.
mutation model-barriers missing-barrier:'ends in which a wake-up is lost' $race 'giver_moves(at, giver_barrier, all);' 'giver_moves(at, false, all);'
mutation model-no-loss missing-barrier:'without barriers, everything tried: a wake-up can get lost' $race \
	'giver_moves(at, giver_barrier, all);' 'giver_moves(at, true, all);' $race 'sleeper_moves(at, sleeper_barrier, all);' 'sleeper_moves(at, true, all);'
mutation model-partner missing-barrier:"with the giver's alone a wake-up can get lost" $race \
	'giver_moves(at, giver_barrier, all);' 'giver_moves(at, giver_barrier || sleeper_barrier, all);' \
	$race 'sleeper_moves(at, sleeper_barrier, all);' 'sleeper_moves(at, giver_barrier || sleeper_barrier, all);'
mutation model-level missing-barrier:'there is an element' $race 'n.level = s.giver_level;' 'n.level = 0;'
mutation model-end missing-barrier:'and a thread that sleeps' $race $'if (!sleeps(at))\n' $'if (sleeps(at))\n'
mutation model-early missing-barrier:'the giver is done' $race $'if (!all.empty())\n' $'if (!all.empty() && !sleeps(at))\n'
mutation model-ends missing-barrier:'there are ends: the sleeper always gets its element' $race 'result.ends++;' ''

# What ordinary memory does, beside which the reserve is seen: the library has no part in it.
ordinary="what the kernel does with memory that is not the library's"
for claim in 2 6; do
	reason userspace.$claim 'page faults: one for each' "$ordinary"
done
reason userspace.3 'and when they are touched again' "$ordinary"

# What needs a memory cgroup.
if has_memory_cgroup; then
	mutation cgroup userspace:'its exit status' mempool/backing/headroom.cpp 'add(MEMPOOL_LIMIT_CGROUP, last_.cgroup);' ';'
	mutation cgroup-of-child userspace mempool/backing/headroom.cpp 'looked_ = looked_ && below_low();' ';'
	reason userspace.11 'pages that it was promised' "$ordinary"
	reason userspace.12 'it was never told no' "$ordinary"
	reason userspace.13 'the signal that ended it' "$ordinary"
	reason userspace.14 'kills that its cgroup counted' "$ordinary"
	reason userspace.15 'it was not done' "$ordinary"
fi
