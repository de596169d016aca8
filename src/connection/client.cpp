// SPDX-License-Identifier: Apache-2.0
#include "connection/client.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <system_error>
#include <utility>

#include "connection/greeting.hpp"
#include "connection/program.hpp"
#include "connection/resolve.hpp"
#include "connection/tls.hpp"
#include "os/poll.hpp"
#include "os/socket.hpp"

namespace procession::inline v0::connection {
namespace {

/// One call of Client().
class Attempt {
  public:
    Attempt(const Address& address, const ClientOptions& options, const std::stop_token& stop)
        : address_(address),
          options_(options),
          deadline_(os::Deadline::after(options.timeout)),
          interruption_(stop) {}

    os::Descriptor connect() const {
        if (address_.family() == Address::Family::none)
            throw ValueError("Client: Address() is nowhere. Connect to the listener's address()");
        const std::string object = fmt::format("Client({})", address_);
        const auto places = resolve(address_);
        for (std::size_t i = 0;; ++i) {
            try {
                os::Descriptor socket;
                check(os::connect_to(socket, places[i], deadline_, interruption_, object),
                      "to be let in");
                return socket;
            } catch (const std::system_error&) {
                if (i + 1 == places.size()) throw;
            }
        }
    }

    // Without a key, a Unix socket's peer is known by its user only.
    void check_peer(int socket) const {
        if (address_.family() == Address::Family::tcp || options_.authkey) return;
        if (const uid_t user = os::peer_user(socket); user != ::geteuid() && user != 0)
            throw AuthenticationError(fmt::format(
                "Client({}): a process of user {} listens there. Set an authkey if it is the right one",
                address_, user));
    }

    void greet(Greeting& greeting) const try {
        while (const short awaits = greeting.advance())
            check(os::poll(greeting.descriptor(), awaits, deadline_, interruption_), greeting.stage());
    } catch (const AuthenticationError& error) {
        throw AuthenticationError(fmt::format("Client({}): {}", address_, error.what()));
    }

  private:
    void check(os::Polled polled, const char* stage) const {
        if (polled == os::Polled::interrupted)
            throw CancelledError(fmt::format("Client({}): the wait was stopped", address_));
        if (polled == os::Polled::timed_out)
            throw TimeoutError(
                fmt::format("Client({}): the time limit passed waiting {}. See whether the listener "
                            "accepts, and has an "
                            "authkey if one is given here",
                            address_, stage));
    }

    const Address& address_;
    const ClientOptions& options_;
    const os::Deadline deadline_;
    const os::Interruption interruption_;
};

}  // namespace

std::unique_ptr<Transport> connect(const Address& address, const ClientOptions& options,
                                   const std::stop_token& stop) {
    check_format(options.format, address.family() != Address::Family::tcp, options.authkey.has_value(),
                 options.tls.has_value(), "Client");
    std::optional<TlsContext> tls;
    if (options.tls) tls.emplace(Side::client, *options.tls, options.authkey, address.host());

    const Attempt attempt(address, options, stop);
    os::Descriptor socket = attempt.connect();
    attempt.check_peer(socket.get());
    Greeting greeting(
        tls ? tls->make_transport(std::move(socket)) : make_plain_transport(std::move(socket)),
        {Side::client, {options.authkey, program_for(options.format)}});
    attempt.greet(greeting);
    return greeting.take();
}

}  // namespace procession::inline v0::connection
