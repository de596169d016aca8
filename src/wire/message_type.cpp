// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/message_type.hpp>
#include <procession/error.hpp>

#include <mutex>
#include <utility>

namespace procession::inline v0::detail {
namespace {

// Never destroyed: modules are unloaded after everything else.
struct List {
    std::mutex mutex;
    const MessageType* first = nullptr;
};
List& list() {
    static List* const instance = new List;
    return *instance;
}

}  // namespace

MessageType::MessageType(std::uint64_t its_fingerprint, std::string (*its_name)(),
                         Object (*its_to_object)(std::span<const std::byte>))
    : fingerprint(its_fingerprint), name(its_name), to_object(its_to_object) {
    const std::lock_guard lock(list().mutex);
    next_ = std::exchange(list().first, this);
}

MessageType::~MessageType() {
    const std::lock_guard lock(list().mutex);
    const MessageType** link = &list().first;
    while (*link != this) link = const_cast<const MessageType**>(&(*link)->next_);
    *link = next_;
}

const MessageType* MessageType::find(std::uint64_t fingerprint) {
    const std::lock_guard lock(list().mutex);
    const MessageType* type = list().first;
    while (type && type->fingerprint != fingerprint) type = type->next_;
    return type;
}

std::string describe_type(std::uint64_t fingerprint) {
    if (fingerprint == untyped) return "bytes of no type, as send_bytes() sends them";
    if (fingerprint == descriptor) return "a descriptor, which is for recv_handle()";
    const MessageType* const type = MessageType::find(fingerprint);
    return type ? type->name() : "a type of a module that is not loaded here";
}

Object object_of(std::uint64_t fingerprint, std::span<const std::byte> bytes) {
    const MessageType* const type = MessageType::find(fingerprint);
    if (!type)
        throw TypeMismatch(fmt::format("Connection::recv<procession::Object>: the message is {}",
                                       describe_type(fingerprint)));
    return type->to_object(bytes);
}

}  // namespace procession::inline v0::detail
