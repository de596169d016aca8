// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <string>
#include <utility>

namespace procession::inline v0::detail {

/// Of an exception that says itself what it is in Python, where its type and text do not: KeyError(5),
/// StopIteration().
class PythonForm {
  public:
    explicit PythonForm(Object exception) : exception_(std::move(exception)) {}
    virtual ~PythonForm() = default;
    const Object& exception() const { return exception_; }

  protected:
    PythonForm(const PythonForm&) = default;
    PythonForm& operator=(const PythonForm&) = default;

  private:
    Object exception_;
};

template <class E>
struct InPython final : E, PythonForm {
    InPython(const std::string& text, Object exception) : E(text), PythonForm(std::move(exception)) {}
};

}  // namespace procession::inline v0::detail
