#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The example daemon: what it makes of messages, that it loses none of them when
# it is stopped, and that it says so when it cannot write.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

logd=$(realpath "$BUILD")/examples/logd
[ -x "$logd" ] || fail "$logd is not built"
sender=$scratch/send
daemon=

# A sender: `send SOCKET MESSAGE...` sends each message once; `send SOCKET`
# sends until the daemon stops listening, and prints how many were accepted;
# `send SOCKET --probe` only looks whether somebody listens.
cat >"$sender.c" <<'EOF'
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	unsigned long accepted = 0;
	char text[128];

	strncpy(to.sun_path, argv[1], sizeof(to.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		perror(argv[1]);
		return 1;
	}
	if (argc == 3 && strcmp(argv[2], "--probe") == 0)
		return 0;
	for (int i = 2; i < argc; i++) {
		if (send(fd, argv[i], strlen(argv[i]), MSG_NOSIGNAL) < 0) {
			perror("send");
			return 1;
		}
	}
	while (argc == 2) {
		int length = snprintf(text, sizeof(text), "<14>Nov  2 23:01:02 here p%d[%lu]: text", getpid(), accepted);

		if (send(fd, text, (size_t)length, MSG_NOSIGNAL) < 0)
			break;
		accepted++;
	}
	printf("%lu\n", accepted);
	return 0;
}
EOF
"$CC" -std=c11 -D_GNU_SOURCE -Wall -o "$sender" "$sender.c" || fail "the sender does not compile"

# A daemon that a failed test leaves behind must not outlive it.
cleanup()
{
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || true
	rm -rf "$scratch"
}
trap cleanup EXIT

# wait_for WHAT COMMAND...: until the command succeeds, for 10 s at the most.
wait_for()
{
	local try
	for ((try = 0; try < 1000; try++)); do
		if "${@:2}" 2>/dev/null; then
			return 0
		fi
		read -rt 0.01 <> <(:) || true
	done
	fail "waited 10 s for $1"
}

can_send()
{
	"$sender" "$scratch/socket" "$@" >/dev/null
}

# start ARGUMENT...: a daemon that listens; its messages go to $scratch/err.
start()
{
	rm -f "$scratch/out" "$scratch/stats"
	"$logd" --socket "$scratch/socket" --output "$scratch/out" --stats "$scratch/stats" "$@" 2>"$scratch/err" &
	daemon=$!
	wait_for "the daemon" can_send --probe
}

# stop STATUS: ends the daemon, which must exit with STATUS.
stop()
{
	local status=0
	kill -TERM "$daemon"
	wait "$daemon" || status=$?
	daemon=
	[ "$status" -eq "$1" ] || fail "logd ends with status $status instead of $1: $(cat "$scratch/err")"
	[ ! -e "$scratch/socket" ] || fail "logd leaves its socket behind"
}

has_line()
{
	grep -qxF -- "$1" "$scratch/out" || fail "the file lacks the line: $1
it has: $(cat "$scratch/out")"
}

# figure NAME: a number from the statistics.
figure()
{
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$scratch/stats"
}

test_builds_alone()
{
	# A daemon author copies logd without the hoarder.
	"$CC" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -I. docs/examples/logd*.c \
		-L"$BUILD" -lmempool -lpthread -o "$scratch/alone" || fail "logd does not build without the hoarder"
}

test_formats()
{
	start "$@"
	can_send "<34>Oct 11 22:14:15 mymachine su: 'su root' failed on /dev/pts/8" \
		'<13>Nov  2 01:02:03 cron[77]: sent by syslog(), without a host' \
		'<6>Nov  2 01:02:03 2001:db8::1 kernel: an address for a host' \
		'<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It is time' \
		'<165>1 2003-10-11T22:14:15.003Z host.example app - ID47 [a@1 b="\"]"][c] with data' \
		$'<34>1 2003-10-11T22:14:15.003Z host.example su - - - \xef\xbb\xbfmarked as UTF-8' \
		$'two\nlines\x7f' '<999>no such priority' '<34>no timestamp' '<34>1 2003' '' \
		"<14>Nov  2 01:02:03 here long: $(printf 'x%.0s' {1..4000})"
	stop 0
	has_line "Oct 11 22:14:15 mymachine auth.crit su: 'su root' failed on /dev/pts/8"
	has_line "Nov  2 01:02:03 $(uname -n) user.notice cron[77]: sent by syslog(), without a host"
	has_line 'Nov  2 01:02:03 2001:db8::1 kern.info kernel: an address for a host'
	has_line '2003-08-24T05:14:15.000003-07:00 192.0.2.1 local4.notice myproc[8710]: %% It is time'
	has_line '2003-10-11T22:14:15.003Z host.example local4.notice app: ID47 [a@1 b="\"]"][c] with data'
	has_line '2003-10-11T22:14:15.003Z host.example auth.crit su: marked as UTF-8'
	for text in 'user.notice -: two#012lines#177' 'user.notice -: <999>no such priority' \
		'auth.crit -: <34>no timestamp' 'auth.crit -: <34>1 2003' 'user.notice -: '; do
		grep -qE -- "Z $(uname -n) $text\$" "$scratch/out" || fail "a malformed message is not kept whole: $text"
	done
	grep -qE -- 'long: x{1900,2048}\.\.\.$' "$scratch/out" || fail "a long message is not cut visibly"
	[ "$(wc -l <"$scratch/out")" -eq 12 ] || fail "12 messages make $(wc -l <"$scratch/out") lines"
	[ "$(figure malformed) $(figure cut)" = '5 1' ] || fail "counted wrongly: $(cat "$scratch/stats")"
}

# Whatever send() accepted before the stop must be in the file.
test_stop_in_midstream()
{
	local i senders=() accepted
	start "$@"
	for i in 1 2 3 4; do
		"$sender" "$scratch/socket" >"$scratch/accepted$i" &
		senders+=($!)
	done
	wait_for "5000 lines" eval '[ "$(wc -l <"$scratch/out")" -gt 5000 ]'
	stop 0
	wait "${senders[@]}"
	accepted=$(cat "$scratch"/accepted? | awk '{ n += $1 } END { print n }')
	[ "$(wc -l <"$scratch/out")" -eq "$accepted" ] ||
		fail "$accepted messages were accepted, $(wc -l <"$scratch/out") written ($*)"
	[ "$(figure received) $(figure written) $(figure lost)" = "$accepted $accepted 0" ] ||
		fail "counted wrongly: $(head -n 3 "$scratch/stats")"
	# Each sender's messages are there once each, and in order.
	awk '{ split($6, part, /[][]/); if (part[2] != next_of[part[1]]++) { print; exit 1 } }' "$scratch/out" ||
		fail "a sender's messages are out of order"
}

test_full_disk()
{
	rm -f "$scratch/full"
	ln -s /dev/full "$scratch/full"
	start --output "$scratch/full"
	can_send a b c
	wait_for "a report" grep -q 'full: cannot write: No space left on device' "$scratch/err"
	can_send d
	stop 1
	grep -q '4 of 4 received messages could not be written' "$scratch/err" || fail "not counted: $(cat "$scratch/err")"
	[ "$(grep -c 'cannot write' "$scratch/err")" -eq 1 ] || fail "an outage is reported more than once"
	[ "$(figure unwritten)" -eq 4 ] || fail "counted wrongly: $(cat "$scratch/stats")"
}

# The reserve is smaller than what was received before the stop: it must not hang.
test_full_disk_with_small_reserve()
{
	start --output "$scratch/full" --min-nr 1
	can_send {1..50}
	stop 1
	grep -q '50 of 50 received messages could not be written' "$scratch/err" || fail "not counted: $(cat "$scratch/err")"
}

# A limit on the file's size stands in for a disk that gets room again.
test_disk_gets_room()
{
	command -v prlimit >/dev/null || return 0
	local i
	ulimit -S -f 2
	start
	ulimit -S -f unlimited
	for i in 1 2 3 4 5 6; do
		can_send "<14>Nov  2 23:01:02 here p[$i]: $(printf 'y%.0s' {1..1000})"
	done
	wait_for "a report" grep -q 'out: cannot write: File too large' "$scratch/err"
	prlimit --pid "$daemon" --fsize=unlimited
	wait_for "all lines" eval '[ "$(wc -l <"$scratch/out")" -eq 6 ]'
	stop 0
	grep -q 'out: can be written again' "$scratch/err" || fail "the end of an outage is not reported"
	[ "$(grep -cE '^Nov  2 23:01:02 here user.info p\[[1-6]\]: y{1000}$' "$scratch/out")" -eq 6 ] ||
		fail "a line was torn by the outage"
}

test_udp()
{
	local port=$((20000 + RANDOM % 20000))
	start --udp "127.0.0.1:$port"
	printf '<14>Nov  2 23:01:02 here p: by UDP' >"/dev/udp/127.0.0.1/$port"
	wait_for "a line" test -s "$scratch/out"
	stop 0
	has_line 'Nov  2 23:01:02 here user.info p: by UDP'
}

test_sockets()
{
	local status=0
	start
	"$logd" --socket "$scratch/socket" --output "$scratch/other" 2>"$scratch/err2" || status=$?
	[ "$status" -eq 1 ] && grep -q 'socket: cannot listen: Address already in use' "$scratch/err2" ||
		fail "a second daemon on one socket: status $status, $(cat "$scratch/err2")"
	can_send 'still there' || fail "a second daemon took the socket away"

	kill -KILL "$daemon"
	{ wait "$daemon" || true; } 2>/dev/null
	start # in the place of the one that died
	can_send 'new'
	stop 0

	echo precious >"$scratch/socket"
	"$logd" --socket "$scratch/socket" --output "$scratch/other" 2>"$scratch/err2" && fail "a file is no socket"
	[ "$(cat "$scratch/socket")" = precious ] || fail "a file was removed in favour of the socket"
	rm "$scratch/socket"
}

# refused STATUS TEXT ARGUMENT...: logd must end so, and name the text.
refused()
{
	local status=0
	timeout 10 "$logd" "${@:3}" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq "$1" ] || fail "logd ${*:3}: ends with status $status instead of $1"
	grep -qF -- "$2" "$scratch/err" || fail "logd ${*:3}: does not name $2: $(cat "$scratch/err")"
	[ "$1" -ne 1 ] || [ ! -e "$scratch/s" ] || fail "logd ${*:3}: leaves a socket behind"
}

test_refusals()
{
	local good=(--socket "$scratch/s" --output "$scratch/o")
	refused 2 '--output'
	refused 2 '--output' --socket "$scratch/s"
	refused 2 '--socket' --output "$scratch/o"
	refused 2 "'0'" "${good[@]}" --min-nr 0
	refused 2 "'-1'" "${good[@]}" --min-nr -1
	refused 2 "'many'" "${good[@]}" --min-nr many
	refused 2 "'99999999999999999999'" "${good[@]}" --min-nr 99999999999999999999
	refused 2 "'calloc'" "${good[@]}" --allocator=calloc
	refused 2 "'1.2.3.4.5:6'" "${good[@]}" --udp 1.2.3.4.5:6
	refused 2 "'70000'" "${good[@]}" --udp 70000
	refused 2 "'::'" "${good[@]}" --udp ::
	refused 2 "'extra'" "${good[@]}" extra
	refused 2 'bogus' "${good[@]}" --bogus
	refused 2 "not a path of 1 to 107 bytes" --output "$scratch/o" --socket "/$(printf 'p%.0s' {1..200})"
	refused 1 '/nowhere/o: cannot open: No such file' --socket "$scratch/s" --output /nowhere/o
	refused 1 '/nowhere/s: cannot open: No such file' "${good[@]}" --stats /nowhere/s
	refused 1 '/nowhere/s: cannot listen: No such file' --socket /nowhere/s --output "$scratch/o"
	(
		ulimit -v 200000
		refused 1 'cannot reserve records: Cannot allocate memory' "${good[@]}" --min-nr 1000000
	)
	"$logd" --help | grep -q -- '--min-nr' || fail "--help does not help"
}

test_builds_alone
test_formats
test_formats --allocator=malloc
test_stop_in_midstream
test_stop_in_midstream --min-nr 1
test_stop_in_midstream --allocator=malloc
test_full_disk
test_full_disk_with_small_reserve
test_disk_gets_room
test_udp
test_sockets
test_refusals
