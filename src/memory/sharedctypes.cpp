// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/sharedctypes.hpp>

#include <cstring>

#include "heap/object.hpp"
#include "synchronize/lock_body.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;
using heap::Offset;
using synchronize::LockBody;
using synchronize::Obituary;

// Larger ones lie in a block of their own.
constexpr std::size_t largest_inline = 2048;

struct Traits {
    Obituary obituary;
    std::uint32_t padding;
    std::uint64_t fingerprint;
    std::uint64_t size;
    Offset data;        ///< of the bytes
    Offset given_lock;  ///< of the lock's object; 0: it is its own
    char type_name[96];
};

/// What the object begins with. The bytes come next, on the lock's cache line if they are few; then the
/// traits.
struct SharedBody {
    LockBody lock;
    Offset traits;
};
static_assert(sizeof(SharedBody) == 32);

constexpr std::size_t aligned(std::size_t at, std::size_t alignment) {
    return (at + alignment - 1) & ~(alignment - 1);
}

Traits& traits_of(const Heap& heap, Offset object) {
    return *heap.at<Traits>(heap::body<SharedBody>(heap, object).traits);
}

// A block that the object owns. Blocks are aligned to 16 bytes.
Offset add_block(Heap& heap, Offset object, std::size_t size) {
    const Offset block = heap.allocate(size + heap::cache_line);
    give(heap, block, object);
    return aligned(block, heap::cache_line);
}

// So that the lock lives as long as what refers to it.
void refer_to(Heap& heap, Offset object, Offset lock) {
    give(heap, make_message(heap, 0, std::span(&lock, 1)), object);
}

Offset make_shared_data(const SharedShape& shape, std::size_t size, const void* initial, Offset lock) {
    Heap& heap = Heap::program();
    const bool is_inline = size <= largest_inline;
    const std::size_t data_at = aligned(sizeof(SharedBody), shape.alignment);
    const std::size_t traits_at = aligned(data_at + (is_inline ? size : 0), alignof(Traits));
    const Offset object = make_object(heap, heap::ObjectType::lock, traits_at + sizeof(Traits));
    auto& body = heap::body<SharedBody>(heap, object);
    const Offset begin = heap.offset_of(&body);
    body.traits = begin + traits_at;
    Traits& traits = traits_of(heap, object);
    make_lock(body.lock, true, traits.obituary);
    traits.fingerprint = shape.fingerprint;
    traits.size = size;
    std::strncpy(traits.type_name, shape.type_name.c_str(), sizeof traits.type_name - 1);
    try {
        traits.data = is_inline ? begin + data_at : add_block(heap, object, size);
        if (lock) refer_to(heap, object, traits.given_lock = lock);
    } catch (...) {
        drop(heap, object, heap.self());
        throw;
    }
    if (size == 0) return object;
    if (initial)
        std::memcpy(heap.at<std::byte>(traits.data), initial, size);
    else
        std::memset(heap.at<std::byte>(traits.data), 0, size);
    return object;
}

void check_shape(const Traits& traits, const SharedShape& shape) {
    if (traits.fingerprint != shape.fingerprint)
        throw TypeMismatch(
            fmt::format("{}: this is a {}; receive it as that.", shape.type_name, traits.type_name));
}

}  // namespace

SharedData::SharedData(const SharedShape& shape, std::size_t size, const void* initial,
                       std::optional<RLock> lock)
    : Handle(
          shape.type_name,
          [&] { return make_shared_data(shape, size, initial, lock ? lock->offset() : 0); },
          [&](std::uint64_t object) {
              const Traits& traits = traits_of(Heap::program(), object);
              check_shape(traits, shape);
              if (traits.size != size)
                  throw ValueError(fmt::format(
                      "{}: with static storage it is one for the program, which was made with {} bytes "
                      "and not {}. Construct it with the same arguments in every process.",
                      shape.type_name, traits.size, size));
          }) {
    if (exists()) find();
}

SharedData::SharedData(const SharedData&) noexcept = default;
SharedData& SharedData::operator=(const SharedData&) noexcept = default;
SharedData::~SharedData() = default;

SharedData::SharedData(Handle handle, const SharedShape& shape) : Handle(std::move(handle)) {
    check_shape(traits_of(Heap::program(), offset()), shape);
    find();
}

void SharedData::find() {
    const Heap& heap = Heap::program();
    const Traits& traits = traits_of(heap, offset());
    data_ = heap.at<std::byte>(traits.data);
    size_ = traits.size;
    lock_.emplace(traits.given_lock ? Handle::attach(traits.given_lock) : *this);
}

void throw_index(const std::string& type_name, std::size_t index, std::size_t size) {
    throw IndexError(
        fmt::format("{}: index {} is out of range; it has {} elements", type_name, index, size));
}

std::size_t bytes_for(const std::string& type_name, std::size_t count, std::size_t each) {
    if (count > heap::arena_size / each)
        throw ValueError(
            fmt::format("{}: {} elements of {} bytes are more than shared memory can have ({} bytes)",
                        type_name, count, each, heap::arena_size));
    return count * each;
}

}  // namespace procession::inline v0::detail
