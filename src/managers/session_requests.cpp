// SPDX-License-Identifier: Apache-2.0

// What a connection's requests come to. What a client of ours asks for beside what CPython's do is said in
// docs/protocol.md: it says which process it is, has its references counted with what it is sent, cancels calls,
// sends several at once and says when it ends.

#include <fmt/format.h>
#include <procession/detail/exception_message.hpp>
#include <procession/detail/python_exceptions.hpp>
#include <procession/error.hpp>

#include <chrono>

#include "managers/arguments.hpp"
#include "managers/server_core.hpp"
#include "managers/session.hpp"
#include "wire/python_form.hpp"
#include "wire/thrown.hpp"

namespace procession::inline v0::managers {
namespace {

/// A request that is none: what is wrong is said, and the next one is read.
Reply traceback_of(const std::exception_ptr& exception) {
    return {ReplyKind::traceback,
            fmt::format("Traceback (most recent call last):\n  in the manager's server\n{}\n",
                        detail::to_string(detail::describe(exception)))};
}

Reply error_of(const std::exception_ptr& exception) {
    return {ReplyKind::error, detail::to_object(exception)};
}

/// Whether it says itself what it is in Python, and is that in C++ as well.
bool is_of_python(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const detail::PythonForm&) {
        return true;
    } catch (...) {
        return false;
    }
}

Reply native_error_of(const std::exception_ptr& exception) {
    detail::Buffer buffer;
    detail::save_exception(buffer, exception, {});
    return {ReplyKind::native_error, Object(buffer.bytes())};
}

std::uint64_t number_of(const Object& hex) {
    const std::string text = hex.as<std::string>();
    return std::stoull(text, nullptr, 16);
}

}  // namespace

Session::Answer Session::answer(const LineMessage& message) {
    try {
        std::vector<Object> proxies;
        const Request request = decode_request(message.bytes, proxies);
        if (!client_ && !comes_first(request)) join_as_seen();
        for (Object& proxy : proxies) attach_own(proxy);
        return {answer(request, caller_), request.ident.empty() && is_last(request)};
    } catch (const std::exception&) {
        return {traceback_of(std::current_exception())};
    }
}

Reply Session::answer(const Request& request, const Caller& caller) {
    try {
        Reply reply;
        if (request.ident.empty())
            reply.value = serve(request, caller);
        else
            reply = call_referent(request, caller);
        return reply;
    } catch (const NoSuchMethod&) {
        return traceback_of(std::current_exception());
    } catch (const std::exception&) {
        // CPython's clients get the text of what went wrong with the request itself.
        if (request.ident.empty() && !knows_us_) return traceback_of(std::current_exception());
        const bool is_native =
            line_.kind() == Line::Kind::pipe && !is_of_python(std::current_exception());
        return is_native ? native_error_of(std::current_exception())
                         : error_of(std::current_exception());
    }
}

Reply Session::call_referent(const Request& request, const Caller& caller) {
    std::shared_ptr<Referent> referent;
    try {
        referent = server_.references().find(request.ident);
    } catch (const KeyError&) {
        return traceback_of(std::current_exception());
    }
    if (request.method == "#GETVALUE") return {ReplyKind::returned, referent->value()};
    if (request.method == "__str__" || request.method == "__repr__")
        return {ReplyKind::returned, referent->to_string()};
    if (referent->minds_clients()) client_->remember(referent);
    Result result =
        referent->call(Arguments(request.method, request.arguments, request.keywords), caller);
    if (!result.referent) return {ReplyKind::returned, std::move(result.value)};
    return returned(std::move(result.referent), std::move(result.type_id), /* by_create */ false);
}

// What the client gets to name a referent by. One of ours has its references counted as the proxies are sent;
// CPython's gets one that is counted already, and gives it back.
Reply Session::returned(std::shared_ptr<Referent> referent, std::string type_id, bool by_create) {
    const std::vector<std::string> exposed = referent->exposed();
    const std::string ident = server_.references().add(std::move(referent), type_id);
    const Token token{std::move(type_id), server_.address_object(), ident};
    if (knows_us_) {
        Object proxy = make_proxy(token, exposed);
        attach(proxy, server_.references().hold(ident));
        server_.references().decrease(ident);
        return {ReplyKind::returned, std::move(proxy)};
    }
    if (peer_ != 0) refer(ident);
    if (by_create) return {ReplyKind::returned, Object::tuple({ident, Object::tuple(exposed)})};
    return {ReplyKind::proxy, Object::tuple({Object::tuple(exposed), to_object(token)})};
}

// A reference that is counted already is the client's, and goes with it.
void Session::refer(const std::string& ident) {
    try {
        client_->refer(ident, server_.limits().max_references);
    } catch (...) {
        server_.references().decrease(ident);
        throw;
    }
}

// A proxy of the server's own that comes in a value keeps what it refers to.
void Session::attach_own(Object& proxy) {
    const Token token = token_of_proxy(proxy);
    if (server_.is_own(token.address)) attach(proxy, server_.references().hold(token.ident));
}

// ---------------------------------------------------------------- the server's own calls

// What is asked before it is known who asks.
bool Session::comes_first(const Request& request) {
    if (!request.ident.empty()) return false;
    return request.method == "dummy" ||
           (request.method == "accept_connection" && request.keywords.is_dict() &&
            request.keywords.contains("client"));
}

bool Session::is_last(const Request& request) { return request.method == "shutdown"; }

Object Session::serve(const Request& request, const Caller& caller) {
    References& references = server_.references();
    const Arguments arguments(request.method, request.arguments, request.keywords);
    const std::string_view method = request.method;
    if (method == "create") return create(request, caller);
    if (method == "incref") {
        const std::string ident(arguments.text(0, "ident"));
        references.increase(ident);
        if (peer_ != 0 || knows_us_) refer(ident);
        return {};
    }
    if (method == "decref") {
        const std::string_view ident = arguments.text(0, "ident");
        static_cast<void>(references.find(ident));
        const auto by = static_cast<std::uint64_t>(arguments.integer_or(1, "by", 1));
        const std::uint64_t own = client_->let_go(ident, by);
        references.decrease(ident, knows_us_ ? own : by);
        return {};
    }
    if (method == "accept_connection") return introduce(arguments);
    if (method == "dummy")
        return Object::dict({{"server", "procession"}, {"max_message", server_.limits().max_message}});
    if (method == "get_methods")
        return Object::tuple(references.find(token_of(arguments.at(0, "token")).ident)->exposed());
    if (method == "number_of_objects") return references.size();
    if (method == "debug_info") return references.describe();
    if (method == "shutdown") {
        server_.shut_down(arguments.deadline(0, "timeout"));
        return {};
    }
    if (method == "batch") return answer_batch(arguments, caller);
    if (method == "cancel") {
        server_.cancel(*client_, number_of(arguments.at(0, "thread")),
                       static_cast<std::uint64_t>(arguments.integer(1, "call")));
        return {};
    }
    if (method == "goodbye") {
        said_goodbye_ = true;
        if (arguments.flag_or(0, "process", false)) client_->note_goodbye();
        return {};
    }
    throw NoSuchMethod(fmt::format("the manager's server has no function '{}'", method));
}

Object Session::create(const Request& request, const Caller& caller) {
    const auto given = request.arguments.elements();
    if (given.empty() || !given[0].is_str())
        throw TypeMismatch("create() takes the name of a type, and what one is made of");
    const Object rest = Object::tuple(given.subspan(1));
    std::string type_id = given[0].as<std::string>();
    auto made = server_.types().make(type_id, Arguments(type_id, rest, request.keywords), caller);
    return returned(std::move(made), std::move(type_id), true).value;
}

Object Session::introduce(const Arguments& arguments) {
    const std::string name(arguments.text(0, "name"));
    const Object* const key = arguments.find(1, "client");
    if (key && !client_) {
        using Known = ClientRecord::Known;
        const Known known = line_.kind() == Line::Kind::pipe ? Known::by_program : Known::by_itself;
        client_ = server_.join_client(key->as<std::string>(), known,
                                      static_cast<int>(arguments.integer(3, "pid")), *this);
        knows_us_ = true;
    }
    const std::lock_guard lock(mutex_);
    caller_.name = name;
    if (!knows_us_) return {};
    caller_.client = client_->number();
    caller_.pid = client_->pid();
    caller_.thread = thread_ = number_of(arguments.at(2, "thread"));
    call_ = cancelled_ = 0;
    return {};
}

Object Session::answer_batch(const Arguments& arguments, const Caller& caller) {
    std::vector<Object> replies;
    for (const Object& each : arguments.at(0, "requests").elements()) {
        Reply reply;
        try {
            reply = answer(request_of(each), caller);
        } catch (const std::exception&) {
            reply = traceback_of(std::current_exception());
        }
        replies.push_back(to_object(reply));
    }
    return Object::list(std::move(replies));
}

}  // namespace procession::inline v0::managers
