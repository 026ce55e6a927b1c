// SPDX-License-Identifier: MIT
//
// lab_anchors.hpp - the lines of ours that lessons point to: a name, a file, and
// words that stand in one line of it and in no other.
//
// tools/lab/lines finds the lines when the command is built, and the documents'
// test fails for an anchor that is not there, or there twice. One anchor a line.
#pragma once

// clang-format off
#define LAB_ANCHORS(X) \
	X(fill, "mempool/core/create.cpp", "int fill(mempool_t") \
	X(ordinary_day, "mempool/core/alloc.cpp", "void *alloc_counted(") \
	X(first_failed, "mempool/core/alloc.cpp", "void *alloc_slow(") \
	X(patiently, "mempool/core/alloc.cpp", "void *alloc_patiently(") \
	X(second_pass, "mempool/core/alloc.cpp", "MP_TRACE(pass_begin, control.traced, 2, mask)") \
	X(full_mask, "mempool/core/masks.hpp", "constexpr gfp_t full_mask(") \
	X(first_mask, "mempool/core/masks.hpp", "constexpr gfp_t first_mask(") \
	X(after_pass, "mempool/core/masks.hpp", "constexpr next after_pass(") \
	X(take_entry, "mempool/core/element.hpp", "inline void *take_entry(") \
	X(give_entry, "mempool/core/element.hpp", "inline bool give_entry(") \
	X(give_up, "mempool/core/alloc.cpp", "case next::give_up:") \
	X(preallocated, "mempool/core/alloc.cpp", "void *mempool_alloc_preallocated(mempool_t *pool)") \
	X(sleep, "mempool/core/pass.cpp", "waiting::end waiting::sleep(int need)") \
	X(retry_ns, "mempool/core/pass.hpp", "retry_ns = 5 *") \
	X(target_for, "mempool/core/control.hpp", "constexpr int target_for(") \
	X(ask_reserve, "mempool/core/bulk.cpp", "bool ask_reserve(") \
	X(settle_spares, "mempool/core/home.cpp", "void settle_spares(mempool_t") \
	X(bring_home, "mempool/core/home.cpp", "void bring_home(mempool_t") \
	X(shrink, "mempool/core/resize.cpp", "void shrink(mempool_t") \
	X(raise_target, "mempool/core/resize.cpp", "int raise_target(") \
	X(top_up, "mempool/core/resize.cpp", "void top_up(") \
	X(check_poison, "mempool/core/element.cpp", "void check_poison(") \
	X(ask_backing_in_pass, "mempool/core/faults.hpp", "inline void *ask_backing_in_pass(") \
	X(certificate, "mempool/core/certificate.cpp", "int mempool_certificate(") \
	X(poison, "mempool/watch/poison.cpp", "void poison(void *element") \
	X(decide_nth, "mempool/watch/fault_decision.cpp", "bool decide_nth(") \
	X(fault_decide, "mempool/watch/fault_decision.hpp", "bool fault_decide(") \
	X(four_numbers, "mempool/watch/fault_text.cpp", "bool four(fault_slot *slot)") \
	X(fits, "mempool/watch/fault_decision.hpp", "bool fits(") \
	X(fault_interval, "mempool/watch/fault_decision.hpp", "rules.interval > 1") \
	X(fault_chance, "mempool/watch/fault_decision.hpp", "fault_percent(draw.seed") \
	X(may_reclaim, "mempool/backing/reclaim.cpp", "bool may_reclaim(") \
	X(reclaim_round, "mempool/backing/reclaim.cpp", "uint64_t reclaim_round(") \
	X(ask_pages, "mempool/backing/headroom.hpp", "bool ask_pages(") \
	X(wants, "reserve/element_reserve.hpp", "bool wants() const") \
	X(note_given, "reserve/element_reserve.hpp", "void note_given()") \
	X(reserve_sleep, "reserve/element_reserve.hpp", "outcome sleep(int need, uint64_t deadline_ns)") \
	X(take_into_gaps, "reserve/element_reserve.hpp", "bool take_into_gaps(") \
	X(enqueue, "reserve/wait_queue_parts.hpp", "::enqueue(waiter &w, int need)") \
	X(serve, "reserve/wait_queue_parts.hpp", "::serve(bool news)") \
	X(renew, "reserve/residency.cpp", "void residency_thaw()") \
	X(give_back, "mempool/core/free.cpp", "void give_back(")
// clang-format on

namespace lab {

enum class anchor {
#define LAB_ANCHOR_NAME(name, file, text) name,
	LAB_ANCHORS(LAB_ANCHOR_NAME)
#undef LAB_ANCHOR_NAME
};

} // namespace lab
