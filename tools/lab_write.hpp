// SPDX-License-Identifier: MIT
//
// lab_write.hpp - a file that is there whole, or not at all.
#pragma once

#include <string>

namespace lab {

/// Writes a file, or to standard output for "-". Throws std::system_error, which
/// names it; a file that was there before is as it was then.
void write_output(const std::string &path, const std::string &content);

} // namespace lab
