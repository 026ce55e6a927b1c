// SPDX-License-Identifier: MIT
//
// replay.cpp - runs a target of this folder without libFuzzer:
//
//	build/tests/fuzz/NAME [FILE...]
//
// each FILE; or, without one, each of tests/fuzz/corpus/NAME, and then random
// variations of those. SEED= repeats a run, and FUZZ_INPUTS= says how many
// variations (1000). The input in work lies in BUILD/tests/fuzz/NAME.input, so
// that what ended the program is known.
#include "tests/fuzz/fuzz.hpp"
#include "tests/harness/settings.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

using input = std::vector<uint8_t>;

input read_file(const std::filesystem::path &path)
{
	std::ifstream file(path, std::ios::binary);
	if (!file) {
		fprintf(stderr, "%s cannot be read\n", path.c_str());
		exit(2);
	}
	return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A few bytes changed, taken out, put in, or taken from another one.
input vary(const std::vector<input> &corpus, std::mt19937_64 &random)
{
	const auto below = [&random](size_t bound) { return static_cast<size_t>(random() % bound); };
	input varied = corpus[below(corpus.size())];
	for (size_t changes = 1 + below(4); changes > 0; changes--) {
		const size_t at = below(varied.size() + 1);
		const auto place = varied.begin() + static_cast<std::ptrdiff_t>(at);
		const input &other = corpus[below(corpus.size())];
		switch (below(4)) {
		case 0:
			varied.insert(place, static_cast<uint8_t>(random()));
			break;
		case 1:
			if (at < varied.size())
				varied.erase(place, place + static_cast<std::ptrdiff_t>(
								    std::min(varied.size() - at, 1 + below(8))));
			break;
		case 2:
			if (at < varied.size())
				varied[at] = static_cast<uint8_t>(random());
			break;
		default:
			varied.insert(place, other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1)),
				      other.end());
			break;
		}
	}
	varied.resize(std::min<size_t>(varied.size(), 1024));
	return varied;
}

void run(const input &what, const std::filesystem::path &note)
{
	std::ofstream(note, std::ios::binary | std::ios::trunc)
		.write(reinterpret_cast<const char *>(what.data()), static_cast<std::streamsize>(what.size()));
	LLVMFuzzerTestOneInput(what.data(), what.size());
}

} // namespace

int main(int argc, char **argv)
{
	const std::filesystem::path self = argv[0];
	const std::filesystem::path note = std::filesystem::path(argv[0]) += ".input";
	LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			run(read_file(argv[i]), note);
		return 0;
	}
	std::vector<input> corpus;
	std::vector<std::filesystem::path> files;
	for (const auto &entry : std::filesystem::directory_iterator("tests/fuzz/corpus" / self.filename()))
		files.push_back(entry.path());
	std::sort(files.begin(), files.end());
	std::transform(files.begin(), files.end(), std::back_inserter(corpus), read_file);
	if (corpus.empty())
		return 2;
	for (const input &one : corpus)
		run(one, note);
	const uint64_t seed = harness::number_from("SEED", std::random_device()() % 1'000'000'000);
	const uint64_t inputs = harness::number_from("FUZZ_INPUTS", 1000);
	printf("%s: seed %llu (SEED=%llu repeats this run); the input in work is in %s\n", self.filename().c_str(),
	       static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed), note.c_str());
	fflush(stdout);
	std::mt19937_64 random(seed);
	for (uint64_t i = 0; i < inputs; i++)
		run(vary(corpus, random), note);
	std::filesystem::remove(note);
	return 0;
}
