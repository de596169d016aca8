// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Connections between programs, also of other hosts and of Python: who listens, and who connects.

#include <procession/address.hpp>
#include <procession/authkey.hpp>
#include <procession/connection.hpp>
#include <procession/detail/export.hpp>
#include <procession/timeout.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace procession::inline v0 {

/// Encryption with TLS 1.3. Both ends want it, or neither; CPython does not speak it.
///
/// Either each end is known by the authkey, from which the keys are then made, or by certificates, as PEM
/// files: a listener has one, a client has one where the listener's `ca` asks for it.
struct Tls {
    std::string certificate = {};   ///< file: the own certificate, and those between it and the root
    std::string private_key = {};   ///< file: of the own certificate
    std::string ca = {};            ///< file: who may sign the peer's; of a client, default the system's
    std::string server_name = {};   ///< that the listener's certificate must have; default the host
    bool psk_from_authkey = false;  ///< no certificates: the peer has the authkey
};

struct ListenerOptions {
    int backlog = 128;                    ///< connections that the kernel holds until they are accepted
    std::optional<AuthKey> authkey = {};  ///< that both sides must have; an empty one is one, too
    Format format = Format::pickle;
    std::optional<Tls> tls = {};
    std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(20);  ///< for one peer
    std::uint64_t max_message = default_max_message;                        ///< bytes
};

struct ClientOptions {
    std::optional<AuthKey> authkey = {};
    Format format = Format::pickle;
    Timeout timeout = {};  ///< for all until the connection is usable
    std::optional<Tls> tls = {};
    std::uint64_t max_message = default_max_message;  ///< bytes
};

namespace detail {
class ListenerCore;
}

/// Waits for connections at an address.
///
/// A Unix socket has mode 0600, and only processes of the same user, and root's, are accepted. A TCP address
/// beyond this host needs an authkey, or TLS with certificates of both sides.
///
/// The handshakes of those who connect run side by side, within accept(): who is silent or slow holds up
/// nobody else. The destructor closes. Its copy in a forked child listens at the same socket, and leaves the
/// path alone.
/// @par Thread safety   safe on a shared object, but moves and destruction
/// @see Python: multiprocessing.connection.Listener
class PROCESSION_API Listener {
  public:
    /// Listens from here on.
    /// @throws ValueError         the address would be open to other hosts without a key; no TLS from these
    ///                            options
    /// @throws std::system_error  EADDRINUSE: another listens there, or a killed one has left its path; or what
    ///                            the system says
    explicit Listener(const Address& address = {}, ListenerOptions options = {});
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    /// The next connection whose handshake succeeds.
    /// @throws AuthenticationError  a peer's handshake failed; the listener goes on
    /// @throws TimeoutError         the time ran out; handshakes go on in the next call
    /// @throws CancelledError       a stop was requested
    /// @throws ValueError           the listener is closed
    /// @par Blocking  up to the timeout, on the steady clock; EINTR does not end the wait
    Connection accept() { return accept_within({}, {}); }
    [[nodiscard]] Connection accept(Timeout timeout) { return accept_within(timeout, {}); }
    Connection accept(std::stop_token stop) { return accept_within({}, stop); }
    [[nodiscard]] Connection accept(Timeout timeout, std::stop_token stop) {
        return accept_within(timeout, stop);
    }

    /// Where it listens, with the port that was free.
    Address address() const;
    /// The address of the peer that accept() returned last; none for that of a Unix socket, which has no name.
    std::optional<Address> last_accepted() const;
    /// Ends the listener and calls of accept() in other threads, and removes the path. May be repeated.
    void close();
    /// A descriptor that is readable when accept() has something to do.
    int fileno() const;

  private:
    Connection accept_within(Timeout, const std::stop_token&);
    std::shared_ptr<detail::ListenerCore> core_;
};

/// Connects to a listener.
/// @throws AuthenticationError  a handshake failed
/// @throws TimeoutError         options.timeout passed
/// @throws CancelledError       a stop was requested
/// @throws std::system_error    ECONNREFUSED, ENOENT: nobody listens there; or what the system says
/// @par Blocking  up to the timeout, on the steady clock, but for the look-up of a host's name
/// @see Python: multiprocessing.connection.Client
PROCESSION_API Connection Client(const Address& address, ClientOptions options = {},
                                 std::stop_token stop = {});

}  // namespace procession::inline v0
