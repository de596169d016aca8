// SPDX-License-Identifier: Apache-2.0
#include <procession/address.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <sstream>

#include "connection/resolve.hpp"
#include "support/expect.hpp"

namespace {

using namespace std::string_literals;
using procession::Address;
using procession::connection::resolve;
using procession::test::expect_parts;
using procession::test::refused;

TEST(Address, knows_what_it_was_made_from) {
    const Address tcp("localhost", 6000);
    EXPECT_EQ(tcp.family(), Address::Family::tcp);
    EXPECT_EQ(tcp.host(), "localhost");
    EXPECT_EQ(tcp.port(), 6000);
    EXPECT_EQ(tcp.path(), "");

    const Address path("/run/it");
    EXPECT_EQ(path.family(), Address::Family::path);
    EXPECT_EQ(path.path(), "/run/it");
    EXPECT_EQ(path.port(), 0);

    const Address abstract = Address::abstract("it");
    EXPECT_EQ(abstract.family(), Address::Family::abstract);
    EXPECT_EQ(abstract.abstract_name(), "it");
    EXPECT_EQ(abstract.path(), "");
    EXPECT_EQ(Address("\0it"s), abstract) << "as in Python";
    EXPECT_NE(Address("it"), abstract);

    EXPECT_EQ(Address().family(), Address::Family::none);
}

TEST(Address, prints_itself) {
    EXPECT_EQ(fmt::format("{}", Address("localhost", 6000)), "localhost:6000");
    EXPECT_EQ(fmt::format("{}", Address("::1", 6000)), "[::1]:6000");
    EXPECT_EQ(fmt::format("{}", Address("/run/it")), "/run/it");
    EXPECT_EQ(fmt::format("{}", Address::abstract("it")), "@it");
    std::ostringstream text;
    text << Address();
    EXPECT_EQ(text.str(), "a fresh path");
}

TEST(Address, that_cannot_be_is_refused) {
    EXPECT_THROW(Address("localhost", -1), procession::ValueError);
    EXPECT_THROW(Address("localhost", 65536), procession::ValueError);
    EXPECT_THROW(Address(""), procession::ValueError);
    const std::string text = refused(ENAMETOOLONG, [] { resolve(Address(std::string(108, 'x'))); });
    expect_parts(text, {"xxx", "107"});
    refused(ENAMETOOLONG, [] { resolve(Address::abstract(std::string(108, 'x'))); });
    EXPECT_EQ(resolve(Address(std::string(107, 'x'))).front().path(), std::string(107, 'x'));
    EXPECT_EQ(resolve(Address::abstract(std::string(107, 'x'))).front().abstract_name(),
              std::string(107, 'x'));
}

TEST(Address, of_a_host_that_is_none_says_so) {
    expect_parts(refused(EADDRNOTAVAIL, [] { resolve(Address("no such host", 6000)); }),
                 {"no such host:6000", "getaddrinfo", "looked up"});
}

TEST(Address, knows_loopback) {
    for (const char* const host : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"})
        EXPECT_TRUE(resolve(Address(host, 1)).front().is_loopback()) << host;
    for (const char* const host : {"", "0.0.0.0", "10.0.0.1", "::", "::ffff:10.0.0.1", "fe80::1"})
        EXPECT_FALSE(resolve(Address(host, 1)).front().is_loopback()) << host;
    EXPECT_FALSE(resolve(Address("/it")).front().is_loopback());
}

TEST(Address, survives_the_way_to_the_system_and_back) {
    for (const Address& each : {Address("127.0.0.1", 6000), Address("::1", 6000), Address("/run/it"),
                                Address("it"), Address::abstract("it"), Address::abstract("a\0b"s)})
        EXPECT_EQ(procession::connection::address_of(resolve(each).front()), each);
}

}  // namespace
