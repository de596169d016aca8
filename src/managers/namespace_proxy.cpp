// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/namespace_proxy.hpp>

namespace procession::inline v0 {

bool NamespaceProxy::has(std::string_view name) const {
    try {
        call("__getattribute__", {name});
        return true;
    } catch (const AttributeError&) {
        return false;
    }
}

void NamespaceProxy::del(std::string_view name) const { call("__delattr__", {name}); }

void NamespaceProxy::check_shared(std::string_view name) {
    if (name.starts_with('_'))
        throw ValueError(
            fmt::format("NamespaceProxy::set: \"{}\" begins with an underscore, and in Python "
                        "such names stay with each proxy. Use one that does not.",
                        name));
}

}  // namespace procession::inline v0
