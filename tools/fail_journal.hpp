// SPDX-License-Identifier: MIT
//
// fail_journal.hpp - a sweep's runs in a file, one line of JSON each as they
// come, so that a sweep that was ended can go on (--resume).
#pragma once

#include "tools/fail_outcome.hpp"

#include <map>
#include <set>
#include <string>

namespace fail {

/// One thread at a time may use it.
class journal {
      public:
	/// Reads what is there; a last line that is torn is cut off. Throws failure when the file is of another sweep.
	explicit journal(const options &wanted);
	journal(const journal &) = delete;
	journal &operator=(const journal &) = delete;
	~journal();

	/// What came of that run earlier; null when it was not done.
	const outcome *find(const plan &planned) const;
	/// Likewise, by this shard or by another whose file is in the same folder.
	const outcome *find_anywhere(const plan &planned);
	/// Throws failure when it cannot be written.
	void add(const outcome &o);
	size_t size() const { return done_.size(); }

      private:
	void read(const std::string &wanted_head);
	bool take_line(const std::string &line);
	void read_others();
	void write_line(const std::string &line) const;

	const options &wanted_;
	std::string file_;   // "": there is none
	std::string folder_; // where all shards have their files; "": this one has its own
	int fd_ = -1;
	std::map<std::string, outcome> done_;
	std::map<uint64_t, call_stack> calls_; // of sites: a file has them once
	std::set<uint64_t> written_;           // that ours has
	std::map<unsigned, size_t> others_;    // how far the files of other shards were read
};

} // namespace fail
