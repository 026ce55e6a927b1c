// SPDX-License-Identifier: MIT
//
// certify_words.hpp - a certificate in words: its lines, what each means, and
// what to do about a doubt.
#pragma once

#include <mempool/mempool-certificate.h>
#include <string>
#include <vector>

namespace certify {

/// A number of bytes with the unit that suits it: "200 bytes", "64 KiB".
std::string amount(size_t bytes);

/// Lines of at most 80 columns; the first is indented by so much, the others by `then`.
std::string wrapped(const std::string &prose, size_t first, size_t then);

/// Every bit of enum mempool_doubt.
const std::vector<unsigned> &all_doubts();
/// A doubt's name for programs, as in mempool_doubt, in small letters.
const char *doubt_name(unsigned doubt);
/// What to do about it.
std::string advice_on(unsigned doubt, const mempool_cert &cert);
/// What to do about a pool that cannot be made.
std::string advice_on_failure(int error);

struct line {
	std::string name;
	std::string value;
	std::string meaning;
};
std::vector<line> lines_of(const mempool_cert &cert);

} // namespace certify
