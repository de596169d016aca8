// SPDX-License-Identifier: Apache-2.0
#include <procession/address.hpp>
#include <procession/error.hpp>

#include <ostream>

namespace procession::inline v0 {

Address::Address(std::string host, int port)
    : family_(Family::tcp), name_(std::move(host)), port_(port) {
    if (port < 0 || port > 65535)
        throw ValueError(
            fmt::format("Address(\"{}\", {}): a port is a number from 0 to 65535", name_, port));
}

Address::Address(std::string path) : family_(Family::path), name_(std::move(path)) {
    if (name_.empty()) throw ValueError("Address(\"\"): a path is not empty. Address() is a fresh one");
    if (name_.front() == '\0') *this = abstract(name_.substr(1));
}

Address Address::abstract(std::string name) {
    Address address;
    address.family_ = Family::abstract;
    address.name_ = std::move(name);
    return address;
}

std::string Address::to_string() const {
    switch (family_) {
        case Family::none: return "a fresh path";
        case Family::tcp:
            return name_.find(':') == name_.npos ? fmt::format("{}:{}", name_, port_)
                                                 : fmt::format("[{}]:{}", name_, port_);
        case Family::path: return name_;
        case Family::abstract: return '@' + name_;
    }
    return {};
}

std::ostream& operator<<(std::ostream& out, const Address& address) {
    return out << address.to_string();
}

}  // namespace procession::inline v0
