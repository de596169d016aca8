// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/listener.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "connection/greeting.hpp"
#include "connection/tls.hpp"
#include "connection/turn.hpp"
#include "os/deadline.hpp"
#include "os/epoll.hpp"
#include "os/event.hpp"
#include "os/socket_file.hpp"
#include "os/stream_socket.hpp"

namespace procession::inline v0::detail {

/// The listening socket, and the peers whose handshakes are under way.
///
/// One thread at a time goes through what is ready of these, as far as it goes without waiting, and polls for
/// more; the first peer that is done is its result. Who else wants one waits for its turn.
class ListenerCore {
  public:
    ListenerCore(const Address&, ListenerOptions);
    ~ListenerCore() { close(); }
    ListenerCore(ListenerCore&&) = delete;

    std::unique_ptr<connection::Transport> accept(const os::Deadline&, const std::stop_token&);
    const ListenerOptions& options() const { return options_; }
    const Address& address() const { return address_; }
    std::optional<Address> last_accepted() const;
    void close();
    int fileno();

  private:
    struct Peer {
        connection::Greeting greeting;
        std::optional<Address> address;
        os::Deadline::Clock::time_point begun;
        os::Deadline::Clock::time_point end;  ///< of our patience
    };
    using Peers = std::map<int, Peer>;

    os::Descriptor listen(const Address&);
    void adopt_in_child();
    std::unique_ptr<connection::Transport> work();
    std::unique_ptr<connection::Transport> meet();
    std::unique_ptr<connection::Transport> advance(Peers::iterator, bool watched);
    Peers::iterator oldest();
    void dismiss(Peers::iterator);
    void dismiss_expired();
    os::Deadline next_expiry() const;
    std::string about(const std::optional<Address>& peer) const;
    [[noreturn]] void throw_closed(const char* what) const;

    const ListenerOptions options_;
    std::optional<connection::TlsContext> tls_;
    std::optional<os::SocketFile> file_;
    Address address_;

    std::stop_source closing_;
    std::unique_ptr<connection::Turn> turn_ =
        std::make_unique<connection::Turn>();  ///< to use what follows
    pid_t process_;
    os::Descriptor listening_;
    os::Epoll epoll_;
    os::Event interrupted_;  ///< made before descriptors run out
    Peers peers_;
    os::Deadline::Clock::time_point left_;  ///< when accept() was left last

    mutable std::mutex mutex_;  ///< guards what follows
    std::optional<Address> last_accepted_;
};

}  // namespace procession::inline v0::detail
