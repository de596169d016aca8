// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/python_exceptions.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <cerrno>
#include <new>

#include "wire/python_form.hpp"

namespace procession {
namespace {

/// To Python, by a pickle.
template <class E>
Object sent(const E& error) {
    return pickle::loads(pickle::dumps(detail::to_object(std::make_exception_ptr(error))));
}

/// Back from Python.
template <class E>
void expect_thrown(const Object& object, const std::string& text) {
    try {
        detail::throw_from(object);
    } catch (const std::exception& error) {
        EXPECT_EQ(typeid(error), typeid(E)) << object << ": " << error.what();
        EXPECT_EQ(std::string(error.what()), text) << object;
    }
}

template <class E>
void expect_both_ways(const E& error, const std::string& repr) {
    const Object object = sent(error);
    EXPECT_TRUE(object.is_exception());
    EXPECT_EQ(object.to_string(), repr);
    expect_thrown<E>(object, error.what());
}

TEST(PythonExceptions, the_librarys_are_those_of_python_and_come_back) {
    expect_both_ways(IndexError("text"), "IndexError('text')");
    expect_both_ways(KeyError("text"), "KeyError('text')");
    expect_both_ways(AttributeError("text"), "AttributeError('text')");
    expect_both_ways(ValueError("text"), "ValueError('text')");
    expect_both_ways(Empty("text"), "Empty('text')");
    expect_both_ways(Full("text"), "Full('text')");
    expect_both_ways(ShutDown("text"), "ShutDown('text')");
    expect_both_ways(EndOfFile("text"), "EOFError('text')");
    expect_both_ways(StopIteration("text"), "StopIteration('text')");
    expect_both_ways(TimeoutError("text"), "TimeoutError('text')");
    expect_both_ways(AuthenticationError("text"), "AuthenticationError('text')");
    expect_both_ways(BrokenBarrierError("text"), "BrokenBarrierError('text')");
    expect_both_ways(SerializationError("text"), "PicklingError('text')");
    expect_both_ways(TypeMismatch("text"), "TypeError('text')");
    expect_both_ways(HeapExhausted("text"), "MemoryError('text')");
    expect_both_ways(CancelledError("text"), "RuntimeError('text')");
    expect_both_ways(StateError("text"), "RuntimeError('text')");
}

TEST(PythonExceptions, the_standards_are_those_of_python_and_come_back) {
    expect_both_ways(std::out_of_range("text"), "IndexError('text')");
    expect_both_ways(std::invalid_argument("text"), "ValueError('text')");
    expect_both_ways(std::domain_error("text"), "ValueError('text')");
    expect_both_ways(std::length_error("text"), "ValueError('text')");
    expect_both_ways(std::logic_error("text"), "RuntimeError('text')");
    expect_both_ways(std::overflow_error("text"), "OverflowError('text')");
    expect_both_ways(std::range_error("text"), "RuntimeError('text')");
    expect_both_ways(std::runtime_error("text"), "RuntimeError('text')");
    expect_both_ways(std::bad_alloc(), "MemoryError('std::bad_alloc')");
}

TEST(PythonExceptions, pythons_own_are_the_librarys) {
    expect_thrown<IndexError>(Object::exception("IndexError", {"list index out of range"}),
                              "list index out of range");
    expect_thrown<KeyError>(Object::exception("KeyError", {5}), "5");
    expect_thrown<std::runtime_error>(Object::exception("RuntimeError", {}), "");
    expect_thrown<Empty>(Object::exception("_queue", "Empty"), "");
    expect_thrown<TimeoutError>(Object::exception("TimeoutError", {"late"}), "late");
    expect_thrown<ValueError>(Object::exception("ValueError", {"a", 1}), "('a', 1)");
}

TEST(PythonExceptions, one_may_say_itself_what_it_is_there) {
    const Object overflow =
        sent(detail::InPython<ValueError>("text", Object::exception("OverflowError", {"text"})));
    EXPECT_EQ(overflow.to_string(), "OverflowError('text')");
    const Object key = sent(detail::InPython<KeyError>("5", Object::exception("KeyError", {5})));
    EXPECT_EQ(key.args(), Object::tuple({5}));
    expect_thrown<KeyError>(key, "5");
}

TEST(PythonExceptions, system_errors_are_oserrors_of_their_number) {
    const std::system_error error(ENOENT, std::generic_category(), "SharedMemory(\"x\"): shm_open");
    expect_both_ways(error,
                     "FileNotFoundError(2, 'SharedMemory(\"x\"): shm_open: No such file or directory')");
    const Object pythons = Object::exception(
        "builtins", "FileNotFoundError", Object::tuple({ENOENT, "No such file or directory", "x.txt"}));
    expect_thrown<std::system_error>(pythons, "x.txt: No such file or directory");
    try {
        detail::throw_from(pythons);
    } catch (const std::system_error& thrown) {
        EXPECT_EQ(thrown.code(), std::errc::no_such_file_or_directory);
    }
    expect_thrown<std::system_error>(Object::exception("OSError", {EPERM, "Operation not permitted"}),
                                     "Operation not permitted");
    expect_both_ways(std::runtime_error("text"), "RuntimeError('text')");
}

TEST(PythonExceptions, members_come_along) {
    try {
        detail::throw_from(sent(WorkerDied("text", 7, -9, "task 1")));
    } catch (const WorkerDied& died) {
        EXPECT_STREQ(died.what(), "text");
        EXPECT_EQ(died.pid, 7);
        EXPECT_EQ(died.exitcode, -9);
        EXPECT_EQ(died.task, "task 1");
    }
    try {
        detail::throw_from(sent(WorkerDied("text", 7, std::nullopt, "")));
    } catch (const WorkerDied& died) {
        EXPECT_EQ(died.exitcode, std::nullopt);
    }
    try {
        detail::throw_from(sent(OwnerDied("text", 7, "lock")));
    } catch (const OwnerDied& died) {
        EXPECT_EQ(died.pid, 7);
        EXPECT_EQ(died.name, "lock");
    }
    try {
        detail::throw_from(sent(BufferTooShort("text", {std::byte{1}, std::byte{2}})));
    } catch (const BufferTooShort& shorter) {
        EXPECT_EQ(shorter.message, (std::vector{std::byte{1}, std::byte{2}}));
    }
    try {
        detail::throw_from(sent(RemoteError("a.B", "text", "Traceback ...")));
    } catch (const RemoteError& remote) {
        EXPECT_EQ(remote.type_name, "a.B");
        EXPECT_EQ(remote.what_text, "text");
        EXPECT_EQ(remote.traceback, "Traceback ...");
    }
}

TEST(PythonExceptions, others_are_remote_errors) {
    const auto remote = [](const Object& object, std::string traceback = {}) {
        try {
            detail::throw_from(object, std::move(traceback));
        } catch (const RemoteError& error) {
            return error;
        }
    };
    const RemoteError division = remote(Object::exception("ZeroDivisionError", {"by zero"}), "trace");
    EXPECT_EQ(division.type_name, "ZeroDivisionError");
    EXPECT_EQ(division.what_text, "by zero");
    EXPECT_EQ(division.traceback, "trace");
    EXPECT_EQ(remote(Object::exception("app.errors", "Failure", Object::tuple({1, 2}))).what_text,
              "(1, 2)");
    EXPECT_EQ(remote(Object::instance("app.errors", "Failure")).type_name, "app.errors.Failure");
    EXPECT_EQ(remote("only a text").what_text, "only a text");
}

TEST(PythonExceptions, what_is_no_text_and_what_is_no_exception_go_as_well) {
    EXPECT_EQ(sent(std::runtime_error("a\xff")).to_string(), "RuntimeError('a\ufffd')");
    EXPECT_EQ(sent(42).to_string(), "RuntimeError('an exception that is no std::exception: int')");
    EXPECT_TRUE(detail::to_object(std::exception_ptr()).is_none());
}

TEST(PythonExceptions, what_is_said_of_cpp_may_be_anything) {
    const auto claiming = [](Object state) {
        return Object::exception("builtins", "ValueError", Object::tuple({"text"}), std::move(state));
    };
    expect_thrown<ValueError>(claiming(Object::dict({{"cpp_type", 5}})), "text");
    expect_thrown<ValueError>(claiming(Object::dict({{"cpp_type", "abort"}})), "text");
    expect_thrown<ValueError>(claiming(Object::list({1})), "text");
    expect_thrown<WorkerDied>(
        claiming(Object::dict({{"cpp_type", "procession::WorkerDied"}, {"pid", "x"}})), "text");
}

}  // namespace
}  // namespace procession
