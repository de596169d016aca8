// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/exception_message.hpp>

#include <fmt/format.h>
#include <procession/exceptions.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <variant>
#include <vector>

#include "process/known_exceptions.hpp"
#include "wire/thrown.hpp"

namespace procession::inline v0::detail {
namespace {

// Filled before main and by dlopen, like the function table.
std::atomic<const RegisteredException*> newest_exception{nullptr};

/// As what an exception is made again: a RemoteError, one of known_exceptions(), or a registered one.
using Form = std::variant<std::monostate, std::uint32_t, PlaceName>;

/// One of a chain of nested exceptions.
struct Link {
    std::string type;
    Form form;
    /// The text, and what else its form writes. By itself, so that what the program's code reads wrongly
    /// hurts nothing else.
    std::vector<std::byte> body;
};

struct Message {
    std::vector<Link> chain;  ///< the outermost first
    std::string traceback;
};

// ---- writing

bool is_of_standard_library(std::string_view type) { return type.starts_with("std::"); }

/// Writes an exception as itself. @returns none: it is of no type that comes back
std::optional<Form> save_as_itself(NativeWriter& writer, const std::exception_ptr& exception,
                                   const Thrown& thrown) {
    const std::type_info* const type = type_of(exception);
    if (!type) return std::nullopt;
    const auto known = known_exceptions();
    for (std::uint32_t place = 0; place < known.size(); ++place)
        if (known[place].is(*type) && known[place].save(writer, exception)) return place;
    if (const auto* const registered = RegisteredException::find(*type)) {
        Form form = name_of(registered->entry);
        if (registered->type.save(writer, exception)) return form;
    }
    // What only its implementation knows, such as the failures of streams.
    if (is_of_standard_library(thrown.type))
        for (std::uint32_t place = 0; place < known.size(); ++place)
            if (known[place].save(writer, exception)) return place;
    return std::nullopt;
}

Link as_remote_error(const Thrown& thrown, const std::string& text) {
    Buffer body;
    save_message(body, text);
    return {thrown.type, std::monostate(), {body.bytes().begin(), body.bytes().end()}};
}

/// Why the code of the program that is called failed; to be called in a handler.
std::string reason() { return to_string(describe(std::current_exception())); }

Link write_link(Buffer& message, const std::exception_ptr& exception) {
    const Thrown thrown = describe(exception);
    try {
        Buffer body;
        NativeWriter writer(body);
        if (auto form = save_as_itself(writer, exception, thrown)) {
            for (const std::uint64_t reference : body.references()) message.refer(reference);
            return {thrown.type, *std::move(form), {body.bytes().begin(), body.bytes().end()}};
        }
    } catch (...) {
        return as_remote_error(
            thrown, fmt::format("{} (it could not be sent as itself: {})", thrown.text, reason()));
    }
    return as_remote_error(thrown, thrown.text);
}

/// Goes from one exception to what it is nested with. @returns the traceback at the end, if it has come from
/// another process before
std::string write_chain(Buffer& buffer, std::vector<Link>& chain, std::exception_ptr exception) {
    while (chain.size() < longest_exception_chain) {
        chain.push_back(write_link(buffer, exception));
        exception = exception ? cause_of(exception) : nullptr;
        if (!exception) break;
        try {
            std::rethrow_exception(exception);
        } catch (const RemoteTraceback& last) {
            return last.traceback;
        } catch (...) {
        }
    }
    return {};
}

// ---- reading

std::exception_ptr load_as_itself(const Form& form, NativeReader& body) {
    if (const auto* const place = std::get_if<PlaceName>(&form))
        return find_entry(*place).call<std::exception_ptr>(body);
    const auto place = std::get<std::uint32_t>(form);
    if (place >= known_exceptions().size())
        throw SerializationError("load_exception: the bytes are no exception: there is no such type");
    return known_exceptions()[place].load(body);
}

std::exception_ptr remote_error(const Link& link, std::string text, const std::string& traceback) {
    RemoteError error(link.type, std::move(text), traceback);
    const std::string what = error.what();
    return carry(std::move(error), what);
}

/// In the handler of its cause.
std::exception_ptr read_link(const Link& link, const std::string& traceback) {
    const auto text = [&] {
        NativeReader body(link.body);
        return load_value<std::string>(body);
    };
    if (std::holds_alternative<std::monostate>(link.form)) return remote_error(link, text(), traceback);
    try {
        NativeReader body(link.body);
        return load_as_itself(link.form, body);
    } catch (...) {
        const std::string why = reason();
        return remote_error(link, fmt::format("{} (it could not be made again: {})", text(), why),
                            traceback);
    }
}

}  // namespace

RegisteredException::RegisteredException(const ExceptionType& its_type, const FunctionEntry& its_entry)
    : type(its_type), entry(its_entry), next_(newest_exception.load()) {
    while (!newest_exception.compare_exchange_weak(next_, this)) {
    }
}

const RegisteredException* RegisteredException::find(const std::type_info& thrown) {
    const auto* each = newest_exception.load();
    while (each && !each->type.is(thrown)) each = each->next_;
    return each;
}

void save_exception(Buffer& buffer, const std::exception_ptr& exception, const std::string& traceback) {
    Message message;
    const std::string before = write_chain(buffer, message.chain, exception);
    message.traceback = traceback.empty() ? to_string(describe(exception)) + "\n" : traceback;
    if (message.traceback.find(before) == std::string::npos)
        message.traceback.insert(0, before + std::string(cause_ends));
    NativeWriter writer(buffer);
    save_value(writer, message);
}

std::exception_ptr load_exception(std::span<const std::byte> bytes) {
    NativeReader reader(bytes);
    const auto message = load_value<Message>(reader);
    if (message.chain.empty() || message.chain.size() > longest_exception_chain ||
        !reader.left().empty())
        throw SerializationError("load_exception: the bytes are no exception");
    auto exception = std::make_exception_ptr(RemoteTraceback(message.traceback));
    for (auto link = message.chain.rbegin(); link != message.chain.rend(); ++link) {
        const bool is_outermost = std::next(link) == message.chain.rend();
        try {
            std::rethrow_exception(exception);
        } catch (...) {
            exception = read_link(*link, is_outermost ? message.traceback : "");
        }
    }
    return exception;
}

}  // namespace procession::inline v0::detail
