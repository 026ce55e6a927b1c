// SPDX-License-Identifier: MIT
//
// lab_quiz.hpp - `mempool lab quiz`: say what will happen, then see it happen.
#pragma once

namespace lab {

/// Asks on standard output, reads from standard input. Exit status 0; 1 when the
/// library did something else than the quiz holds to be right.
int quiz();

} // namespace lab
