// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/object_fields.hpp>

#include <fmt/format.h>
#include <procession/detail/object_parts.hpp>
#include <procession/error.hpp>

#include <algorithm>

#include "wire/object_node.hpp"

namespace procession::inline v0::detail {

// ---- written

void WrittenFields::add(std::string_view name, Object value) {
    names_.push_back(name);
    values_.push_back(std::move(value));
}

Object WrittenFields::take() {
    if (whole_) return std::move(*whole_);
    if (known_) {
        auto name = known_->names.begin();
        for (std::string_view& each : names_)
            if (each.empty() && name != known_->names.end()) each = *name++;
        return Object::instance(known_->module, known_->qualname, Object::tuple(), dict());
    }
    const bool all_named =
        std::none_of(names_.begin(), names_.end(), [](std::string_view name) { return name.empty(); });
    return all_named && !names_.empty() ? dict() : make_tuple(std::move(values_));
}

Object WrittenFields::dict() {
    Object made = Object::dict();
    for (std::size_t i = 0; i < values_.size(); ++i) {
        const std::string_view name = names_[i];
        if (name.empty())
            throw_unnatural(place_.element(i),
                            fmt::format("{}'s field has no name to be an attribute of {}.{}. Give "
                                        "pickle::register_class the names of the fields.",
                                        known_->type_name(), known_->module, known_->qualname));
        made.set(name, std::move(values_[i]));
        if (made.size() != i + 1)
            throw_unnatural(place_, fmt::format("two fields have the name {}", name));
    }
    return made;
}

// ---- read

void ReadFields::open() {
    if (is_open_) return;
    is_open_ = true;
    if (known_) {
        open_instance();
    } else if (object_.is_dict()) {
        has_names_ = true;
        dict_ = &object_;
    } else if (object_.is_tuple() || (object_.is_list() && !place_.is_exact())) {
        elements_ = object_.elements();
    } else {
        throw_wanted(place_, "a tuple or dict of fields", object_);
    }
}

void ReadFields::open_instance() {
    if (!object_.is_instance() || object_.module() != known_->module ||
        object_.qualname() != known_->qualname)
        throw_wanted(place_, fmt::format("an instance of {}.{}", known_->module, known_->qualname),
                     object_);
    open_state(object_.state());
}

/// A dict of the attributes; or that, or None, and a dict of the __slots__; or their values alone, as the
/// state of dataclasses with slots or the arguments of a named tuple.
void ReadFields::open_state(const Object& state) {
    const bool is_listed = state.is_list() || state.is_tuple();
    if (state.is_none() && !object_.args().empty()) {
        elements_ = object_.args().elements();
    } else if (state.is_none() || state.is_dict()) {
        has_names_ = true;
        dict_ = state.is_dict() ? &state : nullptr;
    } else if (state.is_tuple() && state.size() == 2 && state[1].is_dict() &&
               (state[0].is_none() || state[0].is_dict())) {
        has_names_ = true;
        dict_ = state[0].is_dict() ? &state[0] : nullptr;
        slots_ = &state[1];
    } else if (is_listed) {
        elements_ = state.elements();
    } else {
        throw_wanted(place_, "a state of attributes", state);
    }
}

const Object* ReadFields::find(std::string_view name) const {
    for (const Object* const each : {dict_, slots_})
        if (each) {
            const auto& table = ObjectAccess::value<KeyTable>(*each);
            if (const std::size_t at = table.find(name); at != KeyTable::none)
                return &table.values()[at];
        }
    return nullptr;
}

ReadFields::Field ReadFields::at(std::size_t index) {
    if (index == elements_.size())
        throw TypeMismatch(fmt::format("{}more than {} elements are wanted, {} are there", place_.text(),
                                       index, index));
    return {place_.element(index), elements_[index]};
}

ReadFields::Field ReadFields::next() {
    open();
    if (!has_names_) return at(taken_++);
    if (known_ && unnamed_ < known_->names.size()) return named(known_->names[unnamed_++]);
    if (known_)
        throw_unnatural(place_, fmt::format("{}'s fields have no names to be looked for in {}.{}. Give "
                                            "pickle::register_class the names of the fields.",
                                            known_->type_name(), known_->module, known_->qualname));
    throw_wanted(place_, "a tuple, as the fields have no names,", object_);
}

ReadFields::Field ReadFields::named(std::string_view name) {
    open();
    if (!has_names_) {
        const std::size_t index = taken_++;
        return {place_.field(name), at(index).object};
    }
    const Object* const found = find(name);
    if (!found)
        throw TypeMismatch(fmt::format("{}{} {} is wanted, there is none", place_.text(),
                                       known_ ? "an attribute" : "a key", Object(name)));
    ++taken_;
    names_taken_.push_back(name);
    return {place_.field(name), *found};
}

ReadFields::Field ReadFields::whole() {
    is_whole_ = true;
    return {place_, object_};
}

std::size_t ReadFields::left() {
    open();
    const std::size_t all =
        has_names_ ? (dict_ ? dict_->size() : 0) + (slots_ ? slots_->size() : 0) : elements_.size();
    return all - std::min(all, taken_);
}

void ReadFields::finish() {
    if (is_whole_) return;
    if (left() == 0) return;
    if (!has_names_) throw_wrong_count(place_, taken_, elements_.size());
    // Objects of Python's may have attributes that are nobody else's business.
    if (known_) return;
    for (const Object& key : *dict_)
        if (!key.is_str() ||
            std::find(names_taken_.begin(), names_taken_.end(), key.text()) == names_taken_.end())
            throw TypeMismatch(
                fmt::format("{}the dict has a key {} that is no field", place_.text(), key));
}

}  // namespace procession::inline v0::detail
