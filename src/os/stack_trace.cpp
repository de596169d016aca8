// SPDX-License-Identifier: Apache-2.0
#include "os/stack_trace.hpp"

#include <fmt/format.h>
#include <unwind.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "os/fork_mutex.hpp"
#include "os/module.hpp"
#include "os/symbols.hpp"

namespace procession::inline v0::os {
namespace {

template <std::size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](auto part) { return text.find(part) != text.npos; });
}

template <std::size_t N>
bool begins_with_any(std::string_view text, const std::array<std::string_view, N>& beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](auto each) { return text.starts_with(each); });
}

// Whether a call is the C++ runtime's or the library's own.
bool is_machinery(const Call& call) {
    constexpr auto modules = std::to_array<std::string_view>(
        {"/libprocession.so", "/libstdc++.so", "/libgcc_s.so", "/libc.so"});
    // Of inlined functions short debug information has the plain names only, so the file must tell.
    constexpr std::string_view this_file = __FILE__;
    constexpr auto files =
        std::to_array<std::string_view>({"/include/c++/", "/include/procession/",
                                         this_file.substr(0, this_file.rfind("os/stack_trace.cpp"))});
    constexpr auto functions = std::to_array<std::string_view>(
        {"__cxa_", "__gxx_", "_Unwind_", "__interceptor_", "__libc_", "_start"});
    constexpr auto scopes = std::to_array<std::string_view>(
        {"St", "Sa", "Ss", "Sb", "Si", "So", "Sd", "9__gnu_cxx", "10__cxxabiv1", "10procession"});
    if (has_any(call.module, modules) || has_any(call.file, files)) return true;
    // Mangled, since the readable name of a template begins with the type that it returns.
    std::string_view function = call.function;
    if (!function.starts_with("_Z")) return begins_with_any(function, functions);
    // The outermost scope comes after the signs of local and nested names, and of const members.
    function.remove_prefix(std::min(function.find_first_not_of("ZNKRO", 2), function.size()));
    return begins_with_any(function, scopes);
}

std::string line_of(const Call& call) {
    // A plain name would be read as that of a type.
    const std::string name =
        call.function.starts_with("_Z") ? demangle(call.function.c_str()) : call.function;
    const std::string function = name.empty() ? "" : ", in " + name;
    if (call.line != 0) return fmt::format("  File \"{}\", line {}{}\n", call.file, call.line, function);
    return fmt::format("  {}(+{:#x}){}\n", call.module, call.offset, function);
}

std::string format_calls(std::span<const std::uintptr_t> addresses) {
    Symbols symbols;
    std::vector<Call> calls;
    for (const std::uintptr_t address : addresses) symbols.look_up(address, calls);
    const auto is_users = [](const Call& call) { return !is_machinery(call); };
    const auto innermost = std::find_if(calls.begin(), calls.end(), is_users);
    // Where nothing is the user's, the library itself failed, and all of it tells how.
    if (innermost != calls.end()) {
        calls.erase(std::find_if(calls.rbegin(), calls.rend(), is_users).base(), calls.end());
        calls.erase(calls.begin(), innermost);
    }
    std::string text;
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) text += line_of(*call);
    return text;
}

// The texts of the last traces. Tasks fail where others failed before, and looking up their calls takes
// most of a millisecond.
class Texts {
    using Addresses = std::vector<std::uintptr_t>;

  public:
    std::optional<std::string> find(const Addresses& addresses) {
        const std::lock_guard lock(mutex_);
        const auto unloaded = unloaded_modules();
        if (std::exchange(unloaded_, unloaded) != unloaded) texts_.clear();
        const auto found = texts_.find(addresses);
        return found == texts_.end() ? std::nullopt : std::optional(found->second);
    }
    void add(const Addresses& addresses, const std::string& text) {
        constexpr std::size_t most = 32;
        const std::lock_guard lock(mutex_);
        if (texts_.size() == most) texts_.clear();
        texts_.emplace(addresses, text);
    }

  private:
    ForkMutex mutex_;
    std::map<Addresses, std::string> texts_;
    unsigned long long unloaded_ = 0;
};
Texts& texts() {
    static Texts* const instance = new Texts;
    return *instance;
}

}  // namespace

StackTrace StackTrace::capture(const void* outermost) noexcept {
    struct Walk {
        StackTrace trace;
        std::uintptr_t end;
    } walk{{}, reinterpret_cast<std::uintptr_t>(outermost)};
    const auto visit = [](_Unwind_Context* context, void* argument) {
        auto& [trace, end] = *static_cast<Walk*>(argument);
        if (trace.count_ == trace.addresses_.size() || (end != 0 && _Unwind_GetCFA(context) > end))
            return _URC_END_OF_STACK;
        int is_exact = 0;
        const std::uintptr_t address = _Unwind_GetIPInfo(context, &is_exact);
        if (address == 0) return _URC_END_OF_STACK;
        // A return address may belong to the next line, or to the next function.
        trace.addresses_[trace.count_++] = is_exact ? address : address - 1;
        return _URC_NO_REASON;
    };
    _Unwind_Backtrace(visit, &walk);
    return walk.trace;
}

std::string StackTrace::format() const noexcept {
    try {
        const std::vector<std::uintptr_t> addresses(addresses_.data(), addresses_.data() + count_);
        if (auto known = texts().find(addresses)) return *std::move(known);
        std::string text = format_calls(addresses);
        texts().add(addresses, text);
        return text;
    } catch (...) {
        // Without memory there is still the rest of the report.
        return {};
    }
}

}  // namespace procession::inline v0::os
