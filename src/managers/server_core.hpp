// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "connection/listener_core.hpp"
#include "managers/client_record.hpp"
#include "managers/line.hpp"
#include "managers/proxy_body.hpp"
#include "managers/references.hpp"
#include "managers/type_registry.hpp"
#include "os/epoll.hpp"
#include "os/event.hpp"
#include "os/service_thread.hpp"
#include "os/thread_cache.hpp"

namespace procession::inline v0::managers {

class Session;

/// What a client may take.
struct ServerLimits {
    std::uint64_t max_message = 0;
    std::size_t max_connections = 0;
    std::size_t max_references = 0;  ///< of one client
};

/// A manager's server: it listens, has a thread for each connection, and ends when it is told to.
///
/// 1. Connections come to the listener, or from the server's own program through the door (receive_*).
/// 2. Each has a Session in a thread, which reads requests and answers them (session.cpp).
/// 3. Who is gone while the server is at his request is noticed by a thread that watches all of them (watch).
class ServerCore {
  public:
    ServerCore(std::unique_ptr<const TypeRegistry> types, const Address& address, AuthKey authkey,
               std::optional<Tls> tls, ServerLimits limits);
    ~ServerCore();
    ServerCore(ServerCore&&) = delete;

    const Destination& destination() const { return destination_; }
    Address address() const { return destination_.address; }
    /// Serves until shut_down(), or the stop. @returns false: calls were still in progress at the deadline that
    /// it gave; they go on
    bool serve(const std::stop_token& stop);
    /// Ends serve(): calls in progress are told to stop, and are waited for until the deadline.
    void shut_down(const os::Deadline& deadline);
    bool is_ending() const { return ending_.stop_requested(); }

    // ---- what sessions use

    const TypeRegistry& types() const { return *types_; }
    References& references() { return references_; }
    const ServerLimits& limits() const { return limits_; }
    const Object& address_object() const { return address_object_; }
    /// Whether a Token with that address is of this server.
    bool is_own(const Object& address) const;
    /// The client of that key, which this session is of from now on.
    std::shared_ptr<ClientRecord> join_client(const std::string& key, ClientRecord::Known known, int pid,
                                              Session& session);
    void leave_client(const std::shared_ptr<ClientRecord>& client, Session& session,
                      const Caller& caller);
    /// Stops a call of a client's thread, if it is the one with that number.
    void cancel(const ClientRecord& client, std::uint64_t thread, std::uint64_t call);
    void forget(const std::shared_ptr<Session>& session);

  private:
    struct Present {
        std::shared_ptr<ClientRecord> record;
        std::set<Session*> sessions;
    };

    void receive_from_listener();
    void receive_from_program();
    void begin_session(Line line, int pid);
    void remove(std::map<std::string, Present>::iterator present);
    void watch();
    void on_end(int fd);

    const std::unique_ptr<const TypeRegistry> types_;
    const ServerLimits limits_;
    detail::ListenerCore listener_;
    const Destination destination_;
    const Object address_object_;
    References references_;
    std::stop_source ending_;

    std::mutex mutex_;  ///< guards what follows
    std::condition_variable ended_;
    os::Deadline patience_ = os::Deadline::never();
    std::map<std::string, Present> clients_;
    std::uint64_t last_client_ = 0;
    std::map<int, Session*> watched_sessions_;
    std::map<int, std::string> watched_clients_;
    std::set<std::shared_ptr<Session>> sessions_;

    os::Epoll watched_;
    os::Event watch_ends_;
    os::ThreadCache threads_{"mp-session"};
};

}  // namespace procession::inline v0::managers
