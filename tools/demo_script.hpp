// SPDX-License-Identifier: MIT
//
// demo_script.hpp - what is sent, and what must therefore be in the file.
//
// Message `number` of a sender follows from both numbers alone, and so does the
// line that logd has to make of it: nothing need be remembered to compare, and
// the comparison shares no code with logd.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

/// The log lines to send, and where they are from.
struct corpus {
	std::vector<std::string> lines; // at least one, none empty
	std::vector<std::string> files;
};

/// Lines of one file, or of this machine's logs when `input` is empty.
corpus read_corpus(const std::string &input);

/// Bytes that would break a line in a log, as logd writes them: "#012".
std::string escaped(std::string_view raw);

class script {
      public:
	script(corpus lines, uint64_t messages, unsigned senders);

	unsigned senders() const { return senders_; }
	uint64_t messages() const { return messages_; }
	uint64_t messages_of(unsigned sender) const;
	const std::vector<std::string> &files() const { return corpus_.files; }
	size_t line_count() const { return corpus_.lines.size(); }

	/// The datagram: RFC 3164 and RFC 5424 in turn, all priorities.
	void frame(unsigned sender, uint64_t number, std::string &datagram) const;

	/// The line in logd's file, without its end.
	void expected(unsigned sender, uint64_t number, std::string &line) const;

	/// Which message a line in the file claims to be. False when it claims nothing of the kind.
	bool identify(std::string_view line, unsigned &sender, uint64_t &number) const;

      private:
	struct head;
	head head_of(unsigned sender, uint64_t number) const;
	const std::string &line_of(unsigned sender, uint64_t number) const;

	corpus corpus_;
	uint64_t messages_;
	unsigned senders_;
	time_t began_;
};

} // namespace demo
