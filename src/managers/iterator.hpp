// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "managers/referent.hpp"

namespace procession::inline v0::managers {

/// What goes through something, an element at each call.
class Iterator final : public MethodsOf<Iterator> {
  public:
    static constexpr std::string_view type = "Iterator";
    static std::span<const Method<Iterator>> methods();
    /// The next element; none at the end, after which it is not called again.
    using Next = std::function<std::optional<Object>()>;

    /// @param python_type  what Python calls its type
    Iterator(std::string python_type, Next next);
    /// As what a method answers with.
    static Result result(std::string python_type, Next next);

    Object value() const override;
    std::string to_string() const override;

  private:
    Object advance();
    Next end();

    Result next(const Arguments&, const Caller&);
    Result send(const Arguments&, const Caller&);
    Result throw_there(const Arguments&, const Caller&);
    Result close(const Arguments&, const Caller&);

    std::string python_type_;
    std::mutex mutex_;
    Next next_;  ///< empty at the end
};

}  // namespace procession::inline v0::managers
