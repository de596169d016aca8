// SPDX-License-Identifier: Apache-2.0

// A connection's life: its requests come one after the other, and their answers go. What they are is in
// session_requests.cpp.

#include "managers/session.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <utility>

#include "log/log.hpp"
#include "managers/server_core.hpp"

namespace procession::inline v0::managers {

Session::Session(ServerCore& server, Line line, int pid)
    : server_(server), line_(std::move(line)), peer_(pid) {
    caller_.stop = stop_.get_token();
    caller_.gone = gone_.get_token();
}

void Session::run() {
    try {
        while (!server_.is_ending()) {
            static_cast<void>(line_.receive(message_, forever));
            handed_out_.clear();
            begin_call();
            const Answer answer = this->answer(message_);
            is_calling_ = false;
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

// ---------------------------------------------------------------- on the way out

void Session::send(const Reply& reply) {
    try {
        encode(reply, outgoing_);
        message_.proxies = pass_on(outgoing_);
    } catch (const std::exception& error) {
        encode(Reply{ReplyKind::unserializable, std::string(error.what())}, outgoing_);
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
