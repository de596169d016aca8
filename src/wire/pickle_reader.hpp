// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <procession/error.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace procession::inline v0::pickle {

static_assert(std::endian::native == std::endian::little,
              "pickles are little-endian, and copied as they are");

/// Goes over the bytes of a pickle, and never beyond their end.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    std::size_t position() const { return position_; }
    std::size_t left() const { return bytes_.size() - position_; }

    std::span<const std::byte> take(std::uint64_t size) {
        if (size > left())
            throw SerializationError(
                fmt::format("{} bytes are wanted, and {} are left: it is cut off", size, left()));
        const auto taken = bytes_.subspan(position_, size);
        position_ += size;
        return taken;
    }
    std::string_view take_text(std::uint64_t size) {
        const auto taken = take(size);
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }
    /// Without the newline that ends it.
    std::string_view line() {
        const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, left());
        const std::size_t size = rest.find('\n');
        if (size == rest.npos) throw SerializationError("a line does not end: it is cut off");
        position_ += size + 1;
        return rest.substr(0, size);
    }
    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

  private:
    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
};

}  // namespace procession::inline v0::pickle
