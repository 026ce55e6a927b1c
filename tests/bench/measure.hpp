// SPDX-License-Identifier: MIT
//
// measure.hpp - the workloads, and the rounds in which they are measured. No
// state.
#pragma once

#include "lists.hpp"
#include "workload.hpp"

#include <string>
#include <vector>

namespace bench {

/// One for each row of the project's targets, and one more.
const std::vector<workload> &plain_workloads();

/// All that BENCH_FILTER may name, in the order in which it is measured.
std::vector<std::string> all_keys();

/// Measures what `keys` names and judges it. Says on stderr how far it is.
void measure(results &into, const roll &peers, const std::vector<std::string> &keys, const std::string &plugins);

/// The growth curves (curves.cpp); false when `key` is none.
bool measure_curve(results &into, const roll &peers, const std::string &key);
std::vector<std::string> curve_keys();

/// Compares with the project's targets (targets.cpp).
void judge(results &r);

} // namespace bench
