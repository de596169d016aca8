// SPDX-License-Identifier: Apache-2.0
#include <procession/shared_containers.hpp>

namespace procession::inline v0 {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

shared_string::shared_string(std::string_view text)
    : SharedBytes(detail::shared_type<shared_string>(), 1, bytes_of(text)) {}

shared_string::shared_string(detail::Handle handle)
    : SharedBytes(std::move(handle), detail::shared_type<shared_string>()) {}

std::string shared_string::str() const {
    return read([](std::string_view text) { return std::string(text); });
}

char shared_string::get(std::size_t index) const {
    char byte = 0;
    SharedBytes::get(index, &byte);
    return byte;
}

void shared_string::assign(std::string_view text) const { SharedBytes::assign(bytes_of(text)); }

void shared_string::append(std::string_view text) const { SharedBytes::append(bytes_of(text)); }

}  // namespace procession::inline v0
