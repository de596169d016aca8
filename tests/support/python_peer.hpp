// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/listening.hpp"
#include "support/python.hpp"

// A connection with Python at the other end, where one of the scripts beside the interop tests runs.

namespace procession::test {

inline std::string hex_of(const std::optional<AuthKey>& key) {
    if (!key) return "-";
    std::string hex;
    for (const char each : key->bytes()) hex += fmt::format("{:02x}", static_cast<unsigned char>(each));
    return hex;
}
inline std::string argument_for(const Address& address) {
    switch (address.family()) {
        case Address::Family::tcp: return fmt::format("tcp:{}:{}", address.host(), address.port());
        case Address::Family::path: return "path:" + address.path();
        default: return "abstract:" + address.abstract_name();
    }
}

/// A script that runs meanwhile.
class PythonPeer {
  public:
    PythonPeer(const Python& python, const std::string& script, std::vector<std::string> arguments)
        : thread_([this, python, script, arguments] {
              std::vector<std::string> all = {"/usr/bin/env", python.path, "-B", INTEROP "/" + script};
              all.insert(all.end(), arguments.begin(), arguments.end());
              ended_ = run_program(all);
          }) {}
    /// What it prints, once it has ended.
    std::string said() {
        thread_.join();
        EXPECT_EQ(ended_.code, 0) << ended_.output;
        return ended_.output;
    }

  private:
    Ended ended_{};
    std::jthread thread_;
};

/// A script that listens, and where.
struct PythonListener {
    PythonListener(const Python& python, const std::string& where, const std::optional<AuthKey>& key,
                   const std::string& script = "connection_peer.py",
                   std::vector<std::string> arguments = {})
        : peer(python, script, [&] {
              std::vector<std::string> all = {"listen", where, hex_of(key)};
              all.insert(all.end(), arguments.begin(), arguments.end());
              all.push_back(report.address().path());
              return all;
          }()) {
        const std::string said = recv_text(report.accept());
        if (where.starts_with("tcp:"))
            address = Address("localhost",
                              static_cast<std::uint16_t>(std::stoi(said.substr(said.rfind(' ')))));
        else if (where.starts_with("path:"))
            address = where.substr(5);
        else
            address = Address::abstract(where.substr(9));
    }
    Listener report;
    PythonPeer peer;
    Address address;
};
inline std::vector<std::string> python_addresses() {
    return {argument_for(own_path("its")), argument_for(Address::abstract(own_name("its"))),
            "tcp:localhost:0"};
}

}  // namespace procession::test
