// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/mp.hpp>

#include <string>
#include <vector>

#include "support/python_peer.hpp"

// Managers' servers in Python, and clients.

namespace procession::test {

/// What clients and servers have in common.
inline const AuthKey manager_key("peekaboo");

/// A manager's server in Python, by interop/manager_server.py, until it is told to end.
class PythonManager {
  public:
    PythonManager(const Python& python, const std::string& where)
        : server_(python, "manager_server.py", {where, hex_of(manager_key), report_.address().path()}) {
        const std::string said = recv_text(report_.accept());
        const auto space = said.rfind(' ');
        address_ = where.starts_with("tcp:")
                       ? Address(said.substr(0, space),
                                 static_cast<std::uint16_t>(std::stoi(said.substr(space))))
                       : Address(said);
    }
    ~PythonManager() {
        if (!has_ended_) end();
    }
    PythonManager(PythonManager&&) = delete;
    const Address& address() const { return address_; }
    /// Tells it to, as clients in Python do.
    void end() {
        has_ended_ = true;
        const Connection connection =
            Client(address_, {.authkey = manager_key, .format = Format::pickle});
        connection.send(Object::tuple({Object(), "shutdown", Object::tuple(), Object::dict()}));
        EXPECT_EQ(connection.recv<Object>(), Object::tuple({"#RETURN", Object()}));
        EXPECT_EQ(server_.said(), "");
    }

  private:
    Listener report_;
    PythonPeer server_;
    Address address_;
    bool has_ended_ = false;
};

/// A client in Python, interop/manager_client.py, and what it has of a server.
inline Ended run_client_in_python(const Python& python, const std::string& subject,
                                  const Address& server, const AuthKey& key) {
    return run_program({"/usr/bin/env", python.path, "-B", INTEROP "/manager_client.py", subject,
                        argument_for(server), hex_of(key)});
}
inline std::string client_in_python(const Python& python, const std::string& subject,
                                    const Address& server) {
    const Ended ended = run_client_in_python(python, subject, server, manager_key);
    EXPECT_EQ(ended.code, 0) << ended.output;
    return ended.output;
}

}  // namespace procession::test
