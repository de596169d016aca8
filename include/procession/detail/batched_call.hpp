// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/detail/proxy_core.hpp>
#include <procession/object.hpp>

#include <exception>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace procession::inline v0::detail {

/// A call that is sent together with others.
struct BatchedCall {
    ProxyCore proxy;
    std::string method;
    std::vector<Object> arguments;
    bool is_done = false;  ///< it has a result, or an error
    Object result = {};
    std::exception_ptr error = nullptr;
};

/// Sends calls, those of one server in one round trip and in their order, and waits until each has a result or
/// an error.
/// @throws EndOfFile, CancelledError  as ProxyCore::call(); the calls that have no result have that error
PROCESSION_API void send_batch(std::span<const std::shared_ptr<BatchedCall>>, const std::stop_token&);

/// @throws StateError  it was not sent; and its error
PROCESSION_API const Object& result_of(const BatchedCall&);

}  // namespace procession::inline v0::detail
