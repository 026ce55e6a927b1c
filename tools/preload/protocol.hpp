// SPDX-License-Identifier: MIT
//
// protocol.hpp - the page by which `mempool fail` and libmempool-preload.so
// speak with each other: orders in, answers out.
//
// How the driver uses it, once for each run of the program:
//
//   1. Make a file of sizeof(page) bytes, mode 0600, in a folder of your own (it
//      is sparse: a run touches some dozens of KiB), and map it MAP_SHARED.
//   2. prepare(*page) writes the header and the default orders; then change
//      page->orders as you like. Nothing may change there once the program runs.
//   3. Start the program with LD_PRELOAD=.../libmempool-preload.so and with
//      MEMPOOL_FAIL_PAGE set to the file's absolute path. Every process of the tree
//      that keeps both variables maps the same page.
//   4. When the tree has ended, read page->answers. page->attached is 0 when no
//      process took the page: a static, set-user-ID or foreign program, or a page
//      that was refused (the library says why on stderr, and then does nothing).
//
// A process of the page: one begins with each exec and with each fork, so
// `sh -c 'prog'` may be three. They are numbered from 1 in the order in which
// they come. A candidate is an allocation that is let through by all filters but
// orders.process; each process counts its own, from 1. Run in the mode `none` to
// learn how many there are, and with record_stacks to learn from where.
//
// For a debugger: the library calls mempool_fail_here(), which is empty and has C
// linkage, each time just before an allocation fails: a breakpoint for --gdb.
//
// To replay: orders.trigger, its n or its stack_hash and occurrence, the process,
// `then` and its second, and the same filters. Neither depends on where the
// loader puts things: addresses are kept as a module and an offset into it.
//
// Whoever may write the page may write anything there, and a program that is
// being broken on purpose may: the driver brings every figure into its range
// (records::used() does) and ends every text where its room ends (text()).
//
// Owner of the state: orders: the driver; answers: the library. Race table: all
// processes and threads write the answers together, by atomic operations; a
// record is complete when its `ready` says so.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

namespace mp::preload {

inline constexpr char page_variable[] = "MEMPOOL_FAIL_PAGE";
inline constexpr uint64_t page_magic = 0x6c69'6166'6c6f'6f70; // "poolfail"
inline constexpr uint32_t page_version = 2;

inline constexpr size_t max_frames = 48;
inline constexpr size_t max_modules = 512;
inline constexpr size_t max_processes = 256;
inline constexpr size_t max_threads = 512;
inline constexpr size_t max_stacks = 16384; // slots of a hash table
inline constexpr size_t max_failures = 256;
inline constexpr size_t max_crashes = 32;
inline constexpr size_t max_misuses = 64;
inline constexpr size_t max_leaks = 256;
inline constexpr size_t max_filters = 16;

// ---------------------------------------------------------------- orders ----

/// What is interposed. orders.calls has a bit for each: bit().
enum class call_kind : uint32_t {
	malloc,
	calloc,
	realloc,
	reallocarray,
	posix_memalign,
	aligned_alloc,
	memalign,
	valloc,
	pvalloc,
	mmap, // as the program calls it; not what libc maps for itself
	mremap,
	operator_new, // each attempt of it: when a new_handler is there, it tries again
	operator_new_array,
	count,
};
inline constexpr const char *call_names[] = {
	"malloc", "calloc",  "realloc", "reallocarray", "posix_memalign", "aligned_alloc",  "memalign",
	"valloc", "pvalloc", "mmap",    "mremap",       "operator new",   "operator new[]",
};
static_assert(std::size(call_names) == static_cast<size_t>(call_kind::count));

inline constexpr uint32_t bit(call_kind which)
{
	return 1U << static_cast<uint32_t>(which);
}
inline constexpr uint32_t mapping_calls = bit(call_kind::mmap) | bit(call_kind::mremap);
inline constexpr uint32_t heap_calls = (bit(call_kind::count) - 1) & ~mapping_calls;

/// Which candidate fails first.
enum class trigger_kind : uint32_t {
	none,   // none does: count
	nth,    // the n-th of its process
	stack,  // the occurrence-th that has this stack_hash, in each process that orders.process lets
	random, // by the kernel's attributes, orders.random; `then` is not looked at
};

/// What else fails, after the first of that process.
enum class aftermath : uint32_t {
	nothing,
	all,        // each later candidate
	same_stack, // with trigger_kind::stack: each later one that has this hash
	second,     // the candidate `second`, which counts as n does; n < second
};

/// The kernel's attributes (PAR-36, PAR-37), by the library's own rules.
struct random_orders {
	uint64_t probability; // percent
	uint64_t interval;
	std::atomic<int32_t> times; // failures left in the whole tree; -1: no end
	std::atomic<int32_t> space; // bytes that are let through first, likewise
	uint64_t seed;              // a draw depends on it, the process's and the thread's path, and the thread's count
};

/// An address lies in what a filter means when it is in a module that `module`
/// fits ("": any), and in a function that `function` fits ("": any). Both are
/// patterns of fnmatch(3): module for the last part of its path or the whole, function for
/// a name in the module's symbol tables (its file's .symtab too; C++ names as they are mangled).
struct caller_filter {
	uint32_t reject; // 0: one frame must lie in one such filter; 1: no frame may, and this wins
	uint32_t reserved;
	char module[120];
	char function[128];
};

struct order_sheet {
	trigger_kind trigger;
	aftermath then;
	uint64_t n;          // trigger_kind::nth
	uint64_t second;     // aftermath::second
	uint64_t stack_hash; // trigger_kind::stack
	uint64_t occurrence; // from 1

	random_orders random;

	// Filters: what is a candidate.
	uint32_t calls;   // bits of call; prepare() sets heap_calls
	uint32_t process; // only in the process of this number something fails; 0: in all. They all count.
	uint64_t size_min;
	uint64_t size_max;     // bytes; prepare() sets UINT64_MAX
	char thread[32];       // fnmatch(3) on the thread's name or path ("main", "main.2"); "": all
	char executable[120];  // fnmatch(3) on the executable's path or its last part; "": all
	uint32_t after_main;   // only once main() began
	uint32_t filter_depth; // frames that the filters look at; 1: the caller alone; prepare() sets 32
	uint32_t filters_used;
	uint32_t reserved;
	caller_filter filters[max_filters];

	// Switches.
	uint32_t record_stacks; // fill answers.stacks with each candidate's
	uint32_t stack_depth;   // frames that go into a hash, 1 to max_frames; prepare() sets max_frames
	uint32_t watch_heap;    // double frees, frees of what was never allocated
	uint32_t leak_check;    // at exit: live blocks, and those that nothing points to
	uint32_t catch_crashes; // record where a fatal signal came from; prepare() sets 1
	uint32_t reserved2;
};

// --------------------------------------------------------------- answers ----

/// A place in the code: the module's index + 1 in the upper 16 bits (0: in none, as made by a
/// just-in-time compiler; such frames do not go into hashes), and below it the offset as
/// addr2line and the module's own symbol table count it. It lies within the call
/// instruction, not behind it; where a signal struck, at the instruction.
using place = uint64_t;
inline constexpr unsigned place_bits = 48;

inline constexpr size_t module_of(place at) // SIZE_MAX: in none
{
	return static_cast<size_t>(at >> place_bits) - 1;
}
inline constexpr uint64_t offset_of(place at)
{
	return at & ((uint64_t{1} << place_bits) - 1);
}

/// The record around it is complete.
struct ready_mark {
	std::atomic<uint32_t> value;

	/// acquire: pairs with the release in set()
	explicit operator bool() const { return value.load(std::memory_order_acquire) != 0; }
	/// release: pairs with the acquire above
	void set() { value.store(1, std::memory_order_release); }
};

struct module_record {
	std::atomic<uint64_t> claim; // a hash of the path; 0: free
	ready_mark ready;
	char path[244];
};

/// Innermost first: frames[0] called the allocator. The hash is 0 when no stack was taken.
struct stack_trace {
	uint64_t hash;
	uint32_t depth;
	uint32_t truncated; // there were more frames
	place frames[max_frames];
};

enum class origin_kind : uint32_t { exec = 1, fork };

/// Values of process_record::exited. A process that a signal ends says nothing.
inline constexpr uint32_t exit_by_exit = 1; // with its handlers
inline constexpr uint32_t exit_at_once = 2; // _exit(), quick_exit()
inline constexpr uint32_t exit_by_exec = 3;

struct alignas(64) process_record {
	ready_mark ready;
	int32_t pid;
	int32_t parent_pid;
	origin_kind origin;
	uint32_t parent; // number of the process that created it or was replaced by it; 0: neither is known here
	std::atomic<uint32_t> main_began;
	std::atomic<uint32_t> exited; // 0: not, or by a signal
	std::atomic<int32_t> status;  // what it exited with
	uint64_t identity;            // of its path through forks; the draws' part of it
	char executable[256];
	std::atomic<uint32_t> threads; // created so far, main included
	std::atomic<uint32_t> forks;
	// A line of their own: each allocation counts here.
	alignas(64) std::atomic<uint64_t> candidates;
	std::atomic<uint64_t> failed;
	std::atomic<uint64_t> occurrences; // of orders.stack_hash
	std::atomic<uint32_t> triggered;   // the first failure has been
	std::atomic<uint32_t> blind; // it has lost sight of blocks: wrong frees are not recorded any more (watch_heap)
	// Only with leak_check, at exit:
	std::atomic<uint32_t> leaks_checked;
	uint32_t leaks_reserved;
	std::atomic<uint64_t> live_blocks, live_bytes; // still allocated
	std::atomic<uint64_t> lost_blocks, lost_bytes; // of those, the ones that nothing points to
};

struct thread_record {
	ready_mark ready;
	uint32_t process;
	int32_t tid;
	uint32_t reserved;
	char path[32]; // "main.2": the second that main created
	char name[16]; // as pthread_setname_np(3) gave it last
};

/// A distinct stack of candidates; found in the hash table by hash % max_stacks and onwards.
struct stack_entry {
	std::atomic<uint64_t> claim; // the hash; 0: free
	ready_mark ready;
	call_kind call;   // this and the next three: of the first
	uint32_t process; // which had it first
	uint32_t thread;  // index + 1; 0: not known
	uint64_t n;       // its count there
	uint64_t size;
	std::atomic<uint64_t> count; // in all processes
	stack_trace stack;
};

struct failure_record {
	ready_mark ready;
	call_kind call;
	uint32_t process;
	uint32_t thread; // index + 1
	uint64_t n;
	uint64_t occurrence; // with trigger_kind::stack
	uint64_t size;
	char thread_name[16];
	stack_trace stack;
};

struct crash_record {
	ready_mark ready;
	uint32_t process;
	int32_t signal;
	int32_t code; // si_code
	uint64_t address;
	uint64_t candidates; // how many there had been in that process
	uint64_t failed;     // and how many of them failed
	uint32_t handled;    // the program has a handler of its own, which ran then: it may live on
	uint32_t thread;     // index + 1
	char thread_name[16];
	stack_trace stack; // from where the signal struck
};

enum class misuse_kind : uint32_t {
	double_free = 1, // not handed on to the allocator, so that the program goes on
	foreign_free,    // never allocated: handed on
	realloc_freed,   // realloc() of a freed block: answered with NULL and ENOMEM
	realloc_foreign, // handed on
};

struct misuse_record {
	ready_mark ready;
	misuse_kind kind;
	uint32_t process;
	uint32_t thread;
	uint64_t address;
	uint64_t size;       // of the block as it was; 0 for a foreign one
	uint64_t candidates; // as in crash
	uint64_t failed;
	stack_trace stack;     // of the wrong call
	stack_trace allocated; // hash 0 where it was not recorded (record_stacks)
	stack_trace freed;
};

/// Lost blocks of one process that were allocated by one stack.
struct leak_record {
	ready_mark ready;
	uint32_t process;
	uint64_t blocks;
	uint64_t bytes;
	stack_trace stack; // hash 0: blocks whose stack was not recorded
};

/// Records, and how many there would be: what finds no room is only counted.
template <class Record, size_t Room> struct records {
	std::atomic<uint64_t> counted;
	Record at[Room];

	/// How many may be looked at, in those that are ready.
	size_t used() const
	{
		return static_cast<size_t>(std::min<uint64_t>(counted.load(std::memory_order_relaxed), Room));
	}
};

struct answer_sheet {
	records<module_record, max_modules> modules;
	records<process_record, max_processes> processes; // number n is at[n - 1]
	records<thread_record, max_threads> threads;
	records<failure_record, max_failures> failures;
	records<crash_record, max_crashes> crashes;
	records<misuse_record, max_misuses> misuses;
	records<leak_record, max_leaks> leaks;
	// A hash table: look at all that are ready. `counted`: the distinct ones.
	std::atomic<uint64_t> stacks_dropped; // candidates whose stack found no room
	records<stack_entry, max_stacks> stacks;
};

struct page {
	uint64_t magic;
	uint32_t version;
	uint32_t reserved;
	uint64_t size_bytes;
	std::atomic<uint32_t> attached; // processes that took it
	uint32_t reserved2;
	order_sheet orders;
	answer_sheet answers;
};

/// Header and default orders, in memory that is all zeroes.
inline void prepare(page &fresh)
{
	fresh.size_bytes = sizeof(page);
	fresh.version = page_version;
	fresh.orders.random.interval = 1;
	fresh.orders.random.times = -1;
	fresh.orders.occurrence = 1;
	fresh.orders.calls = heap_calls;
	fresh.orders.size_max = UINT64_MAX;
	fresh.orders.filter_depth = 32;
	fresh.orders.stack_depth = max_frames;
	fresh.orders.catch_crashes = 1;
	fresh.magic = page_magic;
}

/// Is it such a page, of this version?
inline bool is_valid(const page &p)
{
	return p.magic == page_magic && p.version == page_version && p.size_bytes == sizeof(page);
}

template <size_t Room> std::string_view text(const char (&field)[Room])
{
	return {field, strnlen(field, Room)};
}

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<int32_t>::is_always_lock_free);

} // namespace mp::preload
