// SPDX-License-Identifier: MIT
//
// fail_judge.hpp - what came of a run, beside one in which nothing failed.
#pragma once

#include "tools/fail_trial.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace fail {

enum class verdict {
	unreached, // nothing failed: there was no such allocation this time
	same,      // the same result
	refused,   // a non-zero exit status, and a message
	silent,    // a non-zero exit status, and no message
	// From here on they are findings.
	wrong, // exit status 0, and another output
	leak,
	hang,
	sanitizer,
	misuse, // of the heap
	abort,
	crash,
};
constexpr verdict first_finding = verdict::wrong;
constexpr size_t verdict_count = static_cast<size_t>(verdict::crash) + 1;

/// "wrong result", for people.
const char *title_of(verdict v);
/// "wrong", for programs and tokens.
const char *name_of(verdict v);
/// The other way; false when there is none of that name.
bool verdict_of(const std::string &name, verdict &v);

/// One thing to be said of a run.
struct judgement {
	verdict what = verdict::same;
	std::string why;   // in a line
	call_stack calls;  // where it happened: of the crash, of the misuse, of the leaked block's allocation
	std::string where; // what those calls are, when they are not where it failed
};

/// How much of a stream is the same in each run when nothing fails.
enum class likeness { exact, but_for_numbers, none };

/// How it goes when nothing fails, by two runs.
class reference {
      public:
	/// Throws failure when it does not run so.
	reference(const options &wanted, const trial &first, const trial &second);

	/// The worst first. Never empty.
	std::vector<judgement> judge(const trial &t) const;
	/// What to know of it, a line each: output that is not the same, and so on.
	const std::vector<std::string> &notes() const { return notes_; }
	const trial &unharmed() const { return first_; }
	/// Whether that stack allocates when nothing fails.
	bool knows(uint64_t stack) const { return stacks_.count(stack) != 0; }

      private:
	judgement by_result(const trial &t) const;
	bool same_output(const trial &t) const;
	void look_for_leaks(const trial &t, std::vector<judgement> &all) const;

	bool ignore_output_;
	bool ignore_leaks_;
	trial first_;
	likeness out_ = likeness::exact;
	likeness driven_ = likeness::exact;
	std::set<uint64_t> stacks_;
	std::map<uint64_t, uint64_t> leaked_blocks_; // by stack, when nothing fails
	std::vector<std::string> notes_;
};

/// "exit status 3", "signal 11 (Segmentation fault)".
std::string describe_status(int status);

} // namespace fail
