// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/mp.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace procession::test {

/// What interop/manager_server.py offers in Python as well, under the same names.
class Counter {
  public:
    explicit Counter(int value = 0) : value_(value) {}
    int increment() { return add(1); }
    int add(int by) { return value_ += by; }
    int get() const { return value_; }

  private:
    int value_;
};

class Maths {
  public:
    explicit Maths(std::string name = "maths") : name_(std::move(name)) {}
    int add(int a, int b) const { return a + b; }
    std::string text(const std::string& value) const { return value + " of " + name_; }
    std::vector<int> numbers(int count) const {
        std::vector<int> numbers;
        for (int i = 0; i < count; ++i) numbers.push_back(i);
        return numbers;
    }
    void fail(const std::string& how) const {
        if (how == "key") throw KeyError("zz");
        if (how == "index") throw IndexError("no such element");
        if (how == "value") throw ValueError("not this value");
        if (how == "range") throw std::out_of_range("out of range");
        if (how == "argument") throw std::invalid_argument("wrong argument");
        if (how == "type") throw TypeMismatch("not this type");
        if (how == "attribute") throw AttributeError("no such attribute");
        if (how == "runtime") throw std::runtime_error("it does not work");
        if (how == "empty") throw Empty("nothing");
        if (how == "full") throw Full("no room");
        if (how == "broken") throw BrokenBarrierError("it is broken");
        if (how == "end") throw EndOfFile("no more");
        if (how == "os") throw std::system_error(ENOENT, std::generic_category(), "no file");
    }
    Counter counter(int value) const { return Counter(value); }
    std::string hidden() const { return "hidden"; }
    std::string to_string() const { return "Maths(" + name_ + ")"; }

  private:
    std::string name_;
};

class Countdown {
  public:
    explicit Countdown(int begin) : left_(begin) {}
    std::optional<int> next() {
        if (left_ == 0) return std::nullopt;
        return --left_;
    }

  private:
    int left_;
};

inline Queue<Object> the_queue() {
    static const Queue<Object> queue;
    return queue;
}
inline std::shared_ptr<Counter> the_counter() {
    static const auto counter = std::make_shared<Counter>();
    return counter;
}

struct SampleManager : SyncManager {
    explicit SampleManager(Address address = {}, AuthKey key = {}, ManagerOptions options = {})
        : SyncManager(std::move(address), std::move(key), std::move(options)) {
        register_type<Maths>("Maths", constructor<>(), constructor<std::string>(),
                             method<&Maths::add>("add"), method<&Maths::text>("text"),
                             method<&Maths::numbers>("numbers"), method<&Maths::fail>("fail"),
                             method<&Maths::counter>("counter", "Counter"),
                             method<&Maths::to_string>("__str__"));
        register_type<Counter>("Counter", constructor<>(), constructor<int>(),
                               method<&Counter::increment>("increment"), method<&Counter::add>("add"),
                               method<&Counter::get>("get"));
        register_type<Countdown>("Countdown", constructor<int>(), method<&Countdown::next>("__next__"));
        register_type<procession::Queue<Object>>("get_queue", the_queue);
        register_type<Counter>("get_counter", the_counter, method<&Counter::increment>("increment"),
                               method<&Counter::add>("add"), method<&Counter::get>("get"));
    }
};

}  // namespace procession::test
