// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/error.hpp>

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "managers/line.hpp"
#include "managers/protocol.hpp"
#include "managers/proxy_body.hpp"

namespace procession::inline v0::managers {

/// This process's way to a manager's server: a connection for each thread that calls, which others go on with
/// when that thread has ended.
/// @par Thread safety  safe
class ServerLink : public std::enable_shared_from_this<ServerLink> {
  public:
    /// The one of this process, which all proxies to the same server share.
    static std::shared_ptr<ServerLink> to(const Destination& destination);

    /// From now on another one goes there: the server may be another.
    static void forget(const Destination& destination);

    explicit ServerLink(Destination destination);
    ServerLink(ServerLink&&) = delete;
    ~ServerLink();

    const Destination& destination() const { return destination_; }
    /// Whether the server is of this library.
    bool is_ours();

    /// Calls, and waits for the result. What it throws is said at ProxyCore::call().
    Object call(const Request& request, const std::stop_token& stop = {});
    /// Several in one round trip, where the server is ours; else one after the other.
    std::vector<Reply> call_all(std::span<const Request> requests, const std::stop_token& stop);
    /// What a reply comes to. @throws what it says was thrown
    static Object result_of(Reply reply);

    /// Has the server make an object. @param type_and_arguments  a tuple @returns a proxy of it
    Object create(const Object& type_and_arguments);
    /// Tells the server to end, and does not wait for it. What is returned is to be kept until it has ended.
    std::shared_ptr<const void> tell_to_end(std::chrono::nanoseconds limit);

    /// For a process that counts its own references at this server.
    void increase(const std::string& ident);
    /// It has counted one that this process was sent.
    void note_counted(const std::string& ident);
    void decrease(const std::string& ident) noexcept;

    /// A connection that one thread uses at a time.
    struct ThreadLine;
    /// One that has ended leaves its own to others.
    void leave(std::shared_ptr<ThreadLine> line);

  private:
    void give_back(const std::string& ident) noexcept;
    static void say_goodbye_to_all();
    void say_goodbye() noexcept;
    std::shared_ptr<ThreadLine> connect(const std::stop_token& stop);
    std::shared_ptr<ThreadLine> line(const std::stop_token& stop);
    std::shared_ptr<ThreadLine> introduced(const std::stop_token& stop);
    Object ask(ThreadLine& line, const Request& request);
    Reply exchange(const Request& request, const std::stop_token& stop);
    bool cancel(const ThreadLine& line);
    /// @returns none: nothing came in time
    std::optional<Reply> receive(ThreadLine& line, const Timeout& limit,
                                 const std::stop_token& stop = {});
    detail::ProxyCore proxy_of(const Object& proxy);
    Object proxy_by_token(const Object& exposed_and_token);
    bool is_there(const Object& address) const;
    [[noreturn]] void throw_gone(const std::exception& cause) const;

    const Destination destination_;
    std::uint64_t number_;
    const std::uint32_t made_at_;  ///< os::fork_count(): whose it is
    std::uint64_t max_message_;    ///< that the server takes
    std::mutex mutex_;             ///< guards what follows
    std::optional<bool> is_ours_;
    std::map<std::string, std::uint64_t> counted_;  ///< this process's own references
    std::vector<std::shared_ptr<ThreadLine>> idle_;
    std::vector<std::weak_ptr<ThreadLine>> all_;
};

}  // namespace procession::inline v0::managers
