// SPDX-License-Identifier: MIT
//
// top_screen.hpp - the screen of `mempool top`. ncurses is known here alone.
#pragma once

#include "tools/top_rows.hpp"

#include <string>

namespace top {

enum class shown { both, pools, caches };

struct view {
	order by = order::level;
	bool reversed = false;
	shown what = shown::both;
	bool help = false;
	int first = 0; // rows that were scrolled out at the top
	double interval_s = 1;
	std::string note; // something that happened, for the second line
};

/// What somebody typed.
enum class key {
	none,
	quit,
	help,
	reverse,
	next_kind,
	faster,
	slower,
	now,
	up,
	down,
	page_up,
	page_down,
	resized,
	order_key,
	other
};

struct typed {
	key what = key::none;
	order by = order::level; // of an order_key
};

class screen {
      public:
	/// Throws std::runtime_error where there is no terminal that it knows.
	screen();
	screen(const screen &) = delete;
	screen &operator=(const screen &) = delete;
	~screen();

	void draw(const rows &all, view &how);
	/// Waits so long for a key at most.
	typed wait(int ms);

      private:
	bool blocks_; // can the terminal show them?
};

} // namespace top
