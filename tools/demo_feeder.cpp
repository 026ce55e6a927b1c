// SPDX-License-Identifier: MIT
//
// demo_feeder.cpp - see demo_feeder.hpp.
#include "tools/demo_feeder.hpp"

#include "tools/demo.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace demo {

using tools::with_errno;

namespace {

/// A connected socket whose send() comes back now and then, so that a sender can be cancelled; or -errno.
int connect_to(const std::string &path)
{
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof(address.sun_path) - 1));
	const timeval patience = {0, 100000};
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0)
		return fd;
	const int error = errno;
	close(fd);
	return -error;
}

} // namespace

feeder::feeder(const script &what, const std::string &socket_path, gate_fn at_gate)
	: script_(what), at_gate_(std::move(at_gate)), running_(what.senders()), gate_(what.senders(), gate{this})
{
	threads_.reserve(what.senders());
	try {
		for (unsigned sender = 0; sender < what.senders(); sender++)
			threads_.emplace_back([this, sender, socket_path] { send_all(sender, socket_path); });
	} catch (const std::system_error &e) {
		// Those that are there must not wait at a gate for those that are not.
		for (size_t missing = threads_.size(); missing < what.senders(); missing++)
			gate_.arrive_and_drop();
		end();
		throw failure(std::string("cannot start a sender: ") + e.what());
	}
}

feeder::~feeder()
{
	end();
}

void feeder::end()
{
	cancelled_.store(true, std::memory_order_relaxed);
	for (std::thread &thread : threads_)
		thread.join();
}

void feeder::cancel(const std::string &why)
{
	const std::lock_guard guard(lock_);
	if (why_.empty())
		why_ = why;
	cancelled_.store(true, std::memory_order_relaxed);
}

std::string feeder::failed() const
{
	const std::lock_guard guard(lock_);
	return why_;
}

void feeder::pass_gate() noexcept
{
	if (cancelled())
		return;
	const phase next = now() == phase::before ? phase::exhausted : phase::after;
	try {
		if (const std::string why = at_gate_(next); !why.empty())
			cancel(why);
		else
			now_.store(next, std::memory_order_relaxed);
	} catch (const std::exception &) { // a string that could not be had
		cancelled_.store(true, std::memory_order_relaxed);
	}
}

void feeder::send_all(unsigned sender, const std::string &socket_path)
{
	const uint64_t count = script_.messages_of(sender);
	const int fd = connect_to(socket_path);
	if (fd < 0)
		cancel(with_errno("a sender cannot connect to logd", -fd));

	std::string datagram;
	for (uint64_t number = 0; number < count; number++) {
		// Also a cancelled sender comes to the gates: the others wait there.
		if (number == count / 3 || number == count - count / 3)
			gate_.arrive_and_wait();
		if (cancelled())
			continue;
		script_.frame(sender, number, datagram);
		send_one(fd, datagram);
	}
	if (fd >= 0)
		close(fd);
	running_.fetch_sub(1, std::memory_order_release); // release: pairs with the acquire in finished()
}

void feeder::send_one(int fd, const std::string &datagram)
{
	while (!cancelled()) {
		if (send(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) {
			sent_.fetch_add(1, std::memory_order_relaxed);
			return;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
			continue; // logd has enough to do: wait for it
		cancel(with_errno("a message cannot be sent to logd", errno));
	}
}

} // namespace demo
