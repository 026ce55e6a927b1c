// SPDX-License-Identifier: MIT
//
// pages.hpp - the sources of the pages that this command writes, as they stand
// in tools/lab/ and tools/trace/: put into the program by the assembler.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pages {

std::string_view lesson();       // tools/lab/page.html
std::string_view style();        // tools/lab/page.css
std::string_view script();       // tools/lab/page.js
std::string_view index();        // tools/lab/index.html
std::string_view trace();        // tools/trace/page.html
std::string_view trace_script(); // tools/trace/page.js

using filling = std::pair<std::string_view, std::string_view>;

/// The page with each "@NAME@" of the fillings replaced, in the order in which they stand there.
std::string filled(std::string_view page, const std::vector<filling> &with);

/// Text in HTML or XML. Control characters, which neither can hold, become question marks.
std::string escaped(std::string_view text);

/// JSON inside of a script element: nothing in it can end that.
std::string for_script(std::string json);

} // namespace pages
