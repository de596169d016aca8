// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/log.hpp>

#include <source_location>
#include <string>
#include <type_traits>

namespace procession::inline v0::detail {

/// Whose name stands in the lines: set by the layer that knows; MainProcess until then.
void set_log_name_source(std::string (*source)());

/// What a child inherits of the log.
struct LogState {
    int level;
    bool to_stderr;
};
LogState log_state();
void apply_log_state(const LogState&);

/// A format, and where it stands: lines name the file that wrote them.
template <class... A>
struct Located {
    template <class Text>
    consteval Located(const Text& text, std::source_location place = std::source_location::current())
        : format(text), where(place) {}
    fmt::format_string<A...> format;
    std::source_location where;
};
template <class... A>
using Line = Located<std::type_identity_t<A>...>;

/// Formats only what will be written.
template <class... A>
void log_at(spdlog::level::level_enum level, const Located<A...>& line, A&&... arguments) {
    const auto logger = get_logger();
    if (!logger->should_log(level)) return;
    const spdlog::source_loc place(line.where.file_name(), static_cast<int>(line.where.line()),
                                   line.where.function_name());
    logger->log(place, level, fmt::format(line.format, std::forward<A>(arguments)...));
}
template <class... A>
void log_info(Line<A...> line, A&&... arguments) {
    log_at<A...>(spdlog::level::info, line, std::forward<A>(arguments)...);
}
template <class... A>
void log_debug(Line<A...> line, A&&... arguments) {
    log_at<A...>(spdlog::level::debug, line, std::forward<A>(arguments)...);
}
template <class... A>
void log_warning(Line<A...> line, A&&... arguments) {
    log_at<A...>(spdlog::level::warn, line, std::forward<A>(arguments)...);
}
template <class... A>
void log_error(Line<A...> line, A&&... arguments) {
    log_at<A...>(spdlog::level::err, line, std::forward<A>(arguments)...);
}

/// For what must not throw: a failure is logged instead.
template <class Action>
void log_failure(Action action) noexcept {
    try {
        action();
    } catch (const std::exception& error) {
        log_error("{}", error.what());
    }
}

}  // namespace procession::inline v0::detail
