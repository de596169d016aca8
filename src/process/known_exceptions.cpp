// SPDX-License-Identifier: Apache-2.0
#include "process/known_exceptions.hpp"

#include <fmt/format.h>
#include <procession/exceptions.hpp>

#include <algorithm>
#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <system_error>
#include <typeinfo>
#include <unordered_map>
#include <variant>

#include "os/fork_mutex.hpp"

namespace procession::inline v0::detail {
namespace {

/// Stands for a category of the program's own, which has no name that all its processes know it by.
class DistantCategory : public std::error_category {
  public:
    explicit DistantCategory(std::string name) : name_(std::move(name)) {}
    const char* name() const noexcept override { return name_.c_str(); }
    std::string message(int code) const override { return fmt::format("{} error {}", name_, code); }

  private:
    std::string name_;
};

const std::error_category& distant_category(const std::string& name) {
    struct Categories {
        os::ForkMutex mutex;
        std::unordered_map<std::string, DistantCategory> all;
    };
    // Never destroyed, as codes refer to them until the very end.
    static auto* const categories = new Categories;
    const std::lock_guard lock(categories->mutex);
    return categories->all.try_emplace(name, name).first->second;
}

struct Code {
    int value;
    std::string category;
};
Code from_code(const std::error_code& code) { return {code.value(), code.category().name()}; }
std::error_code to_code(const Code& code) {
    for (const std::error_category* const each :
         {&std::generic_category(), &std::system_category(), &std::iostream_category(),
          &std::future_category(), &error_category()})
        if (each->name() == code.category) return {code.value, *each};
    return {code.value, distant_category(code.category)};
}

/// The text without the code's, which is added to it again.
std::string argument_of(const std::system_error& error) {
    // Not a derived one's, which has more.
    std::string text = error.std::system_error::what();
    for (const std::string& ending : {error.code().message(), std::string(": ")})
        if (text.ends_with(ending)) text.resize(text.size() - ending.size());
    return text;
}

}  // namespace

template <>
struct ExceptionForm<std::system_error> {
    static void save(NativeWriter& writer, const std::system_error& error) {
        save_value(writer, from_code(error.code()));
        save_value(writer, argument_of(error));
    }
    static std::system_error load(NativeReader& reader, const std::string&) {
        const auto code = load_value<Code>(reader);
        return {to_code(code), load_value<std::string>(reader)};
    }
};

template <>
struct ExceptionForm<std::ios_base::failure> {
    static void save(NativeWriter& writer, const std::ios_base::failure& error) {
        ExceptionForm<std::system_error>::save(writer, error);
    }
    static std::ios_base::failure load(NativeReader& reader, const std::string&) {
        const auto code = load_value<Code>(reader);
        return std::ios_base::failure(load_value<std::string>(reader), to_code(code));
    }
};

template <>
struct ExceptionForm<std::filesystem::filesystem_error> {
    static void save(NativeWriter& writer, const std::filesystem::filesystem_error& error) {
        ExceptionForm<std::system_error>::save(writer, error);
        save_value(writer, error.path1().native());
        save_value(writer, error.path2().native());
    }
    static std::filesystem::filesystem_error load(NativeReader& reader, const std::string&) {
        const auto code = load_value<Code>(reader);
        const auto argument = load_value<std::string>(reader);
        const auto first = load_value<std::string>(reader), second = load_value<std::string>(reader);
        return {argument, first, second, to_code(code)};
    }
};

template <>
struct ExceptionForm<std::future_error> {
    static void save(NativeWriter& writer, const std::future_error& error) {
        save_value(writer, error.code().value());
    }
    static std::future_error load(NativeReader& reader, const std::string&) {
        return std::future_error(static_cast<std::future_errc>(load_value<int>(reader)));
    }
};

template <>
struct ExceptionForm<std::regex_error> {
    static void save(NativeWriter& writer, const std::regex_error& error) {
        save_value(writer, static_cast<int>(error.code()));
    }
    static std::regex_error load(NativeReader& reader, const std::string&) {
        namespace codes = std::regex_constants;
        const auto code = static_cast<codes::error_type>(load_value<int>(reader));
        for (const auto known :
             {codes::error_collate, codes::error_ctype, codes::error_escape, codes::error_backref,
              codes::error_brack, codes::error_paren, codes::error_brace, codes::error_badbrace,
              codes::error_range, codes::error_space, codes::error_badrepeat, codes::error_complexity,
              codes::error_stack})
            if (code == known) return std::regex_error(code);
        throw SerializationError("std::regex_error: there is no such code");
    }
};

template <>
struct ExceptionForm<Error> {
    static void save(NativeWriter& writer, const Error& error) {
        save_value(writer, error.code().value());
    }
    static Error load(NativeReader& reader, const std::string& text) {
        return {static_cast<Errc>(load_value<int>(reader)), text};
    }
};

template <>
struct ExceptionForm<BufferTooShort> {
    static void save(NativeWriter& writer, const BufferTooShort& error) {
        save_value(writer, error.message);
    }
    static BufferTooShort load(NativeReader& reader, const std::string& text) {
        return {text, load_value<std::vector<std::byte>>(reader)};
    }
};

template <>
struct ExceptionForm<RemoteError> {
    static void save(NativeWriter& writer, const RemoteError& error) {
        save_value(writer, error.type_name);
        save_value(writer, error.what_text);
        save_value(writer, error.traceback);
    }
    static RemoteError load(NativeReader& reader, const std::string&) {
        // Braces: they are read in their order.
        return RemoteError{load_value<std::string>(reader), load_value<std::string>(reader),
                           load_value<std::string>(reader)};
    }
};

template <>
struct ExceptionForm<RemoteTraceback> {
    static void save(NativeWriter& writer, const RemoteTraceback& error) {
        save_value(writer, error.traceback);
    }
    static RemoteTraceback load(NativeReader& reader, const std::string&) {
        return RemoteTraceback(load_value<std::string>(reader));
    }
};

template <>
struct ExceptionForm<WorkerDied> {
    static void save(NativeWriter& writer, const WorkerDied& error) {
        save_value(writer, error.pid);
        save_value(writer, error.exitcode);
        save_value(writer, error.task);
        save_value(writer, error.peak_resident);
        save_value(writer, error.out_of_memory);
        save_value(writer, error.last_stderr);
    }
    static WorkerDied load(NativeReader& reader, const std::string& text) {
        // Braces: the members are read in their order.
        WorkerDied error{text, load_value<int>(reader), load_value<std::optional<int>>(reader),
                         load_value<std::string>(reader)};
        error.peak_resident = load_value<std::size_t>(reader);
        error.out_of_memory = load_value<bool>(reader);
        error.last_stderr = load_value<std::string>(reader);
        return error;
    }
};

template <>
struct ExceptionForm<OwnerDied> {
    static void save(NativeWriter& writer, const OwnerDied& error) {
        save_value(writer, error.pid);
        save_value(writer, error.name);
    }
    static OwnerDied load(NativeReader& reader, const std::string& text) {
        return OwnerDied{text, load_value<int>(reader), load_value<std::string>(reader)};
    }
};

namespace {

template <class... E>
constexpr auto types_of() {
    return std::to_array({exception_type<E>()...});
}

constexpr auto known =
    types_of<Empty, Full, ShutDown, TimeoutError, EndOfFile, AuthenticationError, BrokenBarrierError,
             SerializationError, TypeMismatch, CancelledError, HeapExhausted, KeyError, IndexError,
             AttributeError, ValueError, StateError, StopIteration, BufferTooShort, RemoteError,
             RemoteTraceback, WorkerDied, OwnerDied, Error,

             std::ios_base::failure, std::filesystem::filesystem_error, std::system_error,
             std::regex_error, std::range_error, std::overflow_error, std::underflow_error,
             std::runtime_error,

             std::invalid_argument, std::domain_error, std::length_error, std::out_of_range,
             std::future_error, std::logic_error,

             std::bad_array_new_length, std::bad_alloc, std::bad_any_cast, std::bad_cast,
             std::bad_typeid, std::bad_optional_access, std::bad_variant_access, std::bad_function_call,
             std::bad_weak_ptr, std::bad_exception, std::exception>();

}  // namespace

std::span<const ExceptionType> known_exceptions() { return known; }

}  // namespace procession::inline v0::detail
