// SPDX-License-Identifier: Apache-2.0
#include "process/traceback.hpp"

#include <cxxabi.h>

#include <string_view>
#include <typeinfo>

#include "os/symbols.hpp"

namespace procession::inline v0::detail {
namespace {

// The last line of Python's; to be called in a handler.
std::string describe_current(std::string_view text) {
    std::string line = os::demangle(abi::__cxa_current_exception_type()->name());
    // std::throw_with_nested(E) throws a type of its own, derived from E.
    constexpr std::string_view nested = "std::_Nested_exception<";
    if (line.starts_with(nested)) line = line.substr(nested.size(), line.size() - nested.size() - 1);
    if (!text.empty()) line.append(": ").append(text);
    return line + "\n";
}

std::string describe(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return describe_current(error.what());
    } catch (const std::string& text) {
        return describe_current(text);
    } catch (const char* text) {
        return describe_current(text);
    } catch (int number) {
        return describe_current(std::to_string(number));
    } catch (...) {
        return describe_current({});
    }
}

std::exception_ptr cause_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::nested_exception& outer) {
        return outer.nested_ptr();
    } catch (...) {
        return nullptr;
    }
}

// What precedes an exception that has a cause.
std::string describe_cause(const std::exception_ptr& cause) {
    // Where it was thrown is known of the last one alone: the others were caught by the program.
    std::string text = describe(cause);
    if (const auto its_own = cause_of(cause)) text = describe_cause(its_own) + text;
    return text + "\nThe above exception was the direct cause of the following exception:\n\n";
}

}  // namespace

std::string traceback(const os::ThrowSite& site) {
    const std::exception_ptr exception = std::current_exception();
    if (!exception) return "unknown exception, none of C++'s\n";
    std::string text;
    if (const auto cause = cause_of(exception))
        text = describe_cause(cause);
    else if (site.handled && site.handled != exception)
        text = describe(site.handled) +
               "\nDuring handling of the above exception, another exception occurred:\n\n";
    if (!site.stack.empty()) text += "Traceback (most recent call last):\n" + site.stack.format();
    return text + describe(exception);
}

}  // namespace procession::inline v0::detail
