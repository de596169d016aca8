// SPDX-License-Identifier: Apache-2.0
#include "wire/object_node.hpp"

#include <procession/error.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

#include "wire/python_int.hpp"

namespace procession::inline v0::detail {
namespace {

constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

}  // namespace

void ObjectNode::add_weight(std::size_t more) noexcept {
    if (__builtin_add_overflow(weight, more, &weight)) weight = most;
}

void ObjectNode::check_depth(const Object& object) {
    if (depth_of(object) >= Object::max_depth)
        throw ValueError(fmt::format("Object: nested more than {} deep", Object::max_depth));
}

void ObjectNode::admit(const Object& object, std::size_t overhead) {
    check_depth(object);
    depth = static_cast<std::uint16_t>(std::max<std::size_t>(depth, depth_of(object) + 1));
    add_weight(weight_of(object));
    add_weight(overhead);
}

void ObjectNode::dismiss(const Object& object, std::size_t overhead) noexcept {
    if (weight != most) weight -= weight_of(object) + overhead;
}

std::optional<std::uint64_t> uint64_of(const Object& integer) {
    if (!ObjectAccess::is_boxed(integer)) {
        const std::int64_t value = ObjectAccess::integer(integer);
        return value < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(value));
    }
    const auto& bytes = ObjectAccess::value<BigInteger>(integer).bytes;
    std::uint64_t value = 0;
    // A ninth one can only be the sign's.
    if (is_negative(bytes) || bytes.size() > sizeof value + 1 || bytes.back() != std::byte{})
        return std::nullopt;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::size_t depth_of(const Object& object) noexcept {
    return ObjectAccess::is_boxed(object) ? ObjectAccess::node(object).depth : 0;
}

std::size_t weight_of(const Object& object) noexcept {
    if (!ObjectAccess::is_boxed(object)) return sizeof(Object);
    const std::size_t node = ObjectAccess::node(object).weight;
    return node > most - sizeof(Object) ? most : node + sizeof(Object);
}

std::string shown(const Object& object) {
    constexpr std::size_t most_shown = 1000;
    return weight_of(object) <= most_shown ? object.to_string() : fmt::format("large {}", object.type());
}

Object ObjectAccess::make(Object::Kind kind, Elements elements) {
    Object made = make<Elements>(kind, std::move(elements));
    auto& node = in_place<Elements>(made);
    node.depth = 1;
    for (const Object& each : node.value) node.admit(each);
    return made;
}

Object ObjectAccess::make(Object::Kind kind, Named named) {
    const std::size_t payload = named.module.size() + named.qualname.size();
    Object made = make<Named>(kind, std::move(named), payload);
    auto& node = in_place<Named>(made);
    node.depth = 1;
    node.admit(node.value.args);
    node.admit(node.value.state);
    return made;
}

bool is_proxy(const Object& object) {
    return object.is_instance() && object.qualname() == "RebuildProxy" &&
           object.module() == "multiprocessing.managers";
}

Object make_text(std::string_view text) {
    return ObjectAccess::emplace<std::string>(Object::Kind::str, text.size(), text);
}

void append_to(Holding<Elements>& list, Object element) {
    list.admit(element);
    list.value.push_back(std::move(element));
}

bool set_key(Holding<KeyTable>& table, Object key, Object value) {
    const bool is_dict = table.value.holds() == KeyTable::Holds::items;
    ObjectNode::check_depth(key);
    ObjectNode::check_depth(value);
    const std::size_t at = table.value.find(key);
    if (at == KeyTable::none) {
        table.admit(key, key_overhead);
        if (is_dict) table.admit(value);
        table.value.add(std::move(key), std::move(value));
    } else if (is_dict) {
        table.admit(value);
        table.dismiss(table.value.values()[at]);
        table.value.replace(at, std::move(value));
    }
    return at == KeyTable::none;
}

}  // namespace procession::inline v0::detail
