// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/batched_call.hpp>
#include <procession/error.hpp>

#include <map>

#include "managers/proxy_state.hpp"

namespace procession::inline v0::detail {
namespace {

using Calls = std::vector<BatchedCall*>;

void finish(BatchedCall& call, managers::Reply reply) {
    try {
        call.result = managers::ServerLink::result_of(std::move(reply));
    } catch (...) {
        call.error = std::current_exception();
    }
    call.is_done = true;
}

void fail(BatchedCall& call, const std::exception_ptr& error) {
    call.error = error;
    call.is_done = true;
}

void send_to(managers::ServerLink& server, const Calls& calls, const std::stop_token& stop) {
    std::vector<managers::Call> all;
    for (const BatchedCall* each : calls)
        all.push_back({.ident = managers::ProxyState::of(each->proxy).info().ident,
                       .method = each->method,
                       .arguments = each->arguments});
    std::vector<managers::Reply> replies = server.call_all(all, stop);
    for (std::size_t i = 0; i < calls.size(); ++i) finish(*calls[i], std::move(replies.at(i)));
}

}  // namespace

void send_batch(std::span<const std::shared_ptr<BatchedCall>> calls, const std::stop_token& stop) {
    std::map<managers::ServerLink*, Calls> by_server;
    for (const auto& each : calls)
        by_server[&managers::ProxyState::of(each->proxy).link()].push_back(each.get());
    std::exception_ptr first_error;
    for (const auto& [server, its_calls] : by_server) {
        try {
            send_to(*server, its_calls, stop);
        } catch (...) {
            const std::exception_ptr error = std::current_exception();
            for (BatchedCall* const each : its_calls)
                if (!each->is_done) fail(*each, error);
            if (!first_error) first_error = error;
        }
    }
    if (first_error) std::rethrow_exception(first_error);
}

const Object& result_of(const BatchedCall& call) {
    if (call.error) std::rethrow_exception(call.error);
    if (!call.is_done)
        throw StateError(fmt::format(
            "BatchResult::get: the batch that calls {} was not sent. Call Batch::send() first.",
            call.method));
    return call.result;
}

}  // namespace procession::inline v0::detail
