// SPDX-License-Identifier: Apache-2.0
#include <procession/listener.hpp>

#include "connection/client.hpp"
#include "connection/listener_core.hpp"
#include "connection/socket_connection.hpp"

namespace procession::inline v0 {
namespace {

Connection connection_over(std::unique_ptr<connection::Transport> transport, Format format,
                           std::uint64_t max_message) {
    return Connection(connection::make_socket_connection(std::move(transport), {}, format, max_message));
}

}  // namespace

Listener::Listener(const Address& address, ListenerOptions options)
    : core_(std::make_unique<detail::ListenerCore>(address, std::move(options))) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Connection Listener::accept_within(Timeout timeout, const std::stop_token& stop) {
    return connection_over(core_->accept(os::Deadline::after(timeout), stop), core_->options().format,
                           core_->options().max_message);
}

Address Listener::address() const { return core_->address(); }
std::optional<Address> Listener::last_accepted() const { return core_->last_accepted(); }
void Listener::close() { core_->close(); }
int Listener::fileno() const { return core_->fileno(); }

Connection Client(const Address& address, ClientOptions options, std::stop_token stop) {
    return connection_over(connection::connect(address, options, stop), options.format,
                           options.max_message);
}

}  // namespace procession::inline v0
