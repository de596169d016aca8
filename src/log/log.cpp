// SPDX-License-Identifier: Apache-2.0
#include "log/log.hpp"

#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <atomic>

namespace procession::inline v0 {
namespace {

std::atomic<std::string (*)()> name_source{nullptr};
std::atomic<bool> to_stderr{false};

const char* level_name(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::trace: return "TRACE";
        case spdlog::level::debug: return "DEBUG";
        case spdlog::level::info: return "INFO";
        case spdlog::level::warn: return "WARNING";
        case spdlog::level::err: return "ERROR";
        case spdlog::level::critical: return "CRITICAL";
        default: return "NOTSET";
    }
}

// One write(2) a line, and no lock: whole lines from many processes, and nothing that a fork by
// another thread could catch locked.
class StderrSink final : public spdlog::sinks::sink {
    void log(const spdlog::details::log_msg& message) override {
        if (!to_stderr.load(std::memory_order_relaxed)) return;
        const auto source = name_source.load();
        const std::string line =
            fmt::format("[{}/{}] {}\n", level_name(message.level), source ? source() : "MainProcess",
                        std::string_view(message.payload.data(), message.payload.size()));
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

}  // namespace

std::shared_ptr<spdlog::logger> get_logger() {
    // Never destroyed: the last lines of a program come after its static objects are gone.
    static auto* const logger = [] {
        auto made = std::make_shared<spdlog::logger>("multiprocessing", std::make_shared<StderrSink>());
        made->set_level(spdlog::level::off);
        return new std::shared_ptr<spdlog::logger>(std::move(made));
    }();
    return *logger;
}

std::shared_ptr<spdlog::logger> log_to_stderr(std::optional<spdlog::level::level_enum> level) {
    to_stderr = true;
    if (level) get_logger()->set_level(*level);
    return get_logger();
}

namespace detail {

void set_log_name_source(std::string (*source)()) { name_source = source; }

LogState log_state() { return {get_logger()->level(), to_stderr}; }

void apply_log_state(const LogState& state) {
    get_logger()->set_level(static_cast<spdlog::level::level_enum>(state.level));
    to_stderr = state.to_stderr;
}

}  // namespace detail
}  // namespace procession::inline v0
