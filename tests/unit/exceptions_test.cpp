// SPDX-License-Identifier: Apache-2.0
#include <procession/exceptions.hpp>

#include <gtest/gtest.h>
#include <procession/detail/exception_message.hpp>
#include <procession/detail/python_exceptions.hpp>
#include <procession/queues.hpp>

#include <any>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <new>
#include <optional>
#include <random>
#include <regex>
#include <variant>

#include "support/expect.hpp"

namespace program {

/// The text alone.
struct TextError : std::runtime_error {
    using runtime_error::runtime_error;
};
/// Its constructor takes no text, and its text is made of a member.
class NumberError : public std::runtime_error {
  public:
    explicit NumberError(int number)
        : runtime_error("number " + std::to_string(number)), number_(number) {}
    int number() const { return number_; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number_);
    }

  private:
    friend class procession::access;
    NumberError() : runtime_error("none yet") {}
    int number_ = 0;
};
/// Its constructor adds to the text.
struct FileError : std::runtime_error {
    explicit FileError(const std::string& file) : runtime_error("no file " + file), path(file) {}
    std::string path;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(path);
    }
};
/// Made by what is read.
struct ConstructedError : std::logic_error {
    explicit ConstructedError(int a) : logic_error("constructed"), number(a) {}
    int number;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number);
    }
    template <class Archive>
    static void load_and_construct(Archive& archive, cereal::construct<ConstructedError>& construct) {
        int number = 0;
        archive(number);
        construct(number);
    }
};
struct Constant : std::exception {
    const char* what() const noexcept override { return "always the same"; }
};
struct Final final : std::runtime_error {
    using runtime_error::runtime_error;
};
struct NestedByItself : std::runtime_error, std::nested_exception {
    NestedByItself() : runtime_error("") {}
    explicit NestedByItself(const std::string& text) : runtime_error(text) {}
    template <class Archive>
    void serialize(Archive&) {}
};
/// No std::exception at all.
struct Aggregate {
    int number;
    std::string text;
};
struct Derived : TextError {
    using TextError::TextError;
};
struct OwnTimeout : procession::TimeoutError {
    using TimeoutError::TimeoutError;
};
struct WithQueue : std::runtime_error {
    explicit WithQueue(const std::string& text) : runtime_error(text) {}
    std::optional<procession::Queue<int>> queue;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(queue);
    }
};
struct FailsToSave : std::runtime_error {
    using runtime_error::runtime_error;
    template <class Archive>
    void save(Archive&) const {
        throw std::out_of_range("not today");
    }
    template <class Archive>
    void load(Archive&) {}
};
struct FailsToLoad : std::runtime_error {
    using runtime_error::runtime_error;
    template <class Archive>
    void save(Archive&) const {}
    template <class Archive>
    void load(Archive&) {
        throw 7;
    }
};
struct Unregistered : std::runtime_error {
    using runtime_error::runtime_error;
};

}  // namespace program

namespace procession {
namespace {

using namespace program;

/// Nobody calls it.
[[maybe_unused]] void never_called() {
    register_exception<TextError>();
    register_exception<NumberError>();
    register_exception<FileError>();
    register_exception<ConstructedError>();
    register_exception<Constant>();
    register_exception<Final>();
    register_exception<NestedByItself>();
    register_exception<Aggregate>();
    register_exception<OwnTimeout>();
    register_exception<WithQueue>();
    register_exception<FailsToSave>();
    register_exception<FailsToLoad>();
}

const std::string trace = "Traceback (most recent call last):\n  File \"there.cpp\", line 1\nthere\n";

std::vector<std::byte> message_of(const std::exception_ptr& exception,
                                  const std::string& traceback = trace) {
    detail::Buffer buffer;
    detail::save_exception(buffer, exception, traceback);
    return {buffer.bytes().begin(), buffer.bytes().end()};
}
std::exception_ptr sent(const std::exception_ptr& exception, const std::string& traceback = trace) {
    return detail::load_exception(message_of(exception, traceback));
}
template <class Call>
std::exception_ptr thrown_by(Call call) {
    try {
        call();
    } catch (...) {
        return std::current_exception();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

/// The exception, which must be caught as an E.
template <class E>
E caught(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const E& found) {
        return found;
    }
}
template <class E>
std::string text_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const E& found) {
        return found.what();
    }
}
template <class E>
std::exception_ptr cause_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const E& found) {
        try {
            std::rethrow_if_nested(found);
        } catch (...) {
            return std::current_exception();
        }
    }
    return nullptr;
}

/// Sent once, and from there once more, it is an E with the same text, and the traceback is its last cause.
template <class E>
std::exception_ptr expect_itself(const std::exception_ptr& exception) {
    const std::string text = text_of<E>(exception);
    std::exception_ptr travelled = exception;
    for (int time = 0; time < 2; ++time) {
        travelled = sent(travelled);
        EXPECT_THROW(std::rethrow_exception(travelled), E);
        EXPECT_EQ(text_of<E>(travelled), text);
        EXPECT_EQ(caught<RemoteTraceback>(cause_of<E>(travelled)).traceback, trace);
    }
    return travelled;
}
template <class E>
E expect_itself(const E& error) {
    return caught<E>(expect_itself<E>(std::make_exception_ptr(error)));
}

// ---- the standard library's

// conformance: pool.exception_type
TEST(Exceptions, of_the_standard_library_come_back_as_themselves) {
    expect_itself(std::logic_error("text"));
    expect_itself(std::invalid_argument("text"));
    expect_itself(std::domain_error("text"));
    expect_itself(std::length_error("text"));
    expect_itself(std::out_of_range("text"));
    expect_itself(std::runtime_error("text"));
    expect_itself(std::range_error("text"));
    expect_itself(std::overflow_error("text"));
    expect_itself(std::underflow_error(""));
    expect_itself(std::bad_alloc());
    expect_itself(std::bad_array_new_length());
    expect_itself(std::bad_cast());
    expect_itself(std::bad_any_cast());
    expect_itself(std::bad_typeid());
    expect_itself(std::bad_optional_access());
    expect_itself(std::bad_function_call());
    expect_itself(std::bad_weak_ptr());
    expect_itself(std::bad_exception());
    expect_itself(std::exception());
    expect_itself<std::bad_variant_access>(
        thrown_by([] { static_cast<void>(std::get<0>(std::variant<int, long>(1L))); }));
}

TEST(Exceptions, of_the_standard_library_keep_their_codes) {
    const auto system =
        expect_itself(std::system_error(ENOENT, std::generic_category(), "Queue: open: remedy"));
    EXPECT_EQ(system.code(), std::errc::no_such_file_or_directory);
    EXPECT_STREQ(system.what(), "Queue: open: remedy: No such file or directory");
    EXPECT_EQ(expect_itself(std::system_error(EPERM, std::system_category())).code(),
              std::error_code(EPERM, std::system_category()));
    EXPECT_EQ(expect_itself(std::system_error(make_error_code(Errc::full), "own")).code(), Errc::full);
    EXPECT_EQ(expect_itself(std::future_error(std::future_errc::no_state)).code(),
              std::future_errc::no_state);
    EXPECT_EQ(expect_itself(std::regex_error(std::regex_constants::error_paren)).code(),
              std::regex_constants::error_paren);
    EXPECT_EQ(expect_itself(std::ios_base::failure("text", std::io_errc::stream)).code(),
              std::io_errc::stream);
}

TEST(Exceptions, of_file_systems_keep_their_paths) {
    const auto error = expect_itself(std::filesystem::filesystem_error(
        "rename", "/from", "/to", std::error_code(EXDEV, std::system_category())));
    EXPECT_EQ(error.path1(), "/from");
    EXPECT_EQ(error.path2(), "/to");
    EXPECT_EQ(error.code(), std::errc::cross_device_link);
    EXPECT_STREQ(error.what(), "filesystem error: rename: Invalid cross-device link [/from] [/to]");
}

struct OwnCategory : std::error_category {
    const char* name() const noexcept override { return "own"; }
    std::string message(int) const override { return "message"; }
} const own_category;

TEST(Exceptions, keep_the_number_and_the_name_of_a_category_that_only_the_program_has) {
    const auto exception = sent(std::make_exception_ptr(std::system_error(42, own_category, "text")));
    const auto error = caught<std::system_error>(exception);
    EXPECT_EQ(error.code().value(), 42);
    EXPECT_STREQ(error.code().category().name(), "own");
    EXPECT_EQ(text_of<std::system_error>(exception), "text: message");
    EXPECT_EQ(error.code(), caught<std::system_error>(sent(exception)).code());
}

TEST(Exceptions, that_only_the_standard_librarys_implementation_knows_come_as_what_is_documented) {
    const auto failure = thrown_by([] {
        std::ifstream file;
        file.exceptions(std::ios::failbit);
        file.open("/nowhere/at/all");
    });
    EXPECT_EQ(caught<std::ios_base::failure>(sent(failure)).code(), std::io_errc::stream);
    EXPECT_EQ(text_of<std::ios_base::failure>(sent(failure)), text_of<std::ios_base::failure>(failure));
}

// ---- the library's

TEST(Exceptions, of_this_library_come_back_as_themselves) {
    EXPECT_EQ(expect_itself(Empty("text")).code(), Errc::empty);
    expect_itself(Full("text"));
    expect_itself(ShutDown("text"));
    expect_itself(TimeoutError("text"));
    expect_itself(EndOfFile("text"));
    expect_itself(AuthenticationError("text"));
    expect_itself(BrokenBarrierError("text"));
    expect_itself(SerializationError("text"));
    expect_itself(TypeMismatch("text"));
    expect_itself(CancelledError("text"));
    expect_itself(HeapExhausted("text"));
    expect_itself(KeyError("text"));
    expect_itself(IndexError("text"));
    expect_itself(AttributeError("text"));
    expect_itself(ValueError("text"));
    expect_itself(StateError("text"));
    expect_itself(StopIteration("text"));
    EXPECT_EQ(expect_itself(Error(Errc::state, "text")).code(), Errc::state);
    expect_itself(RemoteTraceback("text"));
}

TEST(Exceptions, of_this_library_keep_their_members) {
    EXPECT_EQ(expect_itself(BufferTooShort("text", {std::byte{1}, std::byte{2}})).message,
              (std::vector{std::byte{1}, std::byte{2}}));
    const auto remote = expect_itself(RemoteError("Type", "text", "trace"));
    EXPECT_EQ(remote.type_name, "Type");
    EXPECT_EQ(remote.what_text, "text");
    EXPECT_EQ(remote.traceback, "trace");
    const auto worker = expect_itself(WorkerDied("text", 12, -9, "task"));
    EXPECT_EQ(worker.pid, 12);
    EXPECT_EQ(worker.exitcode, -9);
    EXPECT_EQ(worker.task, "task");
    EXPECT_EQ(expect_itself(WorkerDied("text", 12, {}, "task")).exitcode, std::nullopt);
    const auto owner = expect_itself(OwnerDied("text", 13, "name"));
    EXPECT_EQ(owner.pid, 13);
    EXPECT_EQ(owner.name, "name");
}

// ---- the program's

TEST(Exceptions, that_are_registered_come_back_as_themselves_with_their_members) {
    expect_itself(TextError("text"));
    EXPECT_EQ(expect_itself(NumberError(7)).number(), 7);
    EXPECT_EQ(expect_itself(FileError("a")).path, "a");
    EXPECT_EQ(expect_itself(ConstructedError(8)).number, 8);
    expect_itself(Constant());
    EXPECT_EQ(expect_itself(OwnTimeout("text")).code(), Errc::timed_out);
}

TEST(Exceptions, that_are_registered_need_be_no_std_exception) {
    const auto exception = sent(sent(std::make_exception_ptr(Aggregate{3, "three"})));
    EXPECT_EQ(caught<Aggregate>(exception).number, 3);
    EXPECT_EQ(caught<Aggregate>(exception).text, "three");
    EXPECT_EQ(caught<RemoteTraceback>(caught<std::nested_exception>(exception).nested_ptr()).traceback,
              trace);
}

TEST(Exceptions, of_a_final_class_come_without_a_cause) {
    const auto exception = sent(sent(std::make_exception_ptr(Final("text"))));
    EXPECT_EQ(text_of<Final>(exception), "text");
    EXPECT_EQ(cause_of<Final>(exception), nullptr);
}

TEST(Exceptions, that_nest_by_themselves_come_with_their_cause) {
    const auto exception = sent(sent(thrown_by([] {
        try {
            throw TextError("inner");
        } catch (...) {
            throw NestedByItself("outer");
        }
    })));
    EXPECT_EQ(text_of<NestedByItself>(exception), "outer");
    const auto inner = cause_of<NestedByItself>(exception);
    EXPECT_EQ(text_of<TextError>(inner), "inner");
    EXPECT_EQ(caught<RemoteTraceback>(cause_of<TextError>(inner)).traceback, trace);
}

TEST(Exceptions, take_handles_along) {
    WithQueue error("text");
    error.queue.emplace();
    error.queue->put(5);
    detail::Buffer buffer;
    detail::save_exception(buffer, std::make_exception_ptr(error), trace);
    EXPECT_EQ(buffer.references().size(), 1u);
    EXPECT_EQ(caught<WithQueue>(detail::load_exception(buffer.bytes())).queue->get(), 5);
}

TEST(Exceptions, that_were_sent_are_the_same_in_a_pickle) {
    EXPECT_EQ(detail::to_object(sent(std::make_exception_ptr(KeyError("text")))).to_string(),
              "KeyError('text')");
    EXPECT_EQ(detail::to_object(sent(std::make_exception_ptr(OwnTimeout("text")))).to_string(),
              "TimeoutError('text')");
}

// ---- what does not come back as itself

RemoteError expect_remote(const std::exception_ptr& exception, const std::string& type,
                          const std::string& text) {
    const auto travelled = sent(exception);
    auto error = caught<RemoteError>(travelled);
    EXPECT_EQ(error.type_name, type);
    EXPECT_EQ(error.what_text, text);
    EXPECT_EQ(error.traceback, trace);
    EXPECT_EQ(text_of<RemoteError>(sent(travelled)), text_of<RemoteError>(travelled));
    return error;
}

TEST(Exceptions, of_other_types_are_remote_errors) {
    const auto error =
        expect_remote(std::make_exception_ptr(Unregistered("text")), "program::Unregistered", "text");
    EXPECT_STREQ(error.what(), "program::Unregistered: text");
    expect_remote(std::make_exception_ptr(Derived("text")), "program::Derived", "text");
    expect_remote(thrown_by([] {
                      try {
                          throw 1;
                      } catch (...) {
                          std::throw_with_nested(Unregistered("outer"));
                      }
                  }),
                  "program::Unregistered", "outer");
}

TEST(Exceptions, that_are_numbers_or_texts_are_remote_errors_with_their_value) {
    expect_remote(thrown_by([] { throw 42; }), "int", "42");
    expect_remote(thrown_by([] { throw -1L; }), "long", "-1");
    expect_remote(thrown_by([] { throw 0.5; }), "double", "0.5");
    expect_remote(thrown_by([] { throw true; }), "bool", "true");
    expect_remote(thrown_by([] { throw 'c'; }), "char", "c");
    expect_remote(thrown_by([] { throw "text"; }), "char const*", "text");
    expect_remote(thrown_by([] { throw static_cast<const char*>(nullptr); }), "char const*", "");
    expect_remote(thrown_by([] { throw std::string("text"); }), "std::string", "text");
    expect_remote(thrown_by([] { throw Errc::full; }), "procession::Errc", "");
    expect_remote(nullptr, "unknown exception, none of C++'s", "");
}

TEST(Exceptions, whose_serialization_throws_are_remote_errors_that_say_why) {
    expect_remote(std::make_exception_ptr(FailsToSave("text")), "program::FailsToSave",
                  "text (it could not be sent as itself: std::out_of_range: not today)");
    expect_remote(std::make_exception_ptr(FailsToLoad("text")), "program::FailsToLoad",
                  "text (it could not be made again: int: 7)");
}

// ---- causes

std::exception_ptr nested(int depth) {
    return thrown_by([depth] {
        if (depth == 0) throw std::out_of_range("0");
        try {
            std::rethrow_exception(nested(depth - 1));
        } catch (...) {
            std::throw_with_nested(TextError(std::to_string(depth)));
        }
    });
}

// conformance: pool.remote_traceback
TEST(Exceptions, come_with_what_they_were_nested_with_and_the_traceback_at_the_end) {
    const auto third = expect_itself<TextError>(std::make_exception_ptr(TextError("no cause")));
    EXPECT_EQ(caught<RemoteTraceback>(cause_of<TextError>(third)).traceback, trace);

    auto exception = sent(sent(nested(3)));
    for (const char* text : {"3", "2", "1"}) {
        EXPECT_EQ(text_of<TextError>(exception), text);
        exception = cause_of<TextError>(exception);
    }
    EXPECT_EQ(text_of<std::out_of_range>(exception), "0");
    const auto last = cause_of<std::out_of_range>(exception);
    EXPECT_EQ(caught<RemoteTraceback>(last).traceback, trace);
    EXPECT_EQ(text_of<RemoteTraceback>(last), "\n\"\"\"\n" + trace + "\"\"\"");
    EXPECT_EQ(cause_of<RemoteTraceback>(last), nullptr);
}

TEST(Exceptions, that_are_registered_and_not_may_be_nested_in_each_other) {
    const auto exception = sent(thrown_by([] {
        try {
            throw Unregistered("inner");
        } catch (...) {
            std::throw_with_nested(NumberError(1));
        }
    }));
    const auto inner = caught<RemoteError>(cause_of<NumberError>(exception));
    EXPECT_EQ(inner.type_name, "program::Unregistered");
    EXPECT_EQ(inner.traceback, "");
}

TEST(Exceptions, are_cut_off_beyond_the_64th) {
    auto exception = sent(nested(100));
    for (std::size_t each = 0; each < detail::longest_exception_chain; ++each) {
        EXPECT_EQ(text_of<TextError>(exception), std::to_string(100 - each));
        exception = cause_of<TextError>(exception);
    }
    EXPECT_EQ(caught<RemoteTraceback>(exception).traceback, trace);
}

TEST(Exceptions, sent_on_keep_the_traceback_that_they_came_with) {
    const auto once = sent(std::make_exception_ptr(TextError("text")), "first\n");
    const auto twice = sent(once, "second\n");
    test::expect_in_order(caught<RemoteTraceback>(cause_of<TextError>(twice)).traceback,
                          {"first\n", "direct cause of the following exception", "second\n"});
}

TEST(Exceptions, without_a_traceback_come_with_type_and_text) {
    const auto exception = sent(std::make_exception_ptr(TextError("text")), "");
    EXPECT_EQ(caught<RemoteTraceback>(cause_of<TextError>(exception)).traceback,
              "program::TextError: text\n");
}

// ---- damage

/// Either an exception is read, or SerializationError is thrown.
bool is_refused(const std::vector<std::byte>& message) {
    try {
        EXPECT_NE(detail::load_exception(message), nullptr);
        return false;
    } catch (const SerializationError&) {
        return true;
    }
}

std::vector<std::vector<std::byte>> corpus() {
    std::vector<std::vector<std::byte>> messages;
    for (const auto& exception :
         {std::make_exception_ptr(std::runtime_error("text")), std::make_exception_ptr(NumberError(7)),
          std::make_exception_ptr(std::system_error(2, std::generic_category(), "open")),
          std::make_exception_ptr(std::filesystem::filesystem_error("a", "b", "c", {})),
          std::make_exception_ptr(std::regex_error(std::regex_constants::error_paren)),
          std::make_exception_ptr(BufferTooShort("text", {std::byte{1}})),
          std::make_exception_ptr(WorkerDied("text", 12, -9, "task")),
          std::make_exception_ptr(Unregistered("text")), std::make_exception_ptr(Aggregate{1, "one"}),
          nested(2)})
        messages.push_back(message_of(exception));
    return messages;
}

TEST(Exceptions, cut_off_anywhere_are_refused) {
    for (const auto& message : corpus())
        for (std::size_t length = 0; length < message.size(); ++length)
            EXPECT_TRUE(
                is_refused({message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length)}))
                << length;
}

TEST(Exceptions, with_more_behind_them_are_refused) {
    for (auto message : corpus()) {
        message.push_back({});
        EXPECT_TRUE(is_refused(message));
    }
}

TEST(Exceptions, with_any_byte_changed_are_refused_or_read) {
    std::size_t refused = 0;
    for (const auto& message : corpus())
        for (std::size_t at = 0; at < message.size(); ++at)
            for (const int mask : {0x01, 0x80, 0xff}) {
                auto damaged = message;
                damaged[at] ^= static_cast<std::byte>(mask);
                refused += is_refused(damaged) ? 1 : 0;
            }
    EXPECT_GT(refused, 0u);
}

TEST(Exceptions, of_random_bytes_are_refused) {
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::byte> message(random() % 200);
        for (auto& byte : message) byte = static_cast<std::byte>(random());
        EXPECT_TRUE(is_refused(message));
    }
}

}  // namespace
}  // namespace procession
