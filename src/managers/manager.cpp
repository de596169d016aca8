// SPDX-License-Identifier: Apache-2.0

// A manager: what is registered, how its server is started, connected to and ended.

#include <fmt/format.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>
#include <procession/detail/completions.hpp>
#include <procession/detail/exception_message.hpp>
#include <procession/error.hpp>
#include <procession/managers.hpp>

#include <array>
#include <variant>

#include "managers/method_names.hpp"
#include "managers/proxy_state.hpp"
#include "managers/server_core.hpp"
#include "managers/server_links.hpp"
#include "os/error.hpp"
#include "os/symbols.hpp"
#include "process/state.hpp"
#include "process/traceback.hpp"

namespace procession::inline v0 {
namespace managers {
namespace {

/// What the server's process is told.
struct ServerOrders {
    std::vector<detail::Registration> registrations;
    bool with_builtin_types;
    Address address;
    std::string authkey;
    std::optional<Tls> tls;
    ServerLimits limits;
    Function<void()> initializer;
};
/// And what it says: where it is, or an exception.
using Started = std::variant<Destination, std::vector<std::byte>>;

std::shared_ptr<ServerCore> make_server(const ServerOrders& orders) {
    auto types = std::make_unique<TypeRegistry>();
    if (orders.with_builtin_types) add_builtin_types(*types);
    for (const detail::Registration& each : orders.registrations) types->add(each);
    return std::make_shared<ServerCore>(std::move(types), orders.address, AuthKey(orders.authkey),
                                        orders.tls, orders.limits);
}

void run_server(ServerOrders orders, Connection starter) {
    // Ctrl-C is for the starter to answer.
    ::signal(SIGINT, SIG_IGN);
    std::shared_ptr<ServerCore> server;
    const auto failure = detail::attempt([&] {
        if (orders.initializer) orders.initializer();
        server = make_server(orders);
    });
    if (failure) {
        detail::Buffer buffer;
        detail::save_exception(buffer, failure->exception, failure->traceback);
        const auto bytes = buffer.bytes();
        starter.send(Started(std::vector<std::byte>(bytes.begin(), bytes.end())));
        procession::exit(1);
    }
    starter.send(Started(server->destination()));
    starter.close();
    static_cast<void>(server->serve({}));
}

}  // namespace

class ManagerCore {
  public:
    ManagerCore(Address address, AuthKey authkey, ManagerOptions options)
        : options_(std::move(options)), has_address_(address != Address()) {
        // One of its own leaves no file behind, however the server ends.
        orders_.address = address == Address() ? own_address() : std::move(address);
        orders_.authkey = authkey.empty() ? detail::current_authkey().bytes() : authkey.bytes();
        orders_.tls = options_.tls;
        orders_.limits = {options_.max_message, options_.max_connections, options_.max_references};
    }

    void add(detail::Registration registration) {
        require_no_server("register_type");
        note_method_names(registration.type_id, registration.type->method_names());
        orders_.registrations.push_back(std::move(registration));
    }
    void add_builtin_types() { orders_.with_builtin_types = true; }

    void start(const std::string& type_name, Function<void()> initializer) {
        require_no_server("start");
        orders_.initializer = std::move(initializer);
        auto [starter, server] = Pipe();
        Process process({.daemon = true, .start_method = options_.start_method}, run_server, orders_,
                        std::move(server));
        process.set_name(fmt::format("{}-{}", type_name, detail::internals_of(process).identity));
        process.start();
        Started started;
        try {
            started = starter.recv<Started>();
        } catch (const EndOfFile&) {
            process.join();
            throw StateError(
                fmt::format("{}::start: the server's process ended before it was ready, with "
                            "exit code {}",
                            type_name, process.exitcode()));
        }
        if (const auto* const failure = std::get_if<std::vector<std::byte>>(&started)) {
            process.join();
            std::rethrow_exception(detail::load_exception(*failure));
        }
        use(std::get<Destination>(std::move(started)));
        process_.emplace(std::move(process));
    }

    void connect() {
        require_no_server("connect");
        if (!has_address_)
            throw ValueError(
                "BaseManager::connect: there is no address. Give the server's to the constructor");
        Destination destination{.address = orders_.address,
                                .authkey = orders_.authkey,
                                .tls = orders_.tls,
                                .max_message = orders_.limits.max_message};
        // Where one was that has ended another may be.
        forget_link_to(destination);
        const auto link = link_to(destination);
        static_cast<void>(link->is_ours());
        use(std::move(destination));
    }

    std::shared_ptr<ServerCore> make_server() {
        require_no_server("get_server");
        auto server = managers::make_server(orders_);
        use(server->destination());
        return server;
    }

    void shut_down(const Timeout& timeout) {
        // A forked child has its parent's.
        if (!process_ || owner_ != ::getpid()) return;
        const Timeout patience = timeout ? timeout : Timeout(options_.shutdown_timeout);
        if (process_->is_alive()) {
            const auto told = link("shutdown").tell_to_end(*patience);
            if (!process_->join(patience)) {
                process_->terminate();
                if (!process_->join(patience)) process_->kill();
            }
            process_->join();
        }
        link_.reset();
        has_ended_ = true;
    }
    bool join(const Timeout& timeout) { return process("join").join(timeout); }

    Address address() const { return link_ ? link_->destination().address : orders_.address; }
    Process& process(const char* caller) {
        if (!process_)
            throw StateError(fmt::format("BaseManager::{}: start() has not started a server", caller));
        return *process_;
    }
    ServerLink& link(const char* caller) {
        if (link_) return *link_;
        throw StateError(fmt::format("BaseManager::{}: {}", caller,
                                     has_ended_
                                         ? "the manager was shut down"
                                         : "there is no server yet. Call start() or connect() first"));
    }

    detail::ProxyCore make(const std::string& type_id, std::vector<Object> arguments) {
        arguments.insert(arguments.begin(), type_id);
        const Object made = link("create").create(Object::tuple(std::move(arguments)));
        return detail::ProxyCore(made);
    }

  private:
    static Address own_address() {
        std::array<std::byte, 8> random{};
        os::checked(::getrandom(random.data(), random.size(), 0), "BaseManager", "getrandom");
        std::string name = "procession-";
        for (const std::byte each : random) name += fmt::format("{:02x}", std::to_integer<int>(each));
        return Address::abstract(std::move(name));
    }
    void require_no_server(const char* caller) const {
        if (link_ || has_ended_)
            throw StateError(fmt::format("BaseManager::{}: {}", caller,
                                         has_ended_ ? "the manager was shut down. Make a new one"
                                                    : "the server is started or connected to already"));
    }
    void use(Destination destination) { link_ = link_to(destination); }

    const ManagerOptions options_;
    const bool has_address_;
    const pid_t owner_ = ::getpid();
    ServerOrders orders_{};
    std::shared_ptr<ServerLink> link_;
    std::optional<Process> process_;
    bool has_ended_ = false;
};

}  // namespace managers

Address Server::address() const { return core_->address(); }
void Server::serve_forever(std::stop_token stop) { static_cast<void>(core_->serve(stop)); }
void Server::stop(Timeout timeout) { core_->shut_down(os::Deadline::after(timeout)); }

BaseManager::BaseManager(Address address, AuthKey authkey, ManagerOptions options)
    : core_(std::make_unique<managers::ManagerCore>(std::move(address), std::move(authkey),
                                                    std::move(options))) {}
BaseManager::BaseManager(BaseManager&&) noexcept = default;
BaseManager& BaseManager::operator=(BaseManager&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
}
BaseManager::~BaseManager() {
    if (core_) detail::log_what_it_throws([&] { core_->shut_down({}); });
}

void BaseManager::add(detail::Registration registration) { core_->add(std::move(registration)); }
void BaseManager::add_builtin_types() { core_->add_builtin_types(); }

void BaseManager::start_with(Function<void()> initializer) {
    const std::string full = os::demangle(typeid(*this).name());
    const auto colon = full.rfind("::");
    core_->start(colon == full.npos ? full : full.substr(colon + 2), std::move(initializer));
}
void BaseManager::connect() { core_->connect(); }
Server BaseManager::get_server() { return Server(core_->make_server()); }
void BaseManager::shutdown(Timeout timeout) { core_->shut_down(timeout); }
bool BaseManager::join(Timeout timeout) { return core_->join(timeout); }
Address BaseManager::address() const { return core_->address(); }
ProcessHandle BaseManager::process() const { return core_->process("process").handle(); }

detail::ProxyCore BaseManager::make(const std::string& type, std::vector<Object> args) {
    return core_->make(type, std::move(args));
}
std::size_t BaseManager::number_of_objects() {
    return core_->link("number_of_objects").call({.method = "number_of_objects"}).as<std::size_t>();
}
std::string BaseManager::debug_info() {
    return core_->link("debug_info").call({.method = "debug_info"}).as<std::string>();
}

}  // namespace procession::inline v0
