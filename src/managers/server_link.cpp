// SPDX-License-Identifier: Apache-2.0
#include "managers/server_link.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>
#include <procession/detail/exception_message.hpp>
#include <procession/detail/python_exceptions.hpp>
#include <procession/process.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>

#include "connection/client.hpp"
#include "log/log.hpp"
#include "managers/method_names.hpp"
#include "managers/proxy_state.hpp"
#include "os/at_load.hpp"
#include "os/fork_count.hpp"
#include "os/fork_mutex.hpp"
#include "os/socket.hpp"
#include "os/thread_number.hpp"
#include "process/finalize.hpp"
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

// ---------------------------------------------------------------- what a process has of all servers

struct ServerLink::ThreadLine {
    explicit ThreadLine(Line its);
    ~ThreadLine();
    ThreadLine(ThreadLine&&) = delete;

    /// @throws ValueError  the server would refuse it, and give the connection up; nothing is sent
    void send(const Request& request) {
        encode(request, outgoing);
        // The caller has the proxies among the arguments.
        outgoing.attached.clear();
        if (outgoing.bytes.size() > max_message)
            throw ValueError(
                fmt::format("Manager: a call of {} bytes is longer than the {} that the server "
                            "takes. Raise its ManagerOptions::max_message.",
                            outgoing.bytes.size(), max_message));
        message.proxies.clear();
        message.bytes.swap(outgoing.bytes);
        line.send(message);
        message.bytes.swap(outgoing.bytes);
    }

    void say_goodbye() noexcept {
        try {
            send({.method = "goodbye"});
        } catch (const std::exception&) {
            // Who is gone needs none.
        }
    }

    Line line;
    LineMessage message;  ///< that is sent or read; its memory, and the next one's, is used again
    Encoded outgoing;
    std::uint64_t max_message = default_max_message;
    std::uint64_t calls = 0;  ///< since the thread has said who it is
    bool is_taken = false;    ///< something has come: the server has the other end
    bool is_broken = false;
};

namespace {

struct Links {
    os::ForkMutex mutex;  ///< guards what follows
    std::map<std::string, std::weak_ptr<ServerLink>> links;
    std::vector<ServerLink::ThreadLine*> lines;
    std::string client = random_name();
    std::optional<detail::Finalizer> at_exit;

    static std::string random_name() {
        std::uint64_t parts[2] = {};
        if (::getrandom(parts, sizeof parts, 0) != sizeof parts)
            parts[0] = static_cast<std::uint64_t>(::getpid());
        return fmt::format("{:016x}{:016x}", parts[0], parts[1]);
    }
};

// Never destroyed: proxies with static storage end after everything else.
Links& links() {
    static auto* const instance = [] {
        auto* const made = new Links;
        ::pthread_atfork(nullptr, nullptr, [] {
            Links& all = links();
            // The parent's connections are no others' to use, and are to end when the parent does.
            for (const ServerLink::ThreadLine* const each : all.lines)
                if (each->line.fd() >= 0) os::leave_to_parent(each->line.fd());
            all.lines.clear();
            all.links.clear();
            all.at_exit.reset();
            all.client = Links::random_name();
        });
        return made;
    }();
    return *instance;
}

PROCESSION_AT_LOAD void make_links() { links(); }

std::string key_of(const Destination& destination) {
    return fmt::format(
        "{}\n{}\n{}", destination.address, destination.authkey,
        destination.door && destination.door->is_valid() ? destination.door->offset() : 0);
}

/// The calling thread's connections, by the numbers of their links, which no two have.
struct ThreadLines {
    struct Entry {
        std::weak_ptr<ServerLink> link;
        std::shared_ptr<ServerLink::ThreadLine> line;
    };
    /// What is destroyed at the thread's very end, or with static storage, may still call.
    static inline thread_local bool has_ended = false;
    std::uint32_t made_at = os::fork_count();
    std::unordered_map<std::uint64_t, Entry> entries;

    ~ThreadLines() {
        has_ended = true;
        for (auto& [number, entry] : entries)
            if (const auto link = entry.link.lock()) link->leave(std::move(entry.line));
    }
};

ThreadLines& thread_lines() {
    static thread_local ThreadLines lines;
    if (lines.made_at != os::fork_count()) {
        lines.made_at = os::fork_count();
        // What goes with them may ask for this thread's.
        const auto of_parent = std::exchange(lines.entries, {});
    }
    return lines;
}

std::string thread_name() {
    const std::string process = current_process().name();
    return os::thread_number() == 1 ? process
                                    : fmt::format("{}|Thread-{}", process, os::thread_number());
}

}  // namespace

ServerLink::ThreadLine::ThreadLine(Line its) : line(std::move(its)) {
    const std::lock_guard lock(links().mutex);
    links().lines.push_back(this);
}

ServerLink::ThreadLine::~ThreadLine() {
    const std::lock_guard lock(links().mutex);
    std::erase(links().lines, this);
}

ServerLink::ServerLink(Destination destination)
    : destination_(std::move(destination)),
      made_at_(os::fork_count()),
      max_message_(destination_.max_message) {
    static std::atomic<std::uint64_t> last{0};
    number_ = ++last;
}

std::shared_ptr<ServerLink> ServerLink::to(const Destination& destination) {
    Links& all = links();
    const std::lock_guard lock(all.mutex);
    auto& known = all.links[key_of(destination)];
    if (auto link = known.lock()) return link;
    const auto link = std::make_shared<ServerLink>(destination);
    known = link;
    if (!all.at_exit) all.at_exit.emplace([] { say_goodbye_to_all(); }, 0);
    return link;
}

void ServerLink::forget(const Destination& destination) {
    const std::lock_guard lock(links().mutex);
    links().links.erase(key_of(destination));
}

void ServerLink::say_goodbye_to_all() {
    std::vector<std::shared_ptr<ServerLink>> living;
    {
        const std::lock_guard lock(links().mutex);
        for (const auto& [key, weak] : links().links)
            if (auto link = weak.lock()) living.push_back(std::move(link));
    }
    for (const auto& link : living) link->say_goodbye();
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
    if (!ThreadLines::has_ended) thread_lines().entries.erase(number_);
}

// ---------------------------------------------------------------- connections

std::shared_ptr<ServerLink::ThreadLine> ServerLink::connect(const std::stop_token& stop) {
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
Object ServerLink::ask(ThreadLine& line, const Request& request) {
    line.send(request);
    return result_of(*receive(line, forever));
}

std::shared_ptr<ServerLink::ThreadLine> ServerLink::line(const std::stop_token& stop) {
    if (ThreadLines::has_ended) return introduced(stop);
    const auto& entry = thread_lines().entries[number_];
    if (!entry.line || entry.line->is_broken) {
        std::shared_ptr<ThreadLine> line = introduced(stop);
        auto& entries = thread_lines().entries;
        std::erase_if(entries, [](const auto& each) { return each.second.link.expired(); });
        entries[number_] = {weak_from_this(), line};
        return line;
    }
    return entry.line;
}

// One that is the calling thread's from now on.
std::shared_ptr<ServerLink::ThreadLine> ServerLink::introduced(const std::stop_token& stop) {
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
    Request introduction{.method = "accept_connection", .arguments = Object::tuple({thread_name()})};
    if (ours)
        introduction.keywords = Object::dict({{"client", links().client},
                                              {"thread", fmt::format("{:x}", os::thread_number())},
                                              {"pid", ::getpid()}});
    static_cast<void>(ask(*line, introduction));
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
            static_cast<void>(call({.method = "goodbye", .arguments = Object::tuple({true})}));
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

Object ServerLink::call(const Request& request, const std::stop_token& stop) {
    return result_of(exchange(request, stop));
}

Reply ServerLink::exchange(const Request& request, const std::stop_token& stop) {
    if (stop.stop_requested()) throw CancelledError("Manager: a stop was requested before the call");
    // CPython's server wants a connection of its own for each call of itself.
    const bool is_servers = request.ident.empty() && !is_ours();
    std::shared_ptr<ThreadLine> line;
    try {
        line = is_servers ? connect(stop) : this->line(stop);
        ++line->calls;
        line->send(request);
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
    const Request requests[] = {
        {.method = "accept_connection",
         .arguments = Object::tuple({thread_name()}),
         .keywords = Object::dict({{"client", links().client}, {"thread", "0"}, {"pid", ::getpid()}})},
        {.method = "cancel",
         .arguments = Object::tuple({fmt::format("{:x}", os::thread_number()), line.calls})},
        {.method = "goodbye"}};
    for (const Request& each : requests) {
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
    if (reply.kind == kind::proxy) reply = {std::string(kind::returned), proxy_by_token(reply.value)};
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
    if (reply.kind == kind::returned) return std::move(reply.value);
    if (reply.kind == kind::error) detail::throw_from(reply.value, "");
    if (reply.kind == kind::native_error)
        std::rethrow_exception(detail::load_exception(reply.value.raw()));
    if (!reply.value.is_str())
        throw SerializationError(
            fmt::format("Manager: the server's reply is {} with a {}, which there is "
                        "none of",
                        reply.kind, reply.value.type()));
    if (reply.kind == kind::traceback) throw error_of_traceback(reply.value.as<std::string>());
    throw RemoteError(reply.kind, "Unserializable message: " + reply.value.as<std::string>(), "");
}

std::vector<Reply> ServerLink::call_all(std::span<const Request> requests, const std::stop_token& stop) {
    std::vector<Reply> replies;
    if (!is_ours()) {
        for (const Request& request : requests) replies.push_back(exchange(request, stop));
        return replies;
    }
    std::vector<Object> all;
    for (const Request& request : requests) all.push_back(to_object(request));
    const Object answered =
        call({.method = "batch", .arguments = Object::tuple({Object::list(std::move(all))})}, stop);
    for (const Object& each : answered.elements()) replies.push_back(reply_of(each));
    return replies;
}

// CPython's server says but the object's name; the reference that it has counted is this proxy's.
Object ServerLink::create(const Object& type_and_arguments) {
    Object made = call({.method = "create", .arguments = type_and_arguments});
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
        line->send({.method = "shutdown", .arguments = Object::tuple({seconds})});
        return line;
    } catch (const std::exception& error) {
        detail::log_debug("Manager: the server cannot be told to end: {}", error.what());
        return nullptr;
    }
}

// ---------------------------------------------------------------- references

void ServerLink::increase(const std::string& ident) {
    static_cast<void>(call({.method = "incref", .arguments = Object::tuple({ident})}));
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
        static_cast<void>(call({.method = "decref", .arguments = Object::tuple({ident})}));
    } catch (const std::exception& error) {
        detail::log_debug("Manager: a reference to {} is not given back: {}", ident, error.what());
    }
}

}  // namespace procession::inline v0::managers
