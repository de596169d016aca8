// SPDX-License-Identifier: Apache-2.0

// One connection's requests and their answers. What a client of ours asks for beside what CPython's do is said in
// docs/protocol.md: it says which process it is, has its references counted with what it is sent, cancels calls,
// sends several at once and says when it ends.

#include "managers/session.hpp"

#include <fmt/format.h>
#include <procession/detail/exception_message.hpp>
#include <procession/detail/python_exceptions.hpp>
#include <procession/error.hpp>

#include <chrono>

#include "log/log.hpp"
#include "managers/arguments.hpp"
#include "managers/server_core.hpp"
#include "wire/python_form.hpp"
#include "wire/thrown.hpp"

namespace procession::inline v0::managers {
namespace {

/// A request that is none: what is wrong is said, and the next one is read.
Reply traceback_of(const std::exception_ptr& exception) {
    return {std::string(kind::traceback),
            fmt::format("Traceback (most recent call last):\n  in the manager's server\n{}\n",
                        detail::to_string(detail::describe(exception)))};
}

Reply error_of(const std::exception_ptr& exception) {
    return {std::string(kind::error), detail::to_object(exception)};
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
    return {std::string(kind::native_error), Object(buffer.bytes())};
}

std::uint64_t number_of(const Object& hex) {
    const std::string text = hex.as<std::string>();
    return std::stoull(text, nullptr, 16);
}

}  // namespace

Session::Session(ServerCore& server, Line line, int pid)
    : server_(server), line_(std::move(line)), peer_(pid) {
    caller_.stop = stop_.get_token();
    caller_.gone = gone_.get_token();
}

// ---------------------------------------------------------------- its life

void Session::run() {
    try {
        while (!server_.is_ending()) {
            static_cast<void>(line_.receive(message_, forever));
            handed_out_.clear();
            const Answer answer = this->answer(message_);
            send(answer.reply);
            if (answer.is_last) break;
        }
    } catch (const EndOfFile&) {
        // It is gone, as all are in the end.
    } catch (const std::exception& error) {
        if (!server_.is_ending())
            detail::log_info("Manager: the connection of {} is given up: {}", caller_.name,
                             error.what());
    }
    {
        const std::lock_guard lock(mutex_);
        is_gone_ = true;
    }
    line_.close();
    if (!client_) return;
    if (!said_goodbye_) client_->note_loss();
    server_.leave_client(client_, *this, caller_);
}

void Session::stop() {
    const std::lock_guard lock(mutex_);
    is_gone_ = true;
    gone_.request_stop();
    stop_.request_stop();
}

void Session::end() {
    const std::lock_guard lock(mutex_);
    gone_.request_stop();
    stop_.request_stop();
    if (!is_calling_) line_.close();
}

void Session::cancel(std::uint64_t thread, std::uint64_t call) {
    const std::lock_guard lock(mutex_);
    if (thread != thread_) return;
    if (is_calling_ && call == call_)
        stop_.request_stop();
    else if (call > call_)
        cancelled_ = call;
}

// One that has not said who it is: of CPython's, all that is known is what the kernel says.
void Session::join_as_seen() {
    const std::string key = peer_ != 0 ? fmt::format("process {}", peer_)
                                       : fmt::format("connection {}", static_cast<const void*>(this));
    client_ = server_.join_client(
        key, peer_ != 0 ? ClientRecord::Known::by_kernel : ClientRecord::Known::by_connection, peer_,
        *this);
    caller_.client = client_->number();
    caller_.thread = reinterpret_cast<std::uintptr_t>(this);
    caller_.pid = peer_;
    if (caller_.name.empty()) caller_.name = key;
}

void Session::begin_call() {
    const std::lock_guard lock(mutex_);
    is_calling_ = true;
    if (stop_.stop_requested() && !is_gone_ && !server_.is_ending()) {
        stop_ = std::stop_source();
        caller_.stop = stop_.get_token();
    }
    if (++call_ == cancelled_) stop_.request_stop();
}

void Session::end_call() {
    const std::lock_guard lock(mutex_);
    is_calling_ = false;
}

// ---------------------------------------------------------------- answers

Session::Answer Session::answer(const LineMessage& message) {
    struct InCall {
        explicit InCall(Session& its) : session(its) { session.begin_call(); }
        ~InCall() { session.end_call(); }
        Session& session;
    };
    const InCall call(*this);
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
    if (request.method == "#GETVALUE") return {std::string(kind::returned), referent->value()};
    if (request.method == "__str__" || request.method == "__repr__")
        return {std::string(kind::returned), referent->to_string()};
    if (referent->minds_clients()) client_->remember(referent);
    Result result =
        referent->call(Arguments(request.method, request.arguments, request.keywords), caller);
    if (!result.referent) return {std::string(kind::returned), std::move(result.value)};
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
        return {std::string(kind::returned), std::move(proxy)};
    }
    if (peer_ != 0) refer(ident);
    if (by_create) return {std::string(kind::returned), Object::tuple({ident, Object::tuple(exposed)})};
    return {std::string(kind::proxy), Object::tuple({Object::tuple(exposed), to_object(token)})};
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

// ---------------------------------------------------------------- on the way out

void Session::send(const Reply& reply) {
    try {
        encode(reply, outgoing_);
        message_.proxies = pass_on(outgoing_);
    } catch (const std::exception& error) {
        encode(Reply{std::string(kind::unserializable), std::string(error.what())}, outgoing_);
        message_.proxies.clear();
    }
    message_.bytes.swap(outgoing_.bytes);
    line_.send(message_);
    message_.bytes.swap(outgoing_.bytes);
    // The client has them now.
    message_.proxies.clear();
    outgoing_.attached.clear();
}

std::vector<detail::ProxyCore> Session::pass_on(const Encoded& encoded) {
    std::vector<detail::ProxyCore> proxies;
    if (!knows_us_) {
        handed_out_ = encoded.attached;
        return proxies;
    }
    for (const auto& attached : encoded.attached) {
        const auto* const hold = dynamic_cast<const References::Hold*>(attached.get());
        if (line_.kind() == Line::Kind::pipe) {
            proxies.push_back(attached ? attached->proxy() : detail::ProxyCore());
        } else if (hold) {
            server_.references().increase(hold->ident);
            refer(hold->ident);
        }
    }
    return proxies;
}

}  // namespace procession::inline v0::managers
