// SPDX-License-Identifier: Apache-2.0

// A stack machine that only builds. What keeps it within bounds, whatever the bytes are:
//
//  1. Every opcode takes at least one byte and time in proportion to what it makes, which Budget bounds.
//  2. A value that lies in another one is given: it is changed no more. So nothing can contain itself, and
//     a value's depth and weight are known where it is given, those of values met again included.
//  3. Counts and lengths are believed only as far as bytes are left.
//  4. A name is looked up in a table, and what is called is one of the few things in pickle_calls.cpp.

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <optional>

#include "wire/object_node.hpp"
#include "wire/pickle_budget.hpp"
#include "wire/pickle_calls.hpp"
#include "wire/pickle_decoder.hpp"
#include "wire/pickle_globals.hpp"
#include "wire/pickle_memo.hpp"
#include "wire/pickle_opcodes.hpp"
#include "wire/pickle_reader.hpp"
#include "wire/pickle_text.hpp"
#include "wire/python_int.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::pickle {
namespace {

using detail::Elements;
using detail::Holding;
using detail::KeyTable;
using detail::ObjectAccess;
using Kind = Object::Kind;

constexpr std::size_t node_size = sizeof(Holding<Elements>) + sizeof(Object);
constexpr std::size_t table_size = sizeof(Holding<KeyTable>) + sizeof(Object);

[[noreturn]] void refuse(const std::string& cause) { throw SerializationError(cause); }

std::size_t size_limit(std::size_t pickle_size, const Limits& limits) {
    constexpr std::size_t always = std::size_t{1} << 30;
    // The smallest list takes two bytes to say.
    constexpr std::size_t factor = 64;
    return limits.size.value_or(always + factor * pickle_size);
}

Object text_of(std::string_view text) {
    if (!detail::is_utf8(text, detail::Surrogates::pass)) refuse("a text is no UTF-8");
    return detail::make_text(text);
}

/// What most messages are made of. @returns none: the opcode does more than to say a short value
std::optional<Object> short_value(Opcode opcode, Reader& reader) {
    const auto size = [&] { return reader.number<std::uint8_t>(); };
    switch (opcode) {
        case Opcode::none: return Object();
        case Opcode::newtrue: return Object(true);
        case Opcode::newfalse: return Object(false);
        case Opcode::binint: return Object(reader.number<std::int32_t>());
        case Opcode::binint1: return Object(reader.number<std::uint8_t>());
        case Opcode::binint2: return Object(reader.number<std::uint16_t>());
        case Opcode::long1: return Object::integer(reader.take(size()));
        case Opcode::binfloat:
            return Object(std::bit_cast<double>(__builtin_bswap64(reader.number<std::uint64_t>())));
        case Opcode::short_binunicode: return text_of(reader.take_text(size()));
        case Opcode::short_binbytes: return Object(reader.take(size()));
        default: return std::nullopt;
    }
}

/// A short value, or a tuple of some: without the machine, which takes longer to be set up.
/// @returns none: it is something else, or wrong, which the machine says
std::optional<Object> short_values(std::span<const std::byte> part) try {
    constexpr Opcode of_size[] = {Opcode::empty_tuple, Opcode::tuple1, Opcode::tuple2, Opcode::tuple3};
    constexpr std::size_t most = std::size(of_size) - 1;
    Elements values;
    for (Reader reader(part); reader.left() != 0;) {
        const auto opcode = reader.number<Opcode>();
        auto value = short_value(opcode, reader);
        if (!value) {
            if (opcode != of_size[values.size()] || reader.left() != 0) return std::nullopt;
            return ObjectAccess::make(Kind::tuple, std::move(values));
        }
        if (values.empty()) {
            if (reader.left() == 0) return value;
            values.reserve(most);
        }
        if (values.size() == most) return std::nullopt;
        values.push_back(std::move(*value));
    }
    return std::nullopt;
} catch (const SerializationError&) {
    return std::nullopt;
}

class Decoder {
  public:
    Decoder(std::span<const std::byte> bytes, const Limits& limits, Names names,
            std::vector<Object>* proxies)
        : reader_(bytes),
          budget_(size_limit(bytes.size(), limits)),
          memo_(limits.memo),
          depth_(std::min(limits.depth, Object::max_depth)),
          names_(names),
          calls_(budget_, names, proxies) {
        stack_.reserve(8);
    }

    Object run() {
        while (true) {
            at_ = reader_.position();
            const auto opcode = reader_.number<Opcode>();
            if (opcode == Opcode::stop) return result();
            execute(opcode);
        }
    }
    Object run_part() {
        while (reader_.left() != 0) {
            at_ = reader_.position();
            execute(reader_.number<Opcode>());
        }
        return result();
    }
    /// Of the opcode that is being done.
    std::size_t position() const { return at_; }

  private:
    void execute(Opcode opcode);
    void execute_number(Opcode opcode);
    void execute_text(Opcode opcode);
    void execute_container(Opcode opcode);
    void execute_call(Opcode opcode);

    // ---- the stack

    void push(Object value) {
        budget_.check(stack_.size() * sizeof(Object));
        stack_.push_back(std::move(value));
    }
    void push_new(Object value) {
        budget_.charge(detail::weight_of(value));
        push(std::move(value));
    }
    /// How many values lie above the newest mark.
    std::size_t above_mark() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
    Object pop() {
        if (above_mark() == 0) refuse("the stack is empty");
        Object top = std::move(stack_.back());
        stack_.pop_back();
        return top;
    }
    const Object& top() const {
        if (above_mark() == 0) refuse("the stack is empty");
        return stack_.back();
    }
    /// What lies above the newest mark, which goes.
    Elements pop_to_mark() {
        if (marks_.empty()) refuse("there is no mark");
        const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        Elements values(std::make_move_iterator(begin), std::make_move_iterator(stack_.end()));
        stack_.erase(begin, stack_.end());
        marks_.pop_back();
        return values;
    }
    Elements pop(std::size_t count) {
        if (above_mark() < count) refuse("the stack is empty");
        Elements values(std::make_move_iterator(stack_.end() - static_cast<std::ptrdiff_t>(count)),
                        std::make_move_iterator(stack_.end()));
        stack_.resize(stack_.size() - count);
        return values;
    }
    void drop();

    Object result() {
        if (!marks_.empty() || stack_.size() != 1)
            refuse(fmt::format("it ends with {} values on the stack, not with one", stack_.size()));
        if (reader_.left() != 0) refuse(fmt::format("{} bytes follow its end", reader_.left()));
        return std::move(stack_[0]);
    }

    // ---- values in values

    /// Says that a value lies in another one from now on.
    void give(const Object& value) {
        if (detail::depth_of(value) >= depth_)
            refuse(fmt::format("its values are nested more than {} deep", depth_));
        const bool is_changeable = value.is_list() || value.is_dict() || value.is_set() ||
                                   value.is_ndarray() || value.is_instance() || value.is_exception();
        if (is_changeable) ObjectAccess::node(value).is_given = true;
    }
    void require_changeable(const Object& value) {
        if (ObjectAccess::node(value).is_given)
            refuse("a value contains itself, or is changed after it was used");
    }
    /// The value on top of the stack, which is to be changed.
    const Object& changeable(bool is_right) {
        const Object& value = top();
        if (!is_right) refuse(fmt::format("a {} cannot hold what is put into it", value.type()));
        require_changeable(value);
        return value;
    }
    /// The same, into which a value is put now: it may be that value.
    void put_into(const Object& holder, const Object& value) {
        give(value);
        require_changeable(holder);
    }
    void extend(Elements elements);
    void update(Elements items);
    void add_all(const Object& set, Elements elements);
    void push_sequence(Kind kind, Elements elements);
    void push_table(Object table) {
        budget_.charge(table_size);
        push(std::move(table));
    }

    // ---- names and calls

    void push_global(std::string_view module, std::string_view qualname);
    void reduce();
    void new_object(bool with_keywords);
    void build();
    void instantiate(const Object& type, Elements arguments);
    void push_called(Object made) {
        budget_.check(detail::weight_of(made));
        push(std::move(made));
    }

    // ---- what text and numbers say

    void push_text(std::string_view text) { push_new(text_of(text)); }
    void push_string(std::string_view bytes);
    void push_bytes(std::uint64_t size) { push_new(reader_.take(size)); }
    void push_integer(std::string_view decimal);
    void push_integer(std::uint64_t size) { push_new(Object::integer(reader_.take(size))); }
    void push_floating(std::string_view decimal);
    std::uint64_t memo_number();
    template <class T>
    std::uint64_t length() {
        const T size = reader_.number<T>();
        if constexpr (std::is_signed_v<T>)
            if (size < 0) refuse("a length is below zero");
        return static_cast<std::uint64_t>(size);
    }

    Reader reader_;
    Budget budget_;
    Memo memo_;
    std::size_t depth_;
    Names names_;
    Calls calls_;
    std::size_t at_ = 0;
    std::vector<Object> stack_;
    std::vector<std::size_t> marks_;  ///< how many values lie below each
};

void Decoder::execute(Opcode opcode) {
    if (auto value = short_value(opcode, reader_))
        // One without a node takes but its place.
        return ObjectAccess::is_boxed(*value) ? push_new(std::move(*value)) : push(std::move(*value));
    switch (opcode) {
        case Opcode::proto: {
            const int protocol = reader_.number<unsigned char>();
            if (protocol > highest_protocol)
                refuse(fmt::format("protocol {} is newer than {}", protocol, highest_protocol));
            break;
        }
        case Opcode::frame: {
            const auto size = reader_.number<std::uint64_t>();
            if (size > reader_.left())
                refuse(fmt::format("a frame has {} bytes, and {} are left: it is cut off", size,
                                   reader_.left()));
            break;
        }
        case Opcode::mark:
            budget_.check(marks_.size() * sizeof marks_[0]);
            marks_.push_back(stack_.size());
            break;
        case Opcode::pop: drop(); break;
        case Opcode::pop_mark: pop_to_mark(); break;
        case Opcode::dup: push(top()); break;

        case Opcode::put: memo_.put(memo_number(), top()); break;
        case Opcode::binput: memo_.put(reader_.number<std::uint8_t>(), top()); break;
        case Opcode::long_binput: memo_.put(reader_.number<std::uint32_t>(), top()); break;
        case Opcode::memoize: memo_.put(memo_.size(), top()); break;
        case Opcode::get: push(memo_.get(memo_number())); break;
        case Opcode::binget: push(memo_.get(reader_.number<std::uint8_t>())); break;
        case Opcode::long_binget: push(memo_.get(reader_.number<std::uint32_t>())); break;

        case Opcode::persid:
        case Opcode::binpersid: refuse("it refers to a persistent object, of which there are none");
        case Opcode::ext1:
        case Opcode::ext2:
        case Opcode::ext4: refuse("it uses copyreg's registry of extensions, which is not supported");
        case Opcode::next_buffer:
        case Opcode::readonly_buffer:
            refuse(
                "it has out-of-band buffers, which are not supported. Pickle without a buffer_callback");
        default: execute_number(opcode);
    }
}

void Decoder::execute_number(Opcode opcode) {
    switch (opcode) {
        case Opcode::integer:
        case Opcode::long_integer: push_integer(reader_.line()); break;
        case Opcode::long4: push_integer(length<std::int32_t>()); break;
        case Opcode::floating: push_floating(reader_.line()); break;
        default: execute_text(opcode);
    }
}

void Decoder::execute_text(Opcode opcode) {
    switch (opcode) {
        case Opcode::unicode: {
            const auto text = read_raw_unicode_escape(reader_.line());
            if (!text) refuse("a text has an escape that is none");
            push_text(*text);
            break;
        }
        case Opcode::binunicode: push_text(reader_.take_text(length<std::uint32_t>())); break;
        case Opcode::binunicode8: push_text(reader_.take_text(length<std::uint64_t>())); break;
        case Opcode::string: {
            const auto bytes = read_quoted(reader_.line());
            if (!bytes) refuse("a string is not quoted as Python does");
            push_string(*bytes);
            break;
        }
        case Opcode::short_binstring: push_string(reader_.take_text(length<std::uint8_t>())); break;
        case Opcode::binstring: push_string(reader_.take_text(length<std::int32_t>())); break;
        case Opcode::binbytes: push_bytes(length<std::uint32_t>()); break;
        case Opcode::binbytes8: push_bytes(length<std::uint64_t>()); break;
        case Opcode::bytearray8:
            push_new(Object::bytearray(reader_.take(length<std::uint64_t>())));
            break;
        default: execute_container(opcode);
    }
}

void Decoder::execute_container(Opcode opcode) {
    switch (opcode) {
        case Opcode::empty_list: push_sequence(Kind::list, {}); break;
        case Opcode::list: push_sequence(Kind::list, pop_to_mark()); break;
        case Opcode::append: extend(pop(1)); break;
        case Opcode::appends: extend(pop_to_mark()); break;
        case Opcode::empty_tuple: push_sequence(Kind::tuple, {}); break;
        case Opcode::tuple1: push_sequence(Kind::tuple, pop(1)); break;
        case Opcode::tuple2: push_sequence(Kind::tuple, pop(2)); break;
        case Opcode::tuple3: push_sequence(Kind::tuple, pop(3)); break;
        case Opcode::tuple: push_sequence(Kind::tuple, pop_to_mark()); break;
        case Opcode::empty_dict: push_table(Object::dict()); break;
        case Opcode::dict: {
            Elements items = pop_to_mark();
            push_table(Object::dict());
            update(std::move(items));
            break;
        }
        case Opcode::setitem: update(pop(2)); break;
        case Opcode::setitems: update(pop_to_mark()); break;
        case Opcode::empty_set: push_table(Object::set()); break;
        case Opcode::additems: {
            Elements elements = pop_to_mark();
            add_all(changeable(top().is_set()), std::move(elements));
            break;
        }
        case Opcode::frozenset: {
            Elements elements = pop_to_mark();
            const Object set = Object::frozenset();
            add_all(set, std::move(elements));
            push_table(set);
            break;
        }
        default: execute_call(opcode);
    }
}

void Decoder::execute_call(Opcode opcode) {
    switch (opcode) {
        case Opcode::global: {
            const std::string_view module = reader_.line();
            push_global(module, reader_.line());
            break;
        }
        case Opcode::stack_global: {
            const Object qualname = pop();
            const Object module = pop();
            if (!module.is_str() || !qualname.is_str()) refuse("the name of a class is no str");
            push_global(module.text(), qualname.text());
            break;
        }
        case Opcode::reduce: reduce(); break;
        case Opcode::newobj: new_object(false); break;
        case Opcode::newobj_ex: new_object(true); break;
        case Opcode::build: build(); break;
        case Opcode::inst: {
            const std::string_view module = reader_.line();
            push_global(module, reader_.line());
            const Object type = pop();
            instantiate(type, pop_to_mark());
            break;
        }
        case Opcode::obj: {
            Elements arguments = pop_to_mark();
            if (arguments.empty()) refuse("the stack is empty");
            const Object type = std::move(arguments.front());
            arguments.erase(arguments.begin());
            instantiate(type, std::move(arguments));
            break;
        }
        default: refuse(fmt::format("there is no opcode {:#04x}", static_cast<unsigned>(opcode)));
    }
}

void Decoder::drop() {
    const bool mark_is_on_top = !marks_.empty() && above_mark() == 0;
    if (mark_is_on_top)
        marks_.pop_back();
    else
        pop();
}

void Decoder::push_sequence(Kind kind, Elements elements) {
    budget_.charge(node_size + elements.size() * sizeof(Object));
    for (const Object& each : elements) give(each);
    push(ObjectAccess::make(kind, std::move(elements)));
    budget_.check(detail::weight_of(top()));
}

void Decoder::extend(Elements elements) {
    const Object& list = changeable(top().is_list());
    auto& node = ObjectAccess::in_place<Elements>(list);
    budget_.charge(elements.size() * sizeof(Object));
    for (Object& each : elements) {
        put_into(list, each);
        append_to(node, std::move(each));
    }
    budget_.check(node.weight);
}

void Decoder::update(Elements items) {
    if (items.size() % 2 != 0) refuse("a key has no value");
    const Object& dict = changeable(top().is_dict());
    auto& node = ObjectAccess::in_place<KeyTable>(dict);
    budget_.charge(items.size() * sizeof(Object) + items.size() / 2 * detail::key_overhead);
    for (std::size_t i = 0; i < items.size(); i += 2) {
        put_into(dict, items[i]);
        put_into(dict, items[i + 1]);
        const std::size_t weight = detail::weight_of(items[i]);
        // A key that is there already was compared with it all.
        if (!set_key(node, std::move(items[i]), std::move(items[i + 1]))) budget_.charge(weight);
        budget_.check(node.weight);
    }
}

void Decoder::add_all(const Object& set, Elements elements) {
    auto& node = ObjectAccess::in_place<KeyTable>(set);
    budget_.charge(elements.size() * (sizeof(Object) + detail::key_overhead));
    for (Object& each : elements) {
        put_into(set, each);
        const std::size_t weight = detail::weight_of(each);
        if (!set_key(node, std::move(each))) budget_.charge(weight);
        budget_.check(node.weight);
    }
}

void Decoder::push_global(std::string_view module, std::string_view qualname) {
    constexpr std::size_t longest = 1000;
    if (module.size() > longest || qualname.size() > longest) refuse("the name of a class is too long");
    if (!detail::is_utf8(module) || !detail::is_utf8(qualname))
        refuse("the name of a class is no UTF-8");
    auto [found_module, found_qualname] = name_of_python3(module, qualname);
    if (names_ == Names::known && look_up(found_module, found_qualname) == Known::nothing)
        refuse(fmt::format("{} is unknown here. pickle::register_global() makes a class known",
                           Object(found_module + "." + found_qualname)));
    push_new(Object::global(std::move(found_module), std::move(found_qualname)));
}

void Decoder::reduce() {
    const Object arguments = pop();
    const Object function = pop();
    give(arguments);
    push_called(calls_.call(function, arguments));
}

void Decoder::new_object(bool with_keywords) {
    if (with_keywords) {
        const Object keywords = pop();
        if (!keywords.is_dict() || !keywords.empty())
            refuse("__new__ has keyword arguments, which is not supported");
    }
    const Object arguments = pop();
    const Object type = pop();
    give(arguments);
    push_called(calls_.make_new(type, arguments));
}

void Decoder::build() {
    const Object state = pop();
    give(state);
    const Object& value = top();
    calls_.set_state(changeable(value.is_instance() || value.is_exception() || value.is_ndarray()),
                     state);
    budget_.check(detail::weight_of(value));
}

void Decoder::instantiate(const Object& type, Elements arguments) {
    push_sequence(Kind::tuple, std::move(arguments));
    const Object tuple = pop();
    push_called(calls_.instantiate(type, tuple));
}

void Decoder::push_string(std::string_view bytes) {
    const bool is_ascii =
        std::all_of(bytes.begin(), bytes.end(), [](char byte) { return (byte & 0x80) == 0; });
    push_new(is_ascii ? detail::make_text(bytes) : Object(std::as_bytes(std::span(bytes))));
}

void Decoder::push_integer(std::string_view decimal) {
    // Protocols 0 and 1 have bools so.
    if (decimal == "00" || decimal == "01") return push(decimal == "01");
    if (decimal.ends_with('L')) decimal.remove_suffix(1);
    const auto bytes = detail::read_int(decimal);
    if (!bytes) refuse("an int is none, or has too many digits");
    push_new(Object::integer(*bytes));
}

void Decoder::push_floating(std::string_view decimal) {
    double value = 0;
    const char* const end = decimal.data() + decimal.size();
    const auto [rest, error] = std::from_chars(decimal.data(), end, value);
    if (error != std::errc() || rest != end) refuse("a float is none");
    push(value);
}

std::uint64_t Decoder::memo_number() {
    const auto bytes = detail::read_int(reader_.line());
    const auto number = bytes ? detail::to_int64(*bytes) : std::nullopt;
    if (!number || *number < 0) refuse("the number of a remembered value is none");
    return static_cast<std::uint64_t>(*number);
}

/// Says of what it refuses where that was.
template <class Run>
Object decode_by(Decoder& decoder, std::size_t size, Run run) {
    const auto refuse = [&](const Error& error) {
        return SerializationError(
            fmt::format("pickle::loads: at byte {} of {}: {}.", decoder.position(), size, error.what()));
    };
    try {
        return (decoder.*run)();
    } catch (const SerializationError& error) {
        throw refuse(error);
    } catch (const ValueError& error) {
        throw refuse(error);
    } catch (const TypeMismatch& error) {
        throw refuse(error);
    }
}

}  // namespace

Object decode(std::span<const std::byte> bytes, const Limits& limits, Names names,
              std::vector<Object>* proxies) {
    Decoder decoder(bytes, limits, names, proxies);
    return decode_by(decoder, bytes.size(), &Decoder::run);
}

Object decode_part(std::span<const std::byte> part, Names names, std::vector<Object>* proxies) {
    if (auto values = short_values(part)) return std::move(*values);
    Decoder decoder(part, {}, names, proxies);
    return decode_by(decoder, part.size(), &Decoder::run_part);
}

Object loads(std::span<const std::byte> bytes, const Limits& limits) {
    return decode(bytes, limits, Names::known);
}

}  // namespace procession::inline v0::pickle
