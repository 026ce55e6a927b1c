// SPDX-License-Identifier: MIT
//
// lessons.hpp - the lessons, each in a file of its name.
#pragma once

namespace lab {

class stage;

void ordinary_day(stage &s);
void first_failure(stage &s);
void two_passes(stage &s);

} // namespace lab
