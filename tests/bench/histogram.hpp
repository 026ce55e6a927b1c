// SPDX-License-Identifier: MIT
//
// histogram.hpp - how often an operation took how long, to 3 percent.
//
// One writer each; merged afterwards.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bench {

class histogram {
      public:
	void add(uint64_t value)
	{
		counts_[index_of(value)]++;
		greatest_ = std::max(greatest_, value);
	}

	void merge(const histogram &other)
	{
		for (size_t i = 0; i < counts_.size(); i++)
			counts_[i] += other.counts_[i];
		greatest_ = std::max(greatest_, other.greatest_);
	}

	uint64_t count() const
	{
		uint64_t sum = 0;
		for (const uint64_t n : counts_)
			sum += n;
		return sum;
	}

	/// The value that the given part (0.99) of all do not exceed.
	double percentile(double part) const
	{
		const auto wanted = static_cast<uint64_t>(std::ceil(part * static_cast<double>(count())));
		uint64_t seen = 0;
		for (size_t i = 0; i < counts_.size(); i++) {
			seen += counts_[i];
			if (seen >= wanted && seen != 0)
				return std::min(static_cast<double>(greatest_of(i)), static_cast<double>(greatest_));
		}
		return std::nan("");
	}

	uint64_t greatest() const { return greatest_; }

      private:
	// Values below 32 have a bucket each; above, each doubling is cut into 32.
	static constexpr unsigned fine_bits = 5;
	static constexpr size_t fine = size_t{1} << fine_bits;

	static size_t index_of(uint64_t value)
	{
		if (value < fine)
			return value;
		const auto shift = static_cast<unsigned>(std::bit_width(value)) - fine_bits - 1;
		return (shift + 1) * fine + (value >> shift) - fine;
	}
	static uint64_t greatest_of(size_t index)
	{
		if (index < fine)
			return index;
		const size_t shift = index / fine - 1;
		return ((index % fine + fine + 1) << shift) - 1;
	}

	std::array<uint64_t, fine *(64 - fine_bits + 1)> counts_ = {};
	uint64_t greatest_ = 0;
};

} // namespace bench
