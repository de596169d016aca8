// SPDX-License-Identifier: Apache-2.0
#include "wire/pickle_calls.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <cstring>

#include "wire/array_elements.hpp"
#include "wire/array_machine_format.hpp"
#include "wire/object_node.hpp"
#include "wire/pickle_arguments.hpp"
#include "wire/pickle_globals.hpp"
#include "wire/pickle_numpy.hpp"
#include "wire/pickle_text.hpp"
#include "wire/python_names.hpp"

namespace procession::inline v0::pickle {
namespace {

using detail::Named;
using detail::ObjectAccess;
using Kind = Object::Kind;
using Made = Object::Made;
using Bytes = Object::Bytes;

std::string full_name(const Object& global) {
    return fmt::format("{}.{}", global.module(), global.qualname());
}

Bytes copy(std::span<const std::byte> bytes, Budget& budget) {
    budget.charge(bytes.size());
    return {bytes.begin(), bytes.end()};
}

/// A set or frozenset of a list.
Object set_of(Object set, const Arguments& arguments, Budget& budget) {
    arguments.require_size(0, 1);
    if (arguments.size() == 0) return set;
    for (const Object& each : arguments.elements(0)) {
        budget.charge(sizeof(Object) + detail::key_overhead);
        // What is there already was compared with it all.
        if (!set.add(each)) budget.charge(detail::weight_of(each));
    }
    return set;
}

Object list_of(const Arguments& arguments, Budget& budget) {
    arguments.require_size(0, 1);
    if (arguments.size() == 0) return Object::list();
    const auto elements = arguments.elements(0);
    budget.charge(elements.size() * sizeof(Object));
    return Object::list(elements);
}

Object ordered_dict_of(const Arguments& arguments, Budget& budget) {
    arguments.require_size(0, 1);
    Object dict = Object::dict();
    if (arguments.size() == 0) return dict;
    // Python 2 has pairs in lists.
    for (const Object& each : arguments.elements(0)) {
        if (!each.is_list() && !each.is_tuple()) arguments.refuse();
        const auto pair = each.elements();
        if (pair.size() != 2) arguments.refuse();
        budget.charge(2 * sizeof(Object) + detail::key_overhead);
        const std::size_t before = dict.size();
        dict.set(pair[0], pair[1]);
        if (dict.size() == before) budget.charge(detail::weight_of(pair[0]));
    }
    return dict;
}

Object complex_of(const Arguments& arguments) {
    arguments.require_size(2, 2);
    return Object::Complex{arguments.of_kind(0, Kind::floating).as<double>(),
                           arguments.of_kind(1, Kind::floating).as<double>()};
}

/// Protocols 0 to 2 have bytes as text.
Bytes encoded(const Arguments& arguments, Budget& budget) {
    arguments.require_size(2, 2);
    const std::string_view encoding = arguments.text(1);
    if (encoding != "latin1" && encoding != "latin-1") arguments.refuse();
    budget.charge(arguments.text(0).size());
    const auto bytes = latin1_of_utf8(arguments.text(0));
    if (!bytes) arguments.refuse();
    const auto raw = std::as_bytes(std::span(*bytes));
    return {raw.begin(), raw.end()};
}

Object bytes_of(const Arguments& arguments, Budget& budget) {
    arguments.require_size(0, 1);
    return arguments.size() == 0 ? Object(Bytes()) : Object(copy(arguments.bytes(0), budget));
}

Object bytearray_of(const Arguments& arguments, Budget& budget) {
    arguments.require_size(0, 2);
    if (arguments.size() == 0) return Object::bytearray();
    if (arguments.size() == 2) return Object::bytearray(encoded(arguments, budget));
    return Object::bytearray(copy(arguments.bytes(0), budget));
}

char typecode_in(const Arguments& arguments, std::size_t index) {
    const std::string_view text = arguments.text(index);
    if (text.size() != 1) arguments.refuse();
    return text[0];
}

/// array(typecode, [elements]), or the bytes that older ones have.
Object array_of(const Arguments& arguments, Budget& budget) {
    arguments.require_size(1, 2);
    const char typecode = typecode_in(arguments, 0);
    if (arguments.size() == 1) return Object::Array{typecode, {}};
    const Object& initial = arguments.any(1);
    if (initial.is_bytes()) return Object::Array{typecode, copy(initial.raw(), budget)};
    budget.charge(detail::weight_of(initial));
    auto array = initial.is_str() ? detail::array_of_text(typecode, initial.text())
                                  : detail::array_of_numbers(typecode, arguments.elements(1));
    if (!array) arguments.refuse();
    return std::move(*array);
}

Object reconstructed_array(const Arguments& arguments, Budget& budget) {
    arguments.require_size(4, 4);
    const Object& type = arguments.of_kind(0, Kind::global);
    if (look_up(type.module(), type.qualname()) != Known::array) arguments.refuse();
    const auto bytes = arguments.bytes(3);
    // The widest element may come from the narrowest.
    budget.charge(bytes.size() * sizeof(std::uint64_t));
    auto array =
        detail::array_of_machine_format(typecode_in(arguments, 1), arguments.number<int>(2), bytes);
    if (!array) arguments.refuse();
    return std::move(*array);
}

// ---- datetime: its types are made of bytes of the most significant first

int number_in(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
    int value = 0;
    for (const std::byte each : bytes.subspan(at, size)) value = value << 8 | std::to_integer<int>(each);
    return value;
}

Date date_in(std::span<const std::byte> bytes) {
    return {number_in(bytes, 0, 2), number_in(bytes, 2, 1) & 0x7f, number_in(bytes, 3, 1)};
}
Time time_in(std::span<const std::byte> bytes) {
    return {.hour = number_in(bytes, 0, 1) & 0x7f,
            .minute = number_in(bytes, 1, 1),
            .second = number_in(bytes, 2, 1),
            .microsecond = number_in(bytes, 3, 3)};
}
/// The byte with that number has it as its first bit.
int fold_in(std::span<const std::byte> bytes, std::size_t at) { return number_in(bytes, at, 1) >> 7; }

std::span<const std::byte> bytes_of_size(const Arguments& arguments, std::size_t size) {
    const Object& object = arguments.any(0);
    const auto bytes = arguments.bytes(0);
    if (bytes.size() != size || object.is_bytearray()) arguments.refuse();
    return bytes;
}

std::optional<TimeZone> timezone_in(const Arguments& arguments, std::size_t index) {
    if (!arguments.has(index)) return std::nullopt;
    return arguments.of_kind(index, Kind::timezone).as<TimeZone>();
}

Object date_of(const Arguments& arguments) {
    arguments.require_size(1, 1);
    return date_in(bytes_of_size(arguments, 4));
}

Object time_of(const Arguments& arguments) {
    arguments.require_size(1, 2);
    const auto bytes = bytes_of_size(arguments, 6);
    Time time = time_in(bytes);
    time.fold = fold_in(bytes, 0);
    time.timezone = timezone_in(arguments, 1);
    return time;
}

Object datetime_of(const Arguments& arguments) {
    arguments.require_size(1, 2);
    const auto bytes = bytes_of_size(arguments, 10);
    DateTime datetime{date_in(bytes), time_in(bytes.subspan(4))};
    datetime.time.fold = fold_in(bytes, 2);
    datetime.time.timezone = timezone_in(arguments, 1);
    return datetime;
}

Object timedelta_of(const Arguments& arguments) {
    arguments.require_size(0, 3);
    const auto part = [&](std::size_t index) {
        return index < arguments.size() ? arguments.number<int>(index) : 0;
    };
    return TimeDelta(part(0), part(1), part(2));
}

Object timezone_of(const Arguments& arguments) {
    arguments.require_size(1, 2);
    TimeZone timezone{.offset = arguments.of_kind(0, Kind::timedelta).as<TimeDelta>()};
    if (arguments.size() == 2) timezone.name = std::string(arguments.text(1));
    return timezone;
}

// ---- the rest

/// numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b'): the state makes it one.
Object empty_ndarray(const Arguments& arguments) {
    arguments.require_size(3, 3);
    const Object& type = arguments.of_kind(0, Kind::global);
    if (look_up(type.module(), type.qualname()) != Known::ndarray) arguments.refuse();
    return Object::NdArray{.dtype = "|i1", .shape = {0}};
}

Object exception(const Object& type, const Object& arguments, Budget& budget) {
    budget.charge(sizeof(detail::Holding<Named>) + type.module().size() + type.qualname().size());
    std::string name(type.qualname());
    const bool has_number =
        arguments.size() >= 2 && arguments[0].is_int() && !ObjectAccess::is_boxed(arguments[0]);
    if (type.module() == "builtins" && name == "OSError" && has_number)
        name = detail::os_error_of(ObjectAccess::integer(arguments[0]));
    return Object::exception(std::string(type.module()), std::move(name), arguments);
}

}  // namespace

Object Calls::call(const Object& function, const Object& all) {
    const Known what = known(function);
    const std::string name = full_name(function);
    const Arguments arguments(name, all);
    switch (what) {
        case Known::set: return set_of(Object::set(), arguments, budget_);
        case Known::frozenset: return set_of(Object::frozenset(), arguments, budget_);
        case Known::bytes: return bytes_of(arguments, budget_);
        case Known::bytearray: return bytearray_of(arguments, budget_);
        case Known::complex: return complex_of(arguments);
        case Known::list: return list_of(arguments, budget_);
        case Known::ordered_dict: return ordered_dict_of(arguments, budget_);
        case Known::array: return array_of(arguments, budget_);
        case Known::array_reconstructor: return reconstructed_array(arguments, budget_);
        case Known::date: return date_of(arguments);
        case Known::time: return time_of(arguments);
        case Known::datetime: return datetime_of(arguments);
        case Known::timedelta: return timedelta_of(arguments);
        case Known::timezone: return timezone_of(arguments);
        case Known::encode: return encoded(arguments, budget_);
        case Known::reconstructor: return reconstructed(function, all);
        case Known::newobj: return made_new(all);
        case Known::newobj_ex: return made_new_ex(all);
        case Known::ndarray_reconstruct: return empty_ndarray(arguments);
        case Known::ndarray_from_buffer:
            if (arguments.size() > 0) budget_.charge(arguments.bytes(0).size());
            return ndarray_of_buffer(all);
        case Known::numpy_scalar:
            arguments.require_size(2, 2);
            budget_.charge(arguments.bytes(1).size());
            return numpy_scalar(dtype_of(arguments.any(0)), arguments.bytes(1));
        case Known::exception: return exception(function, all, budget_);
        case Known::recorded: return recorded(function, all, Made::by_call);
        case Known::nothing:
        case Known::object:
        case Known::base:
        case Known::ndarray: break;
    }
    throw SerializationError(fmt::format("{} is called, which no value is made by", name));
}

Object Calls::recorded(const Object& function, const Object& arguments, Made made) {
    budget_.charge(sizeof(detail::Holding<Named>) + function.module().size() +
                   function.qualname().size());
    Object instance = Object::instance(std::string(function.module()), std::string(function.qualname()),
                                       arguments, {}, made);
    if (proxies_ && detail::is_proxy(instance)) proxies_->push_back(instance);
    return instance;
}

Known Calls::known(const Object& function) const {
    if (!function.is_global())
        throw SerializationError(fmt::format("a {} is called, which is no class", function.type()));
    const Known found = look_up(function.module(), function.qualname());
    return found == Known::nothing && names_ == Names::all ? Known::recorded : found;
}

/// copyreg._reconstructor(type, object, None), as protocols 0 and 1 have it, or with a built-in base and a
/// value of it: what __new__ wants instead, only the type knows.
Object Calls::reconstructed(const Object& function, const Object& all) {
    const Arguments arguments("copyreg._reconstructor", all);
    arguments.require_size(3, 3);
    const Object& type = arguments.of_kind(0, Kind::global);
    const bool is_plain =
        known(arguments.of_kind(1, Kind::global)) == Known::object && !arguments.has(2);
    if (is_plain) return make_new(type, Object::tuple());
    if (known(type) != Known::recorded) arguments.refuse();
    return recorded(function, all, Made::by_call);
}

/// copyreg.__newobj__(type, *arguments).
Object Calls::made_new(const Object& all) {
    const Arguments arguments("copyreg.__newobj__", all);
    if (arguments.size() == 0) arguments.refuse();
    budget_.charge(all.size() * sizeof(Object));
    return make_new(arguments.any(0), Object::tuple(all.elements().subspan(1)));
}

/// copyreg.__newobj_ex__(type, arguments, {}).
Object Calls::made_new_ex(const Object& all) {
    const Arguments arguments("copyreg.__newobj_ex__", all);
    arguments.require_size(3, 3);
    if (!arguments.of_kind(2, Kind::dict).empty()) arguments.refuse();
    return make_new(arguments.any(0), arguments.any(1));
}

Object Calls::instantiate(const Object& type, const Object& arguments) {
    if (names_ == Names::all && known(type) == Known::recorded)
        return exception(type, arguments, budget_);
    // As Python: without arguments there is nothing to call.
    return arguments.empty() ? make_new(type, arguments) : call(type, arguments);
}

Object Calls::make_new(const Object& type, const Object& arguments) {
    if (known(type) != Known::recorded) return call(type, arguments);
    static_cast<void>(Arguments(full_name(type), arguments));
    return recorded(type, arguments, Made::by_new);
}

void Calls::set_state(const Object& value, const Object& state) {
    if (value.is_ndarray()) {
        Object::NdArray array = ndarray_of_state(state);
        budget_.charge(array.elements.size());
        detail::check(array);
        auto& node = ObjectAccess::in_place<Object::NdArray>(value);
        node.add_weight(array.elements.size() + array.shape.size() * sizeof(std::size_t));
        node.value = std::move(array);
        return;
    }
    if (!value.is_instance() && !value.is_exception())
        throw SerializationError(
            fmt::format("a {} is given a state, which it has none of", value.type()));
    auto& node = ObjectAccess::in_place<Named>(value);
    if (!node.value.state.is_none())
        throw SerializationError(fmt::format("a {} is given a second state", value.type()));
    node.admit(state);
    node.value.state = state;
}

}  // namespace procession::inline v0::pickle
