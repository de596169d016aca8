// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/managed_type.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <procession/error.hpp>
#include <procession/function.hpp>
#include <procession/method.hpp>
#include <procession/process.hpp>

#include <cereal/types/string.hpp>

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/thrown.hpp"

namespace {

using procession::AttributeError;
using procession::constructor;
using procession::method;
using procession::Object;
using procession::SerializationError;
using procession::TypeMismatch;
using procession::detail::managed_type;
using procession::detail::ManagedCall;
using procession::detail::ManagedObject;
using procession::detail::ManagedResult;
using procession::detail::ManagedType;
using procession::detail::Registration;
using procession::test::expect_parts;
using procession::test::thrown;
using Type = std::shared_ptr<const ManagedType>;

struct Table {
    int rows = 0;
    int size() const { return rows; }
};

class Maths {
  public:
    Maths() = default;
    explicit Maths(int base) : base_(base) {}
    Maths(int base, const std::string& name) : base_(base), name_(name) {}
    virtual ~Maths() = default;

    int add(int a, int b) const { return base_ + a + b; }
    double half(double x) const noexcept { return x / 2; }
    std::string join(const std::string& a, std::string_view b, const char* c) {
        return a + std::string(b) + c;
    }
    const std::string& same(const std::string& text) const { return text; }
    std::string_view name() const { return name_; }
    void set_name(std::string name) { name_ = std::move(name); }
    std::map<std::string, int> lengths(const std::vector<std::string>& words) {
        std::map<std::string, int> found;
        for (const std::string& each : words) found[each] = static_cast<int>(each.size());
        return found;
    }
    std::optional<int> next() { return base_ > 0 ? std::optional(base_--) : std::nullopt; }
    std::optional<int> maybe(bool is) const { return is ? std::optional(1) : std::nullopt; }
    bool stop_is_asked_for(const std::stop_token& stop) const { return stop.stop_requested(); }
    virtual std::string kind() const { return "maths"; }
    void fail() const { throw std::out_of_range("beyond"); }

    Table table(int rows) const { return {rows}; }
    std::shared_ptr<Table> shared_table() { return std::make_shared<Table>(Table{2}); }
    std::unique_ptr<Table> no_table() { return nullptr; }
    Table& own_table() { return table_; }

  private:
    int base_ = 0;
    std::string name_ = "maths";
    Table table_{7};
};

struct Algebra : Maths {
    std::string kind() const override { return "algebra"; }
};

int twice(Maths& maths, int number) { return 2 * maths.add(number, 0); }

/// Not copied, not moved, and with what nobody can send.
struct Counter {
    Counter() = default;
    Counter(Counter&&) = delete;
    int up() { return ++count; }
    std::mutex mutex;
    int count = 0;
};

struct Point {
    int x;
    int y;
    int sum() const { return x + y; }
};

struct Saved {
    int number = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(cereal::make_nvp("number", number));
    }
};

class Shown {
  public:
    std::string text() const { return "shown"; }
};

std::shared_ptr<ManagedObject> create(const Type& type, const std::vector<Object>& arguments = {}) {
    const Object tuple = Object::tuple(arguments), none;
    return type->create({"create", tuple, none});
}

ManagedResult result(ManagedObject& object, std::string_view name,
                     const std::vector<Object>& arguments = {}, const Object& keywords = {},
                     std::stop_token stop = {}) {
    const Object tuple = Object::tuple(arguments);
    return object.call({name, tuple, keywords, std::move(stop)});
}

Object ask(const std::shared_ptr<ManagedObject>& object, std::string_view name,
           const std::vector<Object>& arguments = {}, const Object& keywords = {}) {
    return result(*object, name, arguments, keywords).value;
}

TEST(ManagedType, methods_are_called_with_values_of_python) {
    const auto maths = create(managed_type<Maths>(
        method<&Maths::add>("add"), method<&Maths::half>("half"), method<&Maths::join>("join"),
        method<&Maths::same>("same"), method<&Maths::name>("name"), method<&Maths::set_name>("set_name"),
        method<&Maths::lengths>("lengths"), method<&twice>("twice")));
    EXPECT_EQ(ask(maths, "add", {4, 3}), Object(7));
    EXPECT_EQ(ask(maths, "half", {3}), Object(1.5));
    EXPECT_EQ(ask(maths, "join", {"a", "b", "c"}), Object("abc"));
    EXPECT_EQ(ask(maths, "same", {"a text that is not kept in place"}),
              Object("a text that is not kept in place"));
    EXPECT_EQ(ask(maths, "set_name", {"x"}), Object());
    EXPECT_EQ(ask(maths, "name"), Object("x"));
    EXPECT_EQ(ask(maths, "lengths", {Object::list({"a", "bcd"})}), Object::dict({{"a", 1}, {"bcd", 3}}));
    EXPECT_EQ(ask(maths, "twice", {4}), Object(8));
    EXPECT_EQ(maths->exposed(), (std::vector<std::string>{"add", "half", "join", "same", "name",
                                                          "set_name", "lengths", "twice"}));
}

TEST(ManagedType, wrong_arguments_are_type_mismatches_that_say_which) {
    const auto maths = create(managed_type<Maths>(method<&Maths::add>("add")));
    expect_parts(thrown<TypeMismatch>([&] { ask(maths, "add", {1}); }),
                 {"add()", "2 arguments", "1 given"});
    expect_parts(thrown<TypeMismatch>([&] {
                     ask(maths, "add", {1, 2, 3});
                 }),
                 {"2 arguments", "3 given"});
    expect_parts(thrown<TypeMismatch>([&] {
                     ask(maths, "add", {1, "x"});
                 }),
                 {"add: argument 2: ", "an int is wanted", "a str is there"});
    expect_parts(thrown<procession::ValueError>([&] {
                     ask(maths, "add", {std::int64_t{1} << 40, 2});
                 }),
                 {"add: argument 1: ", "does not fit"});
    EXPECT_THROW(ask(maths, "add", {1}, Object::dict({{"b", 2}})), TypeMismatch);
}

TEST(ManagedType, what_is_not_registered_is_not_called) {
    const auto maths = create(managed_type<Maths>(method<&Maths::add>("add")));
    expect_parts(thrown<AttributeError>([&] { ask(maths, "half", {1}); }), {"Maths", "half"});
}

TEST(ManagedType, exceptions_of_methods_come_through) {
    const auto maths = create(managed_type<Maths>(method<&Maths::fail>("fail")));
    EXPECT_EQ(thrown<std::out_of_range>([&] { ask(maths, "fail"); }), "beyond");
}

TEST(ManagedType, an_iterator_ends_where_it_has_no_value) {
    const auto maths = create(managed_type<Maths>(constructor<int>(), method<&Maths::next>("__next__"),
                                                  method<&Maths::maybe>("maybe")),
                              {2});
    EXPECT_EQ(ask(maths, "__next__"), Object(2));
    EXPECT_EQ(ask(maths, "__next__"), Object(1));
    EXPECT_THROW(ask(maths, "__next__"), procession::StopIteration);
    EXPECT_EQ(ask(maths, "maybe", {false}), Object());
}

TEST(ManagedType, a_method_may_take_the_stop_token_of_its_caller) {
    const auto maths = create(managed_type<Maths>(method<&Maths::stop_is_asked_for>("stops")));
    std::stop_source source;
    EXPECT_EQ(result(*maths, "stops", {}, {}, source.get_token()).value, Object(false));
    source.request_stop();
    EXPECT_EQ(result(*maths, "stops", {}, {}, source.get_token()).value, Object(true));
}

TEST(ManagedType, virtual_and_inherited_methods_are_called) {
    const auto type =
        managed_type<Maths>([] { return std::make_unique<Algebra>(); }, method<&Maths::kind>("kind"));
    EXPECT_EQ(ask(create(type), "kind"), Object("algebra"));
    const auto derived = managed_type<Algebra>(method<&Maths::add>("add"));
    EXPECT_EQ(ask(create(derived), "add", {1, 1}), Object(2));
}

TEST(ManagedType, what_a_method_makes_is_wrapped_by_its_own_type) {
    const auto maths = create(managed_type<Maths>(
        method<&Maths::table>("table", "Table"), method<&Maths::shared_table>("shared", "Table"),
        method<&Maths::no_table>("none", "Table"), method<&Maths::own_table>("own", "Table")));
    const Type tables = managed_type<Table>(method<&Table::size>("size"));
    const auto size_of = [&](const ManagedResult& made) {
        EXPECT_EQ(made.type_id, "Table");
        return ask(tables->wrap(made.made), "size");
    };
    EXPECT_EQ(size_of(result(*maths, "table", {5})), Object(5));
    EXPECT_EQ(size_of(result(*maths, "shared")), Object(2));
    EXPECT_EQ(size_of(result(*maths, "own")), Object(7));
    EXPECT_EQ(result(*maths, "none").made.object, nullptr);
    const auto wrong = managed_type<Maths>();
    expect_parts(thrown<TypeMismatch>([&] { wrong->wrap(result(*maths, "shared").made); }),
                 {"Table", "Maths"});
}

TEST(ManagedType, what_a_method_lends_keeps_its_owner) {
    ManagedResult lent;
    {
        const auto maths = create(managed_type<Maths>(method<&Maths::own_table>("own", "Table")));
        lent = result(*maths, "own");
    }
    EXPECT_EQ(ask(managed_type<Table>(method<&Table::size>("size"))->wrap(lent.made), "size"),
              Object(7));
}

TEST(ManagedType, constructors_are_told_by_the_number_of_their_arguments) {
    const auto type =
        managed_type<Maths>(constructor<>(), method<&Maths::add>("add"), constructor<int>(),
                            constructor<int, std::string>(), method<&Maths::name>("name"));
    EXPECT_EQ(ask(create(type), "add", {1, 1}), Object(2));
    EXPECT_EQ(ask(create(type, {10}), "add", {1, 1}), Object(12));
    EXPECT_EQ(ask(create(type, {10, "named"}), "name"), Object("named"));
    expect_parts(thrown<TypeMismatch>([&] { create(type, {1, "x", 3}); }), {"Maths", "3 arguments"});
    expect_parts(thrown<TypeMismatch>([&] { create(type, {"x"}); }), {"argument 1", "an int is wanted"});
    EXPECT_THROW(create(managed_type<Maths>(), {1}), TypeMismatch);
    const auto points = managed_type<Point>(constructor<int, int>(), method<&Point::sum>("sum"));
    EXPECT_EQ(ask(create(points, {3, 4}), "sum"), Object(7));
}

Maths make_maths(int base) { return Maths(base); }
Counter& the_counter() {
    static Counter counter;
    return counter;
}

TEST(ManagedType, a_factory_makes_a_new_object_or_has_one) {
    const auto from_function = managed_type<Maths>(make_maths, method<&Maths::add>("add"));
    EXPECT_EQ(ask(create(from_function, {5}), "add", {1, 1}), Object(7));
    EXPECT_THROW(create(from_function), TypeMismatch);
    const int base = 20;
    const auto from_lambda =
        managed_type<Maths>([base](int more) { return Maths(base + more); }, method<&Maths::add>("add"));
    EXPECT_EQ(ask(create(from_lambda, {1}), "add", {0, 0}), Object(21));
    const auto from_bound =
        managed_type<Maths>(procession::bind(make_maths, 8), method<&Maths::add>("add"));
    EXPECT_EQ(ask(create(from_bound), "add", {0, 0}), Object(8));
    const auto referred = managed_type<Counter>(the_counter, method<&Counter::up>("up"));
    const int before = the_counter().count;
    ask(create(referred), "up");
    EXPECT_EQ(ask(create(referred), "up"), Object(before + 2));
    const auto shared = std::make_shared<Counter>();
    const auto sharing = managed_type<Counter>([shared] { return shared; }, method<&Counter::up>("up"));
    ask(create(sharing), "up");
    EXPECT_EQ(shared->count, 1);
    const auto empty = managed_type<Counter>([] { return std::shared_ptr<Counter>(); });
    EXPECT_THROW(create(empty), procession::StateError);
}

TEST(ManagedType, the_value_of_an_object_is_what_it_serializes) {
    EXPECT_EQ(create(managed_type<Saved>())->value(), Object::dict({{"number", 0}}));
    expect_parts(thrown<TypeMismatch>([] { create(managed_type<Counter>())->value(); }),
                 {"Counter", "no value", "serialize"});
}

TEST(ManagedType, an_object_prints_as_itself_or_by_its_method) {
    expect_parts(create(managed_type<Counter>())->to_string(), {"<", "Counter object at 0x", ">"});
    EXPECT_EQ(create(managed_type<Shown>(method<&Shown::text>("__str__")))->to_string(), "shown");
    EXPECT_EQ(create(managed_type<procession::Lock>())->to_string(), "<Lock(owner=None)>");
}

Registration sent(const Registration& registration) {
    procession::detail::Buffer buffer;
    procession::NativeWriter writer(buffer);
    writer(registration);
    procession::NativeReader reader(buffer.bytes());
    Registration received;
    reader(received);
    return received;
}

TEST(ManagedType, a_registration_can_be_sent) {
    const Registration maths =
        sent({"Maths", managed_type<Maths>(constructor<int>(), method<&Maths::add>("plus"),
                                           method<&Maths::table>("table", "T"))});
    EXPECT_EQ(maths.type_id, "Maths");
    const auto object = create(maths.type, {1});
    EXPECT_EQ(ask(object, "plus", {1, 1}), Object(3));
    EXPECT_EQ(result(*object, "table", {1}).type_id, "T");
    const auto bound = sent(
        {"Maths", managed_type<Maths>(procession::bind(make_maths, 8), method<&Maths::add>("add"))});
    EXPECT_EQ(ask(create(bound.type), "add", {1, 1}), Object(10));
}

TEST(ManagedType, a_factory_with_captures_cannot_be_sent_and_says_what_to_do) {
    const auto shared = std::make_shared<Counter>();
    const Registration registration{"Counter", managed_type<Counter>([shared] { return shared; })};
    expect_parts(thrown<SerializationError>([&] { sent(registration); }),
                 {"BaseManager::start", "factory", "cannot be sent", "get_server()"});
}

TEST(ManagedType, member_functions_are_told_by_their_tags) {
    const auto names =
        managed_type<Maths>(method<&Maths::add>("add"), method<&Maths::half>("half"))->method_names();
    ASSERT_EQ(names.size(), 2u);
    EXPECT_EQ(names[0].name, "add");
    EXPECT_EQ(names[0].tag, procession::detail::member_tag<&Maths::add>());
    EXPECT_NE(names[0].tag, names[1].tag);
}

// ---- handles of the library

TEST(ManagedTwin, a_queue_has_the_methods_of_pythons) {
    const procession::Queue<std::string> queue(2);
    const auto object = create(managed_type<procession::Queue<std::string>>([queue] { return queue; }));
    ask(object, "put", {"a"});
    ask(object, "put", {}, Object::dict({{"item", "b"}, {"timeout", 1}}));
    EXPECT_EQ(ask(object, "full"), Object(true));
    EXPECT_THROW(ask(object, "put", {"c", false}), procession::Full);
    EXPECT_EQ(queue.get(), "a");
    EXPECT_EQ(ask(object, "get", {true, 1.0}), Object("b"));
    EXPECT_THROW(ask(object, "get_nowait"), procession::Empty);
    EXPECT_THROW(ask(object, "get", {}, Object::dict({{"timeout", 0.001}})), procession::Empty);
    EXPECT_THROW(ask(object, "put", {1}), TypeMismatch);
    ask(object, "put_many", {Object::list({"x", "y"})});
    EXPECT_EQ(ask(object, "get_many", {5}), Object::list({"x", "y"}));
    EXPECT_EQ(ask(object, "qsize"), Object(0));
    ask(object, "shutdown");
    EXPECT_THROW(ask(object, "get"), procession::ShutDown);
}

TEST(ManagedTwin, a_joinable_queue_is_joined) {
    const auto object = create(managed_type<procession::JoinableQueue<int>>());
    ask(object, "put", {1});
    EXPECT_EQ(ask(object, "join", {0.001}), Object(false));
    ask(object, "get");
    ask(object, "task_done");
    EXPECT_EQ(ask(object, "join"), Object(true));
}

TEST(ManagedTwin, locks_and_semaphores_are_acquired) {
    const auto lock = create(managed_type<procession::Lock>());
    EXPECT_EQ(ask(lock, "acquire"), Object(true));
    EXPECT_EQ(ask(lock, "acquire", {false}), Object(false));
    EXPECT_EQ(ask(lock, "acquire", {true, 0.001}), Object(false));
    ask(lock, "release");
    EXPECT_THROW(ask(lock, "release"), procession::ValueError);
    const auto semaphore = create(managed_type<procession::BoundedSemaphore>(constructor<int>()), {1});
    EXPECT_EQ(ask(semaphore, "acquire"), Object(true));
    EXPECT_EQ(ask(semaphore, "get_value"), Object(0));
    ask(semaphore, "release");
    EXPECT_THROW(ask(semaphore, "release", {2}), procession::ValueError);
}

TEST(ManagedTwin, conditions_events_and_barriers_are_waited_for) {
    const auto condition = create(managed_type<procession::Condition>());
    ask(condition, "acquire");
    EXPECT_EQ(ask(condition, "wait", {0.001}), Object(false));
    ask(condition, "notify", {1});
    ask(condition, "notify_all");
    ask(condition, "release");
    const auto event = create(managed_type<procession::Event>());
    EXPECT_EQ(ask(event, "wait", {0.001}), Object(false));
    ask(event, "set");
    EXPECT_EQ(ask(event, "wait"), Object(true));
    EXPECT_EQ(ask(event, "is_set"), Object(true));
    const auto barrier = create(
        managed_type<procession::Barrier>([](int parties) { return procession::Barrier(parties); }),
        {1});
    EXPECT_EQ(ask(barrier, "wait"), Object(0));
    EXPECT_EQ(ask(barrier, "__getattribute__", {"parties"}), Object(1));
    EXPECT_EQ(ask(barrier, "__getattribute__", {"broken"}), Object(false));
    EXPECT_THROW(ask(barrier, "__getattribute__", {"__class__"}), AttributeError);
}

TEST(ManagedTwin, values_and_arrays_are_read_and_written) {
    const procession::Array<int> array{1, 2, 3};
    const auto object = create(managed_type<procession::Array<int>>([array] { return array; }));
    ask(object, "__setitem__", {-1, 9});
    EXPECT_EQ(array[2], 9);
    EXPECT_EQ(ask(object, "__getitem__", {0}), Object(1));
    const auto slice = [](Object from, Object to) {
        return Object::instance("builtins", "slice", Object::tuple({from, to, {}}), {},
                                Object::Made::by_call);
    };
    EXPECT_EQ(ask(object, "__getitem__", {slice(1, {})}), Object::list({2, 9}));
    EXPECT_EQ(ask(object, "__getitem__", {slice({}, -1)}), Object::list({1, 2}));
    EXPECT_EQ(ask(object, "__getitem__", {slice(2, 1)}), Object::list());
    EXPECT_EQ(ask(object, "__len__"), Object(3));
    EXPECT_THROW(ask(object, "__getitem__", {3}), procession::IndexError);
    EXPECT_THROW(ask(object, "__getitem__", {"x"}), TypeMismatch);
    const auto value = create(managed_type<procession::Value<double>>());
    ask(value, "set", {2.5});
    EXPECT_EQ(ask(value, "get"), Object(2.5));
}

}  // namespace
