// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/object_form.hpp>
#include <procession/detail/object_parts.hpp>
#include <procession/detail/type_name.hpp>
#include <procession/error.hpp>
#include <procession/object.hpp>

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstring>
#include <deque>
#include <forward_list>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

// The forms of the types that C++ and its library have. Those of pointers and of classes are in
// object_pointers.hpp and object_archive.hpp.
namespace procession::inline v0::detail::forms {

// ---- numbers: bool, int, float; a character is a str

template <class T>
struct NumberForm {
    static constexpr Kinds kinds =
        std::same_as<T, bool>    ? Kinds{set_of(Kind::boolean)}
        : std::floating_point<T> ? Kinds{set_of(Kind::floating), set_of(Kind::floating, Kind::integer)}
                                 : Kinds{set_of(Kind::integer)};
    static Object write(const Place& place, T value) {
        if constexpr (std::same_as<T, long double>)
            return write_long_double(place, value);
        else
            return value;
    }
    static void read(const Place& place, const Object& object, T& value) {
        if constexpr (std::same_as<T, bool>) {
            value = read_bool(place, object);
        } else if constexpr (std::same_as<T, float>) {
            value = read_float(place, object);
        } else if constexpr (std::floating_point<T>) {
            value = read_double(place, object);
        } else {
            value = read_integer<T>(place, object, type_name<T>);
        }
    }
    template <class Integer>
    static Integer read_integer(const Place& place, const Object& object, TypeName type) {
        using Limits = std::numeric_limits<Integer>;
        if constexpr (std::is_signed_v<Integer>) {
            const std::int64_t number = read_int64(place, object, type);
            if (number < Limits::min() || number > Limits::max())
                throw_does_not_fit(place, object, type());
            return static_cast<Integer>(number);
        } else {
            const std::uint64_t number = read_uint64(place, object, type);
            if (number > Limits::max()) throw_does_not_fit(place, object, type());
            return static_cast<Integer>(number);
        }
    }
};

/// As Python's chr(): a char is its byte.
template <class T>
struct CharacterForm {
    static constexpr Kinds kinds{set_of(Kind::str)};
    static Object write(const Place& place, T value) {
        const char32_t code = static_cast<std::make_unsigned_t<T>>(value);
        return write_text(place, std::u32string_view(&code, 1));
    }
    static void read(const Place& place, const Object& object, T& value) {
        constexpr auto most = static_cast<char32_t>(std::numeric_limits<std::make_unsigned_t<T>>::max());
        value = static_cast<T>(read_character(place, object, most, type_name<T>));
    }
};

/// An int, or a bool where the enumeration is one underneath.
template <class T>
struct EnumForm {
    using Underlying = std::underlying_type_t<T>;
    static constexpr bool is_bool = std::same_as<Underlying, bool>;
    static constexpr Kinds kinds = NumberForm<std::conditional_t<is_bool, bool, int>>::kinds;
    static Object write(const Place&, T value) {
        if constexpr (is_bool)
            return static_cast<bool>(value);
        else if constexpr (std::is_signed_v<Underlying>)
            return static_cast<std::int64_t>(value);
        else
            return static_cast<std::uint64_t>(value);
    }
    static void read(const Place& place, const Object& object, T& value) {
        if constexpr (is_bool)
            value = static_cast<T>(read_bool(place, object));
        else
            value = static_cast<T>(
                NumberForm<int>::template read_integer<Underlying>(place, object, type_name<T>));
    }
};

template <class T>
requires std::is_arithmetic_v<T>
auto form_of(Here, const T*) -> std::conditional_t<CharacterType<T>, CharacterForm<T>, NumberForm<T>>;
template <class T>
requires std::is_enum_v<T> EnumForm<T> form_of(Here, const T*);

template <class F>
struct ComplexForm {
    static constexpr Kinds kinds{set_of(Kind::complex),
                                 set_of(Kind::complex, Kind::floating, Kind::integer)};
    static Object write(const Place& place, const std::complex<F>& value) {
        return Object::Complex{forms::write<F>(place, value.real()).template as<double>(),
                               forms::write<F>(place, value.imag()).template as<double>()};
    }
    static void read(const Place& place, const Object& object, std::complex<F>& value) {
        const Object::Complex whole = read_complex(place, object);
        value = {forms::read<F>(place, whole.real), forms::read<F>(place, whole.imag)};
    }
};
template <class F>
ComplexForm<F> form_of(Here, const std::complex<F>*);

// ---- text: str

template <class C>
struct TextForm {
    static constexpr Kinds kinds{set_of(Kind::str)};
    static constexpr std::size_t unit = sizeof(C);
    template <class Text>
    static Object write(const Place& place, const Text& text) {
        if constexpr (unit == 1)
            return write_text(place,
                              std::string_view(reinterpret_cast<const char*>(text.data()), text.size()));
        else if constexpr (unit == 2)
            return write_text(place, std::u16string(text.begin(), text.end()));
        else
            return write_text(place, std::u32string(text.begin(), text.end()));
    }
    template <class Traits, class A>
    static void read(const Place& place, const Object& object, std::basic_string<C, Traits, A>& text) {
        if constexpr (unit == 1)
            assign(text, read_text(place, object));
        else if constexpr (unit == 2)
            assign(text, read_text16(place, object));
        else
            assign(text, read_text32(place, object));
    }

  private:
    template <class Text, class Units>
    static void assign(Text& text, const Units& units) {
        text.assign(units.begin(), units.end());
    }
};
template <CharacterType C, class Traits, class A>
TextForm<C> form_of(Here, const std::basic_string<C, Traits, A>*);
template <CharacterType C, class Traits>
TextForm<C> form_of(Here, const std::basic_string_view<C, Traits>*);

/// A str of 0 and 1, as std::bitset::to_string() has them.
template <std::size_t N>
struct BitsetForm {
    static constexpr Kinds kinds{set_of(Kind::str)};
    static Object write(const Place&, const std::bitset<N>& bits) { return bits.to_string(); }
    static void read(const Place& place, const Object& object, std::bitset<N>& bits) {
        const std::string_view digits = read_text(place, object);
        if (digits.size() != N || digits.find_first_not_of("01") != digits.npos)
            throw_does_not_fit(place, object, type_name<std::bitset<N>>());
        bits = std::bitset<N>(digits.data(), N);
    }
};
template <std::size_t N>
BitsetForm<N> form_of(Here, const std::bitset<N>*);

// ---- bytes: sequences of std::byte and of char

template <class T>
concept Byte = std::same_as<T, std::byte> || std::same_as<T, char>;

struct BytesForm {
    static constexpr Kinds kinds{set_of(Kind::bytes), set_of(Kind::bytes, Kind::bytearray)};
    template <class Bytes>
    static Object write(const Place&, const Bytes& bytes) {
        return std::as_bytes(std::span(std::data(bytes), std::size(bytes)));
    }
    template <Byte E, class A>
    static void read(const Place& place, const Object& object, std::vector<E, A>& bytes) {
        const auto there = read_bytes(place, object);
        bytes.resize(there.size());
        copy(there, bytes.data());
    }
    template <Byte E, std::size_t N>
    static void read(const Place& place, const Object& object, std::array<E, N>& bytes) {
        read(place, object, bytes.data(), N);
    }
    template <Byte E, std::size_t N>
    static void read(const Place& place, const Object& object, E (&bytes)[N]) {
        read(place, object, bytes, N);
    }

  private:
    static void read(const Place& place, const Object& object, void* bytes, std::size_t size) {
        const auto there = read_bytes(place, object);
        if (there.size() != size) throw_wrong_count(place, size, there.size());
        copy(there, bytes);
    }
    static void copy(std::span<const std::byte> from, void* to) {
        if (!from.empty()) std::memcpy(to, from.data(), from.size());
    }
};

// ---- sequences: list

inline constexpr KindSet sequence_kinds = set_of(Kind::list, Kind::tuple, Kind::array, Kind::ndarray);
inline constexpr KindSet exact_list_kinds = set_of(Kind::list, Kind::array, Kind::ndarray);

template <class T>
Object write_elements(const Place& place, const T& elements, Object (*make)(std::vector<Object>)) {
    using E = std::remove_cvref_t<decltype(*std::begin(elements))>;
    std::vector<Object> objects;
    if constexpr (requires { std::size(elements); }) objects.reserve(std::size(elements));
    // An E, for a std::vector<bool> holds none.
    for (const E& each : elements) objects.push_back(write<E>(place.element(objects.size()), each));
    return make(std::move(objects));
}

template <class E>
constexpr NumberLayout layout_of() {
    return {std::floating_point<E> ? 'f' : std::is_signed_v<E> ? 'i' : 'u', sizeof(E)};
}
template <class E>
concept LaidOut = std::is_arithmetic_v<E> && !CharacterType<E> && !std::same_as<E, bool>;

/// std::vector, deque, list and forward_list.
template <class T>
struct ListForm {
    using E = typename T::value_type;
    static constexpr Kinds kinds{
        exact_list_kinds,
        sequence_kinds | (std::same_as<E, unsigned char> ? BytesForm::kinds.any : KindSet{0})};
    static Object write(const Place& place, const T& elements) {
        return write_elements(place, elements, make_list);
    }
    static void read(const Place& place, const Object& object, T& elements) {
        elements.clear();
        if constexpr (LaidOut<E> && requires { elements.data(); })
            if (const auto numbers = numbers_in(object, layout_of<E>())) {
                elements.resize(numbers->size() / sizeof(E));
                if (!numbers->empty()) std::memcpy(elements.data(), numbers->data(), numbers->size());
                return;
            }
        Sequence sequence(place, object, Kind::list);
        if constexpr (requires { elements.reserve(1); }) elements.reserve(sequence.size());
        if constexpr (requires { elements.push_back(std::declval<E>()); }) {
            for (std::size_t i = 0; i < sequence.size(); ++i)
                elements.push_back(forms::read<E>(place.element(i), sequence[i]));
        } else {
            auto last = elements.before_begin();
            for (std::size_t i = 0; i < sequence.size(); ++i)
                last = elements.insert_after(last, forms::read<E>(place.element(i), sequence[i]));
        }
    }
};
template <class E, class A>
auto form_of(Here, const std::vector<E, A>*)
    -> std::conditional_t<Byte<E>, BytesForm, ListForm<std::vector<E, A>>>;
template <class E, class A>
ListForm<std::deque<E, A>> form_of(Here, const std::deque<E, A>*);
template <class E, class A>
ListForm<std::list<E, A>> form_of(Here, const std::list<E, A>*);
template <class E, class A>
ListForm<std::forward_list<E, A>> form_of(Here, const std::forward_list<E, A>*);

/// Of a number of elements that the type says.
struct ArrayForm {
    static constexpr Kinds kinds{exact_list_kinds, sequence_kinds};
    template <class T>
    static Object write(const Place& place, const T& elements) {
        return write_elements(place, elements, make_list);
    }
    template <class T>
    static void read(const Place& place, const Object& object, T& elements) {
        Sequence sequence(place, object, Kind::list);
        sequence.require_size(std::size(elements));
        for (std::size_t i = 0; i < sequence.size(); ++i)
            forms::read(place.element(i), sequence[i], elements[i]);
    }
};
template <class E, std::size_t N>
auto form_of(Here, const std::array<E, N>*) -> std::conditional_t<Byte<E>, BytesForm, ArrayForm>;
template <class E, std::size_t N>
auto form_of(Here, const E (*)[N]) -> std::conditional_t<Byte<E>, BytesForm, ArrayForm>;

// ---- sets and maps: set and dict; those that have equal ones more than once: list

template <class T>
struct SetForm {
    using E = typename T::key_type;
    static constexpr Kinds kinds{set_of(Kind::set, Kind::frozenset)};
    static Object write(const Place& place, const T& elements) {
        std::vector<Object> objects;
        objects.reserve(elements.size());
        for (const E& each : elements)
            objects.push_back(forms::write<E>(place.element(objects.size()), each));
        return make_set(place, std::move(objects));
    }
    static void read(const Place& place, const Object& object, T& elements) {
        elements.clear();
        std::size_t index = 0;
        for (const Object& each : read_set(place, object))
            elements.insert(forms::read<E>(place.element(index++), each));
    }
};
template <class K, class C, class A>
SetForm<std::set<K, C, A>> form_of(Here, const std::set<K, C, A>*);
template <class K, class H, class E, class A>
SetForm<std::unordered_set<K, H, E, A>> form_of(Here, const std::unordered_set<K, H, E, A>*);

template <class T>
struct MapForm {
    using K = typename T::key_type;
    using V = typename T::mapped_type;
    static constexpr Kinds kinds{set_of(Kind::dict)};
    static Object write(const Place& place, const T& map) {
        std::vector<Object> keys, values;
        keys.reserve(map.size());
        values.reserve(map.size());
        for (const auto& [key, value] : map) {
            keys.push_back(forms::write<K>(place.key(), key));
            values.push_back(forms::write<V>(place.value_of(keys.back()), value));
        }
        return make_dict(place, std::move(keys), std::move(values));
    }
    static void read(const Place& place, const Object& object, T& map) {
        require_dict(place, object);
        map.clear();
        for (const auto& [key, value] : object.items())
            map.emplace(forms::read<K>(place.key(), key), forms::read<V>(place.value_of(key), value));
    }
};
template <class K, class V, class C, class A>
MapForm<std::map<K, V, C, A>> form_of(Here, const std::map<K, V, C, A>*);
template <class K, class V, class H, class E, class A>
MapForm<std::unordered_map<K, V, H, E, A>> form_of(Here, const std::unordered_map<K, V, H, E, A>*);

template <class T>
struct MultipleForm {
    /// As it is read: a multimap's have constant keys.
    template <class E>
    struct Element {
        using type = E;
    };
    template <class K, class V>
    struct Element<std::pair<const K, V>> {
        using type = std::pair<K, V>;
    };
    using E = typename Element<typename T::value_type>::type;
    static constexpr Kinds kinds{exact_list_kinds, sequence_kinds};
    static Object write(const Place& place, const T& elements) {
        return write_elements(place, elements, make_list);
    }
    static void read(const Place& place, const Object& object, T& elements) {
        elements.clear();
        Sequence sequence(place, object, Kind::list);
        for (std::size_t i = 0; i < sequence.size(); ++i)
            elements.insert(forms::read<E>(place.element(i), sequence[i]));
    }
};
template <class K, class C, class A>
MultipleForm<std::multiset<K, C, A>> form_of(Here, const std::multiset<K, C, A>*);
template <class K, class H, class E, class A>
MultipleForm<std::unordered_multiset<K, H, E, A>> form_of(Here,
                                                          const std::unordered_multiset<K, H, E, A>*);
template <class K, class V, class C, class A>
MultipleForm<std::multimap<K, V, C, A>> form_of(Here, const std::multimap<K, V, C, A>*);
template <class K, class V, class H, class E, class A>
MultipleForm<std::unordered_multimap<K, V, H, E, A>> form_of(
    Here, const std::unordered_multimap<K, V, H, E, A>*);

// ---- tuples

struct TupleForm {
    static constexpr Kinds kinds{set_of(Kind::tuple), sequence_kinds};
    template <class T>
    static Object write(const Place& place, const T& fields) {
        return write(place, fields, std::make_index_sequence<std::tuple_size_v<T>>());
    }
    template <class T>
    static void read(const Place& place, const Object& object, T& fields) {
        Sequence sequence(place, object, Kind::tuple);
        sequence.require_size(std::tuple_size_v<T>);
        read(place, sequence, fields, std::make_index_sequence<std::tuple_size_v<T>>());
    }

  private:
    template <class T, std::size_t... I>
    static Object write(const Place& place, const T& fields, std::index_sequence<I...>) {
        std::vector<Object> objects;
        objects.reserve(sizeof...(I));
        (objects.push_back(forms::write<std::remove_cvref_t<decltype(std::get<I>(fields))>>(
             place.element(I), std::get<I>(fields))),
         ...);
        return make_tuple(std::move(objects));
    }
    template <class T, std::size_t... I>
    static void read(const Place& place, Sequence& sequence, T& fields, std::index_sequence<I...>) {
        (forms::read(place.element(I), sequence[I], std::get<I>(fields)), ...);
    }
};
template <class First, class Second>
TupleForm form_of(Here, const std::pair<First, Second>*);
template <class... Fields>
TupleForm form_of(Here, const std::tuple<Fields...>*);

// ---- what may be something else: None, or one of several

struct NoneForm {
    static constexpr Kinds kinds{set_of(Kind::none)};
    template <class T>
    static Object write(const Place&, const T&) {
        return {};
    }
    template <class T>
    static void read(const Place& place, const Object& object, T& value) {
        if (!object.is_none()) throw_wanted(place, "None", object);
        value = T{};
    }
};
NoneForm form_of(Here, const std::monostate*);
NoneForm form_of(Here, const std::nullptr_t*);
NoneForm form_of(Here, const std::nullopt_t*);

template <class T>
struct OptionalForm {
    static constexpr Kinds kinds = NoneForm::kinds | kinds_of<T>();
    static Object write(const Place& place, const std::optional<T>& value) {
        return value ? forms::write<T>(place, *value) : Object();
    }
    static void read(const Place& place, const Object& object, std::optional<T>& value) {
        if (object.is_none())
            value.reset();
        else
            value = forms::read<T>(place, object);
    }
};
template <class T>
OptionalForm<T> form_of(Here, const std::optional<T>*);

/// Reading takes the first alternative that fits exactly, else the first that fits at all.
template <class... A>
struct VariantForm {
    static constexpr Kinds kinds = (kinds_of<A>() | ...);
    static Object write(const Place& place, const std::variant<A...>& value) {
        if (value.valueless_by_exception()) throw_unnatural(place, "the variant has lost its value");
        return std::visit([&]<class T>(const T& held) { return forms::write<T>(place, held); }, value);
    }
    static void read(const Place& place, const Object& object, std::variant<A...>& value) {
        const Place exactly = place.exactly();
        if ((... || try_read<A>(exactly, object, value))) return;
        if (!place.is_exact() && (... || try_read<A>(place, object, value))) return;
        throw_wanted(place, wanted(), object);
    }

  private:
    template <class T>
    static bool try_read(const Place& place, const Object& object, std::variant<A...>& value) {
        if (!kinds_of<T>().have(object.kind(), place.is_exact())) return false;
        try {
            value = forms::read<T>(place, object);
            return true;
        } catch (const Error&) {
            return false;
        }
    }
    static std::string wanted() {
        std::string names;
        ((names += (names.empty() ? "" : " or ") + type_name<A>()), ...);
        return names;
    }
};
template <class... A>
VariantForm<A...> form_of(Here, const std::variant<A...>*);

// ---- time: timedelta, and a datetime in UTC

template <class Rep, class Period>
struct DurationForm {
    using Duration = std::chrono::duration<Rep, Period>;
    static constexpr Kinds kinds{set_of(Kind::timedelta)};
    static Object write(const Place& place, const Duration& duration) {
        return write_ticks(place, count(duration), Period::num, Period::den);
    }
    static void read(const Place& place, const Object& object, Duration& duration) {
        if constexpr (std::floating_point<Rep>)
            duration = Duration(
                static_cast<Rep>(read_fractional_ticks(place, object, Period::num, Period::den)));
        else
            duration = narrowed(
                place, object, read_ticks(place, object, Period::num, Period::den, type_name<Duration>));
    }
    static auto count(const Duration& duration) {
        return static_cast<std::conditional_t<std::floating_point<Rep>, long double, std::int64_t>>(
            duration.count());
    }
    static Duration narrowed(const Place& place, const Object& object, std::int64_t ticks) {
        const auto count = static_cast<Rep>(ticks);
        if (static_cast<std::int64_t>(count) != ticks || (count < Rep{}) != (ticks < 0))
            throw_does_not_fit(place, object, type_name<Duration>());
        return Duration(count);
    }
};
template <class Rep, class Period>
DurationForm<Rep, Period> form_of(Here, const std::chrono::duration<Rep, Period>*);

/// Of the system's clock. Any other's is how long it has run.
template <class Clock, class Duration>
struct TimePointForm {
    using Point = std::chrono::time_point<Clock, Duration>;
    using Rep = typename Duration::rep;
    using Period = typename Duration::period;
    using Since = DurationForm<Rep, Period>;
    static constexpr bool is_moment = std::same_as<Clock, std::chrono::system_clock>;
    static constexpr Kinds kinds = is_moment ? Kinds{set_of(Kind::datetime)} : Since::kinds;
    static Object write(const Place& place, const Point& point) {
        if constexpr (is_moment)
            return write_moment(place, Since::count(point.time_since_epoch()), Period::num, Period::den);
        else
            return Since::write(place, point.time_since_epoch());
    }
    static void read(const Place& place, const Object& object, Point& point) {
        Duration since{};
        if constexpr (!is_moment)
            Since::read(place, object, since);
        else if constexpr (std::floating_point<Rep>)
            since = Duration(
                static_cast<Rep>(read_fractional_moment(place, object, Period::num, Period::den)));
        else
            since = Since::narrowed(
                place, object, read_moment(place, object, Period::num, Period::den, type_name<Point>));
        point = Point(since);
    }
};
template <class Clock, class Duration>
TimePointForm<Clock, Duration> form_of(Here, const std::chrono::time_point<Clock, Duration>*);

// ---- Object, and what it is made of

struct ObjectForm {
    static Object write(const Place&, const Object& value) { return value; }
    static void read(const Place&, const Object& object, Object& value) { value = object; }
};
ObjectForm form_of(Here, const Object*);

template <Object::Kind K>
struct PartForm {
    static constexpr Kinds kinds{set_of(K)};
    template <class T>
    static Object write(const Place&, const T& value) {
        return value;
    }
    template <class T>
    static void read(const Place& place, const Object& object, T& value) {
        if (object.kind() != K) throw_wanted(place, type_name<T>(), object);
        value = object.as<T>();
    }
};
PartForm<Kind::complex> form_of(Here, const Object::Complex*);
PartForm<Kind::array> form_of(Here, const Object::Array*);
PartForm<Kind::ndarray> form_of(Here, const Object::NdArray*);
PartForm<Kind::date> form_of(Here, const Date*);
PartForm<Kind::time> form_of(Here, const Time*);
PartForm<Kind::datetime> form_of(Here, const DateTime*);
PartForm<Kind::timedelta> form_of(Here, const TimeDelta*);
PartForm<Kind::timezone> form_of(Here, const TimeZone*);

}  // namespace procession::inline v0::detail::forms
