// SPDX-License-Identifier: MIT
//
// demo_compare.cpp - see demo_compare.hpp.
#include "tools/demo_compare.hpp"

#include "tools/demo.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace demo {

using tools::text;
using tools::with_errno;

namespace {

/// getline() that gives its buffer back.
class line_reader {
      public:
	explicit line_reader(const std::string &path) : path_(path), file_(fopen(path.c_str(), "re"))
	{
		if (file_ == nullptr)
			throw failure(with_errno(path + ": cannot read what logd wrote", errno));
	}
	line_reader(const line_reader &) = delete;
	line_reader &operator=(const line_reader &) = delete;
	~line_reader()
	{
		free(buffer_);
		fclose(file_);
	}

	/// The next line with its end, if it has one.
	bool next(std::string_view &line)
	{
		const ssize_t length = getline(&buffer_, &room_, file_);
		if (length < 0 && ferror(file_) != 0)
			throw failure(with_errno(path_ + ": cannot read what logd wrote", errno));
		line = {buffer_, static_cast<size_t>(length < 0 ? 0 : length)};
		return length >= 0;
	}

      private:
	const std::string &path_;
	FILE *file_;
	char *buffer_ = nullptr;
	size_t room_ = 0;
};

/// "" when the line is right; it must be a message of its sender's that comes
/// after those already seen, and what is between is lost.
std::string check_line(const script &sent, std::string_view line, std::vector<uint64_t> &next)
{
	unsigned sender = 0;
	uint64_t number = 0;
	if (line.empty() || line.back() != '\n')
		return "the line has no end";
	line.remove_suffix(1);
	if (!sent.identify(line, sender, number))
		return "the line is none of the messages: " + escaped(line.substr(0, 200));
	std::string expected;
	sent.expected(sender, number, expected);
	if (line != expected)
		return "the line differs from its message: " + escaped(line.substr(0, 200));
	if (number < next[sender])
		return text("message %llu of sender %u comes twice, or out of order",
			    static_cast<unsigned long long>(number), sender);
	next[sender] = number + 1;
	return "";
}

} // namespace

comparison compare(const script &sent, const std::string &file, bool cut_off)
{
	comparison result;
	line_reader reader(file);
	std::vector<uint64_t> next(sent.senders(), 0);
	std::string_view line;
	for (uint64_t line_number = 1; reader.next(line); line_number++) {
		const std::string why = check_line(sent, line, next);
		if (why.empty())
			result.written++;
		else if (cut_off && line.back() != '\n')
			break;
		else if (result.wrong++ == 0)
			result.first_wrong = text("line %llu: ", static_cast<unsigned long long>(line_number)) + why;
	}
	result.lost = sent.messages() - result.written; // each right line is another message
	return result;
}

} // namespace demo
