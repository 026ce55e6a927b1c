// SPDX-License-Identifier: MIT
//
// lessons.hpp - the lessons, each in a file of its name.
#pragma once

namespace lab {

class stage;

void ordinary_day(stage &s);
void first_failure(stage &s);
void two_passes(stage &s);
void atomic_vs_kernel(stage &s);
void sleep_and_wake(stage &s);
void five_seconds(stage &s);
void refill_first(stage &s);
void min_nr_zero(stage &s);
void two_loops(stage &s);
void resize(stage &s);
void poison(stage &s);
void fault_order(stage &s);
void missing_barrier(stage &s);
void reclaim(stage &s);
void userspace(stage &s);

} // namespace lab
