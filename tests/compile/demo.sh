#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The command, and its demo: small runs on a file, what it prints for people and
# for programs, that its comparison finds what a daemon did wrong, and that it
# leaves nothing behind.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
logd=$(realpath "$BUILD")/examples/logd
[ -x "$mempool" ] && [ -x "$logd" ] || fail "$mempool or $logd is not built"
export TMPDIR=$scratch/tmp LC_ALL=C
mkdir "$TMPDIR"

# Log lines with all that may come: empty ones, tabs, controls, a zero, long ones, no end.
{
	for i in {1..300}; do echo "2026-11-22 23:01:02 status installed package$i:amd64 1.$i"; done
	printf '\n\nwith\ttab\nwith \033[1mescape\033[0m\rand return\nzero\0inside\nends in zero\0\n'
	printf '\xef\xbb\xbfmarked\n<34>looks like a message\nsender0[0]: looks like one of ours\n\xff\xfe\n'
	printf 'l%.0s' {1..5000}
	printf '\n no end'
} >"$scratch/input"

# run STATUS ARGUMENT...: the demo on the input; stdout and stderr are kept.
run()
{
	local status=0
	timeout 60 "$mempool" demo --input "$scratch/input" "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq "$1" ] || fail "demo ${*:2}: ends with status $status instead of $1: $(cat "$scratch/out" "$scratch/err")"
	[ -z "$(ls "$TMPDIR")" ] || fail "demo ${*:2}: leaves $(ls "$TMPDIR") behind"
}

says()
{
	grep -qE -- "$1" "$scratch/err" || fail "stderr does not say '$1': $(cat "$scratch/err")"
}

# value NAME: what a path such as mempool.lost is in the JSON object on stdout.
value()
{
	if command -v jq >/dev/null; then
		jq -r ".$1" "$scratch/out"
	elif command -v python3 >/dev/null; then
		python3 -c 'import functools, json, sys
print(json.dumps(functools.reduce(lambda v, k: v[k], sys.argv[1].split("."), json.load(sys.stdin))).strip(chr(34)))' \
			"$1" <"$scratch/out"
	else
		# The allocators' objects have the same names in them: mempool's comes last.
		local object=${1%.*}
		[ "$object" != "$1" ] || object=
		sed "s/.*\"${object:-ok}\":/\"${object:-ok}\":/" "$scratch/out" |
			sed -n "s/[^}]*\"${1##*.}\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
	fi
}

expect()
{
	local got
	got=$(value "$1")
	test "$got" "$2" "$3" || fail "$1 is '$got', which is not $2 $3"
}

test_for_people()
{
	local line='demo: mempool lost 0 of 3000, malloc lost [1-9][0-9]* of 3000'
	run 0 --messages 3000
	tail -n 1 "$scratch/out" | grep -qxE "$line" || fail "the last line is: $(tail -n 1 "$scratch/out")"
	for row in 'messages sent +3,000 +3,000' 'messages written +[12],[0-9]+ +3,000' 'messages lost +[0-9,]+ +0' \
		'allocation failures' 'served from the reserve' 'lowest level' 'sleeps' 'p50' 'p99' 'longest' \
		'64 \|#+' 'memory exhausted'; do
		grep -qE -- "$row" "$scratch/out" || fail "the report lacks '$row': $(cat "$scratch/out")"
	done
	says 'memory is exhausted'
	says 'messages, [0-9,]+ a second'
}

test_for_programs()
{
	run 0 --messages 3001 --senders 5 --min-nr 8 --json
	[ "$(wc -l <"$scratch/out")" -eq 1 ] || fail "more than one line of JSON"
	expect ok = true
	expect messages -eq 3001
	expect mempool.sent -eq 3001
	expect mempool.written -eq 3001
	expect mempool.lost -eq 0
	expect mempool.wrong -eq 0
	expect mempool.from_reserve -gt 0
	expect mempool.lowest -lt 8
	expect mempool.sleeps -ge 0
	expect malloc.sent -eq 3001
	expect malloc.lost -gt 0
	expect malloc.written -eq $((3001 - $(value malloc.lost)))
}

test_keep()
{
	run 0 --messages 1000 --keep "$scratch/kept/here"
	[ "$(wc -l <"$scratch/kept/here/mempool.log")" -eq 1000 ] || fail "mempool.log has not 1000 lines"
	[ "$(wc -l <"$scratch/kept/here/malloc.log")" -lt 1000 ] || fail "malloc.log lacks nothing"
	grep -q ' demo-host [a-z0-9]*\.[a-z]* sender3\[249\]: ' "$scratch/kept/here/mempool.log" || fail "a message is missing"
	grep -q 'with #033\[1mescape' "$scratch/kept/here/mempool.log" || fail "a control character is not escaped"
	run 2 --keep "$scratch/kept/here"
	says 'kept/here: the folder is not empty'
}

# tmpdir FOLDER TEXT: such a TMPDIR ends the demo with status 1, and the text says why.
tmpdir()
{
	local status=0
	TMPDIR=$1 timeout 20 "$mempool" demo --input "$scratch/input" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] || fail "TMPDIR=$1: ends with status $status instead of 1: $(cat "$scratch/err")"
	says "^mempool demo: TMPDIR '$1': $2; set TMPDIR to a "
}

test_tmpdir()
{
	local long
	long=$scratch/$(printf 'l%.0s' {1..90})
	mkdir "$long"
	tmpdir "$long" 'too long for the path of a socket inside'
	tmpdir /nowhere 'No such file or directory'
	tmpdir '' 'No such file or directory'
	tmpdir "$scratch/input" 'Not a directory'
	tmpdir /proc 'cannot make a folder in it: No such file or directory'
}

# A daemon that does something wrong to its file, in the second run only.
bad_daemon()
{
	cat >"$scratch/bad" <<EOF
#!/bin/sh
case \$* in *"--allocator mempool"*) ;; *) exec "$logd" "\$@" ;; esac
"$logd" "\$@" &
trap 'kill -TERM \$!' TERM
wait \$!
wait \$!
while [ "\$1" != --output ]; do shift; done
$1 "\$2"
EOF
	chmod +x "$scratch/bad"
}

test_comparison()
{
	bad_daemon 'sed -i 500d'
	run 1 --messages 600 --logd "$scratch/bad"
	says 'mempool lost 1 messages'
	says 'logd says that it lost 0, but 1 are missing'
	tail -n 1 "$scratch/out" | grep -qx 'demo: mempool lost 1 of 600, malloc lost [1-9][0-9]* of 600' ||
		fail "one lost message: $(tail -n 1 "$scratch/out")"
	bad_daemon 'sed -i 500s/.$/?/'
	run 1 --messages 600 --logd "$scratch/bad"
	says 'line 500: the line differs from its message'
	bad_daemon 'sed -i 500p'
	run 1 --messages 600 --logd "$scratch/bad"
	says 'line 501: message [0-9]+ of sender [0-9] comes twice, or out of order'
	bad_daemon 'sed -i 600s/.*/torn/'
	run 1 --messages 600 --logd "$scratch/bad" --json
	says 'line 600: the line is none of the messages: torn'
	expect ok = false
	expect mempool.lost -eq 1
}

test_failures()
{
	run 1 --logd /bin/false
	says 'logd ended before it listened \(exit status 1\)'
	run 2 --logd "$scratch/input"
	says 'input: Permission denied'
	printf '#!/bin/sh\n"%s" "$@" & sleep 0.5; kill -SEGV $!; wait $!' "$logd" >"$scratch/dies"
	chmod +x "$scratch/dies"
	run 1 --logd "$scratch/dies" --messages 100000000
	says 'a message cannot be sent to logd: Connection refused|logd ended in the middle'
	local status=0
	"$mempool" demo --input "$scratch/input" --messages 300 >/dev/full 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] || fail "a report that cannot be written: status $status"
	says 'the report cannot be written: No space left on device'
	for option in --help --version; do
		status=0
		"$mempool" "$option" >/dev/full 2>"$scratch/err" || status=$?
		[ "$status" -eq 1 ] || fail "$option to a full disk: status $status"
		says 'mempool: standard output: No space left on device'
	done
}

test_interrupt()
{
	local status=0 demo
	"$mempool" demo --input "$scratch/input" --messages 100000000 >"$scratch/out" 2>"$scratch/err" &
	demo=$!
	for ((try = 0; try < 1000; try++)); do
		grep -q 'a second' "$scratch/err" && break
		read -rt 0.01 <> <(:) || true
	done
	kill -TERM "$demo"
	wait "$demo" || status=$?
	[ "$status" -eq 143 ] || fail "SIGTERM ends it with status $status: $(cat "$scratch/err")"
	says 'interrupted'
	[ ! -s "$scratch/out" ] || fail "an interrupted demo reports"
	[ -z "$(ls "$TMPDIR")" ] || fail "an interrupted demo leaves $(ls "$TMPDIR") behind"
	echo "$TMPDIR" >"$scratch/pattern"
	! grep -qaFf "$scratch/pattern" /proc/[0-9]*/cmdline 2>/dev/null || fail "an interrupted demo leaves its daemon running"
}

# refused TEXT ARGUMENT...: a wrong command line; status 2, and the text is named.
refused()
{
	local status=0
	timeout 20 "$mempool" "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq 2 ] || fail "mempool ${*:2}: ends with status $status instead of 2"
	grep -qF -- "$1" "$scratch/err" || fail "mempool ${*:2}: does not name $1: $(cat "$scratch/err")"
	[ ! -s "$scratch/out" ] || fail "mempool ${*:2}: prints to stdout: $(cat "$scratch/out")"
}

test_refusals()
{
	refused 'a command is needed'
	refused "unknown command 'frob'" frob
	refused "unknown option '--frob'" --frob
	refused 'frob' demo frob
	refused '--frob' demo --frob
	refused 'many' demo --messages many
	refused '299' demo --messages 299
	refused '-5' demo --messages=-5
	refused '99999999999999999999' demo --messages 99999999999999999999
	refused '0' demo --senders 0
	refused '65' demo --senders 65
	refused '0' demo --min-nr 0
	refused "/nowhere/input: No such file" demo --input /nowhere/input
	refused "$scratch: Is a directory" demo --input "$scratch"
	refused '/dev/null: there is no line in it' demo --input /dev/null
	refused '/nowhere/logd: No such file' demo --logd /nowhere/logd
	refused '/: Is a directory' demo --logd /
	refused '/dev/null/x: ' demo --keep /dev/null/x
	if [ "$(id -u)" -ne 0 ]; then
		mkdir -m 555 "$scratch/closed"
		refused 'closed: Permission denied' demo --keep "$scratch/closed"
	fi
	for option in --input --keep --logd; do
		refused "$option: the name is empty" demo "$option" ''
	done
	refused 'json' demo --json=7
	refused 'the command is given twice' demo demo
	"$mempool" --version | grep -qE '^mempool [0-9]+\.[0-9]+\.[0-9]+$' || fail "--version says $("$mempool" --version)"
	"$mempool" --help | grep -q demo || fail "--help does not help"
	"$mempool" demo --help | grep -q -- --senders || fail "demo --help does not help"
}

test_refusals
test_tmpdir
test_for_people
test_for_programs
test_keep
test_comparison
test_failures
test_interrupt
