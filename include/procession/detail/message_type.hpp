// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/detail/object_archive.hpp>
#include <procession/detail/type_name.hpp>
#include <procession/object.hpp>
#include <procession/serialize.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace procession::inline v0::detail {

/// A type that messages are sent as. Every module makes a list of its own when it is loaded, so that each
/// process of the program can say what a message is by its fingerprint alone.
struct PROCESSION_API MessageType {
    MessageType(std::uint64_t fingerprint, std::string (*name)(),
                Object (*to_object)(std::span<const std::byte>));
    ~MessageType();
    MessageType(MessageType&&) = delete;

    /// The one with this fingerprint; null: no module of this process knows it.
    static const MessageType* find(std::uint64_t fingerprint);

    const std::uint64_t fingerprint;
    std::string (*const name)();
    /// The value that such a message has, as Python's.
    Object (*const to_object)(std::span<const std::byte>);

  private:
    const MessageType* next_;
};

/// The fingerprints of what is of no type: bytes, and a descriptor.
inline constexpr std::uint64_t untyped = 0, descriptor = 2;

template <class T>
Object object_of_message(std::span<const std::byte> bytes) {
    return to_object(load_message<T>(bytes));
}

template <class T>
inline const MessageType message_type(fingerprint<T>(), &type_name<T>, &object_of_message<T>);

/// The value of a message of any type. @throws TypeMismatch  nobody here knows its type, or it has none
PROCESSION_API Object object_of(std::uint64_t fingerprint, std::span<const std::byte> bytes);

/// What messages of a fingerprint are, for error texts.
PROCESSION_API std::string describe_type(std::uint64_t fingerprint);

}  // namespace procession::inline v0::detail
