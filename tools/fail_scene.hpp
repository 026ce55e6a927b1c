// SPDX-License-Identifier: MIT
//
// fail_scene.hpp - where one run is, and what surrounds it.
#pragma once

#include "tools/fail_keeper.hpp"
#include "tools/fail_page.hpp"

#include <memory>
#include <string>
#include <vector>

namespace fail {

struct scene {
	std::string folder;                    // ours: the page, what is printed
	std::string work;                      // the command's own: {}
	std::vector<std::string> surroundings; // the environment without the library
	command_line command;
	std::unique_ptr<page_file> page;
};

} // namespace fail
