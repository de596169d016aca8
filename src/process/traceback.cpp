// SPDX-License-Identifier: Apache-2.0
#include "process/traceback.hpp"

#include <procession/process.hpp>

#include "wire/thrown.hpp"

namespace procession::inline v0::detail {
namespace {

std::string line_of(const std::exception_ptr& exception) {
    return to_string(describe(exception)) + "\n";
}

// What precedes an exception that has a cause.
std::string describe_cause(const std::exception_ptr& cause) {
    // Where it was thrown is known of the last one alone: the others were caught by the program.
    std::string text = line_of(cause);
    if (const auto its_own = cause_of(cause)) text = describe_cause(its_own) + text;
    return text.append(cause_ends);
}

}  // namespace

std::string traceback(const os::ThrowSite& site) {
    const std::exception_ptr exception = std::current_exception();
    if (!exception) return line_of(exception);
    std::string text;
    if (const auto cause = cause_of(exception))
        text = describe_cause(cause);
    else if (site.handled && site.handled != exception)
        text = line_of(site.handled) +
               "\nDuring handling of the above exception, another exception occurred:\n\n";
    if (!site.stack.empty()) text += "Traceback (most recent call last):\n" + site.stack.format();
    return text + line_of(exception);
}

std::optional<Failure> attempt(const std::function<void()>& body) {
    os::ThrowSite site;
    try {
        os::note_throw_site(site, body);
        return std::nullopt;
    } catch (const ExitRequest&) {
        throw;
    } catch (...) {
        return Failure{std::current_exception(), traceback(site)};
    }
}

}  // namespace procession::inline v0::detail
