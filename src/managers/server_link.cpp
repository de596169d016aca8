// SPDX-License-Identifier: Apache-2.0
#include "managers/server_link.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <procession/detail/exception_message.hpp>
#include <procession/detail/python_exceptions.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>

#include "connection/client.hpp"
#include "log/log.hpp"
#include "managers/method_names.hpp"
#include "managers/proxy_state.hpp"
#include "managers/server_links.hpp"
#include "os/fork_count.hpp"
#include "os/thread_number.hpp"
#include "process/state.hpp"

namespace procession::inline v0::managers {
namespace {

using detail::ProxyCore;
using std::chrono::milliseconds;

/// How long a server has to end a call that is cancelled, before its connection is given up.
constexpr std::chrono::seconds patience_with_cancelled(1);
/// How often who knocks at the door looks whether the server is there still.
constexpr milliseconds between_looks(250);

/// Of a CPython server's reply `#TRACEBACK`: the last line says what was raised.
RemoteError error_of_traceback(const std::string& text) {
    std::string last = text.substr(0, text.find_last_not_of('\n') + 1);
    last.erase(0, last.rfind('\n') + 1);
    const auto colon = last.find(": ");
    if (colon == last.npos) return RemoteError(last, "", text);
    return RemoteError(last.substr(0, colon), last.substr(colon + 2), text);
}

}  // namespace

ServerLink::ServerLink(Destination destination)
    : destination_(std::move(destination)),
      made_at_(os::fork_count()),
      max_message_(destination_.max_message) {
    static std::atomic<std::uint64_t> last{0};
    number_ = ++last;
}

// Nobody calls any more. What other threads have of it is closed, and goes with them.
ServerLink::~ServerLink() {
    const bool is_own = made_at_ == os::fork_count();
    for (const auto& weak : all_) {
        const auto line = weak.lock();
        if (!line || !is_own) continue;
        if (!line->is_broken && is_ours_.value_or(true)) line->say_goodbye();
        line->line.close();
    }
    if (auto* const lines = ThreadLines::current()) lines->entries.erase(number_);
}

// ---------------------------------------------------------------- connections

std::shared_ptr<ThreadLine> ServerLink::connect(const std::stop_token& stop) {
    if (destination_.door) {
        if (!destination_.door->is_open()) throw EndOfFile("it has ended");
        auto [here, there] = Pipe();
        destination_.knocks->put(std::move(there));
        return std::make_shared<ThreadLine>(Line::over_pipe(std::move(here)));
    }
    ClientOptions options;
    options.authkey = AuthKey(destination_.authkey);
    options.tls = destination_.tls;
    options.max_message = destination_.max_message;
    auto transport = connection::connect(destination_.address, options, stop);
    return std::make_shared<ThreadLine>(
        Line::over_socket(std::move(transport), destination_.tls.has_value(), destination_.max_message));
}

bool ServerLink::is_ours() {
    if (destination_.door) return true;
    {
        const std::lock_guard lock(mutex_);
        if (is_ours_) return *is_ours_;
    }
    const Object server = ask(*connect({}), {.method = "dummy"});
    const bool ours = server.is_dict() && server.contains("server");
    const std::lock_guard lock(mutex_);
    is_ours_ = ours;
    if (ours) max_message_ = server["max_message"].as<std::uint64_t>();
    return ours;
}

// A server of CPython's answers one such request on a connection.
Object ServerLink::ask(ThreadLine& line, const Call& call) {
    line.send(call);
    return result_of(*receive(line, forever));
}

std::shared_ptr<ThreadLine> ServerLink::line(const std::stop_token& stop) {
    auto* const lines = ThreadLines::current();
    if (!lines) return introduced(stop);
    if (const auto found = lines->entries.find(number_);
        found != lines->entries.end() && !found->second.line->is_broken)
        return found->second.line;
    std::shared_ptr<ThreadLine> line = introduced(stop);
    std::erase_if(lines->entries, [](const auto& each) { return each.second.link.expired(); });
    lines->entries[number_] = {weak_from_this(), line};
    return line;
}

// One that is the calling thread's from now on.
std::shared_ptr<ThreadLine> ServerLink::introduced(const std::stop_token& stop) {
    const bool ours = is_ours();
    std::shared_ptr<ThreadLine> line;
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            line = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!line) {
        line = connect(stop);
        line->max_message = max_message_;
        const std::lock_guard lock(mutex_);
        std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
        all_.push_back(line);
    }
    Object who;
    if (ours)
        who = Object::dict({{"client", client_name()},
                            {"thread", fmt::format("{:x}", os::thread_number())},
                            {"pid", ::getpid()}});
    static_cast<void>(ask(*line, {.method = "accept_connection",
                                  .arguments = std::array{Object(ThreadLines::name())},
                                  .keywords = std::move(who)}));
    line->calls = 0;
    return line;
}

// CPython's server takes the connection for the thread, which holds its RLocks.
void ServerLink::leave(std::shared_ptr<ThreadLine> line) {
    const std::lock_guard lock(mutex_);
    if (line->is_broken || is_ours_ == false) return;
    idle_.push_back(std::move(line));
}

void ServerLink::say_goodbye() noexcept {
    try {
        if (is_ours()) {
            static_cast<void>(call({.method = "goodbye", .arguments = std::array{Object(true)}}));
            return;
        }
    } catch (const std::exception&) {
        return;  // who is gone needs no goodbye
    }
    // CPython's server does not learn that a process has ended, and static proxies and a forked child's go without
    // being destroyed.
    std::map<std::string, std::uint64_t> counted;
    {
        const std::lock_guard lock(mutex_);
        counted.swap(counted_);
    }
    for (const auto& [ident, count] : counted)
        for (std::uint64_t i = 0; i < count; ++i) give_back(ident);
}

// ---------------------------------------------------------------- calls

Object ServerLink::call(const Call& call, const std::stop_token& stop) {
    return result_of(exchange(call, stop));
}

Reply ServerLink::exchange(const Call& call, const std::stop_token& stop) {
    if (stop.stop_requested()) throw CancelledError("Manager: a stop was requested before the call");
    // CPython's server wants a connection of its own for each call of itself.
    const bool is_servers = call.ident.empty() && !is_ours();
    std::shared_ptr<ThreadLine> line;
    try {
        line = is_servers ? connect(stop) : this->line(stop);
        ++line->calls;
        line->send(call);
        try {
            return *receive(*line, forever, stop);
        } catch (const CancelledError&) {
            // What it had already is its result.
            if (is_ours() && cancel(*line))
                if (auto reply = receive(*line, patience_with_cancelled)) return std::move(*reply);
            throw;
        }
    } catch (const CancelledError&) {
        if (line) line->is_broken = true;
        throw;
    } catch (const EndOfFile& error) {
        if (line) line->is_broken = true;
        throw_gone(error);
    } catch (const AuthenticationError& error) {
        // The key was right before: it went while it was greeted.
        const std::lock_guard lock(mutex_);
        if (!is_ours_) throw;
        throw_gone(error);
    } catch (const std::system_error& error) {
        if (line) line->is_broken = true;
        throw_gone(error);
    }
}

void ServerLink::throw_gone(const std::exception& cause) const {
    throw EndOfFile(
        fmt::format("Manager: the server at {} is gone: {}", destination_.address, cause.what()));
}

// By another connection, as the server is at this one's request.
bool ServerLink::cancel(const ThreadLine& line) {
    const auto other = connect({});
    const std::array name{Object(ThreadLines::name())};
    const std::array which{Object(fmt::format("{:x}", os::thread_number())), Object(line.calls)};
    const Call calls[] = {
        {.method = "accept_connection",
         .arguments = name,
         .keywords = Object::dict({{"client", client_name()}, {"thread", "0"}, {"pid", ::getpid()}})},
        {.method = "cancel", .arguments = which},
        {.method = "goodbye"}};
    for (const Call& each : calls) {
        other->send(each);
        if (!receive(*other, patience_with_cancelled)) return false;
    }
    return true;
}

std::optional<Reply> ServerLink::receive(ThreadLine& line, const Timeout& limit,
                                         const std::stop_token& stop) {
    const bool is_pipe = line.line.kind() == Line::Kind::pipe;
    LineMessage& message = line.message;
    for (bool came = false; !came;) {
        // A pipe's end that the server has not taken yet does not end with it.
        const bool may_be_lost = is_pipe && !line.is_taken;
        came = line.line.receive(message, limit || !may_be_lost ? limit : Timeout(between_looks), stop);
        if (!came && may_be_lost && !destination_.door->is_open()) throw EndOfFile("it has ended");
        if (!came && limit) return std::nullopt;
    }
    line.is_taken = true;
    // The message stays until the next one comes; what came in it does not.
    const auto received = std::exchange(message.proxies, {});
    std::vector<Object> proxies;
    Reply reply = decode_reply(message.bytes, proxies);
    if (is_pipe && received.size() != proxies.size())
        throw SerializationError("Manager: the server's reply has other proxies than it says");
    for (std::size_t i = 0; i < proxies.size(); ++i)
        attach(proxies[i],
               std::make_shared<ProxyAttachment>(is_pipe ? received[i] : proxy_of(proxies[i])));
    if (reply.kind == ReplyKind::proxy) reply = {ReplyKind::returned, proxy_by_token(reply.value)};
    return reply;
}

bool ServerLink::is_there(const Object& address) const {
    const Address& own = destination_.address;
    // A host has several names, and a server that listens at all of them says none.
    return address == address_object(own) ||
           (own.family() == Address::Family::tcp && address.is_tuple() && address.size() == 2 &&
            address[1] == Object(own.port()));
}

// One of our servers has counted it for whoever it sends it to.
ProxyCore ServerLink::proxy_of(const Object& proxy) {
    Token token = token_of_proxy(proxy);
    const bool is_its_own = is_there(token.address);
    ProxyInfo info{
        destination_, token.type_id, std::move(token.ident), {}, method_names_of(token.type_id)};
    if (!is_its_own)
        info.destination = {.address = address_of(token.address),
                            .authkey = detail::current_authkey().bytes()};
    const Object& keywords = proxy.args()[3];
    if (const Object* const exposed = keywords.is_dict() ? keywords.find("exposed") : nullptr)
        for (const Object& each : exposed->elements()) info.exposed.push_back(each.as<std::string>());
    return make_counting_proxy(std::move(info),
                               is_its_own && is_ours() ? Counted::already : Counted::not_yet);
}

// What CPython's server has just made, and counted once.
Object ServerLink::proxy_by_token(const Object& exposed_and_token) {
    if (!exposed_and_token.is_tuple() || exposed_and_token.size() != 2)
        throw TypeMismatch("Manager: the server's reply names no proxy");
    Token token = token_of(exposed_and_token[1]);
    token.address = address_object(destination_.address);
    std::vector<std::string> exposed;
    for (const Object& each : exposed_and_token[0].elements()) exposed.push_back(each.as<std::string>());
    Object proxy = make_proxy(token, exposed);
    attach(proxy,
           std::make_shared<ProxyAttachment>(make_counting_proxy(
               {destination_, token.type_id, token.ident, exposed, method_names_of(token.type_id)},
               Counted::already)));
    return proxy;
}

Object ServerLink::result_of(Reply reply) {
    if (reply.kind == ReplyKind::returned) return std::move(reply.value);
    if (reply.kind == ReplyKind::error) detail::throw_from(reply.value, "");
    if (reply.kind == ReplyKind::native_error)
        std::rethrow_exception(detail::load_exception(reply.value.raw()));
    const std::string_view kind = name_of(reply.kind);
    if (!reply.value.is_str())
        throw SerializationError(
            fmt::format("Manager: the server's reply is {} with a {}, which there is none of", kind,
                        reply.value.type()));
    const std::string text = reply.value.as<std::string>();
    if (reply.kind == ReplyKind::traceback) throw error_of_traceback(text);
    throw RemoteError(std::string(kind), "Unserializable message: " + text, "");
}

std::vector<Reply> ServerLink::call_all(std::span<const Call> calls, const std::stop_token& stop) {
    std::vector<Reply> replies;
    if (!is_ours()) {
        for (const Call& each : calls) replies.push_back(exchange(each, stop));
        return replies;
    }
    std::vector<Object> all;
    for (const Call& each : calls) all.push_back(to_object(each));
    const Object answered =
        call({.method = "batch", .arguments = std::array{Object::list(std::move(all))}}, stop);
    for (const Object& each : answered.elements()) replies.push_back(reply_of(each));
    return replies;
}

// CPython's server says but the object's name; the reference that it has counted is this proxy's.
Object ServerLink::create(const Object& type_and_arguments) {
    Object made = call({.method = "create", .arguments = type_and_arguments.elements()});
    if (is_ours()) return made;
    if (!made.is_tuple() || made.size() != 2)
        throw TypeMismatch("Manager: the server's reply names no object");
    const Token token{type_and_arguments[0].as<std::string>(), {}, made[0].as<std::string>()};
    return proxy_by_token(Object::tuple({made[1], to_object(token)}));
}

std::shared_ptr<const void> ServerLink::tell_to_end(std::chrono::nanoseconds limit) {
    try {
        auto line = connect({});
        const double seconds = std::chrono::duration<double>(limit).count();
        line->send({.method = "shutdown", .arguments = std::array{Object(seconds)}});
        return line;
    } catch (const std::exception& error) {
        detail::log_debug("Manager: the server cannot be told to end: {}", error.what());
        return nullptr;
    }
}

// ---------------------------------------------------------------- references

void ServerLink::increase(const std::string& ident) {
    static_cast<void>(call({.method = "incref", .arguments = std::array{Object(ident)}}));
    note_counted(ident);
}

void ServerLink::note_counted(const std::string& ident) {
    const std::lock_guard lock(mutex_);
    ++counted_[ident];
}

void ServerLink::decrease(const std::string& ident) noexcept {
    {
        const std::lock_guard lock(mutex_);
        const auto counted = counted_.find(ident);
        if (counted == counted_.end()) return;  // it was given back at the process's end
        if (--counted->second == 0) counted_.erase(counted);
    }
    give_back(ident);
}

void ServerLink::give_back(const std::string& ident) noexcept {
    try {
        static_cast<void>(call({.method = "decref", .arguments = std::array{Object(ident)}}));
    } catch (const std::exception& error) {
        detail::log_debug("Manager: a reference to {} is not given back: {}", ident, error.what());
    }
}

}  // namespace procession::inline v0::managers
