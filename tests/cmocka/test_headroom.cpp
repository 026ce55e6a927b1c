// SPDX-License-Identifier: MIT
//
// test_headroom.cpp - limits read from made-up files; watermarks, credit and
// staleness with a scripted reader and clock.
#include "support.hpp"

#include "mempool/backing/headroom.hpp"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using backing::headroom;
using base::no_limit;

namespace {

constexpr uint64_t mib = uint64_t{1} << 20;

/// A made-up machine: files below a folder of its own.
class machine {
      public:
	machine()
	{
		char name[] = "/tmp/test_headroom.XXXXXX";
		root_ = mkdtemp(name);
		write("/proc/self/statm", "1000 10 10 1 0 500 0\n");
	}
	~machine() { std::filesystem::remove_all(root_); }
	void write(const std::string &path, const std::string &text)
	{
		std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
		std::ofstream(root_ + path) << text;
	}
	const char *root() const { return root_.c_str(); }
	std::string root_;
};

rlim_t space_limit = RLIM_INFINITY;
rlim_t data_limit = RLIM_INFINITY;

int scripted_limit(int resource, rlimit *limit)
{
	limit->rlim_cur = resource == RLIMIT_AS ? space_limit : data_limit;
	return 0;
}

constexpr const char *mounts_v1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
				  "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
				  "35 31 0:32 / /cg\\040x/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
				  "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

void version_1_nearest_limiting_ancestor(void **)
{
	machine m;
	m.write("/proc/self/cgroup", "9:name=systemd:/\n4:cpuset,memory:/a/b/c\n0::/z\n");
	m.write("/proc/self/mountinfo", mounts_v1);
	m.write("/cg x/memory/memory.limit_in_bytes", "1048576\n");
	m.write("/cg x/memory/a/memory.limit_in_bytes", "67108864\n");
	m.write("/cg x/memory/a/memory.usage_in_bytes", "9000000\n");
	m.write("/cg x/memory/a/memory.stat", "inactive_file 7\ntotal_inactive_file 1000000\n");
	m.write("/cg x/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
	m.write("/cg x/memory/a/b/c/memory.limit_in_bytes", "9223372036854771712\n");
	base::memory_limits limits(m.root(), scripted_limit);
	const base::memory_reading r = limits.read(false, true);
	assert_true(r.cgroup.limit_bytes == 67108864);
	assert_true(r.cgroup.used_bytes == 8000000);
	assert_true(!r.space.limits() && !r.data.limits() && !r.machine.limits());

	// The files that are open go on being read; a limit of our own is found when looked for.
	m.write("/cg x/memory/a/memory.usage_in_bytes", "9500000\n");
	m.write("/cg x/memory/a/b/c/memory.limit_in_bytes", "5000000\n");
	m.write("/cg x/memory/a/b/c/memory.usage_in_bytes", "4000000\n");
	assert_true(limits.read(false, false).cgroup.used_bytes == 8500000);
	assert_true(limits.read(false, true).cgroup.free_bytes() == 1000000);
	m.write("/cg x/memory/a/b/c/memory.limit_in_bytes", "9223372036854771712\n");
	assert_true(limits.read(false, true).cgroup.limit_bytes == 67108864);
	limits.close();
}

void version_2_below_a_mount_that_shows_a_part(void **)
{
	machine m;
	m.write("/proc/self/cgroup", "0::/docker/x/y\n");
	m.write("/proc/self/mountinfo", "41 31 0:38 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	m.write("/sys/fs/cgroup/y/memory.max", "max\n");
	m.write("/sys/fs/cgroup/memory.max", "1000000\n");
	m.write("/sys/fs/cgroup/memory.current", "900000\n");
	m.write("/sys/fs/cgroup/memory.stat", "anon 5\nfile 6\ninactive_file 100000\n");
	base::memory_limits limits(m.root(), scripted_limit);
	const base::memory_reading r = limits.read(false, true);
	assert_true(r.cgroup.limit_bytes == 1000000 && r.cgroup.used_bytes == 800000);
	m.write("/sys/fs/cgroup/memory.max", "max\n");
	assert_true(!limits.read(false, true).cgroup.limits());
	// Where threads would be held up before, that is the limit.
	m.write("/sys/fs/cgroup/memory.high", "950000\n");
	assert_true(limits.read(false, true).cgroup.limit_bytes == 950000);
	m.write("/sys/fs/cgroup/memory.high", "960000\n");
	assert_true(limits.read(false, false).cgroup.limit_bytes == 960000);
	m.write("/sys/fs/cgroup/memory.max", "940000\n");
	assert_true(limits.read(false, true).cgroup.limit_bytes == 940000);
	m.write("/sys/fs/cgroup/memory.high", "max\n");
	// In another namespace our own path leads outside: the mount's top it is.
	m.write("/proc/self/cgroup", "0::/../..\n");
	m.write("/sys/fs/cgroup/memory.max", "2000000\n");
	assert_true(limits.read(false, true).cgroup.limit_bytes == 2000000);
	limits.close();
}

// The root of a hierarchy has no memory.max, nor has a cgroup whose parent does not hand on the controller.
void version_2_nearest_limiting_ancestor(void **)
{
	machine m;
	m.write("/proc/self/cgroup", "0::/a/b/c\n");
	m.write("/proc/self/mountinfo", "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	m.write("/sys/fs/cgroup/a/memory.max", "67108864\n");
	m.write("/sys/fs/cgroup/a/memory.current", "9000000\n");
	m.write("/sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 1000000\n");
	m.write("/sys/fs/cgroup/a/b/memory.max", "max\n");
	m.write("/sys/fs/cgroup/a/b/c/cgroup.procs", "1\n"); // no file of the controller
	base::memory_limits limits(m.root(), scripted_limit);
	const base::memory_reading r = limits.read(false, true);
	assert_true(r.cgroup.limit_bytes == 67108864 && r.cgroup.used_bytes == 8000000);
	// A nearer one with less room comes before it, and leaves again.
	m.write("/sys/fs/cgroup/a/b/memory.max", "5000000\n");
	m.write("/sys/fs/cgroup/a/b/memory.current", "4000000\n");
	assert_true(limits.read(false, true).cgroup.free_bytes() == 1000000);
	m.write("/sys/fs/cgroup/a/b/memory.max", "max\n");
	assert_true(limits.read(false, true).cgroup.limit_bytes == 67108864);
	m.write("/sys/fs/cgroup/a/memory.max", "max\n");
	assert_true(!limits.read(false, true).cgroup.limits());
	limits.close();
}

void resource_limits_and_the_machine(void **)
{
	machine m;
	m.write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:    400 kB\n");
	base::memory_limits limits(m.root(), scripted_limit);
	space_limit = 8 * mib;
	const base::memory_reading r = limits.read(true, true);
	assert_true(r.space.limit_bytes == 8 * mib && r.space.used_bytes == 4096000);
	assert_true(!r.data.limits());
	assert_true(r.machine.limit_bytes == 1024000 && r.machine.free_bytes() == 409600);
	data_limit = 1 * mib;
	assert_true(limits.read(false, false).data.free_bytes() == 0); // 500 pages are more
	space_limit = data_limit = RLIM_INFINITY;
	limits.close();
}

void closed_and_reused_descriptors(void **)
{
	machine m;
	space_limit = 8 * mib;
	base::memory_limits limits(m.root(), scripted_limit);
	const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(lowest);
	assert_true(limits.read(false, false).space.used_bytes == 4096000);
	m.write("/other", "77 1 1 1 1 1\n");
	close(lowest);
	const int reused = open((m.root_ + "/other").c_str(), O_RDONLY | O_CLOEXEC);
	assert_int_equal(reused, lowest);
	assert_true(limits.read(false, false).space.used_bytes == 4096000);
	assert_true(fcntl(reused, F_GETFD) >= 0); // the host's, left alone
	// What can no longer be read keeps its value.
	std::filesystem::remove_all(m.root_ + "/proc");
	limits.close();
	assert_true(limits.read(false, false).space.used_bytes == 4096000);
	assert_true(fcntl(reused, F_GETFD) >= 0);
	close(reused);
	space_limit = RLIM_INFINITY;
}

// A scripted machine for headroom.
base::memory_reading scripted;
int readings;
int looks_for_cgroup;
uint64_t clock_ns;
constexpr headroom::sources script = {[](bool, bool find_cgroup) {
					      readings++;
					      looks_for_cgroup += find_cgroup ? 1 : 0;
					      return scripted;
				      },
				      [] { return clock_ns; }};

int start_script(void **)
{
	scripted = {};
	readings = looks_for_cgroup = 0;
	clock_ns = base::ns_per_s;
	return 0;
}

void marks(void **)
{
	const backing::watermarks w = backing::watermarks_for(64 * mib, 0);
	assert_true(w.min_bytes == 2 * mib && w.low_bytes == 2 * mib * 5 / 4 && w.high_bytes == 3 * mib);
	assert_true(backing::watermarks_for(mib, 0).min_bytes == mib / 4);
	assert_true(backing::watermarks_for(1024 * 1024 * mib, 0).min_bytes == 64 * mib);
	assert_true(backing::watermarks_for(64 * mib, 4096).high_bytes == 6144);
}

void byte_counts(void **)
{
	size_t n = 0;
	assert_true(backing::parse_bytes("64M", n) && n == 64 * mib);
	assert_true(backing::parse_bytes("3k", n) && n == 3072);
	assert_true(backing::parse_bytes("2G", n) && n == 2048 * mib);
	assert_true(backing::parse_bytes("0", n) && n == 0);
	for (const char *wrong :
	     {"", "M", "-1", " 1", "1MB", "1T", "0x10", "1.5M", "99999999999999999999", "18446744073709551615K"})
		assert_false(backing::parse_bytes(wrong, n));
}

void auto_wants_a_limit(void **)
{
	headroom h(script);
	assert_false(h.look());
	scripted.cgroup = {64 * mib, 0};
	clock_ns += 2 * base::ns_per_s;
	assert_true(h.look());
	h.set_watermarks(MEMPOOL_WATERMARKS_OFF, 0);
	assert_false(h.active() || h.look());
	scripted.cgroup = {};
	h.set_watermarks(MEMPOOL_WATERMARKS_ON, 0);
	assert_true(h.active());
	h.set_watermarks(MEMPOOL_WATERMARKS_AUTO, 0);
	assert_false(h.active());
	h.set_limit(mib);
	assert_true(h.active());
}

void stops_at_min_and_at_half_of_it(void **)
{
	headroom h(script);
	scripted.cgroup = {64 * mib, 62 * mib - 8192}; // min is 2 MiB
	assert_true(h.look());
	assert_false(h.ask_pages(8193, GFP_KERNEL));
	assert_true(h.ask_pages(8192, GFP_KERNEL));
	assert_false(h.ask_pages(1, GFP_KERNEL)); // the other is in flight
	assert_true(h.ask_pages(mib, GFP_ATOMIC));
	assert_false(h.ask_pages(1, GFP_ATOMIC));
	h.pages_done(8192, 0);
	h.pages_done(mib, 0);
	assert_true(h.ask_pages(8192, GFP_KERNEL));
	assert_true(h.tell().refusals == 3);
	// Address space is another matter.
	scripted.space = {64 * mib, 32 * mib};
	assert_false(h.ask_space(31 * mib, GFP_KERNEL));
	assert_true(h.ask_space(31 * mib, GFP_ATOMIC));
	assert_true(h.ask_space(30 * mib, GFP_KERNEL));
}

void readings_are_few(void **)
{
	headroom h(script);
	scripted.cgroup = {1024 * mib, 0};
	assert_true(h.look());
	readings = 0;
	for (int i = 0; i < 1025; i++) { // 4 MiB of credit, behind the first
		assert_true(h.ask_pages(4096, GFP_KERNEL));
		h.pages_done(4096, 4096);
	}
	assert_int_equal(readings, 1);
	assert_true(h.ask_pages(4096, GFP_KERNEL));
	assert_int_equal(readings, 2);
	// A reading serves no longer than it may.
	clock_ns += headroom::reading_serves_ns - 1;
	assert_true(h.ask_pages(4096, GFP_KERNEL));
	assert_int_equal(readings, 2);
	clock_ns += 1;
	scripted.cgroup.used_bytes = 1020 * mib;
	assert_false(h.ask_pages(4096, GFP_KERNEL));
	assert_int_equal(readings, 3);
	assert_int_equal(looks_for_cgroup, 1);
}

void a_child_looks_for_its_own_cgroup(void **)
{
	headroom h(script);
	assert_false(h.look());
	h.freeze();
	h.thaw_in_child();
	base::forget_locks_in_child();
	scripted.cgroup = {64 * mib, 63 * mib};
	assert_true(h.look());
	assert_int_equal(looks_for_cgroup, 2);
	// Unless it is short of memory already.
	h.freeze();
	h.thaw_in_child();
	base::forget_locks_in_child();
	assert_true(h.look());
	assert_int_equal(looks_for_cgroup, 2);
}

void near_min_each_request_is_looked_at(void **)
{
	headroom h(script);
	scripted.cgroup = {64 * mib, 62 * mib - 8 * headroom::credit_least_bytes + 4096};
	assert_true(h.look());
	readings = 0;
	for (int i = 0; i < 10; i++) {
		assert_true(h.ask_pages(4096, GFP_KERNEL));
		h.pages_done(4096, 4096);
	}
	assert_int_equal(readings, 10);
}

void a_refusal_stands_for_a_moment(void **)
{
	headroom h(script);
	scripted.cgroup = {64 * mib, 62 * mib};
	assert_true(h.look());
	assert_false(h.ask_mapping(4 * mib, 4096, GFP_KERNEL));
	readings = 0;
	for (int i = 0; i < 10; i++) {
		assert_true(h.look());
		assert_false(h.ask_mapping(4 * mib, 4096, GFP_KERNEL));
	}
	assert_int_equal(readings, 0);
	scripted.cgroup.used_bytes = 0;
	clock_ns += headroom::refusal_serves_ns;
	assert_true(h.ask_mapping(4 * mib, 4096, GFP_KERNEL));
	assert_true(readings > 0);
	scripted.space = {64 * mib, 61 * mib}; // room for pages alone is not enough
	assert_false(h.ask_mapping(4 * mib, 4096, GFP_KERNEL));
}

// reclaimd gives back what is asked of it, and no more: it must see at once that it was enough.
void a_look_anew_reads_while_a_refusal_stands(void **)
{
	headroom h(script);
	scripted.cgroup = {64 * mib, 63 * mib};
	assert_true(h.look());
	assert_false(h.ask_mapping(4 * mib, 4096, GFP_KERNEL));
	assert_true(h.below_low());
	scripted.cgroup.used_bytes = 0;
	assert_true(h.look());
	assert_true(h.below_low());
	assert_true(h.look_anew());
	assert_false(h.below_low());
}

void a_new_limit_ends_the_credit(void **)
{
	headroom h(script);
	h.set_limit(1024 * mib);
	assert_true(h.ask_pages(4096, GFP_KERNEL));
	h.pages_done(4096, 4096);
	h.set_limit(4096);
	assert_false(h.ask_pages(4096, GFP_KERNEL));
}

void low_lasts_until_high(void **)
{
	headroom h(script);
	scripted.cgroup = {64 * mib, 0};
	assert_true(h.look());
	assert_false(h.below_low());
	scripted.cgroup.used_bytes = 64 * mib - 2 * mib * 5 / 4;
	h.look();
	assert_false(h.below_low());
	scripted.cgroup.used_bytes++;
	h.look();
	assert_true(h.below_low());
	scripted.cgroup.used_bytes = 61 * mib + 1;
	h.look();
	assert_true(h.below_low());
	scripted.cgroup.used_bytes = 61 * mib;
	h.look();
	assert_false(h.below_low());
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(version_1_nearest_limiting_ancestor),
		cmocka_unit_test(version_2_below_a_mount_that_shows_a_part),
		cmocka_unit_test(version_2_nearest_limiting_ancestor),
		cmocka_unit_test(resource_limits_and_the_machine),
		cmocka_unit_test(closed_and_reused_descriptors),
		cmocka_unit_test(marks),
		cmocka_unit_test(byte_counts),
		cmocka_unit_test_setup(auto_wants_a_limit, start_script),
		cmocka_unit_test_setup(stops_at_min_and_at_half_of_it, start_script),
		cmocka_unit_test_setup(readings_are_few, start_script),
		cmocka_unit_test_setup(a_child_looks_for_its_own_cgroup, start_script),
		cmocka_unit_test_setup(near_min_each_request_is_looked_at, start_script),
		cmocka_unit_test_setup(a_refusal_stands_for_a_moment, start_script),
		cmocka_unit_test_setup(a_look_anew_reads_while_a_refusal_stands, start_script),
		cmocka_unit_test_setup(a_new_limit_ends_the_credit, start_script),
		cmocka_unit_test_setup(low_lasts_until_high, start_script),
	};
	return cmocka_run_group_tests_name("headroom", tests, nullptr, nullptr);
}
