// SPDX-License-Identifier: Apache-2.0
#include "managers/array.hpp"
#include "managers/dict.hpp"
#include "managers/list.hpp"
#include "managers/managed_barrier.hpp"
#include "managers/managed_condition.hpp"
#include "managers/managed_event.hpp"
#include "managers/managed_lock.hpp"
#include "managers/managed_pool.hpp"
#include "managers/managed_queue.hpp"
#include "managers/managed_semaphore.hpp"
#include "managers/namespace.hpp"
#include "managers/references.hpp"
#include "managers/type_registry.hpp"
#include "managers/value.hpp"
#include "wire/object_node.hpp"

namespace procession::inline v0::managers {
namespace {

template <class T>
void add(TypeRegistry& registry, const char* type_id) {
    registry.add(type_id, [](const Arguments& arguments, const Caller&) { return T::make(arguments); });
}

std::shared_ptr<Referent> make_condition(const Arguments& arguments, const Caller&) {
    const Object* const lock = arguments.find(0, "lock");
    if (!lock || !detail::is_proxy(*lock)) return ManagedCondition::make(arguments);
    arguments.require(1, {"lock"});
    return ManagedCondition::on(referent_of(*lock));
}

}  // namespace

void add_builtin_types(TypeRegistry& registry) {
    add<Dict>(registry, "dict");
    add<List>(registry, "list");
    add<Namespace>(registry, "Namespace");
    add<Value>(registry, "Value");
    add<Array>(registry, "Array");
    add<ManagedLock>(registry, "Lock");
    add<ManagedRLock>(registry, "RLock");
    add<ManagedSemaphore>(registry, "Semaphore");
    add<ManagedBoundedSemaphore>(registry, "BoundedSemaphore");
    registry.add("Condition", make_condition);
    add<ManagedEvent>(registry, "Event");
    add<ManagedBarrier>(registry, "Barrier");
    add<ManagedQueue>(registry, "Queue");
    add<ManagedJoinableQueue>(registry, "JoinableQueue");
    add_pool(registry);
}

}  // namespace procession::inline v0::managers
