// SPDX-License-Identifier: MIT
//
// top.hpp - mempool top: pools and caches of running processes, on a screen that
// goes on changing.
#pragma once

#include <CLI/CLI.hpp>
#include <sys/types.h>

namespace top {

struct options {
	pid_t pid = 0; // 0: all
	double interval_s = 1;
};

void add(CLI::App &app, options &wanted);

/// 0; 1: there is no terminal, or the process cannot be looked at.
int run(const options &wanted);

} // namespace top
