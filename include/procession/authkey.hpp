// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The secret by which processes know one another across a connection.

#include <procession/detail/export.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace procession::inline v0 {

/// A key of any bytes; an empty one is none. A program has a random one from its start, which its
/// processes inherit. It is never printed, and never travels over a connection.
/// @see Python: multiprocessing.Process.authkey
class PROCESSION_API AuthKey {
  public:
    AuthKey() = default;
    AuthKey(std::string bytes) : bytes_(std::move(bytes)) {}
    AuthKey(std::string_view bytes) : bytes_(bytes) {}
    AuthKey(const char* text) : bytes_(text) {}
    AuthKey(std::span<const std::byte> bytes)
        : bytes_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}
    AuthKey(const std::vector<std::byte>& bytes) : AuthKey(std::span<const std::byte>(bytes)) {}
    AuthKey(const std::vector<unsigned char>& bytes) : AuthKey(std::as_bytes(std::span(bytes))) {}

    const std::string& bytes() const noexcept { return bytes_; }
    std::size_t size() const noexcept { return bytes_.size(); }
    bool empty() const noexcept { return bytes_.empty(); }
    /// In a time that does not depend on where they differ.
    friend PROCESSION_API bool operator==(const AuthKey&, const AuthKey&) noexcept;

  private:
    std::string bytes_;
};

}  // namespace procession::inline v0
