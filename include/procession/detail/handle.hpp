// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace procession::inline v0::detail {

/// What a handle's class keeps in this process beside the object.
struct PROCESSION_API Companion {
    virtual ~Companion();
};

/// What this process knows of one shared object; all its handles to it share it.
struct LocalObject {
    std::uint64_t offset = 0;
    std::uint64_t serial = 0;
    void* body = nullptr;                        ///< null: this process has no such object
    std::string lost;                            ///< and why
    std::atomic<bool> held{true};                ///< false: inherited by a fork, and not to be held so
    std::atomic<Companion*> companion{nullptr};  ///< goes first, while this process still has the object
    LocalObject() = default;
    LocalObject(const LocalObject&) = delete;
    PROCESSION_API ~LocalObject();
};

/// A handle to an object in the program's shared heap: what Queue and its kin are made of.
///
/// A copy is the same object. This process is one holder of the object, however many handles it has;
/// the object goes with its last holder or message. Copying and moving are noexcept, and a moved-from
/// handle is still the same object.
///
/// A handle with static storage (a global, a static member, a function's static) is one object for the
/// whole program: in a process that starts afresh the constructor finds it, by the module's build-id
/// and the variable's place in it. It lives as long as the program.
/// @par Thread safety   as std::shared_ptr: one handle object is not for two threads, copies are
/// @par Process safety  a child that was forked holds the object as well
class PROCESSION_API Handle {
  public:
    /// A handle to what was received: the message, or whoever named it, still holds the object.
    static Handle attach(std::uint64_t offset);
    /// A handle to an object that nobody may hold any more; none: it is gone.
    /// @param serial  what tells it from those that were there before and may come
    static std::optional<Handle> attach_if_alive(std::uint64_t offset, std::uint64_t serial);
    /// A handle to an object that this process has just made.
    static Handle adopt(std::uint64_t offset);

    Handle(const Handle&) noexcept = default;
    Handle& operator=(const Handle&) noexcept = default;

    /// Where the object is: its name in a message.
    /// @throws StateError  this process has no such object; the message says why
    std::uint64_t offset() const {
        if (!object_->body) throw_lost();
        return object_->offset;
    }
    /// The object itself, as this process sees it: what the handle's class keeps in the heap.
    /// @throws StateError  as offset()
    void* body() const {
        if (!object_->body) throw_lost();
        return object_->body;
    }

    /// What the handle's class keeps in this process beside the object; null until there is any.
    Companion* companion() const noexcept { return object_->companion.load(std::memory_order_acquire); }
    /// The same; this one from now on, unless another thread was first.
    Companion& companion_or(std::unique_ptr<Companion> made) const;

    /// Whether this process holds the object. What belongs to one process (an end of a pipe) is not held by
    /// one that has it by a fork only.
    bool is_held() const noexcept { return object_->held.load(std::memory_order_acquire); }
    /// Holds it from now on. @returns false: it is gone
    bool hold() const;
    /// This process's own handle to an object, if it has one.
    static std::optional<Handle> find_local(std::uint64_t offset);

    /// Whether they are the same object.
    friend bool operator==(const Handle&, const Handle&) = default;

  protected:
    /// No object yet: every use throws StateError until one is assigned.
    explicit Handle(std::string_view type);
    /// A new object, which `make` makes for this process and returns. A handle with static storage may
    /// find the one that the program has already: `check` throws when that is not as it should be.
    /// @param type  the handle's, for messages
    Handle(std::string_view type, const std::function<std::uint64_t()>& make,
           const std::function<void(std::uint64_t)>& check);

    /// Whether this process has the object.
    bool exists() const noexcept { return object_->body != nullptr; }

  private:
    explicit Handle(std::shared_ptr<LocalObject> object) : object_(std::move(object)) {}
    [[noreturn]] void throw_lost() const;

    std::shared_ptr<LocalObject> object_;
};

}  // namespace procession::inline v0::detail
