// SPDX-License-Identifier: Apache-2.0

// Process classes with a run() of their own, and how the child makes them.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

namespace {

class Subclasses : public testing::TestWithParam<mp::StartMethod> {
  protected:
    void SetUp() override { mp::set_start_method(GetParam(), true); }
    void TearDown() override { EXPECT_TRUE(mp::active_children().empty()); }
    bool afresh() const { return GetParam() != mp::StartMethod::fork; }
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, Subclasses, testing::ValuesIn(mp::get_all_start_methods()),
                         [](const auto& info) {
                             return info.param == mp::StartMethod::fork    ? "fork"
                                    : info.param == mp::StartMethod::spawn ? "spawn"
                                                                           : "forkserver";
                         });

void run(mp::Process& process) {
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

class Private : public mp::Subclass<Private> {
  public:
    explicit Private(mp::Queue<int> out, int number) : out_(out), number_(number) {}
    void run() override { out_.put(number_); }

  private:
    friend class mp::access;
    Private() = default;
    template <class A>
    void serialize(A& archive) {
        archive(out_, number_);
    }
    mp::Queue<int> out_;
    int number_ = 0;
};
TEST_P(Subclasses, may_keep_constructor_and_serialize_private) {
    mp::Queue<int> out;
    Private process(out, 5);
    run(process);
    EXPECT_EQ(out.try_get(), 5);
}

struct Whole : mp::Subclass<Whole> {
    Whole(mp::Queue<int> to, int n) : out(to), number(n) {}
    void run() override { out.put(number); }
    template <class A>
    void save(A& archive) const {
        archive(out, number);
    }
    template <class A>
    static void load_and_construct(A& archive, cereal::construct<Whole>& construct) {
        mp::Queue<int> out;
        int number = 0;
        archive(out, number);
        construct(out, number);
    }
    const mp::Queue<int> out;
    const int number;
};
TEST_P(Subclasses, may_be_made_with_their_members) {
    mp::Queue<int> out;
    Whole process(out, 6);
    run(process);
    EXPECT_EQ(out.try_get(), 6);
}

struct Exiting : mp::Subclass<Exiting> {
    using Subclass::Subclass;
    void run() override { mp::exit(3); }
};
TEST_P(Subclasses, need_no_serialize_without_members) {
    Exiting process({.name = "none"});
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 3);
}

struct Named : mp::Subclass<Named> {
    mp::Queue<std::string> out;
    void run() override {
        out.put(name());
        out.put(mp::current_process().name());
        out.put(daemon() ? "daemon" : "no daemon");
        out.put(Exiting().name());
    }
    template <class A>
    void serialize(A& archive) {
        archive(out);
    }
};
// The child's object is the process that was started, and its making has counted no name.
TEST_P(Subclasses, are_named_in_the_child_as_they_are_here) {
    Named process;
    process.set_daemon(true);
    const std::string name = process.name();
    EXPECT_EQ(name.substr(0, 6), "Named-");
    run(process);
    EXPECT_EQ(process.out.get(), name);
    EXPECT_EQ(process.out.get(), name);
    EXPECT_EQ(process.out.get(), "daemon");
    EXPECT_EQ(process.out.get(), "Exiting-" + name.substr(6) + ":1");
}

struct Derived : Exiting {
    void run() override { mp::exit(4); }
};
struct Direct : mp::Process {
    void run() override { mp::exit(4); }
};
template <class Class>
void expect_only_forked(bool afresh, const char* subclass) {
    Class process;
    if (!afresh) {
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 4);
        return;
    }
    try {
        process.start();
        FAIL();
    } catch (const mp::SerializationError& error) {
        for (const std::string& part : {process.name(), std::string("forked"), std::string(subclass)})
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
}
TEST_P(Subclasses, that_are_not_their_own_are_for_fork) {
    expect_only_forked<Derived>(afresh(), "procession::Subclass<Derived>");
    expect_only_forked<Direct>(afresh(), "procession::Subclass<Direct>");
}

TEST(Subclass, moves_but_does_not_slice) {
    static_assert(std::is_nothrow_move_constructible_v<Exiting>);
    static_assert(std::is_move_assignable_v<Exiting>);
    static_assert(!std::is_copy_constructible_v<Exiting>);
    static_assert(!std::is_constructible_v<mp::Process, Exiting>);
    static_assert(!std::is_constructible_v<mp::Process, Exiting&>);
    static_assert(!std::is_assignable_v<mp::Process&, Exiting>);
    static_assert(!std::is_assignable_v<mp::Process&, Direct>);
    static_assert(!std::is_constructible_v<Exiting, Derived>);
    Exiting first({.name = "moved"});
    const Exiting second = std::move(first);
    EXPECT_EQ(second.name(), "moved");
    EXPECT_THROW(static_cast<void>(first.name()), mp::StateError);
}

}  // namespace
