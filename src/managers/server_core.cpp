// SPDX-License-Identifier: Apache-2.0
#include "managers/server_core.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <chrono>
#include <thread>

#include "log/log.hpp"
#include "managers/session.hpp"
#include "os/poll.hpp"
#include "os/socket.hpp"

namespace procession::inline v0::managers {
namespace {

/// When nothing can be accepted because something has run out, that is how long it has time to come back.
constexpr std::chrono::milliseconds pause_when_exhausted(50);

Destination destination_of(const detail::ListenerCore& listener, bool is_open_to_program) {
    const ListenerOptions& options = listener.options();
    Destination destination{.address = listener.address(),
                            .authkey = options.authkey ? options.authkey->bytes() : std::string(),
                            .tls = options.tls,
                            .max_message = options.max_message};
    if (is_open_to_program) {
        destination.door = Door::open();
        destination.knocks = Knocks();
    }
    return destination;
}

// In a few bytes, which a new connection has room for.
void turn_away(Line& line, std::size_t connections) {
    const std::string text = fmt::format(
        "RuntimeError: the manager's server has {} connections, and may have no more. Raise "
        "ManagerOptions::max_connections.\n",
        connections);
    detail::log_error("Manager: a client is turned away: {}", text);
    Encoded encoded;
    encode(Reply{ReplyKind::traceback, text}, encoded);
    LineMessage message{std::move(encoded.bytes)};
    line.send(message);
}

ListenerOptions listener_options(AuthKey authkey, std::optional<Tls> tls, const ServerLimits& limits) {
    ListenerOptions options;
    options.authkey = std::move(authkey);
    options.tls = std::move(tls);
    options.max_message = limits.max_message;
    return options;
}

}  // namespace

ServerCore::ServerCore(std::unique_ptr<const TypeRegistry> types, const Address& address,
                       AuthKey authkey, std::optional<Tls> tls, ServerLimits limits)
    : types_(std::move(types)),
      limits_(limits),
      listener_(address, listener_options(std::move(authkey), std::move(tls), limits)),
      destination_(destination_of(listener_, true)),
      address_object_(managers::address_object(destination_.address)),
      references_(destination_) {}

ServerCore::~ServerCore() {
    shut_down(os::Deadline::never());
    static_cast<void>(threads_.finish(os::Deadline::never()));
}

bool ServerCore::is_own(const Object& address) const {
    if (address == address_object_) return true;
    // Another name of this host may be what its clients call it.
    return destination_.address.family() == Address::Family::tcp && address.is_tuple() &&
           address.size() == 2 && address[1] == Object(destination_.address.port());
}

// ---------------------------------------------------------------- serving

bool ServerCore::serve(const std::stop_token& stop) {
    const std::stop_callback on_stop(stop, [this] { shut_down(os::Deadline::never()); });
    detail::log_info("manager serving at {}", address());
    os::ServiceThread listening(
        "mp-listen", [this] { receive_from_listener(); }, os::ServiceThread::Stack::usual);
    os::ServiceThread door("mp-door", [this] { receive_from_program(); });
    os::ServiceThread letting_go(
        "mp-release", [this] { references_.let_go_as_told(ending_.get_token()); },
        os::ServiceThread::Stack::usual);
    os::ServiceThread watching("mp-watch", [this] { watch(); });
    os::Deadline patience = os::Deadline::never();
    {
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [this] { return is_ending(); });
        patience = patience_;
    }
    return threads_.finish(patience);
}

void ServerCore::shut_down(const os::Deadline& deadline) {
    std::vector<std::shared_ptr<Session>> sessions;
    {
        const std::lock_guard lock(mutex_);
        if (is_ending()) return;
        patience_ = deadline;
        sessions.assign(sessions_.begin(), sessions_.end());
        ending_.request_stop();
    }
    if (destination_.door) destination_.door->close();
    listener_.close();
    watch_ends_.set();
    for (const auto& session : sessions) session->end();
    ended_.notify_all();
}

void ServerCore::receive_from_listener() {
    while (!is_ending()) {
        try {
            auto transport = listener_.accept(os::Deadline::never(), ending_.get_token());
            const int fd = transport->descriptor();
            const int pid = os::is_unix_socket(fd) ? os::peer_process(fd) : 0;
            begin_session(Line::over_socket(std::move(transport), destination_.tls.has_value(),
                                            limits_.max_message),
                          pid);
        } catch (const CancelledError&) {
            return;
        } catch (const AuthenticationError& error) {
            detail::log_warning("Manager: {}", error.what());
        } catch (const std::exception& error) {
            if (is_ending()) return;
            detail::log_error("Manager: a connection cannot be accepted: {}", error.what());
            std::this_thread::sleep_for(pause_when_exhausted);
        }
    }
}

void ServerCore::receive_from_program() {
    while (!is_ending()) {
        try {
            begin_session(Line::over_pipe(destination_.knocks->get(ending_.get_token())), 0);
        } catch (const CancelledError&) {
            return;
        } catch (const std::exception& error) {
            detail::log_error("Manager: a connection cannot be taken: {}", error.what());
            std::this_thread::sleep_for(pause_when_exhausted);
        }
    }
}

void ServerCore::begin_session(Line line, int pid) {
    const int fd = line.fd();
    std::shared_ptr<Session> session;
    {
        const std::lock_guard lock(mutex_);
        if (is_ending()) return;
        // Processes of the program itself are let in, as is who ends the server.
        const std::size_t sockets = watched_sessions_.size();
        if (fd >= 0 && sockets >= limits_.max_connections) return turn_away(line, sockets);
        session = std::make_shared<Session>(*this, std::move(line), pid);
        sessions_.insert(session);
        if (fd >= 0) {
            watched_sessions_[fd] = session.get();
            watched_.add(fd, POLLRDHUP);
        }
    }
    try {
        threads_.run([this, session] {
            session->run();
            forget(session);
        });
    } catch (...) {
        forget(session);
        throw;
    }
}

void ServerCore::forget(const std::shared_ptr<Session>& session) {
    const std::lock_guard lock(mutex_);
    sessions_.erase(session);
    // While its descriptor is still its own.
    if (watched_sessions_.erase(session->fd())) watched_.remove(session->fd());
}

// ---------------------------------------------------------------- clients

std::shared_ptr<ClientRecord> ServerCore::join_client(const std::string& key, ClientRecord::Known known,
                                                      int pid, Session& session) {
    const std::lock_guard lock(mutex_);
    Present& present = clients_[key];
    if (!present.record) {
        present.record = std::make_shared<ClientRecord>(++last_client_, key, known, pid);
        if (const int pidfd = present.record->pidfd(); pidfd >= 0) {
            watched_clients_[pidfd] = key;
            watched_.add(pidfd, POLLIN);
        }
    }
    present.sessions.insert(&session);
    return present.record;
}

void ServerCore::leave_client(const std::shared_ptr<ClientRecord>& client, Session& session,
                              const Caller& caller) {
    {
        const std::lock_guard lock(mutex_);
        const auto present = clients_.find(client->key());
        if (present == clients_.end() || present->second.record != client) return;
        present->second.sessions.erase(&session);
        if (!present->second.sessions.empty()) return;
        // One that the kernel knows is there until its process ends: its connections come and go.
        if (client->stays_without_connections() && !is_ending()) return;
        remove(present);
    }
    client->depart(caller, references_);
}

void ServerCore::remove(std::map<std::string, Present>::iterator present) {
    if (const int pidfd = present->second.record->pidfd(); pidfd >= 0) {
        watched_.remove(pidfd);
        watched_clients_.erase(pidfd);
    }
    clients_.erase(present);
}

void ServerCore::cancel(const ClientRecord& client, std::uint64_t thread, std::uint64_t call) {
    const std::lock_guard lock(mutex_);
    const auto present = clients_.find(client.key());
    if (present == clients_.end()) return;
    for (Session* const session : present->second.sessions) session->cancel(thread, call);
}

// Whoever waits in a call does not read from his connection, and would not learn that its other end is gone.
void ServerCore::watch() {
    while (!is_ending()) {
        pollfd polled[] = {{watched_.fd(), POLLIN, 0}, {watch_ends_.fd(), POLLIN, 0}};
        static_cast<void>(os::poll(polled, os::Deadline::never(), os::Interruption({})));
        for (const int fd : watched_.ready()) on_end(fd);
    }
}

void ServerCore::on_end(int fd) {
    std::shared_ptr<ClientRecord> gone;
    {
        const std::lock_guard lock(mutex_);
        const auto session = watched_sessions_.find(fd);
        const auto client = watched_clients_.find(fd);
        const bool is_session = session != watched_sessions_.end();
        if (!is_session && client == watched_clients_.end()) return;
        // What was seen may have been of one that is closed, whose number this one has.
        pollfd now{fd, POLLIN | POLLRDHUP, 0};
        static_cast<void>(os::poll({&now, 1}, os::Deadline::now(), os::Interruption({})));
        if (!(now.revents & (is_session ? POLLRDHUP | POLLHUP | POLLERR : POLLIN))) return;
        watched_.remove(fd);
        if (is_session) return session->second->stop();
        const auto present = clients_.find(client->second);
        for (Session* const each : present->second.sessions) each->stop();
        if (!present->second.sessions.empty()) {
            present->second.record->note_end();
            return;
        }
        gone = present->second.record;
        remove(present);
    }
    gone->depart({.client = gone->number(), .pid = gone->pid(), .name = gone->key()}, references_);
}

}  // namespace procession::inline v0::managers
