#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The example server: with more clients than buffers each gets back every byte
# that it sent, in order, and the server did run out of buffers on the way.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

server_program=$(realpath "$BUILD")/examples/epoll_server
[ -x "$server_program" ] || fail "$server_program is not built"
client=$scratch/client
server=

cleanup()
{
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
	rm -rf "$scratch"
}
trap cleanup EXIT

# `client SOCKET CLIENTS BYTES`: connects that often, sends so many bytes by each
# connection, and checks what comes back. All connections at once, by poll().
# Two of three clients read only when they have sent all they can.
cat >"$client.c" <<'EOC'
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct one {
	size_t sent, received;
};

static unsigned char byte_at(int client, size_t i)
{
	return (unsigned char)(client * 31 + i * 7 + i / 251);
}

int main(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int clients = argc == 4 ? atoi(argv[2]) : 0, open = clients;
	size_t bytes = argc == 4 ? (size_t)atol(argv[3]) : 0;
	struct pollfd *fds = calloc((size_t)clients + 1, sizeof(*fds));
	struct one *all = calloc((size_t)clients + 1, sizeof(*all));
	unsigned char piece[3000];

	strncpy(to.sun_path, argv[1], sizeof(to.sun_path) - 1);
	for (int i = 0; i < clients; i++) {
		fds[i].fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fds[i].fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
			perror(argv[1]);
			return 1;
		}
		fcntl(fds[i].fd, F_SETFL, O_NONBLOCK);
		fds[i].events = POLLIN | POLLOUT;
	}
	while (open > 0) {
		if (poll(fds, (nfds_t)clients, 30000) <= 0) {
			fprintf(stderr, "%d of %d clients wait in vain\n", open, clients);
			return 1;
		}
		for (int i = 0; i < clients; i++) {
			struct one *c = &all[i];

			if (fds[i].revents & POLLOUT) {
				size_t n = bytes - c->sent < sizeof(piece) ? bytes - c->sent : sizeof(piece);
				ssize_t done;

				for (size_t k = 0; k < n; k++)
					piece[k] = byte_at(i, c->sent + k);
				done = send(fds[i].fd, piece, n, MSG_NOSIGNAL);
				if (done < 0 && errno != EAGAIN) {
					perror("send");
					return 1;
				}
				c->sent += done > 0 ? (size_t)done : 0;
				if (c->sent == bytes) {
					fds[i].events = POLLIN;
					shutdown(fds[i].fd, SHUT_WR);
				} else if (i % 3 != 0 && done > 0) {
					continue;
				}
			}
			if (fds[i].revents & (POLLIN | POLLHUP)) {
				ssize_t n = recv(fds[i].fd, piece, sizeof(piece), 0);

				if (n < 0 && errno != EAGAIN) {
					perror("recv");
					return 1;
				}
				for (ssize_t k = 0; k < n; k++) {
					if (piece[k] != byte_at(i, c->received + (size_t)k)) {
						fprintf(stderr, "client %d: byte %zu is wrong\n", i,
							c->received + (size_t)k);
						return 1;
					}
				}
				c->received += n > 0 ? (size_t)n : 0;
				if (n == 0) {
					if (c->received != bytes) {
						fprintf(stderr, "client %d: %zu of %zu bytes came back\n", i,
							c->received, bytes);
						return 1;
					}
					close(fds[i].fd);
					fds[i].fd = -1;
					open--;
				}
			}
		}
	}
	return 0;
}
EOC
"$CC" -std=c11 -D_GNU_SOURCE -O1 -Wall -o "$client" "$client.c" || fail "the client does not compile"

# echoes BUFFERS CLIENTS BYTES: starts the server, and lets so many clients send.
echoes()
{
	local try status=0
	"$server_program" "$scratch/socket" "$1" >"$scratch/out" 2>"$scratch/err" &
	server=$!
	for ((try = 0; try < 1000; try++)); do
		[ -S "$scratch/socket" ] && timeout -s KILL 10 "$client" "$scratch/socket" 1 0 2>/dev/null && break
		sleep 0.01
	done
	timeout -s KILL 100 "$client" "$scratch/socket" "$2" "$3" 2>"$scratch/told" ||
		fail "$2 clients, $1 buffers: $(cat "$scratch/told" "$scratch/err")"
	kill -TERM "$server"
	wait "$server" || status=$?
	server=
	[ "$status" -eq 0 ] || fail "the server ends with status $status: $(cat "$scratch/err")"
	grep -q "^$(($2 * $3)) bytes echoed, .* $1 of $1 buffers at home$" "$scratch/out" ||
		fail "$2 clients of $3 bytes, $1 buffers: $(cat "$scratch/out")"
}

# refused ARGUMENT...: a wrong call ends with status 2 and says how it goes.
refused()
{
	local status=0
	timeout -s KILL 10 "$server_program" "$@" 2>"$scratch/err" || status=$?
	[ "$status" -eq 2 ] || fail "$*: ends with status $status"
}

echoes 3 60 300000
grep -q ' 0 pauses' "$scratch/out" && fail "60 clients shared 3 buffers, and nobody was paused: $(cat "$scratch/out")"
echoes 1 20 50000
echoes 100 20 50000
grep -q ' 0 pauses' "$scratch/out" || fail "20 clients had 100 buffers: $(cat "$scratch/out")"
refused
refused "$scratch/s" 0
refused "$scratch/s" 3 more
