// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

namespace procession::test {

/// What the log says at warnings, from here on.
class Warnings {
  public:
    Warnings() {
        sink_->set_pattern("%v");
        get_logger()->sinks().push_back(sink_);
        get_logger()->set_level(spdlog::level::warn);
    }
    ~Warnings() {
        get_logger()->sinks().pop_back();
        get_logger()->set_level(spdlog::level::off);
    }
    std::size_t count() const {
        const std::string text = text_.str();
        return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }
    std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::sinks::ostream_sink_mt> sink_ =
        std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
};

}  // namespace procession::test
