// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/log.hpp>

#include <string>

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

/// Formats only what will be written.
template <class... A>
void log_at(spdlog::level::level_enum level, fmt::format_string<A...> format, A&&... arguments) {
    const auto logger = get_logger();
    if (logger->should_log(level)) logger->log(level, fmt::format(format, std::forward<A>(arguments)...));
}
template <class... A>
void log_info(fmt::format_string<A...> format, A&&... arguments) {
    log_at(spdlog::level::info, format, std::forward<A>(arguments)...);
}
template <class... A>
void log_debug(fmt::format_string<A...> format, A&&... arguments) {
    log_at(spdlog::level::debug, format, std::forward<A>(arguments)...);
}
template <class... A>
void log_warning(fmt::format_string<A...> format, A&&... arguments) {
    log_at(spdlog::level::warn, format, std::forward<A>(arguments)...);
}

}  // namespace procession::inline v0::detail
