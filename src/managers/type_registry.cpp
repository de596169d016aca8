// SPDX-License-Identifier: Apache-2.0
#include "managers/type_registry.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include "managers/method_names.hpp"

namespace procession::inline v0::managers {
namespace {

/// An object of one of the program's classes.
class ManagedReferent : public Referent {
  public:
    ManagedReferent(std::shared_ptr<detail::ManagedObject> object, const TypeRegistry& types)
        : object_(std::move(object)), types_(types) {}

    Result call(const Arguments& arguments, const Caller& caller) override {
        const Object positional = Object::tuple(arguments.positional());
        detail::ManagedResult result =
            object_->call({arguments.method(), positional, arguments.keywords(), caller.stop});
        if (!result.made.object) return std::move(result.value);
        auto made = types_.wrap(result.type_id, result.made);
        return {std::move(made), std::move(result.type_id)};
    }
    std::vector<std::string> exposed() const override { return object_->exposed(); }
    Object value() const override { return object_->value(); }
    std::string to_string() const override { return object_->to_string(); }

  private:
    const std::shared_ptr<detail::ManagedObject> object_;
    const TypeRegistry& types_;
};

}  // namespace

void TypeRegistry::throw_unknown(std::string_view type_id) {
    throw KeyError(
        fmt::format("the manager's server has no type '{}'. Register it before the server is "
                    "started.",
                    type_id));
}

void TypeRegistry::add(const detail::Registration& registration) {
    note_method_names(registration.type_id, registration.type->method_names());
    classes_[registration.type_id] = registration.type;
    add(registration.type_id, [this, type = registration.type](const Arguments& arguments,
                                                               const Caller& caller) {
        const Object positional = Object::tuple(arguments.positional());
        return std::make_shared<ManagedReferent>(
            type->create({arguments.method(), positional, arguments.keywords(), caller.stop}), *this);
    });
}

std::shared_ptr<Referent> TypeRegistry::make(std::string_view type_id, const Arguments& arguments,
                                             const Caller& caller) const {
    const auto type = types_.find(type_id);
    if (type == types_.end()) throw_unknown(type_id);
    return type->second(arguments, caller);
}

std::shared_ptr<Referent> TypeRegistry::wrap(std::string_view type_id,
                                             const detail::MadeObject& made) const {
    const auto type = classes_.find(type_id);
    if (type == classes_.end()) throw_unknown(type_id);
    return std::make_shared<ManagedReferent>(type->second->wrap(made), *this);
}

}  // namespace procession::inline v0::managers
