// SPDX-License-Identifier: MIT
//
// certify_report.hpp - certificates for people, with what each line means and
// what to do about it, and for programs.
#pragma once

#include "tools/certify_pools.hpp"

namespace certify {

std::string report_for_people(const options &wanted, const std::vector<finding> &found);
std::string report_as_json(const options &wanted, const std::vector<finding> &found);

} // namespace certify
