// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/waiting.hpp"

namespace {

mp::SyncManager started(mp::ManagerOptions options) {
    mp::SyncManager manager({}, {}, std::move(options));
    manager.start();
    return manager;
}

TEST(ManagerLimits, a_client_has_so_many_references_at_most) {
    auto manager = started({.max_references = 3});
    mp::SyncManager client(manager.address());
    client.connect();
    std::vector<mp::ListProxy<int>> lists;
    for (int i = 0; i < 3; ++i) lists.push_back(client.list<int>());
    try {
        lists.push_back(client.list<int>());
        FAIL() << "there is a fourth";
    } catch (const std::exception& error) {
        EXPECT_NE(std::string(error.what()).find("max_references"), std::string::npos) << error.what();
    }
    EXPECT_EQ(manager.number_of_objects(), 3U);
    lists.clear();
    EXPECT_EQ(client.list<int>({5}).size(), 1U);
}

TEST(ManagerLimits, there_are_so_many_connections_at_most) {
    auto manager = started({.max_connections = 2});
    mp::SyncManager first(manager.address());
    first.connect();
    const auto list = first.list<int>();
    list.append(1);
    std::vector<mp::Connection> kept;
    bool turned_away = false;
    for (int i = 0; i < 3 && !turned_away; ++i) {
        try {
            mp::Connection raw = mp::Client(
                manager.address(),
                {.authkey = mp::current_process().authkey(), .timeout = std::chrono::seconds(20)});
            raw.send(mp::Object::tuple({nullptr, "dummy", mp::Object::tuple(), mp::Object::dict()}));
            const auto reply = raw.recv<mp::Object>();
            if (reply[0] == mp::Object("#TRACEBACK")) {
                EXPECT_NE(reply[1].as<std::string>().find("max_connections"), std::string::npos);
                turned_away = true;
            }
            kept.push_back(std::move(raw));
        } catch (const mp::EndOfFile&) {
            turned_away = true;
        }
    }
    EXPECT_TRUE(turned_away);
    EXPECT_EQ(list.size(), 1U);
}

TEST(ManagerLimits, a_call_that_is_too_long_is_not_sent) {
    auto manager = started({.max_message = 10'000});
    mp::SyncManager client(manager.address());
    client.connect();
    const auto list = client.list<std::string>();
    list.append("short");
    EXPECT_THROW(list.append(std::string(20'000, 'x')), mp::ValueError);
    EXPECT_EQ(list.size(), 1U);
}

TEST(ManagerLimits, what_is_no_request_is_answered_so) {
    auto manager = started({});
    const mp::Connection raw =
        mp::Client(manager.address(), {.authkey = mp::current_process().authkey()});
    for (const mp::Object& request :
         {mp::Object(5), mp::Object::tuple({1, 2}),
          mp::Object::tuple({"7f", "get", mp::Object::tuple(), mp::Object::dict()}),
          mp::Object::tuple({nullptr, "os.system", mp::Object::tuple({"true"}), mp::Object::dict()})}) {
        raw.send(request);
        EXPECT_EQ(raw.recv<mp::Object>()[0].as<std::string>(), "#TRACEBACK") << request;
    }
    raw.send_bytes("no pickle at all");
    EXPECT_EQ(raw.recv<mp::Object>()[0].as<std::string>(), "#TRACEBACK");
}

TEST(ManagerLimits, a_wrong_key_is_refused) {
    auto manager = started({});
    mp::SyncManager client(manager.address(), "another");
    EXPECT_THROW(client.connect(), mp::AuthenticationError);
    EXPECT_EQ(manager.list<int>({1}).size(), 1U);
}

TEST(ManagerLimits, tls_by_the_authkey) {
    auto manager = started({.tls = mp::Tls{.psk_from_authkey = true}});
    mp::SyncManager client(manager.address(), {}, {.tls = mp::Tls{.psk_from_authkey = true}});
    client.connect();
    const auto dict = client.dict<std::string, int>();
    dict["a"] = 1;
    EXPECT_EQ(dict.get("a"), 1);
}

}  // namespace
