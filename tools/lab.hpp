// SPDX-License-Identifier: MIT
//
// lab.hpp - `mempool lab`: lessons on the mempool that run the real library.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace lab {

struct options {
	bool list = false;
	bool all = false;
	bool auto_play = false;
	std::string lesson;
	std::string json; // a file to write; "-": standard output
	std::string html; // a file to write; with `all`, a folder

	bool explain = false;
	std::string mask;
	std::string backing = "fails";
	int level = -1; // -1: as much as min_nr
	int min_nr = 4;
	int sleepers = 0;
	bool explain_json = false;

	bool quiz = false;
};

/// Declares the command line.
void declare(CLI::App &app, options &wanted);

/// Why these options make no sense; empty when they do.
std::string refusal(const options &wanted);

/// Does what is asked for. Exit status: 0 all claims hold, 1 one does not, 2 there is no such lesson or mask.
int start(const options &wanted);

} // namespace lab
