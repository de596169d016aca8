// SPDX-License-Identifier: Apache-2.0
#include "connection/listener_core.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

#include "connection/program.hpp"
#include "connection/resolve.hpp"
#include "os/poll.hpp"
#include "os/socket.hpp"

namespace procession::inline v0::detail {

using connection::Greeting;
using connection::Side;
using connection::Transport;

namespace {

/// Handshakes at a time. Whoever comes beyond that takes the place of the one that has been at it longest.
constexpr std::size_t most_peers = 256;

bool proves_who_it_is(const ListenerOptions& options) {
    const bool has_key = options.authkey && !options.authkey->empty();
    return has_key || (options.tls && !options.tls->ca.empty());
}

void check_is_not_open_to_all(const os::SocketAddress& address, const ListenerOptions& options) {
    if (address.is_unix() || address.is_loopback() || proves_who_it_is(options)) return;
    throw ValueError(
        fmt::format("Listener({}:{}): other hosts could connect, and nothing would tell who they are. "
                    "Set an authkey, or "
                    "TLS with the ca of the clients; or listen at \"localhost\"",
                    address.host(), address.port()));
}

bool is_too_many_files(const std::system_error& error) {
    return error.code() == std::errc::too_many_files_open ||
           error.code() == std::errc::too_many_files_open_in_system;
}

}  // namespace

ListenerCore::ListenerCore(const Address& address, ListenerOptions options)
    : options_(std::move(options)), process_(::getpid()), left_(os::Deadline::Clock::now()) {
    connection::check_format(options_.format, address.family() != Address::Family::tcp,
                             options_.authkey.has_value(), options_.tls.has_value(), "Listener");
    if (options_.tls) tls_.emplace(Side::listener, *options_.tls, options_.authkey, std::string());
    listening_ = listen(address);
    address_ = connection::address_of(os::SocketAddress::of_socket(listening_.get())).value_or(address);
    epoll_.add(listening_.get(), POLLIN);
}

os::Descriptor ListenerCore::listen(const Address& address) {
    if (address.family() == Address::Family::none) {
        const std::string directory = os::make_private_directory();
        const std::string path = directory + "/listener";
        os::Descriptor fd = os::listen_at(os::SocketAddress::of_path(path), options_.backlog,
                                          fmt::format("Listener({})", path));
        file_.emplace(path, directory);
        return fd;
    }
    const auto found = connection::resolve(address).front();
    check_is_not_open_to_all(found, options_);
    os::Descriptor fd = os::listen_at(found, options_.backlog, fmt::format("Listener({})", address));
    if (address.family() == Address::Family::path) file_.emplace(address.path());
    return fd;
}

std::unique_ptr<Transport> ListenerCore::accept(const os::Deadline& deadline,
                                                const std::stop_token& stop) {
    adopt_in_child();
    const auto throw_stopped = [&] {
        if (closing_.stop_requested()) throw_closed("accept");
        throw CancelledError(fmt::format("Listener({})::accept: the wait was stopped", address_));
    };
    const auto throw_timed_out = [&] {
        throw TimeoutError(fmt::format("Listener({})::accept: nobody connected in time", address_));
    };
    if (!turn_->take(deadline, stop)) {
        if (stop.stop_requested()) throw_stopped();
        throw_timed_out();
    }
    struct Leave {
        ListenerCore& core;
        ~Leave() {
            core.left_ = os::Deadline::Clock::now();
            core.turn_->give();
        }
    } const leave{*this};

    // While nobody was in here, no peer could get on.
    const auto absence = os::Deadline::Clock::now() - left_;
    for (auto& [fd, peer] : peers_) peer.end += absence;

    const os::Interruption interruption(stop, closing_.get_token(), interrupted_);
    for (;;) {
        if (!listening_) throw_closed("accept");
        if (auto transport = work()) return transport;
        dismiss_expired();
        const os::Deadline expiry = next_expiry();
        const os::Deadline& first = expiry.point() < deadline.point() ? expiry : deadline;
        const os::Polled polled = os::poll(epoll_.fd(), POLLIN, first, interruption);
        if (polled == os::Polled::interrupted) throw_stopped();
        if (deadline.expired() && polled == os::Polled::timed_out) throw_timed_out();
    }
}

// What it inherited are its parent's handshakes, and a turn that nobody may be left to give.
void ListenerCore::adopt_in_child() {
    const std::lock_guard lock(mutex_);
    if (process_ == ::getpid()) return;
    process_ = ::getpid();
    turn_ = std::make_unique<connection::Turn>();
    peers_.clear();
    interrupted_ = os::Event();
    epoll_.renew();
    if (listening_) epoll_.add(listening_.get(), POLLIN);
}

std::unique_ptr<Transport> ListenerCore::work() {
    for (const int fd : epoll_.ready()) {
        std::unique_ptr<Transport> transport;
        if (fd == listening_.get())
            transport = meet();
        else if (const auto peer = peers_.find(fd); peer != peers_.end())
            transport = advance(peer, true);
        if (transport) return transport;
    }
    return {};
}

std::unique_ptr<Transport> ListenerCore::meet() {
    std::optional<os::Descriptor> socket;
    try {
        socket = os::accept_waiting(listening_.get());
    } catch (const std::system_error& error) {
        if (peers_.empty() || !is_too_many_files(error)) throw;
        dismiss(oldest());
    }
    if (!socket) return {};
    const auto peer = os::SocketAddress::of_peer(socket->get());
    if (!peer.is_unix())
        os::prepare_tcp(socket->get());
    else if (const uid_t user = os::peer_user(socket->get()); user != ::geteuid() && user != 0)
        throw AuthenticationError(fmt::format(
            "Listener({})::accept: a process of user {} tried to connect. Only the same user's "
            "and root's may",
            address_, user));
    if (peers_.size() >= most_peers) dismiss(oldest());

    const int fd = socket->get();
    auto transport = tls_ ? tls_->make_transport(std::move(*socket))
                          : connection::make_plain_transport(std::move(*socket));
    Greeting greeting(std::move(transport),
                      {Side::listener, {options_.authkey, connection::program_for(options_.format)}});
    const auto now = os::Deadline::Clock::now();
    const auto [added, _] = peers_.try_emplace(
        fd,
        Peer{std::move(greeting), connection::address_of(peer), now, now + options_.handshake_timeout});
    return advance(added, false);
}

std::unique_ptr<Transport> ListenerCore::advance(Peers::iterator peer, bool watched) {
    const int fd = peer->first;
    try {
        if (const short awaits = peer->second.greeting.advance()) {
            watched ? epoll_.change(fd, awaits) : epoll_.add(fd, awaits);
            return {};
        }
    } catch (const AuthenticationError& error) {
        const std::string who = about(peer->second.address);
        dismiss(peer);
        throw AuthenticationError(fmt::format("{}: {}", who, error.what()));
    }
    if (watched) epoll_.remove(fd);
    // The peer's last word in a handshake needs no answer.
    if (peer->second.address && peer->second.address->family() == Address::Family::tcp)
        os::acknowledge(fd);
    {
        const std::lock_guard lock(mutex_);
        last_accepted_ = std::move(peer->second.address);
    }
    auto transport = peer->second.greeting.take();
    peers_.erase(peer);
    return transport;
}

ListenerCore::Peers::iterator ListenerCore::oldest() {
    return std::ranges::min_element(peers_, {}, [](const auto& each) { return each.second.begun; });
}

void ListenerCore::dismiss(Peers::iterator peer) {
    epoll_.remove(peer->first);
    peers_.erase(peer);
}

void ListenerCore::dismiss_expired() {
    const auto now = os::Deadline::Clock::now();
    const auto expired =
        std::ranges::find_if(peers_, [&](const auto& each) { return each.second.end <= now; });
    if (expired == peers_.end()) return;
    const std::string text = fmt::format(
        "{}: its handshake took longer than {} s, and still waits {}. See whether it has an authkey and "
        "the "
        "same options, or raise handshake_timeout",
        about(expired->second.address),
        std::chrono::duration<double>(options_.handshake_timeout).count(),
        expired->second.greeting.stage());
    dismiss(expired);
    throw AuthenticationError(text);
}

os::Deadline ListenerCore::next_expiry() const {
    if (peers_.empty()) return os::Deadline::never();
    return os::Deadline::at(std::ranges::min_element(peers_, {}, [](const auto& each) {
                                return each.second.end;
                            })->second.end);
}

std::string ListenerCore::about(const std::optional<Address>& peer) const {
    return peer ? fmt::format("Listener({})::accept: peer {}", address_, *peer)
                : fmt::format("Listener({})::accept", address_);
}

void ListenerCore::throw_closed(const char* what) const {
    throw ValueError(fmt::format("Listener({})::{}: the listener is closed", address_, what));
}

std::optional<Address> ListenerCore::last_accepted() const {
    const std::lock_guard lock(mutex_);
    return last_accepted_;
}

int ListenerCore::fileno() {
    adopt_in_child();
    if (closing_.stop_requested()) throw_closed("fileno");
    return epoll_.fd();
}

void ListenerCore::close() {
    adopt_in_child();
    closing_.request_stop();
    turn_->take(os::Deadline::never(), {});
    peers_.clear();
    epoll_.close();
    listening_.reset();
    file_.reset();
    turn_->give();
}

}  // namespace procession::inline v0::detail
