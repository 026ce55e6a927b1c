// SPDX-License-Identifier: MIT
//
// stat.hpp - mempool stat: the figures of pools and caches of running processes.
#pragma once

#include "tools/live.hpp"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace stat_command {

struct options {
	pid_t pid = 0; // 0: all
	bool json = false;
	bool openmetrics = false;
	bool slabinfo = false;
	double watch_s = 0; // 0: once
	double timeout_s = 5;
};

void add(CLI::App &app, options &wanted);

/// 0; 1: nobody publishes, or the process cannot be looked at.
int run(const options &wanted);

std::string as_table(const std::vector<live::snapshot> &all);
std::string as_json(const std::vector<live::snapshot> &all);
std::string as_openmetrics(const std::vector<live::snapshot> &all);
std::string as_slabinfo(const live::snapshot &one);

} // namespace stat_command
