// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Managers: servers whose objects processes share, of this host or another, of C++ or Python.

#include <procession/address.hpp>
#include <procession/authkey.hpp>
#include <procession/detail/managed_type.hpp>
#include <procession/function.hpp>
#include <procession/listener.hpp>
#include <procession/method.hpp>
#include <procession/process.hpp>
#include <procession/proxies.hpp>
#include <procession/proxy.hpp>
#include <procession/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace procession::inline v0 {

namespace managers {
class ManagerCore;
class ServerCore;
}  // namespace managers

/// How a manager's server is to be, and how it is come to.
struct ManagerOptions {
    std::optional<Tls> tls = {};                         ///< CPython does not speak it
    std::uint64_t max_message = std::uint64_t{1} << 32;  ///< bytes
    std::size_t max_connections = 16384;                 ///< at once; who comes then is turned away
    std::size_t max_references = std::size_t{1} << 20;   ///< that one client has at once
    std::optional<StartMethod> start_method = {};        ///< of the server's process
    /// How long ~BaseManager, or shutdown() without a limit, waits for the server to end before it is terminated;
    /// and again as long before it is killed.
    std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds(1);
};

/// A manager's server in this process.
/// @see Python: multiprocessing.managers.Server
class PROCESSION_API Server {
  public:
    explicit Server(std::shared_ptr<managers::ServerCore> core) : core_(std::move(core)) {}

    /// Where it listens.
    Address address() const;
    /// Serves until a client, or stop(), shuts it down. Each connection has a thread meanwhile.
    /// @returns once calls in progress have ended, or the shutdown's limit has passed
    /// @par Thread safety   to be called once
    void serve_forever(std::stop_token stop = {});
    /// Ends serve_forever(): calls in progress are told to stop (CancelledError).
    /// @param timeout  how long they are waited for
    void stop(Timeout timeout = forever);

  private:
    std::shared_ptr<managers::ServerCore> core_;
};

/// Offers objects of registered types behind a server.
///
///     struct MathsManager : mp::BaseManager {
///         using BaseManager::BaseManager;
///         MathsManager() { register_type<Maths>("Maths", mp::method<&Maths::add>("add")); }
///     };
///
/// What is registered is the manager's own, before start(), connect() or get_server(). Only that can be called.
///
/// CPython's managers speak the same protocol: its clients use these servers, and this a server of its.
/// An object lives as long as somebody refers to it. What a client held when it died is given back at once.
/// @par Thread safety   safe, but for moves and destruction
/// @par Process safety  of the process that made it; its proxies may be passed on
/// @see Python: multiprocessing.managers.BaseManager
class PROCESSION_API BaseManager {
  public:
    /// @param address  where the server is, or is to be; none: a Unix socket of its own, in the abstract
    ///                 namespace
    /// @param authkey  that both sides must have; empty: this process's
    explicit BaseManager(Address address = {}, AuthKey authkey = {}, ManagerOptions options = {});
    BaseManager(BaseManager&&) noexcept;
    BaseManager& operator=(BaseManager&&) noexcept;
    /// Shuts down what it has started.
    virtual ~BaseManager();

    /// Registers a class: its methods by mp::method<&T::f>("f"), its constructors by mp::constructor<A...>().
    ///
    /// The same with a factory before the methods: a function whose result is the object. One that returns
    /// std::shared_ptr<T>, or a handle of the library, may return the same each time.
    /// @throws StateError  the server runs, or is connected to
    template <class T, class... M>
    void register_type(std::string name, M... methods) {
        add({std::move(name), detail::managed_type<T>(std::move(methods)...)});
    }

    /// Starts the server in a process of its own, which ends with this one.
    /// @throws StateError          it was started, or is connected
    /// @throws SerializationError  a factory cannot be sent: use get_server(), or a function
    /// @throws std::system_error   it cannot listen at the address; and what else happened there
    void start() { start_with(nullptr); }
    /// The same; `initializer(args...)` is called there first. What it throws is thrown here.
    template <class F, class... A>
    void start(F initializer, A... args) {
        if constexpr (sizeof...(A) == 0)
            start_with(Function<void()>(std::move(initializer)));
        else
            start_with(Function<void()>(bind(std::move(initializer), std::move(args)...)));
    }
    /// Uses a server that another has started.
    /// @throws AuthenticationError, TimeoutError, std::system_error  as Client()
    void connect();
    /// A server for this process itself, which listens already. @throws as start()
    Server get_server();

    /// Has the server end, if start() has started it: calls in progress end with CancelledError.
    /// @param timeout  how long it may take until the process is terminated, and again until it is killed;
    ///                 none: ManagerOptions::shutdown_timeout
    void shutdown(Timeout timeout = forever);
    /// Waits until the server's process has ended. @returns whether it has
    bool join(Timeout timeout = forever);

    /// Where the server is; with what the system chose, once it listens.
    Address address() const;
    /// The server's process. @throws StateError  start() has not started one
    ProcessHandle process() const;

    /// Makes an object there, or gets the one that there is, and a proxy to it.
    /// @throws StateError  the server is not started, or connected to
    /// @throws RemoteError, KeyError  the server has no such type; and what making it throws
    template <class T, class... A>
    Proxy<T> create(const std::string& name, const A&... args) {
        return Proxy<T>(make(name, {detail::to_object(args)...}));
    }

    /// How many objects the server has. @throws as create()
    std::size_t number_of_objects();
    /// A line for each: its name, how many refer to it, and how it prints. @throws as create()
    std::string debug_info();

  protected:
    /// Makes an object of a registered type from Python values.
    detail::ProxyCore make(const std::string& type, std::vector<Object> args);
    /// Registers what SyncManager offers.
    void add_builtin_types();

  private:
    void add(detail::Registration registration);
    void start_with(Function<void()> initializer);

    std::unique_ptr<managers::ManagerCore> core_;
};

}  // namespace procession::inline v0
