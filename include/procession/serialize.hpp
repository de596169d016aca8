// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// How values become bytes and come back. cereal is the customisation point: whatever has a cereal
/// `serialize`, or `save` and `load`, can be sent; plain aggregates need no code; the std types and
/// the library's handles are known already.

#include <procession/detail/export.hpp>
#include <procession/detail/handle.hpp>
#include <procession/detail/type_name.hpp>
#include <procession/error.hpp>

#include <boost/pfr/core.hpp>
#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/bitset.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/forward_list.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// Befriend this (`friend class mp::access;`) to let a private default constructor or serialize function
/// be used.
using cereal::access;

namespace detail {

/// What is rather copied than given memory of its own: a kilobyte and how long that is.
inline constexpr std::size_t longest_short_message = 1024 + 16;

/// What a message takes along: it leaves this process when the message is sent.
struct PROCESSION_API Passenger {
    virtual ~Passenger();
    virtual void leave() noexcept = 0;
};

/// Where a message is written: short ones in place, longer ones in memory of their own, which may be the
/// program's shared memory, so that they need not be copied there.
class PROCESSION_API Buffer {
  public:
    enum class Memory { own, shared };
    explicit Buffer(Memory memory = Memory::own) : memory_(memory) {}
    Buffer(Buffer&&) = delete;
    ~Buffer();

    void write(const void* data, std::size_t size) {
        if (size == 0) return;  // an empty range may have no address
        if (size > static_cast<std::size_t>(end_ - cursor_)) grow(size);
        std::memcpy(cursor_, data, size);
        cursor_ += size;
    }
    std::span<const std::byte> bytes() const { return {begin_, cursor_}; }
    /// Begins another message.
    void clear() {
        if (begin_ != local_) let_go();
        cargo_.reset();
        cursor_ = begin_;
    }

    /// The library's objects that the message refers to; whoever sends it must hold them for it.
    std::span<const std::uint64_t> references() const {
        return cargo_ ? std::span<const std::uint64_t>(cargo_->references)
                      : std::span<const std::uint64_t>();
    }
    void refer(std::uint64_t object) { cargo().references.push_back(object); }
    /// What goes along with the message, and is to stay where it is until leave_along().
    void takes_along(Passenger& passenger) { cargo().passengers.push_back(&passenger); }
    bool takes_any_along() const { return cargo_ && !cargo_->passengers.empty(); }
    /// The message is sent.
    void leave_along() noexcept {
        if (cargo_) leave();
    }

    /// The block of shared memory that it lies in, which is the caller's from now on; 0: in none.
    std::uint64_t take_block() { return std::exchange(block_, 0); }

  private:
    /// What few messages have.
    struct Cargo {
        std::vector<std::uint64_t> references;
        std::vector<Passenger*> passengers;
    };

    void grow(std::size_t more);
    void let_go();
    Cargo& cargo() {
        if (!cargo_) cargo_ = std::make_unique<Cargo>();
        return *cargo_;
    }
    void leave() noexcept;

    Memory memory_;
    std::byte local_[longest_short_message];
    std::vector<std::byte> large_;
    std::uint64_t block_ = 0;
    std::byte* begin_ = local_;
    std::byte* cursor_ = local_;
    std::byte* end_ = local_ + sizeof local_;
    std::unique_ptr<Cargo> cargo_;
};

[[noreturn]] PROCESSION_API void throw_message_too_short(std::size_t wanted, std::size_t left);

/// Reads bytes one after the other, and never beyond their end.
class ByteReader {
  public:
    explicit ByteReader(std::span<const std::byte> bytes) : left_(bytes) {}
    void read(void* data, std::size_t size) {
        require(size);
        if (size == 0) return;
        std::memcpy(data, left_.data(), size);
        left_ = left_.subspan(size);
    }
    /// Throws SerializationError unless so many bytes are left.
    void require(std::size_t size) const {
        if (size > left_.size()) throw_message_too_short(size, left_.size());
    }
    std::span<const std::byte> left() const { return left_; }
    /// Goes over bytes that were read where they lie; there must be so many.
    void skip(std::size_t size) { left_ = left_.subspan(size); }

  private:
    std::span<const std::byte> left_;
};

}  // namespace detail

/// The native format: the bytes of the machine, for messages within one program. A cereal archive.
class NativeWriter : public cereal::OutputArchive<NativeWriter, cereal::AllowEmptyClassElision> {
  public:
    explicit NativeWriter(detail::Buffer& buffer) : OutputArchive(this), buffer_(buffer) {}
    void write(const void* data, std::size_t size) { buffer_.write(data, size); }
    detail::Buffer& buffer() { return buffer_; }

  private:
    detail::Buffer& buffer_;
};

/// Reads the native format from memory. Whatever the bytes are, it stays within them.
class NativeReader : public detail::ByteReader,
                     public cereal::InputArchive<NativeReader, cereal::AllowEmptyClassElision> {
  public:
    explicit NativeReader(std::span<const std::byte> bytes) : ByteReader(bytes), InputArchive(this) {}
};

// ---- what the archives know by themselves

template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const T& value) {
    writer.write(&value, sizeof value);
}
template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
        unsigned char byte = 0;
        reader.read(&byte, 1);
        value = byte != 0;
    } else {
        reader.read(&value, sizeof value);
    }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const cereal::BinaryData<T>& data) {
    writer.write(data.data, data.size);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, cereal::BinaryData<T>& data) {
    reader.read(data.data, data.size);
}

template <class Archive, class T>
requires std::is_same_v<Archive, NativeWriter> || std::is_same_v<Archive, NativeReader>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T>& pair) {
    archive(pair.value);
}

// A count is believed only as far as bytes are left: an element takes one at least. (Elements without
// any state are few enough in practice to be refused beyond the message's own length.)
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const cereal::SizeTag<T>& tag) {
    const auto size = static_cast<std::uint64_t>(tag.size);
    writer.write(&size, sizeof size);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, cereal::SizeTag<T>& tag) {
    std::uint64_t size = 0;
    reader.read(&size, sizeof size);
    reader.require(size);
    tag.size = static_cast<std::decay_t<T>>(size);
}

namespace detail {

/// What is copied many at a time: a sequence of them is its length and then their bytes.
template <class E>
concept Bulk = (std::is_arithmetic_v<E> && !std::is_same_v<E, bool>) ||
               (std::is_enum_v<E> && sizeof(E) != 0 && !requires {
                   requires std::is_same_v < std::underlying_type_t<E>,
                   bool > ;
               });

template <class T>
inline constexpr bool is_bulk_sequence = false;
template <Bulk E, class A>
inline constexpr bool is_bulk_sequence<std::vector<E, A>> = true;
template <class C, class Traits, class A>
inline constexpr bool is_bulk_sequence<std::basic_string<C, Traits, A>> = true;
template <class T>
concept BulkSequence = is_bulk_sequence<T>;

template <class Writer, class Sequence>
void save_bulk(Writer& writer, const Sequence& elements) {
    const auto count = static_cast<std::uint64_t>(elements.size());
    writer.write(&count, sizeof count);
    writer.write(elements.data(), count * sizeof *elements.data());
}

template <class Sequence>
void load_bulk(ByteReader& reader, Sequence& elements) {
    using E = typename Sequence::value_type;
    std::uint64_t count = 0;
    reader.read(&count, sizeof count);
    reader.require(count);
    reader.require(count * sizeof(E));
    const std::byte* const bytes = reader.left().data();
    if (reinterpret_cast<std::uintptr_t>(bytes) % alignof(E) == 0) {
        // Unlike resize() and a copy, that writes each of them once.
        const auto* const first = reinterpret_cast<const E*>(bytes);
        elements.assign(first, first + count);
        reader.skip(count * sizeof(E));
    } else {
        elements.resize(count);
        reader.read(elements.data(), count * sizeof(E));
    }
}

/// The elements of a sequence that is all that a message has, where they lie.
template <Bulk E>
std::span<const E> elements_in(std::span<const std::byte> message) {
    static_assert(alignof(E) <= sizeof(std::uint64_t), "they would not be aligned in a message");
    ByteReader reader(message);
    std::uint64_t count = 0;
    reader.read(&count, sizeof count);
    reader.require(count);
    reader.require(count * sizeof(E));
    return {reinterpret_cast<const E*>(reader.left().data()), count};
}

/// How long a message of so many elements is; longer than any memory where that is too much to be said.
template <Bulk E>
constexpr std::size_t message_size(std::size_t count) {
    constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max();
    if (count > (most - sizeof(std::uint64_t)) / sizeof(E)) return most;
    return sizeof(std::uint64_t) + count * sizeof(E);
}

/// Makes memory of that size such a message. @returns its elements, which are to be written
template <Bulk E>
std::span<E> make_elements(std::span<std::byte> message, std::size_t count) {
    static_assert(alignof(E) <= sizeof(std::uint64_t), "they would not be aligned in a message");
    const std::uint64_t length = count;
    std::memcpy(message.data(), &length, sizeof length);
    return {reinterpret_cast<E*>(message.data() + sizeof length), count};
}

template <class T>
concept HandleType = std::derived_from<T, Handle>;

/// What a callee is given as an lvalue, and not as an rvalue of its own.
template <class T>
inline constexpr bool is_handed_over_as_lvalue = HandleType<T>;

/// What cannot leave the program, as it is nothing but its place in it.
template <class T>
inline constexpr bool stays_here = HandleType<T>;

template <class T>
concept CerealSerializable =
    cereal::traits::detail::count_output_serializers<T, NativeWriter>::value != 0;

template <class T>
concept PlainAggregate = std::is_aggregate_v<T> && std::is_class_v<T> && !HandleType<T> &&
                         !cereal::traits::has_member_serialize<T, NativeWriter>::value &&
                         !cereal::traits::has_member_save<T, NativeWriter>::value && !requires {
    std::tuple_size<T>::value;
};

}  // namespace detail

template <detail::Bulk E, class A>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const std::vector<E, A>& elements) {
    detail::save_bulk(writer, elements);
}
template <detail::Bulk E, class A>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, std::vector<E, A>& elements) {
    detail::load_bulk(reader, elements);
}
template <class C, class Traits, class A>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const std::basic_string<C, Traits, A>& text) {
    detail::save_bulk(writer, text);
}
template <class C, class Traits, class A>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, std::basic_string<C, Traits, A>& text) {
    detail::load_bulk(reader, text);
}

template <class T>
requires detail::HandleType<T>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const T& handle) {
    writer.buffer().refer(handle.offset());
    const std::uint64_t offset = handle.offset();
    writer.write(&offset, sizeof offset);
}

template <class T>
requires detail::PlainAggregate<T>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const T& value) {
    boost::pfr::for_each_field(value, [&](const auto& field) { writer(field); });
}
template <class T>
requires detail::PlainAggregate<T>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, T& value) {
    boost::pfr::for_each_field(value, [&](auto& field) { reader(field); });
}

namespace detail {

/// What is stored of a T: text of every spelling is a std::string, everything else itself.
template <class T>
struct StoredAs {
    using type =
        std::conditional_t<std::is_convertible_v<T, std::string_view>, std::string, std::decay_t<T>>;
};
template <class T>
using Stored = typename StoredAs<T>::type;

template <class T>
inline constexpr bool never_sendable = std::is_pointer_v<T> || std::is_member_pointer_v<T>;
template <class T>
inline constexpr bool never_sendable<std::reference_wrapper<T>> = true;
template <>
inline constexpr bool never_sendable<std::mutex> = true;

/// Whether a value can be sent to another process.
template <class T>
concept Sendable = !never_sendable<T> && (HandleType<T> || PlainAggregate<T> || CerealSerializable<T>);

template <class T>
constexpr void require_sendable() {
    static_assert(!std::is_pointer_v<T>,
                  "a raw pointer means nothing in another process: send the value, or a smart pointer");
    static_assert(Sendable<T>,
                  "this type cannot be sent to another process: give it a cereal serialize function, or "
                  "send a handle of the library (Queue, Lock, ...) in its place");
}

/// Writes a value.
template <class T>
void save_value(NativeWriter& writer, const T& value) {
    require_sendable<T>();
    try {
        writer(value);
    } catch (const cereal::Exception& error) {
        throw SerializationError(type_name<T>() + ": cannot be sent: " + error.what());
    }
}

/// Reads a value.
template <class T>
T load_value(NativeReader& reader) {
    if constexpr (HandleType<T>) {
        std::uint64_t offset = 0;
        reader.read(&offset, sizeof offset);
        return T(Handle::attach(offset));
    } else {
        try {
            T value{};
            reader(value);
            return value;
        } catch (const cereal::Exception& error) {
            throw SerializationError(type_name<T>() + ": the bytes are no such value: " + error.what());
        } catch (const std::length_error&) {
            throw SerializationError(type_name<T>() +
                                     ": the bytes are no such value: a count is too large");
        }
    }
}

/// Writes a value that is all of a message. Numbers and sequences of them need no archive, which costs more
/// to make than they to copy.
template <class T>
void save_message(Buffer& buffer, const T& value) {
    if constexpr (Bulk<T>) {
        buffer.write(&value, sizeof value);
    } else if constexpr (BulkSequence<T>) {
        save_bulk(buffer, value);
    } else {
        NativeWriter writer(buffer);
        save_value(writer, value);
    }
}

/// Reads such a value.
template <class T>
T load_message(std::span<const std::byte> bytes) {
    if constexpr (Bulk<T>) {
        T value;
        ByteReader(bytes).read(&value, sizeof value);
        return value;
    } else if constexpr (BulkSequence<T>) {
        T value;
        ByteReader reader(bytes);
        load_bulk(reader, value);
        return value;
    } else {
        NativeReader reader(bytes);
        return load_value<T>(reader);
    }
}

}  // namespace detail

template <class T>
requires detail::HandleType<T>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, T& handle) {
    handle = detail::load_value<T>(reader);
}

}  // namespace procession::inline v0

CEREAL_REGISTER_ARCHIVE(procession::NativeWriter)
CEREAL_REGISTER_ARCHIVE(procession::NativeReader)
CEREAL_SETUP_ARCHIVE_TRAITS(procession::NativeReader, procession::NativeWriter)
