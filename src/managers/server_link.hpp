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

#include "managers/protocol.hpp"
#include "managers/proxy_body.hpp"
#include "managers/thread_line.hpp"

namespace procession::inline v0::managers {

/// This process's way to a manager's server: a connection for each thread that calls, which others go on with
/// when that thread has ended. link_to() has the one to a server.
/// @par Thread safety  safe
class ServerLink : public std::enable_shared_from_this<ServerLink> {
  public:
    explicit ServerLink(Destination destination);
    ServerLink(ServerLink&&) = delete;
    ~ServerLink();

    const Destination& destination() const { return destination_; }
    /// Whether the server is of this library.
    bool is_ours();

    /// Calls, and waits for the result. What it throws is said at ProxyCore::call().
    Object call(const Call& call, const std::stop_token& stop = {});
    /// Several in one round trip, where the server is ours; else one after the other.
    std::vector<Reply> call_all(std::span<const Call> calls, const std::stop_token& stop);
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

    /// A thread that has ended leaves its connection to others.
    void leave(std::shared_ptr<ThreadLine> line);
    /// This process calls no more, and keeps nothing there.
    void say_goodbye() noexcept;

  private:
    void give_back(const std::string& ident) noexcept;
    std::shared_ptr<ThreadLine> connect(const std::stop_token& stop);
    std::shared_ptr<ThreadLine> line(const std::stop_token& stop);
    std::shared_ptr<ThreadLine> introduced(const std::stop_token& stop);
    Object ask(ThreadLine& line, const Call& call);
    Reply exchange(const Call& call, const std::stop_token& stop);
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
