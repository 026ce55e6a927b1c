// SPDX-License-Identifier: MIT
//
// trace_convert.hpp - recordings in the forms of other programs.
#pragma once

#include "tools/output.hpp"
#include "tools/trace.hpp"
#include "tools/trace_file.hpp"

#include <string>
#include <vector>

namespace trace {

const std::vector<std::string> &format_names();

/// 0. What is missing in the recordings is said on standard error. Throws
/// failure or tools::output_error.
int convert(const options &wanted);

/// Chrome's trace event format: an object with traceEvents. Times in microseconds
/// since the first recording began.
void write_perfetto(const std::vector<recording> &recordings, tools::output &to);

/// One self-contained page.
void write_html(const std::vector<recording> &recordings, tools::output &to);

/// A header, and a line an event; arguments have columns of their own.
void write_csv(const std::vector<recording> &recordings, tools::output &to);

} // namespace trace
