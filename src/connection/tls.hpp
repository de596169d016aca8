// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/listener.hpp>

#include <memory>
#include <string>

#include "connection/transport.hpp"

struct ssl_ctx_st;

namespace procession::inline v0::connection {

/// One side's settings for TLS, for any number of connections.
class TlsContext {
  public:
    /// @param authkey  for Tls::psk_from_authkey
    /// @throws ValueError  the options do not go together, or a file is not what it should be
    TlsContext(Side, const Tls&, const std::optional<AuthKey>& authkey, const std::string& host);
    ~TlsContext();
    TlsContext(TlsContext&&) = delete;

    /// A failed handshake or record throws AuthenticationError.
    std::unique_ptr<Transport> make_transport(os::Descriptor socket) const;

  private:
    void use_certificates(const Tls&);
    void use_key(const AuthKey&);

    const Side side_;
    const std::string host_;  ///< whose certificate a client asks for
    ssl_ctx_st* context_;
    std::string key_;  ///< for a handshake without certificates
};

}  // namespace procession::inline v0::connection
