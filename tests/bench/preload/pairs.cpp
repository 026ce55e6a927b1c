// SPDX-License-Identifier: MIT
//
// pairs.cpp - what libmempool-preload.so costs when nothing fails: pairs of runs,
// one without it and one that counts (or, with --stacks, also takes each
// allocation's stack), turn about; and the medians of their ratios.
//
//   sqlite3   100,000 rows inserted into a database in memory, and selected
//   redis     redis-benchmark against a server on the loopback interface, of which the server is measured
//
// By CPU time, which others on the machine disturb less, and by the clock.
#include "tools/preload/protocol.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace mp;

namespace {

constexpr char sql[] = "create table t(a integer primary key, b text, c integer);"
		       "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)"
		       " insert into t select i, 'text ' || i, i % 97 from n;"
		       "select count(*), sum(length(b)) from t;"
		       "select c, count(*), max(b) from t group by c order by c;"
		       "select count(*) from t where b like '%99%';"
		       "create index by_c on t(c); select sum(a) from t where c = 5;";

struct cost {
	double cpu_s, wall_s;
};

struct preloaded {
	std::string library;
	bool stacks = false;
	std::string path;
	preload::page *page = nullptr;

	/// A fresh page for each run.
	void renew()
	{
		if (page != nullptr)
			munmap(static_cast<void *>(page), sizeof(preload::page));
		unlink(path.c_str());
		const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, sizeof(preload::page)) != 0) {
			perror(path.c_str());
			exit(1);
		}
		page = static_cast<preload::page *>(
			mmap(nullptr, sizeof(preload::page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
		close(fd);
		preload::prepare(*page);
		page->orders.record_stacks = stacks ? 1 : 0;
	}
};

double now_s()
{
	timespec now = {};
	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds(const timeval &t)
{
	return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

/// With `with`: under the library.
pid_t start(const std::vector<std::string> &command, const preloaded *with)
{
	std::vector<char *> arguments;
	for (const std::string &word : command)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	const pid_t child = fork();
	if (child != 0)
		return child;
	const int nothing = open("/dev/null", O_RDWR);
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDOUT_FILENO);
	dup2(nothing, STDERR_FILENO);
	if (with != nullptr) {
		setenv("LD_PRELOAD", with->library.c_str(), 1);
		setenv(preload::page_variable, with->path.c_str(), 1);
	}
	execvp(arguments[0], arguments.data());
	_exit(127);
}

bool run(const std::vector<std::string> &command)
{
	int status = 0;
	const pid_t child = start(command, nullptr);
	return waitpid(child, &status, 0) == child && status == 0;
}

cost run_sqlite(const preloaded *with)
{
	rusage used = {};
	int status = 0;
	const double began = now_s();
	const pid_t child = start({"sqlite3", ":memory:", sql}, with);
	if (wait4(child, &status, 0, &used) != child || status != 0) {
		fprintf(stderr, "sqlite3 failed\n");
		exit(1);
	}
	return {seconds(used.ru_utime) + seconds(used.ru_stime), now_s() - began};
}

double cpu_of(pid_t process)
{
	clockid_t clock = 0;
	timespec used = {};
	if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

cost run_redis(const preloaded *with)
{
	static int port = 20000 + getpid() % 20000;
	const std::string at = std::to_string(++port);
	const pid_t server =
		start({"redis-server", "--port", at, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}, with);
	const double deadline = now_s() + 20;
	while (!run({"redis-cli", "-p", at, "--no-auth-warning", "-e", "ping"}) && now_s() < deadline)
		usleep(20000);
	const double cpu = cpu_of(server);
	const double began = now_s();
	const bool fine = run({"redis-benchmark", "-h", "127.0.0.1", "-p", at, "-q", "-n", "60000", "-P", "16", "-c",
			       "10", "-r", "10000", "-t", "set,get,incr,lpush,lpop,sadd,hset,spop,zadd"});
	const cost all = {cpu_of(server) - cpu, now_s() - began};
	kill(server, SIGKILL);
	waitpid(server, nullptr, 0);
	if (!fine) {
		fprintf(stderr, "redis-benchmark failed\n");
		exit(1);
	}
	return all;
}

double median(std::vector<double> figures)
{
	std::sort(figures.begin(), figures.end());
	return figures[figures.size() / 2];
}

void measure(const char *name, cost (*run_one)(const preloaded *), preloaded &with, int pairs)
{
	std::vector<double> plain, counted, cpu_ratio, wall_ratio;
	uint64_t allocations = 0;
	run_one(nullptr); // so that everybody finds the files in memory
	for (int i = 0; i < pairs; i++) {
		cost a = {};
		if (i % 2 == 0)
			a = run_one(nullptr);
		with.renew();
		const cost b = run_one(&with);
		if (i % 2 != 0)
			a = run_one(nullptr);
		allocations = with.page->answers.processes.at[0].candidates;
		plain.push_back(a.cpu_s);
		counted.push_back(b.cpu_s);
		cpu_ratio.push_back(b.cpu_s / a.cpu_s);
		wall_ratio.push_back(b.wall_s / a.wall_s);
	}
	printf("%-8s %9llu allocations  %7.1f ms without, %7.1f ms with  CPU x%.3f  clock x%.3f  (medians of %d "
	       "pairs)\n",
	       name, static_cast<unsigned long long>(allocations), median(plain) * 1e3, median(counted) * 1e3,
	       median(cpu_ratio), median(wall_ratio), pairs);
	fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
	preloaded with;
	if (argc < 3) {
		fprintf(stderr, "usage: preload LIBRARY PAIRS [--stacks]\n");
		return 2;
	}
	char folder[] = "/tmp/preload-bench-XXXXXX";
	if (mkdtemp(folder) == nullptr)
		return 1;
	with.library = argv[1];
	with.stacks = argc > 3;
	with.path = std::string(folder) + "/page";
	measure("sqlite3", run_sqlite, with, atoi(argv[2]));
	measure("redis", run_redis, with, std::max(atoi(argv[2]) / 4, 3));
	unlink(with.path.c_str());
	rmdir(folder);
	return 0;
}
