// SPDX-License-Identifier: Apache-2.0

// Clients in Python at servers of ours: the python3 of the PATH, and what PROCESSION_PYTHONS lists (paths with ':'
// between them). What each line of interop/manager_client.py comes to is what it comes to at Python's own server.
#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/managed_classes.hpp"
#include "support/python_manager.hpp"
#include "support/waiting.hpp"

namespace {

using namespace procession::test;
using procession::Address;

class PythonsClient : public testing::Test {
  protected:
    void SetUp() override {
        pythons_ = pythons(6);
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 of 3.6 or later in the PATH";
    }
    std::vector<Python> pythons_;
};

/// A manager's server of ours.
struct Ours : SampleManager {
    explicit Ours(const Address& where) : SampleManager(where, manager_key) { start(); }
};

/// What was done and what it came to, for each line.
std::vector<std::string> steps_of(const std::string& said) {
    const std::string mark = ">>> ";
    std::vector<std::string> steps;
    for (std::size_t at = 0; at < said.size();) {
        const std::size_t next = said.find(mark, at + mark.size());
        steps.push_back(said.substr(at, next - at));
        at = next == said.npos ? said.size() : next;
    }
    return steps;
}

class EachSubject : public PythonsClient, public testing::WithParamInterface<std::string> {};

TEST_P(EachSubject, is_as_at_pythons_own_server) {
    for (const Python& python : pythons_) {
        PythonManager theirs(python, "tcp:127.0.0.1:0");
        const auto expected = steps_of(client_in_python(python, GetParam(), theirs.address()));
        for (const Address& where : {Address("127.0.0.1", 0), own_path()}) {
            const Ours ours(where);
            const auto found = steps_of(client_in_python(python, GetParam(), ours.address()));
            ASSERT_EQ(found.size(), expected.size()) << python.path << ' ' << where;
            for (std::size_t i = 0; i < found.size(); ++i)
                EXPECT_EQ(found[i], expected[i]) << python.path << ' ' << where;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(PythonsClient, EachSubject,
                         testing::Values("dict", "list", "nested", "Namespace", "Value", "Lock",
                                         "Semaphore", "Condition", "Event", "Barrier", "Queue", "class",
                                         "iterator", "shared", "children", "server"),
                         [](const auto& info) { return info.param; });

// Python's server does not count what is stored in another object.
TEST_F(PythonsClient, has_its_references_counted_exactly) {
    for (const Python& python : pythons_)
        for (const Address& where : {Address("127.0.0.1", 0), own_path()}) {
            Ours ours(where);
            const std::string said = client_in_python(python, "references", ours.address());
            EXPECT_EQ(said.find("False"), said.npos) << python.path << ' ' << where << '\n' << said;
            EXPECT_EQ(said.find("Error("), said.npos) << python.path << ' ' << where << '\n' << said;
        }
}

TEST_F(PythonsClient, is_refused_with_another_key) {
    for (const Python& python : pythons_) {
        const Ours ours(Address("127.0.0.1", 0));
        const Ended refused =
            run_client_in_python(python, "server", ours.address(), procession::AuthKey("another"));
        EXPECT_EQ(refused.code, 1) << python.path;
        EXPECT_EQ(refused.output, "AuthenticationError\n") << python.path;
        EXPECT_FALSE(client_in_python(python, "server", ours.address()).empty());
    }
}

TEST_F(PythonsClient, has_an_error_when_the_server_ends_as_it_waits) {
    for (const Python& python : pythons_)
        for (const Address& where : {Address("127.0.0.1", 0), own_path()}) {
            Ours ours(where);
            const auto counter = ours.create<Counter>("get_counter");
            PythonPeer client(python, "manager_client.py",
                              {"waiting", argument_for(ours.address()), hex_of(manager_key)});
            wait_until([&] { return counter.call<&Counter::get>() == 1; });
            ours.shutdown();
            expect_parts(client.said(), {"Queue().get()", "Error"});
        }
}

}  // namespace
