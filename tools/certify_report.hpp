// SPDX-License-Identifier: MIT
//
// certify_report.hpp - certificates for people, with what each line means and
// what to do about it, and for programs.
#pragma once

#include "tools/certify_pools.hpp"

#include <nlohmann/json_fwd.hpp>

namespace certify {

/// `of` says whose reserves they are: "reserves of 64 x 256 bytes".
std::string report_for_people(const std::string &of, const std::vector<finding> &found);
/// `about` are the members that say so for programs.
std::string report_as_json(const std::string &of, const nlohmann::ordered_json &about,
			   const std::vector<finding> &found);

} // namespace certify
