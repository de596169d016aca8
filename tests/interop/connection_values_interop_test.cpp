// SPDX-License-Identifier: Apache-2.0

// Values to and from Python over connections: the python3 of the PATH, and what PROCESSION_PYTHONS lists.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "support/python_peer.hpp"

namespace {

using namespace procession::test;
using mp::Object;

constexpr int values_each = 25'000;

/// -(i + 1) << shift, as two's complement, least byte first.
Object shifted(int i, int shift) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(shift / 8 + 10));
    __int128 value = static_cast<__int128>(-(i + 1)) << (shift % 8);
    for (std::size_t at = static_cast<std::size_t>(shift / 8); at < bytes.size(); ++at, value >>= 8)
        bytes[at] = static_cast<std::byte>(value & 0xff);
    return Object::integer(bytes);
}

/// The same as the script's own.
Object value(int i) {
    switch (i % 12) {
        case 0: return i;
        case 1: return shifted(i, i % 200);
        case 2: return i / 7.0;
        case 3: return fmt::format("text \u20ac {}", i);
        case 4: {
            Object::Bytes bytes;
            for (int each = 0; each < i % 300; ++each)
                bytes.push_back(static_cast<std::byte>(each % 256));
            return bytes;
        }
        case 5: return Object::list({i, std::to_string(i), nullptr, i % 2 == 0});
        case 6: return Object::tuple({i, Object::tuple({i + 1, Object::tuple()})});
        case 7: return Object::dict({{"key", i}, {i, Object::list({"value"})}});
        case 8: return Object::set({i, i + 1, "x"});
        case 9: {
            const mp::Date date{2000 + i % 30, 1 + i % 12, 1 + i % 28};
            return mp::DateTime{date,
                                {.hour = i % 24, .minute = i % 60, .second = i % 59, .microsecond = i}};
        }
        case 10:
            return Object::bytearray(Object::Bytes(static_cast<std::size_t>(i % 20), std::byte{'b'}));
        default: return Object::dict({{"nested", Object::list({value(i / 2), Object::frozenset({i})})}});
    }
}

class ValuesWithPython : public testing::Test {
  protected:
    void SetUp() override {
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 of 3.6 or later in the PATH";
    }
    const std::vector<Python> pythons_ = pythons(6);
    const mp::AuthKey key_{"peekaboo"};
    const std::vector<std::string> count_{std::to_string(values_each)};
};

void exchange(const mp::Connection& connection) {
    std::jthread sender([&] {
        for (int i = 0; i < values_each; ++i) connection.send(value(i));
    });
    for (int i = 0; i < values_each; ++i) {
        const auto received = connection.recv<Object>();
        const Object expected = value(i);
        ASSERT_EQ(received.type(), expected.type()) << i;
        ASSERT_EQ(received, expected) << i;
    }
}

TEST_F(ValuesWithPython, come_and_go_where_it_connects) {
    for (const Python& python : pythons_)
        for (const mp::Address& where : {mp::Address(), mp::Address("localhost", 0)}) {
            SCOPED_TRACE(fmt::format("{} {}", python.path, where));
            mp::Listener listener(where, {.authkey = key_});
            PythonPeer peer(python, "connection_values_peer.py",
                            {"connect", argument_for(listener.address()), hex_of(key_), count_.front()});
            exchange(listener.accept());
            EXPECT_EQ(peer.said(), count_.front() + "\n");
        }
}

TEST_F(ValuesWithPython, come_and_go_where_it_listens) {
    for (const Python& python : pythons_)
        for (const std::string& where :
             {argument_for(own_path("values")), std::string("tcp:localhost:0")}) {
            SCOPED_TRACE(fmt::format("{} {}", python.path, where));
            PythonListener its(python, where, key_, "connection_values_peer.py", count_);
            exchange(mp::Client(its.address, {.authkey = key_}));
            EXPECT_EQ(its.peer.said(), count_.front() + "\n");
        }
}

TEST_F(ValuesWithPython, stay_to_be_received_as_what_they_are) {
    mp::Listener listener({}, {.authkey = key_});
    PythonPeer peer(pythons_.front(), "connection_values_peer.py",
                    {"connect", argument_for(listener.address()), hex_of(key_), "1"});
    const mp::Connection connection = listener.accept();
    EXPECT_THROW((void)connection.recv<std::string>(), mp::TypeMismatch);
    EXPECT_TRUE(connection.poll());
    EXPECT_EQ(connection.recv<int>(), 0);
    connection.send(0);
    EXPECT_EQ(peer.said(), "1\n");
}

}  // namespace
