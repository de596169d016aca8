// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// A Python value whose type is known only at run time.

#include <procession/datetime.hpp>
#include <procession/detail/export.hpp>
#include <procession/detail/type_name.hpp>

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace procession::inline v0 {

class Object;

namespace detail {

/// Text characters are no numbers: Python has none, and 'a' is not 97 there.
template <class T>
concept CharacterType = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <class T>
concept IntegerType = std::integral<T> && !std::same_as<T, bool> && !CharacterType<T>;
template <class T>
concept TextLike = std::convertible_to<const T&, std::string_view>;

[[noreturn]] PROCESSION_API void throw_int_too_large(const std::string& value, const std::string& type);

/// What lies behind an Object that does not fit into it; shared by its copies until one is changed.
struct ObjectNode;
/// For the codecs, which know nodes.
struct ObjectAccess;

PROCESSION_API std::vector<std::byte> save_object(const Object&);
PROCESSION_API Object load_object(std::span<const std::byte>);

}  // namespace detail

/// A value as Python has it: None, bool, int of any size, float, complex, str, bytes, bytearray, list, tuple,
/// dict, set, frozenset, array.array, a NumPy array, the types of datetime, an exception, an instance of a
/// class, or a class by its name.
///
/// A value: a copy is another one, made at once whatever its size, for what is inside is shared until one of
/// the two is changed. It is made of the C++ value by itself, compares as in Python and prints as Python's
/// repr. What is inside is only looked at; it is changed by changing a copy of it and setting that.
///
/// It is nested at most `max_depth` deep, so that copying, comparing, printing and destroying never run out
/// of stack: a call that would make it deeper throws ValueError and changes nothing.
///
/// A str is UTF-8. One that came from Python may hold lone surrogates, encoded as if they were characters
/// (as Python's 'surrogatepass' does); so does its std::string. No C++ text with such is accepted.
/// @par Thread safety  as std::string
/// @see Python: the built-in types
class PROCESSION_API Object {
  public:
    using Bytes = std::vector<std::byte>;
    enum class Kind : std::uint8_t {
        none,
        boolean,
        integer,
        floating,
        complex,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        dict,
        set,
        frozenset,
        array,
        ndarray,
        date,
        time,
        datetime,
        timedelta,
        timezone,
        exception,
        instance,
        global,
    };
    struct Complex {
        double real = 0;
        double imag = 0;
    };
    /// Numbers of one type, one after the other as the machine has them. @see Python: array.array
    struct Array {
        char typecode = 'b';  ///< b B h H i I l L q Q f d, and u or w: characters of 4 bytes
        Bytes elements = {};
    };
    /// Numbers of one type in any number of dimensions. @see numpy.ndarray
    struct NdArray {
        std::string dtype = "<f8";  ///< numpy.dtype.str: byte order, kind of b i u f c S U, bytes
        std::vector<std::size_t> shape = {};
        Bytes elements = {};
        bool fortran = false;  ///< the first index changes fastest, not the last
    };
    /// How Python makes an instance: by calling the class (or a function), or by `cls.__new__` alone.
    enum class Made : std::uint8_t { by_call, by_new };
    class Items;

    /// Lists in lists, and so on, are at most so many.
    static constexpr std::size_t max_depth = 1000;

    /// None.
    Object() noexcept {}
    Object(std::nullptr_t) noexcept {}
    Object(std::monostate) noexcept {}
    Object(std::same_as<bool> auto value) noexcept : kind_(Kind::boolean), integer_(value) {}
    /// An int.
    template <detail::IntegerType T>
    Object(T value) {
        if (std::in_range<std::int64_t>(value)) {
            kind_ = Kind::integer;
            integer_ = static_cast<std::int64_t>(value);
        } else {
            *this = of_uint64(value);
        }
    }
    /// A character is no number here: write a text, "a", or a number of another type.
    Object(detail::CharacterType auto) = delete;
    Object(double value) noexcept : kind_(Kind::floating), floating_(value) {}
    Object(float value) noexcept : Object(static_cast<double>(value)) {}
    Object(Complex);
    /// A str. @throws ValueError  the text is not UTF-8
    template <detail::TextLike T>
    Object(const T& text) : Object(Text{}, std::string_view(text)) {}
    /// Bytes.
    Object(Bytes);
    Object(std::span<const std::byte> bytes) : Object(Bytes(bytes.begin(), bytes.end())) {}
    /// @throws ValueError  there is no such day, time or distance from UTC
    Object(const Date&);
    Object(const Time&);
    Object(const DateTime&);
    Object(const TimeDelta&);
    Object(const TimeZone&);
    /// @throws ValueError  there is no such typecode, or a part of an element is missing
    Object(Array);
    /// @throws ValueError  it is no plain dtype, or there are not as many elements as the shape says
    Object(NdArray);

    Object(const Object& other) noexcept : kind_(other.kind_), boxed_(other.boxed_) {
        if (boxed_)
            share(other);
        else
            integer_ = other.integer_;
    }
    Object(Object&& other) noexcept { swap(other); }
    Object& operator=(Object other) noexcept {
        swap(other);
        return *this;
    }
    ~Object() {
        if (boxed_) release();
    }
    void swap(Object& other) noexcept {
        std::swap(kind_, other.kind_);
        std::swap(boxed_, other.boxed_);
        std::swap(integer_, other.integer_);
    }

    // ---- what is not a C++ value by itself

    /// An int of any size, from the little-endian bytes of its two's complement; of none: 0.
    /// @see Python: int.from_bytes(bytes, 'little', signed=True)
    static Object integer(std::span<const std::byte> bytes);
    static Object bytearray(Bytes bytes = {});
    static Object bytearray(std::span<const std::byte> bytes);
    static Object list(std::initializer_list<Object> elements = {});
    static Object tuple(std::initializer_list<Object> elements = {});
    /// Equal elements are one, the first of them. @throws TypeMismatch  one that Python cannot hash
    static Object set(std::initializer_list<Object> elements = {});
    static Object frozenset(std::initializer_list<Object> elements = {});
    /// Of equal keys the first stays, with the last one's value. @throws TypeMismatch  a key that Python
    /// cannot hash
    static Object dict(std::initializer_list<std::pair<Object, Object>> items = {});
    /// The same from a range.
    template <class R>
    requires std::convertible_to<decltype(*std::begin(std::declval<R&>())), Object>
    static Object list(R&& elements) { return list_of(collect(elements)); }
    template <class R>
    requires std::convertible_to<decltype(*std::begin(std::declval<R&>())), Object>
    static Object tuple(R&& elements) { return tuple_of(collect(elements)); }
    template <class R>
    requires std::convertible_to<decltype(*std::begin(std::declval<R&>())), Object>
    static Object set(R&& elements) { return set_of(collect(elements)); }
    template <class R>
    requires std::convertible_to<decltype(*std::begin(std::declval<R&>())), Object>
    static Object frozenset(R&& elements) { return frozenset_of(collect(elements)); }
    /// From a range of pairs, as a map is.
    template <class R>
    requires std::convertible_to<decltype(std::begin(std::declval<R&>())->second), Object>
    static Object dict(R&& items) {
        Object made = dict();
        for (auto&& [key, value] : items) made.set(key, value);
        return made;
    }
    /// An array.array: the typecode is that of the C type.
    template <class T>
    requires std::is_arithmetic_v<T>
    static Object array(std::span<const T> elements) {
        const auto bytes = std::as_bytes(elements);
        return Array{typecode<T>(), Bytes(bytes.begin(), bytes.end())};
    }
    /// An instance of a class. `args` is a tuple; `state`, unless None, is what `__setstate__` gets, or the
    /// dict of the attributes. @throws TypeMismatch  `args` is no tuple
    static Object instance(std::string module, std::string qualname, Object args = tuple(),
                           Object state = {}, Made made = Made::by_new);
    /// The same of a class of exceptions, which is always called.
    static Object exception(std::string module, std::string qualname, Object args = tuple(),
                            Object state = {});
    /// A built-in one: exception("ValueError", {"text"}).
    static Object exception(std::string name, std::initializer_list<Object> args) {
        return exception("builtins", std::move(name), tuple(args));
    }
    /// A class or a function, by its name.
    static Object global(std::string module, std::string qualname);

    Kind kind() const noexcept { return kind_; }
    bool is_none() const noexcept { return kind_ == Kind::none; }
    bool is_bool() const noexcept { return kind_ == Kind::boolean; }
    bool is_int() const noexcept { return kind_ == Kind::integer; }
    bool is_float() const noexcept { return kind_ == Kind::floating; }
    bool is_complex() const noexcept { return kind_ == Kind::complex; }
    bool is_str() const noexcept { return kind_ == Kind::str; }
    bool is_bytes() const noexcept { return kind_ == Kind::bytes; }
    bool is_bytearray() const noexcept { return kind_ == Kind::bytearray; }
    bool is_list() const noexcept { return kind_ == Kind::list; }
    bool is_tuple() const noexcept { return kind_ == Kind::tuple; }
    bool is_dict() const noexcept { return kind_ == Kind::dict; }
    bool is_set() const noexcept { return kind_ == Kind::set; }
    bool is_frozenset() const noexcept { return kind_ == Kind::frozenset; }
    bool is_array() const noexcept { return kind_ == Kind::array; }
    bool is_ndarray() const noexcept { return kind_ == Kind::ndarray; }
    bool is_date() const noexcept { return kind_ == Kind::date; }
    bool is_time() const noexcept { return kind_ == Kind::time; }
    bool is_datetime() const noexcept { return kind_ == Kind::datetime; }
    bool is_timedelta() const noexcept { return kind_ == Kind::timedelta; }
    bool is_timezone() const noexcept { return kind_ == Kind::timezone; }
    bool is_exception() const noexcept { return kind_ == Kind::exception; }
    bool is_instance() const noexcept { return kind_ == Kind::instance; }
    bool is_global() const noexcept { return kind_ == Kind::global; }

    /// The C++ value: bool, an integer type, double, float, std::string, Object::Bytes (of bytes and
    /// bytearray), std::monostate, Complex, Array, NdArray, Date, Time, DateTime, TimeDelta or TimeZone.
    /// @throws TypeMismatch  it is of another type: Python's True is no int here, and 1 no float
    /// @throws ValueError    an int that does not fit
    template <class T>
    T as() const {
        if constexpr (std::same_as<T, unsigned long> || std::same_as<T, unsigned long long>) {
            return to_uint64(detail::type_name<T>);
        } else if constexpr (detail::IntegerType<T>) {
            const std::int64_t value = to_int64(detail::type_name<T>);
            if (!std::in_range<T>(value))
                detail::throw_int_too_large(to_string(), detail::type_name<T>());
            return static_cast<T>(value);
        } else if constexpr (std::floating_point<T>) {
            return static_cast<T>(to_double(detail::type_name<T>));
        } else {
            return get(std::type_identity<T>(), detail::type_name<T>);
        }
    }
    /// A str's text, until the Object is changed or goes. @throws TypeMismatch  it is no str
    std::string_view text() const&;
    std::string_view text() const&& = delete;
    /// What bytes, a bytearray, an array or an ndarray consist of, until the Object is changed or goes.
    /// @throws TypeMismatch  it is none of these
    std::span<const std::byte> raw() const&;
    std::span<const std::byte> raw() const&& = delete;
    /// An int's two's complement, little-endian, with the fewest bytes; 0 has none.
    /// @throws TypeMismatch  it is no int
    Bytes integer_bytes() const;

    // ---- inside

    /// How many elements, items, bytes or, of a str, characters there are. @see Python: len
    /// @throws TypeMismatch  Python's type has no length
    std::size_t size() const;
    bool empty() const { return size() == 0; }
    /// The element of a list or tuple (-1: the last), or the value of a dict's key.
    /// @throws KeyError      there is no such key
    /// @throws IndexError    there is no such element
    /// @throws TypeMismatch  it has neither, or the index is no int
    const Object& operator[](const Object& key) const&;
    template <detail::TextLike T>
    const Object& operator[](const T& key) const& {
        return value_of(std::string_view(key));
    }
    /// By value where the Object goes.
    template <class K>
    Object operator[](const K& key) && {
        return std::as_const(*this)[key];
    }
    /// Same as `object[key]`.
    const Object& at(const Object& key) const& { return (*this)[key]; }
    /// The value of a dict's key, or none. @throws TypeMismatch  it is no dict
    const Object* find(const Object& key) const&;
    /// Whether a dict has the key, or a list, tuple or set the element. @see Python: in
    bool contains(const Object& element) const;
    /// The elements of a list, tuple, set or frozenset, or a dict's keys; a set's and a dict's in the order
    /// of insertion. @throws TypeMismatch  it has none
    std::span<const Object> elements() const&;
    std::span<const Object> elements() const&& = delete;
    const Object* begin() const& { return elements().data(); }
    const Object* end() const& { return elements().data() + elements().size(); }
    /// A dict's keys and values: `for (const auto& [key, value] : object.items())`.
    /// @throws TypeMismatch  it is no dict
    Items items() const&;
    Items items() const&& = delete;

    /// Adds an element at a list's end.
    /// @throws TypeMismatch  it is no list @throws ValueError  it would be nested too deep
    void append(Object element);
    /// Sets a list's element or a dict's key. @throws as operator[], and ValueError as append()
    void set(const Object& key, Object value);
    /// Adds an element to a set or frozenset. @returns whether it was not there
    /// @throws TypeMismatch  it is no set, or Python cannot hash the element
    bool add(Object element);
    /// Takes a list's element, a dict's key or a set's element away. @throws as operator[]
    void erase(const Object& key);

    // ---- instances, exceptions and globals

    /// @throws TypeMismatch  it is none of these (the last three: or a global)
    std::string_view module() const&;
    std::string_view qualname() const&;
    const Object& args() const&;
    const Object& state() const&;
    Made made() const;

    /// As Python compares: 1 == 1.0 == True, exactly; nan equals nothing; a list is no tuple; a dict's order
    /// does not matter. Instances and exceptions, which Python tells apart by where they lie, are equal if
    /// class, arguments and state are; ndarrays if shape, dtype and elements are.
    friend PROCESSION_API bool operator==(const Object&, const Object&);

    /// The same for equal values, in this process only: it is another one in every process, so that nobody
    /// can choose keys that meet. As a key nan is itself, and there is one.
    /// @throws TypeMismatch  Python cannot hash it: a list, dict, set, bytearray or array
    std::size_t hash() const;

    /// Python's repr: 'it\'s', b'\x00', 1.0, [True, None], ValueError('x'). Not Python's: an ndarray is
    /// <ndarray float64 (2, 3)>; an instance made without a call is <module.Name {...}> with its state;
    /// an int of more than 4300 digits, which Python refuses to print, is hexadecimal.
    std::string to_string() const;
    /// What Python calls the type: NoneType, bool, int, float, str, bytes, list, datetime, ValueError.
    std::string_view type() const&;

    template <class Archive>
    void save(Archive& archive) const {
        archive(detail::save_object(*this));
    }
    template <class Archive>
    void load(Archive& archive) {
        Bytes bytes;
        archive(bytes);
        *this = detail::load_object(bytes);
    }

  private:
    friend struct detail::ObjectAccess;
    using Name = std::string (*)();
    struct Text {};

    Object(Text, std::string_view);
    Object(Kind kind, detail::ObjectNode* node) noexcept : kind_(kind), boxed_(true), node_(node) {}
    static Object of_uint64(std::uint64_t);
    static Object list_of(std::vector<Object>);
    static Object tuple_of(std::vector<Object>);
    static Object set_of(std::vector<Object>);
    static Object frozenset_of(std::vector<Object>);
    template <class R>
    static std::vector<Object> collect(R& elements) {
        return {std::begin(elements), std::end(elements)};
    }
    template <class T>
    static constexpr char typecode();

    void share(const Object&) noexcept;
    void release() noexcept;

    std::int64_t to_int64(Name wanted) const;
    std::uint64_t to_uint64(Name wanted) const;
    double to_double(Name wanted) const;
    bool get(std::type_identity<bool>, Name wanted) const;
    std::monostate get(std::type_identity<std::monostate>, Name wanted) const;
    std::string get(std::type_identity<std::string>, Name wanted) const;
    Bytes get(std::type_identity<Bytes>, Name wanted) const;
    Complex get(std::type_identity<Complex>, Name wanted) const;
    Array get(std::type_identity<Array>, Name wanted) const;
    NdArray get(std::type_identity<NdArray>, Name wanted) const;
    Date get(std::type_identity<Date>, Name wanted) const;
    Time get(std::type_identity<Time>, Name wanted) const;
    DateTime get(std::type_identity<DateTime>, Name wanted) const;
    TimeDelta get(std::type_identity<TimeDelta>, Name wanted) const;
    TimeZone get(std::type_identity<TimeZone>, Name wanted) const;

    const Object& value_of(std::string_view key) const;

    Kind kind_ = Kind::none;
    bool boxed_ = false;
    union {
        std::int64_t integer_ = 0;
        double floating_;
        detail::ObjectNode* node_;
    };
};

/// A dict's items, to be iterated.
class Object::Items {
  public:
    using Item = std::pair<const Object&, const Object&>;
    class iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Item;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        iterator(const Object* key, const Object* value) : key_(key), value_(value) {}
        Item operator*() const { return {*key_, *value_}; }
        iterator& operator++() {
            ++key_;
            ++value_;
            return *this;
        }
        iterator operator++(int) {
            iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const iterator&, const iterator&) = default;

      private:
        const Object* key_ = nullptr;
        const Object* value_ = nullptr;
    };

    Items(std::span<const Object> keys, std::span<const Object> values) : keys_(keys), values_(values) {}
    iterator begin() const { return {keys_.data(), values_.data()}; }
    iterator end() const { return {keys_.data() + keys_.size(), values_.data() + values_.size()}; }
    std::size_t size() const { return keys_.size(); }
    std::span<const Object> keys() const { return keys_; }
    std::span<const Object> values() const { return values_; }

  private:
    std::span<const Object> keys_;
    std::span<const Object> values_;
};

template <class T>
constexpr char Object::typecode() {
    if constexpr (std::same_as<T, signed char>) return 'b';
    if constexpr (std::same_as<T, unsigned char>) return 'B';
    if constexpr (std::same_as<T, short>) return 'h';
    if constexpr (std::same_as<T, unsigned short>) return 'H';
    if constexpr (std::same_as<T, int>) return 'i';
    if constexpr (std::same_as<T, unsigned>) return 'I';
    if constexpr (std::same_as<T, long>) return 'l';
    if constexpr (std::same_as<T, unsigned long>) return 'L';
    if constexpr (std::same_as<T, long long>) return 'q';
    if constexpr (std::same_as<T, unsigned long long>) return 'Q';
    if constexpr (std::same_as<T, float>) return 'f';
    if constexpr (std::same_as<T, double>) return 'd';
}

PROCESSION_API std::ostream& operator<<(std::ostream&, const Object&);

}  // namespace procession::inline v0

template <>
struct std::hash<procession::Object> {
    std::size_t operator()(const procession::Object& object) const { return object.hash(); }
};

template <>
struct fmt::formatter<procession::Object> : formatter<std::string> {
    auto format(const procession::Object& object, format_context& context) const {
        return formatter<std::string>::format(object.to_string(), context);
    }
};
