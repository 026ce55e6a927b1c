// SPDX-License-Identifier: MIT
//
// process_page.hpp - a file by which a process shows something of itself to its
// owner's other processes, or lets them set it: named after its number, the time
// it started, and the kind of what is in it, in a directory that nobody else
// may look into.
//
//   MEMPOOL_RUN_DIR, else $XDG_RUNTIME_DIR/mempool, else /tmp/mempool-UID
//   12345-678901.faults      process 12345, started 678901 ticks after the machine
//
// Nobody else's file or directory is used, no symbolic link is followed, and
// what is found is believed only when a header says so, the process still runs,
// and it has the file mapped: so a page that was left behind is known for one,
// also when the number was given out again, or another program was executed.
//
// The page is made under another name, which it keeps until it is filled. It is
// removed when the process exits; where it could not be, by whoever finds it.
//
// Owner of the state: the process that made it. Race table:
//   make, show, remove, forget / the same   the caller's own lock
//   open, each_page / anything              files are looked at, which may change meanwhile
// Context: make() and forget() call the system, and allocate nothing. The others not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace mp::base {

/// What went wrong with a page, in words: which file, and what to do.
struct page_error {
	int error; // as errno
	char text[320];
};

/// What a page is for.
struct page_kind {
	const char *name;   // the end of the file's name
	uint32_t version;   // of what is in it
	size_t least_bytes; // of what is in it
	const char *advice; // what a process does that is to have one
};

struct page_header {
	char magic[8];
	uint32_t byte_order;
	uint32_t version;
	uint64_t bytes;         // of the file
	uint64_t start_ticks;   // when the process began
	uint64_t pid_namespace; // that its number is of
	uint32_t pid;
	uint32_t reserved;
	char kind[16];
	char program[64]; // its name
};
inline constexpr char page_magic[9] = "MEMPAGE\n";
inline constexpr uint32_t page_byte_order = 0x01020304;
inline constexpr size_t page_header_bytes = 128;
inline constexpr size_t page_path_bytes = 320;
static_assert(sizeof(page_header) == page_header_bytes);

/// This process's own.
class process_page {
      public:
	/// Makes it, zeroed and present, under a name that nobody looks for. False: `error` says why.
	[[nodiscard]] bool make(const page_kind &kind, size_t payload_bytes, page_error &error);
	/// Shows what was made, and has been filled since, under its own name. False: the file is gone, and `error`
	/// says why.
	[[nodiscard]] bool show(page_error &error);
	bool made() const { return header_ != nullptr; }
	/// What is in it.
	void *payload() const;
	const char *path() const { return path_; }
	/// Removes the file; not in a process that did not make it.
	void remove();
	/// Maps it no longer: a forked child leaves it to its parent so.
	void forget();

      private:
	page_header *header_ = nullptr;
	size_t bytes_ = 0; // kept here, as what is in the page may be anything
	pid_t pid_ = 0;
	char path_[page_path_bytes] = {};
};

/// Another process's, or one's own.
class opened_page {
      public:
	opened_page() = default;
	opened_page(const opened_page &) = delete;
	opened_page &operator=(const opened_page &) = delete;
	~opened_page() { close(); }

	/// False: `error` says why. Removes a page that its process left behind.
	[[nodiscard]] bool open(pid_t pid, const page_kind &kind, page_error &error);
	void close();

	/// As it was when the page was made: the process may have cut the file since.
	size_t payload_bytes() const { return static_cast<size_t>(header_.bytes) - page_header_bytes; }
	const page_header &header() const { return header_; }
	const char *path() const { return path_; }

	/// Copies bytes of the payload. False, with an error, when they are no longer there.
	[[nodiscard]] bool read(void *to, size_t bytes, size_t offset, page_error &error) const;
	/// Writes, where the process is to find it.
	[[nodiscard]] bool write(const void *from, size_t bytes, size_t offset, page_error &error) const;
	/// The payload, shared with the process. nullptr, with an error, when the file is shorter than it was: so short
	/// of somebody's cutting it at this very moment, its memory can be touched.
	void *map(page_error &error);
	/// Waits until this is the only one who does so with the page.
	bool lock(page_error &error) const;
	/// Is the process still there, and has the page?
	bool alive() const;

      private:
	bool take(const struct page_file &file, uint64_t started, const page_kind &kind, page_error &error);

	int fd_ = -1;
	void *mapped_ = nullptr;
	page_header header_ = {};
	char path_[page_path_bytes] = {};
};

/// Calls `visit` for each process of this user that has such a page, until it
/// returns other than 0; removes what was left behind. What `visit` returned, or 0.
int each_page(const page_kind &kind, int (*visit)(pid_t pid, void *arg), void *arg);

} // namespace mp::base
