// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// How values become Objects and come back: as their natural values in Python. Classes have the same
/// customisation points as in serialize.hpp.

#include <procession/detail/object_fields.hpp>
#include <procession/detail/object_forms.hpp>
#include <procession/detail/object_pointers.hpp>
#include <procession/error.hpp>
#include <procession/serialize.hpp>

namespace procession::inline v0 {

/// Takes down what a class archives. A cereal archive.
class ObjectWriter : public cereal::OutputArchive<ObjectWriter, cereal::AllowEmptyClassElision> {
  public:
    explicit ObjectWriter(detail::WrittenFields& fields) : OutputArchive(this), fields_(fields) {}

    template <class... T>
    ObjectWriter& operator()(T&&... values) {
        (put(values), ...);
        return *this;
    }
    template <class T>
    ObjectWriter& operator&(T&& value) {
        return (*this)(value);
    }
    template <class T>
    ObjectWriter& operator<<(T&& value) {
        return (*this)(value);
    }

    /// The fields of a class, or of a base.
    template <class T>
    void put_fields(const T& value);
    template <class T>
    void replace(const T& value);

  private:
    template <class T>
    void put(const T& value);
    template <class T>
    void put(const cereal::base_class<T>& base) {
        put_fields(*base.base_ptr);
    }
    template <class T>
    void put(const cereal::virtual_base_class<T>& base) {
        if (virtual_bases_.insert(base.base_ptr).second) put_fields(*base.base_ptr);
    }
    template <class T>
    void put(const cereal::NameValuePair<T>& pair);
    template <class T>
    void put(const cereal::DeferredData<T>& deferred) {
        put(deferred.value);
    }

    detail::WrittenFields& fields_;
    std::set<const void*> virtual_bases_;
};

/// Hands out what a class archives.
class ObjectReader : public cereal::InputArchive<ObjectReader, cereal::AllowEmptyClassElision> {
  public:
    explicit ObjectReader(detail::ReadFields& fields) : InputArchive(this), fields_(fields) {}

    template <class... T>
    ObjectReader& operator()(T&&... values) {
        (get(values), ...);
        return *this;
    }
    template <class T>
    ObjectReader& operator&(T&& value) {
        return (*this)(value);
    }
    template <class T>
    ObjectReader& operator>>(T&& value) {
        return (*this)(value);
    }

    template <class T>
    void get_fields(T& value);
    template <class T>
    void get_whole(T& value);

  private:
    template <class T>
    void get(T& value) {
        get(fields_.next(), value);
    }
    template <class T>
    void get(cereal::base_class<T>& base) {
        get_fields(*base.base_ptr);
    }
    template <class T>
    void get(cereal::virtual_base_class<T>& base) {
        if (virtual_bases_.insert(base.base_ptr).second) get_fields(*base.base_ptr);
    }
    template <class T>
    void get(cereal::NameValuePair<T>& pair);
    template <class T>
    void get(cereal::DeferredData<T>& deferred) {
        get(deferred.value);
    }

    template <class T>
    void get(const detail::ReadFields::Field& field, T& value);
    template <class T>
    void get(const detail::ReadFields::Field& field, cereal::SizeTag<T>& tag);
    template <class T>
    void get(const detail::ReadFields::Field& field, cereal::BinaryData<T>& data);

    detail::ReadFields& fields_;
    std::set<const void*> virtual_bases_;
};

// ---- what cereal itself archives: the number or text of a save_minimal, and the version of a class

template <class T>
requires std::is_arithmetic_v<T> || std::is_same_v<T, std::string>
void CEREAL_SAVE_FUNCTION_NAME(ObjectWriter& writer, const T& minimal) { writer.replace(minimal); }
template <class T>
requires std::is_arithmetic_v<T> || std::is_same_v<T, std::string>
void CEREAL_LOAD_FUNCTION_NAME(ObjectReader& reader, T& minimal) { reader.get_whole(minimal); }

template <class Archive, class T>
requires std::is_same_v<Archive, ObjectWriter> || std::is_same_v<Archive, ObjectReader>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T>& version) {
    archive(version);
}

namespace detail::forms {

template <class T>
concept CerealWritable = cereal::traits::detail::count_output_serializers<T, ObjectWriter>::value != 0;
template <class T>
concept CerealReadable = cereal::traits::detail::count_input_serializers<T, ObjectReader>::value != 0;

/// A cereal count, as a field.
template <class T>
struct CountForm {
    static Object write(const Place&, const T& tag) { return static_cast<std::uint64_t>(tag.size); }
};
template <class T>
CountForm<cereal::SizeTag<T>> form_of(Here, const cereal::SizeTag<T>*);

/// A cereal block of memory, as a field.
template <class T>
struct BinaryForm {
    static Object write(const Place&, const T& data) {
        return std::span(static_cast<const std::byte*>(data.data), data.size);
    }
};
template <class T>
BinaryForm<cereal::BinaryData<T>> form_of(Here, const cereal::BinaryData<T>*);

/// Every class that is not the library's or the standard's.
template <class T>
struct ClassForm {
    static_assert(Sendable<T> || std::is_empty_v<T>,
                  "this type cannot be sent to another process, whatever its format: give it a cereal "
                  "serialize function");

    static constexpr Kinds kinds = stays_here<T> ? Kinds{KindSet{0}} : Kinds{};

    static Object write(const Place& place, const T& value) {
        if constexpr (stays_here<T>) {
            throw_stays_here(place, type_name<T>());
        } else {
            WrittenFields fields(place, find_class(typeid(T)));
            ObjectWriter writer(fields);
            with_cereal(place, [&] { writer.put_fields(value); });
            return fields.take();
        }
    }
    static void read(const Place& place, const Object& object, T& value) {
        if constexpr (stays_here<T>) {
            throw_stays_here(place, type_name<T>());
        } else {
            with_fields(place, object, [&](ObjectReader& reader) { reader.get_fields(value); });
        }
    }
    template <class F>
    static void with_fields(const Place& place, const Object& object, F get) {
        ReadFields fields(place, object, find_class(typeid(T)));
        ObjectReader reader(fields);
        with_cereal(place, [&] { get(reader); });
        fields.finish();
    }

  private:
    template <class F>
    static void with_cereal(const Place& place, F archive) {
        try {
            archive();
        } catch (const cereal::Exception& error) {
            throw_unnatural(place, type_name<T>() + ": " + error.what());
        }
    }
};

template <class T>
struct FormFor {
    using type = ClassForm<T>;
};
template <HasForm T>
struct FormFor<T> {
    using type = FormOf<T>;
};

template <class T>
Object write(const Place& place, const T& value) {
    return FormFor<T>::type::write(place, value);
}

template <class T>
void read(const Place& place, const Object& object, T& value) {
    FormFor<T>::type::read(place, object, value);
}

template <class T>
T read(const Place& place, const Object& object) {
    if constexpr (stays_here<T>) {
        throw_stays_here(place, type_name<T>());
    } else if constexpr (std::is_default_constructible_v<T>) {
        T value{};
        forms::read(place, object, value);
        return value;
    } else {
        throw_not_constructible(place, type_name<T>());
    }
}

template <class T>
constexpr Kinds kinds_of() {
    if constexpr (requires { FormFor<T>::type::kinds; })
        return FormFor<T>::type::kinds;
    else
        return {};
}

/// Memory that `delete` may have.
template <class T>
class Uninitialized {
  public:
    Uninitialized() : memory_(std::allocator<T>().allocate(1)) {}
    Uninitialized(Uninitialized&&) = delete;
    ~Uninitialized() {
        if (memory_) std::allocator<T>().deallocate(memory_, 1);
    }
    T* get() const { return memory_; }
    /// An object is there now.
    std::unique_ptr<T> release() { return std::unique_ptr<T>(std::exchange(memory_, nullptr)); }

  private:
    T* memory_;
};

template <class T>
std::unique_ptr<T> make_new(const Place& place, const Object& object) {
    if constexpr (stays_here<T>) {
        throw_stays_here(place, type_name<T>());
    } else if constexpr (HasForm<T>) {
        return std::make_unique<T>(forms::read<T>(place, object));
    } else if constexpr (cereal::traits::has_load_and_construct<T, ObjectReader>::value) {
        std::unique_ptr<T> made;
        ClassForm<T>::with_fields(place, object, [&](ObjectReader& reader) {
            Uninitialized<T> memory;
            cereal::memory_detail::LoadAndConstructLoadWrapper<ObjectReader, T> wrapper(memory.get());
            wrapper.CEREAL_SERIALIZE_FUNCTION_NAME(reader);
            made = memory.release();
        });
        return made;
    } else {
        std::unique_ptr<T> made(access::construct<T>());
        forms::read(place, object, *made);
        return made;
    }
}

}  // namespace detail::forms

template <class T>
void ObjectWriter::put(const T& value) {
    fields_.add(detail::forms::write<T>(fields_.next_place(), value));
}

template <class T>
void ObjectWriter::put(const cereal::NameValuePair<T>& pair) {
    using Value = std::remove_cvref_t<decltype(pair.value)>;
    if constexpr (std::is_base_of_v<cereal::traits::detail::BaseCastBase, Value>)
        put(pair.value);
    else
        fields_.add(pair.name, detail::forms::write<Value>(fields_.place_of(pair.name), pair.value));
}

template <class T>
void ObjectWriter::put_fields(const T& value) {
    using namespace detail::forms;
    if constexpr (HasForm<T>)
        put(value);
    else if constexpr (CerealWritable<T>)
        OutputArchive::operator()(value);
    else if constexpr (detail::PlainAggregate<T>)
        boost::pfr::for_each_field(value, [&](const auto& field) { put(field); });
    else if constexpr (!std::is_empty_v<T>)
        detail::throw_native_only(fields_.next_place(), detail::type_name<T>());
}

template <class T>
void ObjectWriter::replace(const T& value) {
    fields_.replace(detail::forms::write<T>(fields_.next_place(), value));
}

template <class T>
void ObjectReader::get(const detail::ReadFields::Field& field, T& value) {
    detail::forms::read(field.place, field.object, value);
}

template <class T>
void ObjectReader::get(const detail::ReadFields::Field& field, cereal::SizeTag<T>& tag) {
    const auto count = detail::forms::read<std::uint64_t>(field.place, field.object);
    // It is believed only as far as there are fields.
    if (count > fields_.left()) detail::throw_wrong_count(field.place, count, fields_.left());
    tag.size = static_cast<std::decay_t<T>>(count);
}

template <class T>
void ObjectReader::get(const detail::ReadFields::Field& field, cereal::BinaryData<T>& data) {
    const auto bytes = detail::read_bytes(field.place, field.object);
    if (bytes.size() != data.size) detail::throw_wrong_count(field.place, data.size, bytes.size());
    if (!bytes.empty()) std::memcpy(data.data, bytes.data(), bytes.size());
}

template <class T>
void ObjectReader::get(cereal::NameValuePair<T>& pair) {
    using Value = std::remove_cvref_t<decltype(pair.value)>;
    if constexpr (std::is_base_of_v<cereal::traits::detail::BaseCastBase, Value>)
        get(pair.value);
    else
        get(fields_.named(pair.name), pair.value);
}

template <class T>
void ObjectReader::get_fields(T& value) {
    using namespace detail::forms;
    if constexpr (HasForm<T>)
        get(value);
    else if constexpr (CerealReadable<T>)
        InputArchive::operator()(value);
    else if constexpr (detail::PlainAggregate<T>)
        boost::pfr::for_each_field(value, [&](auto& field) { get(field); });
    else if constexpr (!std::is_empty_v<T>)
        detail::throw_native_only(fields_.whole().place, detail::type_name<T>());
}

template <class T>
void ObjectReader::get_whole(T& value) {
    get(fields_.whole(), value);
}

namespace detail {

/// The natural value in Python of what can be sent natively.
///
/// @throws SerializationError  it has none: a handle of the library or a connection, a type that only the
///                             native archives know, a text that is not UTF-8, a value that no such one of
///                             Python's can hold; the text says where in the value
template <class T>
Object to_object(const T& value) {
    if constexpr (TextLike<T> && (std::is_array_v<T> || !forms::HasForm<T>)) {
        return write_text(Place(), std::string_view(value));
    } else {
        if constexpr (!forms::HasForm<T>) require_sendable<T>();
        return forms::write<T>(Place(), value);
    }
}

/// The value of C++ that it is.
///
/// @param place  what errors say of where it is
/// @throws TypeMismatch        it is one of another type; the text says where in it
/// @throws ValueError          a number does not fit
/// @throws SerializationError  nothing of Python's is a T
template <class T>
T from_object(const Object& object, const Place& place = Place()) {
    if constexpr (!forms::HasForm<T>) require_sendable<T>();
    return forms::read<T>(place, object);
}

}  // namespace detail
}  // namespace procession::inline v0

CEREAL_SETUP_ARCHIVE_TRAITS(procession::ObjectReader, procession::ObjectWriter)
