// SPDX-License-Identifier: MIT
//
// fail_findings.hpp - what was found, each thing once, however many runs showed it.
#pragma once

#include "tools/fail_outcome.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace fail {

struct finding {
	verdict what = verdict::wrong;
	std::string fingerprint; // the same in other runs, and for other builds that have symbols
	std::string title;       // "crash in parse_line (parser.c:42)"
	std::string why;
	std::string token;
	judgement shown;               // by the first run that showed it
	std::vector<injection> failed; // in that run
	uint64_t failures = 0;
	std::vector<std::string> also; // tokens of other runs that showed it
	uint64_t runs = 0;
	bool known = false; // accepted before
};

/// One thread at a time may use it.
class findings {
      public:
	findings(const options &wanted, symbols &names) : wanted_(wanted), names_(names) {}

	static constexpr size_t none = SIZE_MAX;
	/// Indices into all().
	struct sorted {
		std::vector<size_t> fresh; // what is found for the first time
		size_t worst = none;       // the worst that the run showed
	};
	sorted add(const outcome &o);
	const std::vector<finding> &all() const { return all_; }
	/// What was accepted earlier is marked as such from then on. Throws failure when the file cannot be read.
	void read_known();
	/// As a file for --known.
	std::string as_known() const;
	uint64_t count(verdict v) const { return counts_.at(static_cast<size_t>(v)); }
	uint64_t runs() const;
	/// Of those that are not known.
	uint64_t fresh() const;

      private:
	std::string headline(const call_stack &calls);
	std::string signature(const judgement &one, const outcome &o);

	const options &wanted_;
	symbols &names_;
	std::vector<finding> all_;
	std::map<std::string, size_t> by_fingerprint_;
	std::map<std::string, std::string> known_; // fingerprint to the line's rest
	std::array<uint64_t, verdict_count> counts_ = {};
};

/// "malloc of 24 bytes".
std::string describe(const injection &i);

} // namespace fail
