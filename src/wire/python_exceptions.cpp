// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/python_exceptions.hpp>

#include <cxxabi.h>
#include <fmt/format.h>
#include <procession/detail/type_name.hpp>
#include <procession/error.hpp>

#include <algorithm>
#include <iterator>
#include <new>
#include <stdexcept>
#include <system_error>
#include <typeinfo>

#include "os/symbols.hpp"
#include "wire/python_form.hpp"
#include "wire/python_names.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::detail {
namespace {

constexpr std::string_view builtins = "builtins";
constexpr std::string_view mp_context = "multiprocessing.context";
/// What tells the type of C++.
constexpr std::string_view cpp_type = "cpp_type";

/// Which way a row of the table is gone without being told the type of C++.
enum class Ways { both, to_python };

/// A type that is made from its text alone.
struct Row {
    std::string_view name;
    std::string_view module;
    std::string_view qualname;
    Ways ways;
    bool (*matches)(const std::exception&);
    void (*raise)(const std::string& text);
};

template <class E>
constexpr Row row(std::string_view name, std::string_view module, std::string_view qualname,
                  Ways ways = Ways::both) {
    return {name,
            module,
            qualname,
            ways,
            [](const std::exception& error) { return dynamic_cast<const E*>(&error) != nullptr; },
            [](const std::string& text) {
                if constexpr (std::is_constructible_v<E, const std::string&>)
                    throw E(text);
                else
                    throw E();
            }};
}

/// The derived before their bases.
constexpr Row rows[] = {
    row<IndexError>("procession::IndexError", builtins, "IndexError"),
    row<KeyError>("procession::KeyError", builtins, "KeyError"),
    row<AttributeError>("procession::AttributeError", builtins, "AttributeError"),
    row<ValueError>("procession::ValueError", builtins, "ValueError"),
    row<StopIteration>("procession::StopIteration", builtins, "StopIteration"),
    row<EndOfFile>("procession::EndOfFile", builtins, "EOFError"),
    row<Empty>("procession::Empty", "queue", "Empty"),
    row<Full>("procession::Full", "queue", "Full"),
    row<ShutDown>("procession::ShutDown", "queue", "ShutDown"),
    row<TimeoutError>("procession::TimeoutError", mp_context, "TimeoutError"),
    row<AuthenticationError>("procession::AuthenticationError", mp_context, "AuthenticationError"),
    row<BrokenBarrierError>("procession::BrokenBarrierError", "threading", "BrokenBarrierError"),
    row<SerializationError>("procession::SerializationError", "pickle", "PicklingError",
                            Ways::to_python),
    row<TypeMismatch>("procession::TypeMismatch", builtins, "TypeError", Ways::to_python),
    row<HeapExhausted>("procession::HeapExhausted", builtins, "MemoryError", Ways::to_python),
    row<CancelledError>("procession::CancelledError", builtins, "RuntimeError", Ways::to_python),
    row<StateError>("procession::StateError", builtins, "RuntimeError", Ways::to_python),
    row<std::out_of_range>("std::out_of_range", builtins, "IndexError", Ways::to_python),
    row<std::invalid_argument>("std::invalid_argument", builtins, "ValueError", Ways::to_python),
    row<std::domain_error>("std::domain_error", builtins, "ValueError", Ways::to_python),
    row<std::length_error>("std::length_error", builtins, "ValueError", Ways::to_python),
    row<std::logic_error>("std::logic_error", builtins, "RuntimeError", Ways::to_python),
    row<std::overflow_error>("std::overflow_error", builtins, "OverflowError", Ways::to_python),
    row<std::underflow_error>("std::underflow_error", builtins, "RuntimeError", Ways::to_python),
    row<std::range_error>("std::range_error", builtins, "RuntimeError", Ways::to_python),
    row<std::runtime_error>("std::runtime_error", builtins, "RuntimeError"),
    row<std::bad_alloc>("std::bad_alloc", builtins, "MemoryError", Ways::to_python),
};

std::string valid_utf8(std::string_view text) {
    std::string valid;
    while (!text.empty()) {
        const auto next = decode_utf8(text);
        append_utf8(valid, next ? next->code : U'\ufffd');
        text.remove_prefix(next ? next->size : 1);
    }
    return valid;
}

Object python_exception(std::string_view module, std::string_view qualname, Object args,
                        Object state = {}) {
    return Object::exception(std::string(module), std::string(qualname), std::move(args),
                             std::move(state));
}

// ---- those with members

Object of_system_error(const std::system_error& error) {
    const Object text = valid_utf8(error.what());
    const auto& category = error.code().category();
    if (category != std::generic_category() && category != std::system_category())
        return python_exception(builtins, "RuntimeError", Object::tuple({text}));
    const int number = error.code().value();
    return python_exception(builtins, os_error_of(number), Object::tuple({number, text}));
}

Object of_worker_died(const WorkerDied& error) {
    return python_exception(
        builtins, "RuntimeError", Object::tuple({valid_utf8(error.what())}),
        Object::dict({{cpp_type, "procession::WorkerDied"},
                      {"pid", error.pid},
                      {"exitcode", error.exitcode ? Object(*error.exitcode) : Object()},
                      {"task", valid_utf8(error.task)}}));
}

Object of_owner_died(const OwnerDied& error) {
    return python_exception(builtins, "RuntimeError", Object::tuple({valid_utf8(error.what())}),
                            Object::dict({{cpp_type, "procession::OwnerDied"},
                                          {"pid", error.pid},
                                          {"name", valid_utf8(error.name)}}));
}

Object of_remote_error(const RemoteError& error) {
    const std::string& told = error.traceback.empty() ? error.what_text : error.traceback;
    return python_exception("multiprocessing.managers", "RemoteError", Object::tuple({valid_utf8(told)}),
                            Object::dict({{cpp_type, "procession::RemoteError"},
                                          {"type_name", valid_utf8(error.type_name)},
                                          {"what_text", valid_utf8(error.what_text)},
                                          {"traceback", valid_utf8(error.traceback)}}));
}

Object of_exception(const std::exception& error) {
    if (const auto* const known = dynamic_cast<const PythonForm*>(&error)) return known->exception();
    if (const auto* const system = dynamic_cast<const std::system_error*>(&error))
        return of_system_error(*system);
    if (const auto* const died = dynamic_cast<const WorkerDied*>(&error)) return of_worker_died(*died);
    if (const auto* const died = dynamic_cast<const OwnerDied*>(&error)) return of_owner_died(*died);
    if (const auto* const remote = dynamic_cast<const RemoteError*>(&error))
        return of_remote_error(*remote);
    if (const auto* const shorter = dynamic_cast<const BufferTooShort*>(&error))
        return python_exception(mp_context, "BufferTooShort", Object::tuple({shorter->message}));
    const Object text = valid_utf8(error.what());
    for (const Row& each : rows)
        if (each.matches(error))
            return python_exception(
                each.module, each.qualname, Object::tuple({text}),
                each.ways == Ways::both ? Object() : Object::dict({{cpp_type, each.name}}));
    return python_exception(builtins, "RuntimeError", Object::tuple({text}));
}

// ---- from Python

/// @see Python: str(exception)
std::string text_of(const Object& exception) {
    const Object& args = exception.args();
    if (args.empty()) return {};
    if (args.size() > 1) return args.to_string();
    const bool as_repr = exception.qualname() == "KeyError" || !args[0].is_str();
    return as_repr ? args[0].to_string() : args[0].as<std::string>();
}

/// The text of its only argument, as it was here, if it is one.
std::string message_of(const Object& exception) {
    const Object& args = exception.args();
    return args.size() == 1 && args[0].is_str() ? args[0].as<std::string>() : text_of(exception);
}

std::string full_name(const Object& exception) {
    if (exception.module() == builtins) return std::string(exception.qualname());
    return fmt::format("{}.{}", exception.module(), exception.qualname());
}

/// An attribute of an exception, or nothing of that kind.
template <class T>
T attribute(const Object& exception, std::string_view name, T otherwise = {}) {
    if (!exception.state().is_dict()) return otherwise;
    const Object* const found = exception.state().find(Object(name));
    try {
        return found ? found->as<T>() : otherwise;
    } catch (const Error&) {
        return otherwise;
    }
}

std::optional<int> number_of(const Object& exception) {
    const Object& args = exception.args();
    if (!is_os_error(exception.module(), exception.qualname()) || args.size() < 2 || !args[0].is_int())
        return std::nullopt;
    try {
        return args[0].as<int>();
    } catch (const ValueError&) {
        return std::nullopt;
    }
}

[[noreturn]] void throw_system_error(int number, const Object& args) {
    const std::error_code code(number, std::generic_category());
    // It is added to the text again.
    const std::string ending = code.message();
    std::string text = args[1].is_str() ? args[1].as<std::string>() : args[1].to_string();
    if (text.ends_with(ending)) text.resize(text.size() - ending.size());
    if (text.ends_with(": ")) text.resize(text.size() - 2);
    if (text.empty() && args.size() > 2) text = args[2].is_str() ? args[2].as<std::string>() : "";
    if (text.empty()) throw std::system_error(code);
    throw std::system_error(code, text);
}

void throw_by_members(std::string_view type, const Object& exception) {
    if (type == "procession::WorkerDied") {
        const Object* const code = exception.state().find("exitcode");
        throw WorkerDied(
            message_of(exception), attribute<int>(exception, "pid"),
            code && code->is_int() ? std::optional(attribute<int>(exception, "exitcode")) : std::nullopt,
            attribute<std::string>(exception, "task"));
    }
    if (type == "procession::OwnerDied")
        throw OwnerDied(message_of(exception), attribute<int>(exception, "pid"),
                        attribute<std::string>(exception, "name"));
    if (type == "procession::RemoteError")
        throw RemoteError(attribute<std::string>(exception, "type_name"),
                          attribute<std::string>(exception, "what_text"),
                          attribute<std::string>(exception, "traceback"));
}

void throw_by_name(const Object& exception) {
    const std::string_view module = exception.module() == "_queue" ? "queue" : exception.module();
    const bool is_timeout = module == builtins && exception.qualname() == "TimeoutError";
    if (is_timeout) throw TimeoutError(message_of(exception));
    const bool is_short = module == mp_context && exception.qualname() == "BufferTooShort";
    if (is_short && exception.args().size() == 1 && exception.args()[0].is_bytes())
        throw BufferTooShort("the message is longer than the buffer; it is in the exception",
                             exception.args()[0].as<Object::Bytes>());
    for (const Row& each : rows)
        if (each.ways == Ways::both && each.module == module && each.qualname == exception.qualname())
            each.raise(message_of(exception));
}

}  // namespace

Object to_object(const std::exception_ptr& exception) {
    if (!exception) return {};
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return of_exception(error);
    } catch (...) {
        const std::type_info* const type = abi::__cxa_current_exception_type();
        return python_exception(
            builtins, "RuntimeError",
            Object::tuple({fmt::format("an exception that is no std::exception: {}",
                                       type ? os::demangle(type->name()) : "unknown")}));
    }
}

void throw_from(const Object& exception, std::string traceback) {
    if (!exception.is_exception() && !exception.is_instance())
        throw RemoteError(std::string(exception.type()),
                          exception.is_str() ? exception.as<std::string>() : exception.to_string(),
                          std::move(traceback));
    const auto told = attribute<std::string>(exception, cpp_type);
    throw_by_members(told, exception);
    for (const Row& each : rows)
        if (each.name == told) each.raise(message_of(exception));
    if (const auto number = number_of(exception)) throw_system_error(*number, exception.args());
    throw_by_name(exception);
    throw RemoteError(full_name(exception), text_of(exception), std::move(traceback));
}

}  // namespace procession::inline v0::detail
