// SPDX-License-Identifier: Apache-2.0
#include "wire/pickle_encoder.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "wire/array_machine_format.hpp"
#include "wire/object_node.hpp"
#include "wire/pickle_numpy.hpp"
#include "wire/pickle_opcodes.hpp"
#include "wire/pickle_text.hpp"
#include "wire/python_float.hpp"
#include "wire/python_int.hpp"

namespace procession::inline v0::pickle {
namespace {

using detail::ObjectAccess;
using Kind = Object::Kind;
using Made = Object::Made;
using Bytes = Object::Bytes;

/// What a reader keeps on its stack is bounded, as CPython's writer does it.
constexpr std::size_t batch = 1000;

template <class T>
bool fits(std::uint64_t size) {
    return size <= static_cast<std::uint64_t>(std::numeric_limits<T>::max());
}

class Encoder {
  public:
    Encoder(int protocol, Names names, std::vector<std::shared_ptr<const void>>* attached)
        : protocol_(protocol), names_(names), attached_(attached) {}

    /// Without what a pickle begins and ends with.
    void append_to(Bytes& pickle, const Object& object) {
        out_.swap(pickle);
        write(object);
        out_.swap(pickle);
    }
    void append_tuple_to(Bytes& pickle, std::span<const Object> elements) {
        out_.swap(pickle);
        write_tuple(elements);
        out_.swap(pickle);
    }
    Bytes run(const Object& object) {
        if (protocol_ >= 2) put(Opcode::proto, static_cast<unsigned char>(protocol_));
        write(object);
        put(Opcode::stop);
        return std::move(out_);
    }

  private:
    // ---- bytes

    /// Not in one with what is in itself as often as values are nested, which so has little on the stack.
    [[gnu::noinline]] void put_raw(std::span<const std::byte> bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    void put_text(std::string_view text) { put_raw(std::as_bytes(std::span(text))); }
    void put_line(Opcode opcode, std::string_view line) {
        put(opcode);
        put_text(line);
        put_text("\n");
    }
    template <class... Numbers>
    void put(Opcode opcode, Numbers... numbers) {
        std::array<std::byte, (sizeof opcode + ... + sizeof numbers)> bytes;
        std::byte* at = bytes.data();
        const auto add = [&](const auto& value) { at = std::ranges::copy(bytes_of(value), at).out; };
        add(opcode);
        (add(numbers), ...);
        put_raw(bytes);
    }
    template <class T>
    static std::span<const std::byte> bytes_of(const T& value) {
        return std::as_bytes(std::span(&value, 1));
    }
    /// The length in as few bytes as these opcodes have, and what is so long.
    void put_sized(std::optional<Opcode> of_8, Opcode of_32, Opcode of_64,
                   std::span<const std::byte> bytes) {
        const std::size_t size = bytes.size();
        if (of_8 && fits<std::uint8_t>(size))
            put(*of_8, static_cast<std::uint8_t>(size));
        else if (fits<std::uint32_t>(size))
            put(of_32, static_cast<std::uint32_t>(size));
        else if (protocol_ >= 4)
            put(of_64, std::uint64_t{size});
        else
            throw ValueError(fmt::format(
                "pickle::dumps: protocol {} has no text or bytes of {} bytes. Use protocol 4.",
                protocol_, size));
        put_raw(bytes);
    }

    // ---- values

    void write(const Object& object);
    /// As put_raw().
    [[gnu::noinline]] void write_leaf(const Object& object);
    void write_bool(bool value);
    void write_int(const Object& integer);
    void write_long(std::span<const std::byte> bytes);
    void write_float(double value);
    void write_complex(Object::Complex value);
    void write_text(std::string_view text);
    void write_bytes(std::span<const std::byte> bytes);
    void write_bytearray(std::span<const std::byte> bytes);
    void write_list(std::span<const Object> elements);
    void write_tuple(std::span<const Object> elements);
    void write_dict(const Object& dict);
    void write_set(const Object& set);
    void write_array(const Object::Array& array);
    void write_ndarray(const Object::NdArray& array);
    void write_date(const Date& date);
    void write_time(const Time& time);
    void write_datetime(const DateTime& datetime);
    void write_timedelta(const TimeDelta& delta);
    void write_timezone(const TimeZone& timezone);
    void write_exception(const Object& exception);
    void write_instance(const Object& instance);
    void write_global(std::string_view module, std::string_view qualname);
    void write_state(const Object& state) {
        if (state.is_none()) return;
        write(state);
        put(Opcode::build);
    }
    /// What Python makes by calling something.
    void write_call(std::string_view module, std::string_view qualname,
                    std::initializer_list<Object> arguments) {
        write_call(module, qualname, Object::tuple(arguments));
    }
    void write_call(std::string_view module, std::string_view qualname, const Object& arguments) {
        write_global(module, qualname);
        write(arguments);
        put(Opcode::reduce);
    }
    /// Some opcode for `size` values at a time, or for one alone. `write_one` writes the value of that number.
    template <class WriteOne>
    void write_batches(std::size_t size, Opcode one, Opcode many, WriteOne write_one);

    int protocol_;
    Names names_;
    std::vector<std::shared_ptr<const void>>* attached_;
    Bytes out_;
};

void Encoder::write(const Object& object) {
    switch (object.kind()) {
        case Kind::list: write_list(object.elements()); break;
        case Kind::tuple: write_tuple(object.elements()); break;
        case Kind::dict: write_dict(object); break;
        case Kind::set:
        case Kind::frozenset: write_set(object); break;
        case Kind::exception: write_exception(object); break;
        case Kind::instance: write_instance(object); break;
        default: write_leaf(object);
    }
}

void Encoder::write_leaf(const Object& object) {
    switch (object.kind()) {
        case Kind::none: put(Opcode::none); break;
        case Kind::boolean: write_bool(object.as<bool>()); break;
        case Kind::integer: write_int(object); break;
        case Kind::floating: write_float(object.as<double>()); break;
        case Kind::complex: write_complex(object.as<Object::Complex>()); break;
        case Kind::str: write_text(object.text()); break;
        case Kind::bytes: write_bytes(object.raw()); break;
        case Kind::bytearray: write_bytearray(object.raw()); break;
        case Kind::array: write_array(ObjectAccess::value<Object::Array>(object)); break;
        case Kind::ndarray: write_ndarray(ObjectAccess::value<Object::NdArray>(object)); break;
        case Kind::date: write_date(ObjectAccess::value<Date>(object)); break;
        case Kind::time: write_time(ObjectAccess::value<Time>(object)); break;
        case Kind::datetime: write_datetime(ObjectAccess::value<DateTime>(object)); break;
        case Kind::timedelta: write_timedelta(ObjectAccess::value<TimeDelta>(object)); break;
        case Kind::timezone: write_timezone(ObjectAccess::value<TimeZone>(object)); break;
        default: write_global(object.module(), object.qualname());
    }
}

void Encoder::write_bool(bool value) {
    if (protocol_ >= 2)
        put(value ? Opcode::newtrue : Opcode::newfalse);
    else
        put_line(Opcode::integer, value ? "01" : "00");
}

void Encoder::write_int(const Object& integer) {
    if (ObjectAccess::is_boxed(integer)) return write_long(integer.integer_bytes());
    const std::int64_t value = ObjectAccess::integer(integer);
    if (!std::in_range<std::int32_t>(value))
        write_long(detail::shortest_int(bytes_of(value)));
    else if (protocol_ == 0)
        put_line(Opcode::integer, fmt::format("{}", value));
    else if (std::in_range<std::uint8_t>(value))
        put(Opcode::binint1, static_cast<std::uint8_t>(value));
    else if (std::in_range<std::uint16_t>(value))
        put(Opcode::binint2, static_cast<std::uint16_t>(value));
    else
        put(Opcode::binint, static_cast<std::int32_t>(value));
}

void Encoder::write_long(std::span<const std::byte> bytes) {
    if (protocol_ < 2) {
        put_line(Opcode::long_integer, detail::print_int(bytes) + "L");
        return;
    }
    if (fits<std::uint8_t>(bytes.size()))
        put(Opcode::long1, static_cast<std::uint8_t>(bytes.size()));
    else if (fits<std::int32_t>(bytes.size()))
        put(Opcode::long4, static_cast<std::int32_t>(bytes.size()));
    else
        throw ValueError(
            fmt::format("pickle::dumps: an int of {} bytes is too long for pickles", bytes.size()));
    put_raw(bytes);
}

void Encoder::write_float(double value) {
    if (protocol_ == 0)
        put_line(Opcode::floating, detail::print_float(value));
    else
        put(Opcode::binfloat, __builtin_bswap64(std::bit_cast<std::uint64_t>(value)));
}

void Encoder::write_complex(Object::Complex value) {
    write_call("builtins", "complex", {value.real, value.imag});
}

void Encoder::write_text(std::string_view text) {
    if (protocol_ == 0) {
        put_line(Opcode::unicode, write_raw_unicode_escape(text));
        return;
    }
    const auto of_8 = protocol_ >= 4 ? std::optional(Opcode::short_binunicode) : std::nullopt;
    put_sized(of_8, Opcode::binunicode, Opcode::binunicode8, std::as_bytes(std::span(text)));
}

void Encoder::write_bytes(std::span<const std::byte> bytes) {
    if (protocol_ >= 3) {
        put_sized(Opcode::short_binbytes, Opcode::binbytes, Opcode::binbytes8, bytes);
        return;
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    write_call("_codecs", "encode", {utf8_of_latin1(text), "latin1"});
}

void Encoder::write_bytearray(std::span<const std::byte> bytes) {
    if (protocol_ >= 5) {
        put(Opcode::bytearray8, std::uint64_t{bytes.size()});
        put_raw(bytes);
    } else {
        write_call("builtins", "bytearray", {bytes});
    }
}

template <class WriteOne>
void Encoder::write_batches(std::size_t size, Opcode one, Opcode many, WriteOne write_one) {
    for (std::size_t begin = 0; begin < size; begin += batch) {
        const std::size_t end = std::min(size, begin + batch);
        const bool together = protocol_ >= 1;
        if (together) put(Opcode::mark);
        for (std::size_t i = begin; i < end; ++i) {
            write_one(i);
            if (!together) put(one);
        }
        if (together) put(many);
    }
}

void Encoder::write_list(std::span<const Object> elements) {
    if (protocol_ >= 1) {
        put(Opcode::empty_list);
    } else {
        put(Opcode::mark);
        put(Opcode::list);
    }
    write_batches(elements.size(), Opcode::append, Opcode::appends,
                  [&](std::size_t i) { write(elements[i]); });
}

void Encoder::write_tuple(std::span<const Object> elements) {
    constexpr Opcode of_size[] = {Opcode::empty_tuple, Opcode::tuple1, Opcode::tuple2, Opcode::tuple3};
    const bool is_short = elements.empty() ? protocol_ >= 1 : elements.size() <= 3 && protocol_ >= 2;
    if (!is_short) put(Opcode::mark);
    for (const Object& each : elements) write(each);
    put(is_short ? of_size[elements.size()] : Opcode::tuple);
}

void Encoder::write_dict(const Object& dict) {
    if (protocol_ >= 1) {
        put(Opcode::empty_dict);
    } else {
        put(Opcode::mark);
        put(Opcode::dict);
    }
    const auto items = dict.items();
    write_batches(items.size(), Opcode::setitem, Opcode::setitems, [&](std::size_t i) {
        write(items.keys()[i]);
        write(items.values()[i]);
    });
}

void Encoder::write_set(const Object& set) {
    const auto elements = set.elements();
    if (protocol_ < 4) {
        // A list in a tuple, but not as Objects: the set may be nested as deep as they can be.
        write_global("builtins", set.type());
        if (protocol_ < 2) put(Opcode::mark);
        write_list(elements);
        put(protocol_ < 2 ? Opcode::tuple : Opcode::tuple1);
        put(Opcode::reduce);
    } else if (set.is_set()) {
        put(Opcode::empty_set);
        write_batches(elements.size(), Opcode::additems, Opcode::additems,
                      [&](std::size_t i) { write(elements[i]); });
    } else {
        put(Opcode::mark);
        for (const Object& each : elements) write(each);
        put(Opcode::frozenset);
    }
}

void Encoder::write_array(const Object::Array& array) {
    write_call("array", "_array_reconstructor",
               {Object::global("array", "array"), std::string(1, array.typecode),
                detail::machine_format_of(array.typecode), array.elements});
}

void Encoder::write_ndarray(const Object::NdArray& array) {
    constexpr int version = 1;
    const std::byte dtype{'b'};
    write_call("numpy.core.multiarray", "_reconstruct",
               {Object::global("numpy", "ndarray"), Object::tuple({0}), std::span(&dtype, 1)});
    write_state(Object::tuple({version, Object::tuple(array.shape), dtype_object(array.dtype),
                               array.fortran, array.elements}));
}

// ---- datetime: its types are made of bytes, the most significant first

void add(Bytes& bytes, int value, int size) {
    while (size-- > 0) bytes.push_back(static_cast<std::byte>(value >> 8 * size & 0xff));
}
void add(Bytes& bytes, const Date& date) {
    add(bytes, date.year, 2);
    add(bytes, date.month, 1);
    add(bytes, date.day, 1);
}
void add(Bytes& bytes, const Time& time) {
    add(bytes, time.hour, 1);
    add(bytes, time.minute, 1);
    add(bytes, time.second, 1);
    add(bytes, time.microsecond, 3);
}
/// The byte with that number has it as its first bit.
void set_fold(Bytes& bytes, std::size_t at, const Time& time) {
    if (time.fold != 0) bytes[at] |= std::byte{0x80};
}
Object arguments_of(Bytes bytes, const std::optional<TimeZone>& timezone) {
    return timezone ? Object::tuple({std::move(bytes), *timezone}) : Object::tuple({std::move(bytes)});
}

void Encoder::write_date(const Date& date) {
    Bytes bytes;
    add(bytes, date);
    write_call("datetime", "date", {std::move(bytes)});
}

void Encoder::write_time(const Time& time) {
    Bytes bytes;
    add(bytes, time);
    set_fold(bytes, 0, time);
    write_call("datetime", "time", arguments_of(std::move(bytes), time.timezone));
}

void Encoder::write_datetime(const DateTime& datetime) {
    Bytes bytes;
    add(bytes, datetime.date);
    add(bytes, datetime.time);
    set_fold(bytes, 2, datetime.time);
    write_call("datetime", "datetime", arguments_of(std::move(bytes), datetime.time.timezone));
}

void Encoder::write_timedelta(const TimeDelta& delta) {
    write_call("datetime", "timedelta", {delta.days, delta.seconds, delta.microseconds});
}

void Encoder::write_timezone(const TimeZone& timezone) {
    Object arguments = timezone.name
                           ? Object::tuple({timezone.offset, detail::make_text(*timezone.name)})
                           : Object::tuple({timezone.offset});
    write_call("datetime", "timezone", arguments);
}

// ---- names

void Encoder::write_exception(const Object& exception) {
    if (names_ == Names::all) {
        put(Opcode::mark);
        write_global(exception.module(), exception.qualname());
        for (const Object& each : exception.args().elements()) write(each);
        put(Opcode::obj);
    } else {
        write_call(exception.module(), exception.qualname(), exception.args());
    }
    write_state(exception.state());
}

void Encoder::write_instance(const Object& instance) {
    if (attached_ && detail::is_proxy(instance))
        attached_->push_back(ObjectAccess::value<detail::Named>(instance).attachment);
    if (instance.made() == Made::by_call) {
        write_call(instance.module(), instance.qualname(), instance.args());
    } else if (protocol_ >= 2) {
        write_global(instance.module(), instance.qualname());
        write(instance.args());
        put(Opcode::newobj);
    } else {
        detail::Elements arguments = {
            Object::global(std::string(instance.module()), std::string(instance.qualname()))};
        const auto rest = instance.args().elements();
        arguments.insert(arguments.end(), rest.begin(), rest.end());
        write_call("copyreg", "__newobj__", Object::tuple(arguments));
    }
    write_state(instance.state());
}

void Encoder::write_global(std::string_view module, std::string_view qualname) {
    if (protocol_ >= 4) {
        write_text(module);
        write_text(qualname);
        put(Opcode::stack_global);
        return;
    }
    if (module.find('\n') != module.npos || qualname.find('\n') != qualname.npos)
        throw ValueError("pickle::dumps: a class's name has a newline, which ends it before protocol 4");
    put_line(Opcode::global, module);
    put_text(qualname);
    put_text("\n");
}

}  // namespace

std::vector<std::byte> encode(const Object& object, int protocol, Names names,
                              std::vector<std::shared_ptr<const void>>* attached) {
    return Encoder(protocol, names, attached).run(object);
}

void append(std::vector<std::byte>& pickle, const Object& object, Names names,
            std::vector<std::shared_ptr<const void>>* attached) {
    Encoder(default_protocol, names, attached).append_to(pickle, object);
}

void append_tuple(std::vector<std::byte>& pickle, std::span<const Object> elements, Names names,
                  std::vector<std::shared_ptr<const void>>* attached) {
    Encoder(default_protocol, names, attached).append_tuple_to(pickle, elements);
}

std::vector<std::byte> dumps(const Object& object, int protocol) {
    if (protocol < 0 || protocol > highest_protocol)
        throw ValueError(fmt::format("pickle::dumps: there is no protocol {}. Use one from 0 to {}.",
                                     protocol, highest_protocol));
    return encode(object, protocol, Names::known);
}

}  // namespace procession::inline v0::pickle
