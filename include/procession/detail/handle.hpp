// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>

#include <cstdint>
#include <memory>

namespace procession::inline v0::detail {

struct LocalObject;

/// A handle to an object in the program's shared heap: what Queue and its kin are made of.
///
/// A copy is the same object. This process is one holder of the object, however many handles it has;
/// the object goes with its last holder or message. Copying and moving are noexcept, and a moved-from
/// handle is still the same object.
/// @par Thread safety   as std::shared_ptr: one handle object is not for two threads, copies are
/// @par Process safety  a child that was forked holds the object as well
class PROCESSION_API Handle {
  public:
    /// A handle to what was received: the message, or whoever named it, still holds the object.
    static Handle attach(std::uint64_t offset);
    /// A handle to an object that this process has just made.
    static Handle adopt(std::uint64_t offset);

    Handle(const Handle&) noexcept = default;
    Handle& operator=(const Handle&) noexcept = default;

    /// Where the object is: its name in a message.
    std::uint64_t offset() const;

    friend bool operator==(const Handle&, const Handle&) = default;

  private:
    explicit Handle(std::shared_ptr<LocalObject> object) : object_(std::move(object)) {}
    std::shared_ptr<LocalObject> object_;
};

}  // namespace procession::inline v0::detail
