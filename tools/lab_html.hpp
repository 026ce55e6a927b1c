// SPDX-License-Identifier: MIT
//
// lab_html.hpp - lessons that were run, as self-contained pages.
#pragma once

#include "tools/lab_model.hpp"

#include <string>
#include <vector>

namespace lab {

/// One lesson. Links lead to NAME.html of the one before and the one after it, and to index.html; none where both are
/// empty.
std::string to_html(const run &lesson, const std::string &before = "", const std::string &after = "");

/// The list of them.
std::string to_index(const std::vector<run> &runs);

/// One page, in a file; or with `all` one for each and index.html, in a folder, which is made if need be.
/// Throws std::system_error, which names what could not be written.
void write_pages(const std::string &path, const std::vector<run> &runs, bool all);

} // namespace lab
