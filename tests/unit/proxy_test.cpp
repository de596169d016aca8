// SPDX-License-Identifier: Apache-2.0
#include <procession/proxy.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <procession/batch.hpp>
#include <procession/error.hpp>
#include <procession/managers.hpp>
#include <procession/method.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/thrown.hpp"

namespace {

using procession::AttributeError;
using procession::Object;
using procession::Proxy;
namespace mp = procession;
namespace test = procession::test;

class Countdown {
  public:
    explicit Countdown(int from) : left_(from) {}
    std::optional<int> next() { return left_ > 0 ? std::optional(left_--) : std::nullopt; }

  private:
    int left_;
};

class Maths {
  public:
    explicit Maths(int base = 0) : base_(base) {}
    int add(int a, int b) const { return base_ + a + b; }
    double half(double x) const { return x / 2; }
    std::string_view text() const { return "maths"; }
    void set_base(int base) { base_ = base; }
    void fail() const { throw std::out_of_range("beyond"); }
    Countdown countdown(int from) const { return Countdown(from); }
    std::vector<int> many(int count) const { return std::vector<int>(count, base_); }
    void wait_for_stop(std::stop_token stop) const {
        mp::Event never;
        never.wait(std::move(stop));
    }
    int never_registered() const { return 0; }

  private:
    int base_;
};

mp::Queue<std::string> jobs() {
    static const mp::Queue<std::string> queue;
    return queue;
}

/// As Python registers in the class, in the constructor.
class MathsManager : public mp::BaseManager {
  public:
    MathsManager() {
        register_type<Maths>(
            "Maths", mp::constructor<int>(), mp::constructor<>(), mp::method<&Maths::add>("add"),
            mp::method<&Maths::half>("half"), mp::method<&Maths::text>("text"),
            mp::method<&Maths::set_base>("rebase"), mp::method<&Maths::fail>("fail"),
            mp::method<&Maths::countdown>("countdown", "Countdown"), mp::method<&Maths::many>("many"),
            mp::method<&Maths::wait_for_stop>("wait_for_stop"));
        register_type<Countdown>("Countdown", mp::constructor<int>(),
                                 mp::method<&Countdown::next>("__next__"));
        register_type<mp::Queue<std::string>>("jobs", jobs);
        register_type<mp::Array<int>>("Array", [](std::size_t size) { return mp::Array<int>(size); });
        start();
    }
};

class ProxyTest : public testing::Test {
  protected:
    MathsManager manager_;
};

TEST_F(ProxyTest, methods_are_called_by_their_member_functions_or_names) {
    const Proxy<Maths> maths = manager_.create<Maths>("Maths");
    EXPECT_EQ(maths.call<&Maths::add>(4, 3), 7);
    EXPECT_EQ(maths.call<int>("add", 4, 3), 7);
    EXPECT_EQ(maths.call("add", 4, 3), Object(7));
    maths.call<&Maths::set_base>(10);
    maths.call<void>("rebase", 20);
    EXPECT_EQ(maths.call<&Maths::add>(1, 1), 22);
    EXPECT_EQ(maths.call<&Maths::text>(), "maths");
    EXPECT_EQ(maths.call<&Maths::many>(2), (std::vector<int>{20, 20}));
}

TEST_F(ProxyTest, arguments_are_what_the_parameters_want) {
    const auto maths = manager_.create<Maths>("Maths");
    EXPECT_EQ(maths.call<&Maths::half>(3), 1.5);
    EXPECT_EQ(maths.call<&Maths::add>(short{1}, 2L), 3);
}

TEST_F(ProxyTest, each_object_is_its_own) {
    const auto one = manager_.create<Maths>("Maths", 1);
    const auto two = manager_.create<Maths>("Maths", 2);
    EXPECT_EQ(one.call<&Maths::add>(0, 0), 1);
    EXPECT_EQ(two.call<&Maths::add>(0, 0), 2);
    const auto again = one;  // NOLINT(performance-unnecessary-copy-initialization): it is the subject
    again.call<&Maths::set_base>(5);
    EXPECT_EQ(one.call<&Maths::add>(0, 0), 5);
    EXPECT_TRUE(one == again);
    EXPECT_FALSE(one == two);
}

TEST_F(ProxyTest, exceptions_come_back) {
    const auto maths = manager_.create<Maths>("Maths");
    EXPECT_THROW(maths.call<&Maths::fail>(), std::out_of_range);
    EXPECT_THROW(maths.call<int>("add", 1), mp::TypeMismatch);
    EXPECT_THROW(maths.call<int>("add", "x", 1), mp::TypeMismatch);
    EXPECT_THROW(maths.call<std::string>("add", 1, 1), mp::TypeMismatch);
}

TEST_F(ProxyTest, what_is_not_registered_cannot_be_called) {
    const auto maths = manager_.create<Maths>("Maths");
    test::expect_parts(test::thrown<AttributeError>([&] { maths.call<&Maths::never_registered>(); }),
                       {"Maths"});
    EXPECT_THROW(maths.call("never_registered"), procession::RemoteError);
    EXPECT_EQ(maths.exposed().size(), 8u);
}

TEST_F(ProxyTest, a_method_may_give_a_proxy_of_what_it_makes) {
    const auto maths = manager_.create<Maths>("Maths");
    const auto countdown = maths.call<&Maths::countdown, Proxy<Countdown>>(2);
    EXPECT_EQ(countdown.call<&Countdown::next>(), 2);
    EXPECT_EQ(countdown.call<std::optional<int>>("__next__"), 1);
    EXPECT_EQ(countdown.call<&Countdown::next>(), std::nullopt);
    EXPECT_THROW(countdown.call<int>("__next__"), mp::StopIteration);
}

TEST_F(ProxyTest, a_stop_reaches_the_method) {
    const auto maths = manager_.create<Maths>("Maths");
    std::stop_source source;
    std::thread stopper([&] { source.request_stop(); });
    EXPECT_THROW(maths.call<&Maths::wait_for_stop>(source.get_token()), mp::CancelledError);
    stopper.join();
    EXPECT_THROW(maths.call<void>(source.get_token(), "wait_for_stop"), mp::CancelledError);
}

TEST_F(ProxyTest, a_handle_of_the_library_has_its_own_methods) {
    const Proxy<mp::Queue<std::string>> queue = manager_.create<mp::Queue<std::string>>("jobs");
    queue.put("a");
    const mp::QueueProxy<std::string> same = manager_.create<mp::Queue<std::string>>("jobs");
    EXPECT_EQ(same.get(), "a");
    same.put_many({"b", "c"});
    EXPECT_EQ(queue.get_many(5), (std::vector<std::string>{"b", "c"}));
    EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
    const auto array = manager_.create<mp::Array<int>>("Array", 3);
    array[-1] = 4;
    EXPECT_EQ(array.copy(), (std::vector<int>{0, 0, 4}));
}

TEST_F(ProxyTest, prints_what_it_refers_to) {
    test::expect_parts(fmt::format("{}", manager_.create<Maths>("Maths")), {"Maths object at 0x"});
}

TEST_F(ProxyTest, is_called_in_a_batch) {
    const auto maths = manager_.create<Maths>("Maths");
    mp::Batch batch;
    std::vector<mp::BatchResult<int>> sums;
    for (int i = 0; i < 10; ++i) sums.push_back(batch.call<&Maths::add>(maths, i, 1));
    batch.send();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(sums[i].get(), i + 1);
}

int add_one(const Proxy<Maths>& maths, int number) { return maths.call<&Maths::add>(number, 1); }

TEST_F(ProxyTest, goes_to_other_processes) {
    const auto maths = manager_.create<Maths>("Maths", 100);
    mp::Queue<Proxy<Maths>> queue;
    mp::Queue<int> results;
    mp::Process process([](mp::Queue<Proxy<Maths>> proxies,
                           mp::Queue<int> sums) { sums.put(add_one(proxies.get(), 1)); },
                        queue, results);
    process.start();
    queue.put(maths);
    EXPECT_EQ(results.get(), 102);
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

}  // namespace
