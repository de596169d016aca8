// SPDX-License-Identifier: Apache-2.0
#include <procession/error.hpp>
#include <procession/object.hpp>

#include <algorithm>
#include <cstring>

#include "wire/array_elements.hpp"
#include "wire/calendar.hpp"
#include "wire/object_node.hpp"
#include "wire/python_int.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0 {

using detail::BigInteger;
using detail::Elements;
using detail::KeyTable;
using detail::Named;
using Access = detail::ObjectAccess;

namespace {

constexpr std::string_view type_names[] = {
    "NoneType",  "bool", "int",   "float",    "complex",   "str",       "bytes",
    "bytearray", "list", "tuple", "dict",     "set",       "frozenset", "array",
    "ndarray",   "date", "time",  "datetime", "timedelta", "timezone",
};

/// What is_...() asks.
std::string_view question(const Object& object) {
    switch (object.kind()) {
        case Object::Kind::none: return "none";
        case Object::Kind::exception: return "exception";
        case Object::Kind::instance: return "instance";
        case Object::Kind::global: return "global";
        default: return object.type();
    }
}

[[noreturn]] void throw_mismatch(const std::string& call, const Object& object) {
    throw TypeMismatch(fmt::format("Object::{}: it is of Python's type {}. Ask with is_{}() first.",
                                   call, object.type(), question(object)));
}

template <class... Kinds>
void require(const char* call, const Object& object, Kinds... kinds) {
    if (((object.kind() != kinds) && ...)) throw_mismatch(call, object);
}

/// Where a list or tuple has that element.
std::size_t checked_index(const Object& object, const Object& index) {
    if (!index.is_int() && !index.is_bool())
        throw TypeMismatch(fmt::format("Object::operator[]: the index of a {} is an int, not a {}",
                                       object.type(), index.type()));
    const auto count = static_cast<std::int64_t>(object.size());
    const std::int64_t at = Access::is_boxed(index) ? count : Access::integer(index);
    if (at < -count || at >= count)
        throw IndexError(fmt::format("Object: a {} of {} has no element {}", object.type(), count,
                                     detail::shown(index)));
    return static_cast<std::size_t>(at < 0 ? at + count : at);
}

/// Where a table has that key. @throws KeyError  nowhere
std::size_t checked_key(const Object& object, const Object& key) {
    const std::size_t at = Access::value<KeyTable>(object).find(key);
    if (at == KeyTable::none)
        throw KeyError(fmt::format("Object: a {} has no {}", object.type(), detail::shown(key)));
    return at;
}

std::size_t characters_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xc0) != 0x80; }));
}

template <class T>
Object checked(Object::Kind kind, T value, std::size_t payload = 0) {
    detail::check(value);
    return Access::make(kind, std::move(value), payload);
}

std::size_t payload_of(const std::optional<TimeZone>& timezone) {
    return timezone && timezone->name ? timezone->name->size() : 0;
}

Object table_of(Object::Kind kind, std::vector<Object> elements) {
    Object made = Access::make(kind, KeyTable(KeyTable::Holds::keys));
    auto& node = Access::in_place<KeyTable>(made);
    node.depth = 1;
    for (Object& each : elements) set_key(node, std::move(each));
    return made;
}

}  // namespace

namespace detail {
void throw_int_too_large(const std::string& value, const std::string& type) {
    throw ValueError(fmt::format("Object: {} does not fit into {}", value, type));
}
}  // namespace detail

// ---- made of C++ values

Object::Object(Text, std::string_view text) {
    if (!detail::is_utf8(text))
        throw ValueError("Object: a str is text in UTF-8, which this is not. Make bytes of it.");
    *this = detail::make_text(text);
}

Object::Object(Complex value) : Object(Access::make(Kind::complex, value)) {}

Object::Object(Bytes bytes) {
    const std::size_t size = bytes.size();
    *this = Access::make(Kind::bytes, std::move(bytes), size);
}

Object::Object(const Date& date) : Object(checked(Kind::date, date)) {}
Object::Object(const Time& time) : Object(checked(Kind::time, time, payload_of(time.timezone))) {}
Object::Object(const DateTime& datetime)
    : Object(checked(Kind::datetime, datetime, payload_of(datetime.time.timezone))) {}
Object::Object(const TimeDelta& delta) : Object(checked(Kind::timedelta, delta)) {}
Object::Object(const TimeZone& timezone)
    : Object(checked(Kind::timezone, timezone, payload_of(timezone))) {}

Object::Object(Array array) {
    const std::size_t size = array.elements.size();
    *this = checked(Kind::array, std::move(array), size);
}

Object::Object(NdArray array) {
    array.dtype = detail::normal_dtype(array.dtype);
    const std::size_t size =
        array.elements.size() + array.dtype.size() + array.shape.size() * sizeof(std::size_t);
    *this = checked(Kind::ndarray, std::move(array), size);
}

Object Object::of_uint64(std::uint64_t value) {
    // A zero above it, for the sign.
    std::byte bytes[sizeof value + 1] = {};
    std::memcpy(bytes, &value, sizeof value);
    return integer(bytes);
}

Object Object::integer(std::span<const std::byte> bytes) {
    bytes = detail::shortest_int(bytes);
    if (const auto small = detail::to_int64(bytes)) return *small;
    return Access::make(Kind::integer, BigInteger{{bytes.begin(), bytes.end()}}, bytes.size());
}

Object Object::bytearray(Bytes bytes) {
    const std::size_t size = bytes.size();
    return Access::make(Kind::bytearray, std::move(bytes), size);
}
Object Object::bytearray(std::span<const std::byte> bytes) {
    return bytearray(Bytes(bytes.begin(), bytes.end()));
}

Object Object::list_of(std::vector<Object> elements) {
    return Access::make(Kind::list, std::move(elements));
}
Object Object::tuple_of(std::vector<Object> elements) {
    return Access::make(Kind::tuple, std::move(elements));
}
Object Object::set_of(std::vector<Object> elements) { return table_of(Kind::set, std::move(elements)); }
Object Object::frozenset_of(std::vector<Object> elements) {
    return table_of(Kind::frozenset, std::move(elements));
}

Object Object::list(std::initializer_list<Object> elements) { return list_of(elements); }
Object Object::tuple(std::initializer_list<Object> elements) { return tuple_of(elements); }
Object Object::set(std::initializer_list<Object> elements) { return set_of(elements); }
Object Object::frozenset(std::initializer_list<Object> elements) { return frozenset_of(elements); }

Object Object::dict(std::initializer_list<std::pair<Object, Object>> items) {
    Object made = Access::make(Kind::dict, KeyTable(KeyTable::Holds::items));
    auto& node = Access::in_place<KeyTable>(made);
    node.depth = 1;
    for (const auto& [key, value] : items) set_key(node, key, value);
    return made;
}

Object Object::instance(std::string module, std::string qualname, Object args, Object state, Made made) {
    require("instance: its arguments", args, Kind::tuple);
    return Access::make(Kind::instance, Named{std::move(module), std::move(qualname), std::move(args),
                                              std::move(state), made});
}

Object Object::exception(std::string module, std::string qualname, Object args, Object state) {
    require("exception: its arguments", args, Kind::tuple);
    return Access::make(Kind::exception, Named{std::move(module), std::move(qualname), std::move(args),
                                               std::move(state), Made::by_call});
}

Object Object::global(std::string module, std::string qualname) {
    return Access::make(Kind::global, Named{std::move(module), std::move(qualname)});
}

// ---- shared

void Object::share(const Object& other) noexcept {
    node_ = other.node_;
    node_->owners.fetch_add(1, std::memory_order_relaxed);
}

void Object::release() noexcept {
    if (node_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node_;
}

// ---- as C++ values

std::int64_t Object::to_int64(Name wanted) const {
    if (!is_int()) throw_mismatch(fmt::format("as<{}>", wanted()), *this);
    if (boxed_) detail::throw_int_too_large(detail::shown(*this), wanted());
    return integer_;
}

std::uint64_t Object::to_uint64(Name wanted) const {
    if (!is_int()) throw_mismatch(fmt::format("as<{}>", wanted()), *this);
    const auto value = detail::uint64_of(*this);
    if (!value) detail::throw_int_too_large(detail::shown(*this), wanted());
    return *value;
}

double Object::to_double(Name wanted) const {
    if (!is_float()) throw_mismatch(fmt::format("as<{}>", wanted()), *this);
    return floating_;
}

bool Object::get(std::type_identity<bool>, Name wanted) const {
    if (!is_bool()) throw_mismatch(fmt::format("as<{}>", wanted()), *this);
    return integer_ != 0;
}

std::monostate Object::get(std::type_identity<std::monostate>, Name wanted) const {
    if (!is_none()) throw_mismatch(fmt::format("as<{}>", wanted()), *this);
    return {};
}

Object::Bytes Object::get(std::type_identity<Bytes>, Name wanted) const {
    if (!is_bytes() && !is_bytearray()) throw_mismatch(fmt::format("as<{}>", wanted()), *this);
    return Access::value<Bytes>(*this);
}

namespace {

template <class T>
T get_as(const Object& object, Object::Kind kind, std::string (*wanted)()) {
    if (object.kind() != kind) throw_mismatch(fmt::format("as<{}>", wanted()), object);
    return Access::value<T>(object);
}

}  // namespace

std::string Object::get(std::type_identity<std::string>, Name wanted) const {
    return get_as<std::string>(*this, Kind::str, wanted);
}
Object::Complex Object::get(std::type_identity<Complex>, Name wanted) const {
    return get_as<Complex>(*this, Kind::complex, wanted);
}
Object::Array Object::get(std::type_identity<Array>, Name wanted) const {
    return get_as<Array>(*this, Kind::array, wanted);
}
Object::NdArray Object::get(std::type_identity<NdArray>, Name wanted) const {
    return get_as<NdArray>(*this, Kind::ndarray, wanted);
}
Date Object::get(std::type_identity<Date>, Name wanted) const {
    return get_as<Date>(*this, Kind::date, wanted);
}
Time Object::get(std::type_identity<Time>, Name wanted) const {
    return get_as<Time>(*this, Kind::time, wanted);
}
DateTime Object::get(std::type_identity<DateTime>, Name wanted) const {
    return get_as<DateTime>(*this, Kind::datetime, wanted);
}
TimeDelta Object::get(std::type_identity<TimeDelta>, Name wanted) const {
    return get_as<TimeDelta>(*this, Kind::timedelta, wanted);
}
TimeZone Object::get(std::type_identity<TimeZone>, Name wanted) const {
    return get_as<TimeZone>(*this, Kind::timezone, wanted);
}

std::string_view Object::text() const& {
    require("text", *this, Kind::str);
    return Access::value<std::string>(*this);
}

std::span<const std::byte> Object::raw() const& {
    switch (kind_) {
        case Kind::bytes:
        case Kind::bytearray: return Access::value<Bytes>(*this);
        case Kind::array: return Access::value<Array>(*this).elements;
        case Kind::ndarray: return Access::value<NdArray>(*this).elements;
        default: throw_mismatch("raw", *this);
    }
}

Object::Bytes Object::integer_bytes() const {
    require("integer_bytes", *this, Kind::integer);
    return boxed_ ? Access::value<BigInteger>(*this).bytes : detail::bytes_of_int(integer_);
}

// ---- inside

std::size_t Object::size() const {
    switch (kind_) {
        case Kind::str: return characters_of(text());
        case Kind::bytes:
        case Kind::bytearray: return raw().size();
        case Kind::array: return detail::array_size(Access::value<Array>(*this));
        case Kind::ndarray: {
            const auto& shape = Access::value<NdArray>(*this).shape;
            if (!shape.empty()) return shape[0];
            throw_mismatch("size: an ndarray of no dimensions has none", *this);
        }
        case Kind::list:
        case Kind::tuple:
        case Kind::dict:
        case Kind::set:
        case Kind::frozenset: return elements().size();
        default: throw_mismatch("size", *this);
    }
}

const Object& Object::operator[](const Object& key) const& {
    require("operator[]", *this, Kind::list, Kind::tuple, Kind::dict);
    if (is_dict()) return Access::value<KeyTable>(*this).values()[checked_key(*this, key)];
    return Access::value<Elements>(*this)[checked_index(*this, key)];
}

const Object& Object::value_of(std::string_view key) const {
    require("operator[]", *this, Kind::dict);
    const auto& table = Access::value<KeyTable>(*this);
    const std::size_t at = table.find(key);
    if (at == KeyTable::none)
        throw KeyError(fmt::format("Object: a dict has no {}", detail::shown(key)));
    return table.values()[at];
}

const Object* Object::find(const Object& key) const& {
    require("find", *this, Kind::dict);
    const auto& table = Access::value<KeyTable>(*this);
    const std::size_t at = table.find(key);
    return at == KeyTable::none ? nullptr : &table.values()[at];
}

bool Object::contains(const Object& element) const {
    const auto all = elements();
    if (is_list() || is_tuple()) return std::find(all.begin(), all.end(), element) != all.end();
    return Access::value<KeyTable>(*this).find(element) != KeyTable::none;
}

std::span<const Object> Object::elements() const& {
    require("elements", *this, Kind::list, Kind::tuple, Kind::dict, Kind::set, Kind::frozenset);
    if (is_list() || is_tuple()) return Access::value<Elements>(*this);
    return Access::value<KeyTable>(*this).keys();
}

Object::Items Object::items() const& {
    require("items", *this, Kind::dict);
    const auto& table = Access::value<KeyTable>(*this);
    return {table.keys(), table.values()};
}

void Object::append(Object element) {
    require("append", *this, Kind::list);
    append_to(Access::own<Elements>(*this), std::move(element));
}

void Object::set(const Object& key, Object value) {
    require("set", *this, Kind::list, Kind::dict);
    if (is_dict()) {
        set_key(Access::own<KeyTable>(*this), key, std::move(value));
        return;
    }
    const std::size_t at = checked_index(*this, key);
    auto& node = Access::own<Elements>(*this);
    node.admit(value);
    node.dismiss(node.value[at]);
    node.value[at] = std::move(value);
}

bool Object::add(Object element) {
    require("add", *this, Kind::set, Kind::frozenset);
    return set_key(Access::own<KeyTable>(*this), std::move(element));
}

void Object::erase(const Object& key) {
    require("erase", *this, Kind::list, Kind::dict, Kind::set, Kind::frozenset);
    if (is_list()) {
        const std::size_t at = checked_index(*this, key);
        auto& node = Access::own<Elements>(*this);
        node.dismiss(node.value[at]);
        node.value.erase(node.value.begin() + static_cast<std::ptrdiff_t>(at));
        return;
    }
    const std::size_t at = checked_key(*this, key);
    auto& node = Access::own<KeyTable>(*this);
    node.dismiss(node.value.keys()[at], detail::key_overhead);
    if (is_dict()) node.dismiss(node.value.values()[at]);
    node.value.erase(at);
}

// ---- instances, exceptions and globals

std::string_view Object::module() const& {
    require("module", *this, Kind::exception, Kind::instance, Kind::global);
    return Access::value<Named>(*this).module;
}
std::string_view Object::qualname() const& {
    require("qualname", *this, Kind::exception, Kind::instance, Kind::global);
    return Access::value<Named>(*this).qualname;
}
const Object& Object::args() const& {
    require("args", *this, Kind::exception, Kind::instance);
    return Access::value<Named>(*this).args;
}
const Object& Object::state() const& {
    require("state", *this, Kind::exception, Kind::instance);
    return Access::value<Named>(*this).state;
}
Object::Made Object::made() const {
    require("made", *this, Kind::exception, Kind::instance);
    return Access::value<Named>(*this).made;
}

std::string_view Object::type() const& {
    if (is_global()) return "type";
    if (!is_exception() && !is_instance()) return type_names[static_cast<std::size_t>(kind_)];
    const std::string_view name = qualname();
    return name.substr(name.rfind('.') + 1);
}

}  // namespace procession::inline v0
