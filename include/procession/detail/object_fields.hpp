// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/class_registry.hpp>
#include <procession/detail/export.hpp>
#include <procession/detail/object_place.hpp>
#include <procession/object.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What a class archives, field by field: an instance of its registered class, else a dict if all fields
// have names, else a tuple.
namespace procession::inline v0::detail {

class PROCESSION_API WrittenFields {
  public:
    WrittenFields(const Place& place, const RegisteredClass* known) : place_(place), known_(known) {}

    Place next_place() const { return place_.element(values_.size()); }
    Place place_of(std::string_view name) const { return place_.field(name); }
    void add(Object value) { add({}, std::move(value)); }
    void add(std::string_view name, Object value);
    /// It is no fields, but one value altogether.
    void replace(Object value) { whole_ = std::move(value); }
    Object take();

  private:
    Object dict();

    const Place& place_;
    const RegisteredClass* known_;
    std::vector<Object> values_;
    std::vector<std::string_view> names_;  ///< empty: has none
    std::optional<Object> whole_;
};

class PROCESSION_API ReadFields {
  public:
    struct Field {
        Place place;
        const Object& object;
    };

    ReadFields(const Place& place, const Object& object, const RegisteredClass* known)
        : place_(place), object_(object), known_(known) {}

    Field next();
    Field named(std::string_view name);
    /// All of it, which is no fields.
    Field whole();
    /// How many fields are left.
    std::size_t left();
    /// @throws TypeMismatch  there are more fields than were read
    void finish();

  private:
    void open();
    void open_instance();
    void open_state(const Object& state);
    Field at(std::size_t index);
    const Object* find(std::string_view name) const;

    const Place& place_;
    const Object& object_;
    const RegisteredClass* known_;
    bool is_open_ = false;
    bool is_whole_ = false;
    std::span<const Object> elements_;  ///< without names
    std::size_t taken_ = 0;
    bool has_names_ = false;
    const Object* dict_ = nullptr;
    const Object* slots_ = nullptr;
    std::size_t unnamed_ = 0;
    std::vector<std::string_view> names_taken_;
};

}  // namespace procession::inline v0::detail
