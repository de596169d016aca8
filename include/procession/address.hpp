// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Where listeners are.

#include <procession/detail/export.hpp>

#include <fmt/format.h>

#include <iosfwd>
#include <string>

namespace procession::inline v0 {

/// Where a listener is. A plain value.
///
/// | made by                   | is                                                       | prints as        |
/// |---------------------------|----------------------------------------------------------|------------------|
/// | `Address()`               | of a listener: a fresh Unix socket; nothing to connect to | `a fresh path`  |
/// | `Address("host", 6000)`   | TCP, IPv4 or IPv6; of a listener, port 0 is any free one | `host:6000`      |
/// | `Address("/path")`        | a Unix socket                                            | `/path`          |
/// | `Address::abstract("it")` | a Unix socket without a file                             | `@it`            |
/// @see Python: the `address` of multiprocessing.connection.Listener and Client
class PROCESSION_API Address {
  public:
    Address() = default;
    /// @param host  a name, or a number as "127.0.0.1" and "::1"; empty: all interfaces of a listener
    /// @throws ValueError  the port is not between 0 and 65535
    Address(std::string host, int port);
    /// A path; after a leading NUL character an abstract name, as in Python.
    Address(std::string path);
    Address(const char* path) : Address(std::string(path)) {}
    /// A name in the kernel's abstract namespace of Unix sockets, which any user may connect to.
    static Address abstract(std::string name);

    enum class Family { none, tcp, path, abstract };
    Family family() const { return family_; }
    /// Of TCP; empty else.
    std::string host() const { return is_tcp() ? name_ : std::string(); }
    /// Of TCP; 0 else.
    int port() const { return port_; }
    /// Of a Unix socket with a file; empty else.
    std::string path() const { return family_ == Family::path ? name_ : std::string(); }
    /// Of a Unix socket without one; empty else.
    std::string abstract_name() const { return family_ == Family::abstract ? name_ : std::string(); }

    std::string to_string() const;
    friend bool operator==(const Address&, const Address&) = default;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(family_, name_, port_);
    }

  private:
    bool is_tcp() const { return family_ == Family::tcp; }
    Family family_ = Family::none;
    std::string name_;
    int port_ = 0;
};
PROCESSION_API std::ostream& operator<<(std::ostream&, const Address&);

}  // namespace procession::inline v0

template <>
struct fmt::formatter<procession::Address> : formatter<std::string> {
    auto format(const procession::Address& address, fmt::format_context& context) const {
        return formatter<std::string>::format(address.to_string(), context);
    }
};
