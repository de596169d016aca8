// SPDX-License-Identifier: Apache-2.0

// What a queue of Python's server does not have is done by its other methods, one item at a time.

#include <procession/queue_proxy.hpp>

#include <algorithm>

namespace procession::inline v0::detail {
namespace {

constexpr auto at_once = std::chrono::seconds(0);

/// The arguments `block` and `timeout`, as Python's get and put have them.
void add_limit(std::vector<Object>& arguments, Timeout timeout) {
    if (!timeout) return;
    arguments.emplace_back(*timeout > at_once);
    if (*timeout > at_once) arguments.push_back(seconds(*timeout));
}

}  // namespace

bool QueueProxyCore::can(std::string_view method) const {
    const std::vector<std::string> methods = exposed();
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

void QueueProxyCore::put_object(const Object& item, Timeout timeout, const std::stop_token& stop) const {
    std::vector<Object> arguments{item};
    add_limit(arguments, timeout);
    call("put", arguments, stop);
}

Object QueueProxyCore::get_object(Timeout timeout, const std::stop_token& stop) const {
    std::vector<Object> arguments;
    add_limit(arguments, timeout);
    return call("get", arguments, stop);
}

void QueueProxyCore::put_objects(std::vector<Object> items, const std::stop_token& stop) const {
    if (can("put_many")) {
        call("put_many", {make_list(std::move(items))}, stop);
    } else {
        for (const Object& each : items) put_object(each, forever, stop);
    }
}

std::vector<Object> QueueProxyCore::get_objects(std::size_t at_most, Timeout timeout,
                                                const std::stop_token& stop) const {
    if (at_most == 0) return {};
    if (can("get_many")) {
        std::vector<Object> arguments{at_most};
        add_limit(arguments, timeout);
        return from_object<std::vector<Object>>(call("get_many", arguments, stop), Place("get_many"));
    }
    std::vector<Object> items{get_object(timeout, stop)};
    try {
        while (items.size() < at_most) items.push_back(get_object(at_once, stop));
    } catch (const Empty&) {  // these are all
    } catch (const ShutDown&) {
    }
    return items;
}

std::pair<Object, int> QueueProxyCore::get_delivered(Timeout timeout,
                                                     const std::stop_token& stop) const {
    std::vector<Object> arguments;
    add_limit(arguments, timeout);
    return from_object<std::pair<Object, int>>(call("get_delivery", arguments, stop),
                                               Place("get_delivery"));
}

bool QueueProxyCore::join_within(Timeout timeout, const std::stop_token& stop) const {
    if (timeout) return call_method<bool>(stop, *this, "join", seconds(*timeout));
    call("join", {}, stop);
    return true;
}

}  // namespace procession::inline v0::detail
