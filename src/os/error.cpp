// SPDX-License-Identifier: Apache-2.0
#include "os/error.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <cstring>

namespace procession::inline v0 {
namespace {

class Category final : public std::error_category {
    const char* name() const noexcept override { return "procession"; }
    std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
            case Errc::empty: return "nothing arrived in time";
            case Errc::full: return "no room came free in time";
            case Errc::shut_down: return "the stream was shut down";
            case Errc::timed_out: return "the time limit passed";
            case Errc::end_of_file: return "the other side is closed";
            case Errc::buffer_too_short: return "the buffer is too short for the message";
            case Errc::not_authentic: return "the peer is not authentic";
            case Errc::broken_barrier: return "the barrier is broken";
            case Errc::not_serializable: return "the value cannot be sent";
            case Errc::type_mismatch: return "the message has another type";
            case Errc::cancelled: return "the operation was cancelled";
            case Errc::heap_exhausted: return "the shared heap has reached its limit";
            case Errc::key: return "no such key";
            case Errc::index: return "no such index";
            case Errc::attribute: return "no such attribute";
            case Errc::remote: return "an exception was thrown in another process";
            case Errc::worker_died: return "the worker died";
            case Errc::owner_died: return "the owner of the lock died";
            case Errc::value: return "the argument is not acceptable";
            case Errc::state: return "not possible in this state";
            case Errc::stop_iteration: return "the iterator is at its end";
        }
        return fmt::format("unknown error {}", code);
    }
    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<Errc>(code)) {
            case Errc::timed_out: return std::errc::timed_out;
            case Errc::cancelled: return std::errc::operation_canceled;
            case Errc::heap_exhausted: return std::errc::not_enough_memory;
            case Errc::value: return std::errc::invalid_argument;
            default: return {code, *this};
        }
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

namespace os {

void throw_errno(std::string_view object, std::string_view call, std::string_view next, int error) {
    // std::system_error appends ": <text of the error>", so the name of errno comes before it.
    const char* name = ::strerrorname_np(error);
    throw std::system_error(error, std::generic_category(),
                            fmt::format("{}: {}: {}{}{}", object, call, name ? name : "errno",
                                        next.empty() ? "" : ". ", next));
}

}  // namespace os
}  // namespace procession::inline v0
