// SPDX-License-Identifier: Apache-2.0

// A row of elements in one block, its storage.
//
// 1. Capacity and size lie in the storage: putting another storage in changes them and the elements
//    with one store.
// 2. Elements beyond the size are nobody's: appending writes them, then stores the size.
// 3. An element is replaced by way of the spare one: once that is written, `armed` says where it
//    belongs, which is the commit; whoever comes after a death copies it there again.

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <cstring>

#include "memory/container.hpp"
#include "os/at_load.hpp"

namespace procession::inline v0::detail {
namespace {

struct BytesBody {
    Container container;
    std::uint64_t width;  ///< of an element
};

struct Storage {
    std::uint64_t capacity;
    std::atomic<std::uint64_t> size;
    std::atomic<std::uint64_t> armed;  ///< one more than where the spare element belongs; 0: nowhere
    std::uint64_t padding[3];

    std::byte* element(std::uint64_t index, std::uint64_t width) {
        return reinterpret_cast<std::byte*>(this + 1) + index * width;
    }
    std::byte* spare(std::uint64_t width) { return element(capacity, width); }
};
static_assert(sizeof(heap::BlockHeader) + sizeof(Storage) == heap::cache_line, "elements are aligned");

BytesBody& body_of(const Handle& handle) { return *static_cast<BytesBody*>(handle.body()); }

/// What a row without a block has; never written.
constinit Storage no_storage{};

/// Of a row whose lock or section this thread has.
Storage& storage_of(const BytesBody& body) {
    const Offset content = body.container.content.load(std::memory_order_acquire);
    return content ? *Heap::program().at<Storage>(content) : no_storage;
}

std::uint64_t size_of(const BytesBody& body) {
    return storage_of(body).size.load(std::memory_order_relaxed);
}

Offset make_storage(Heap& heap, std::uint64_t width, std::uint64_t capacity) {
    const bool fits = capacity < heap::arena_size / width - 1;
    const Offset at =
        heap.allocate(fits ? sizeof(Storage) + (capacity + 1) * width : heap::arena_size + 1);
    auto* storage = heap.at<Storage>(at);
    storage->capacity = capacity;
    storage->size.store(0);
    storage->armed.store(0);
    return at;
}

void check_index(const BytesBody& body, std::uint64_t index, std::uint64_t size) {
    if (index >= size)
        throw IndexError(fmt::format("{}: index {} is out of range: the size is {}.",
                                     body.container.type_name, index, size));
}

/// The index of the last element.
std::uint64_t last_of(const BytesBody& body, std::uint64_t size) {
    if (size == 0)
        throw IndexError(
            fmt::format("{}: it is empty, so it has no last element.", body.container.type_name));
    return size - 1;
}

void write_elements(Storage& storage, std::uint64_t width, std::uint64_t at,
                    std::span<const std::byte> elements) {
    if (!elements.empty()) std::memcpy(storage.element(at, width), elements.data(), elements.size());
}

void finish_set(Storage& storage, std::uint64_t width) {
    if (const std::uint64_t armed = storage.armed.load()) {
        std::byte* const element = storage.element(armed - 1, width);
        const std::uint64_t half = width / 2;
        std::memcpy(element, storage.spare(width), half);
        PROCESSION_KILL_POINT("bytes.half_written");
        std::memcpy(element + half, storage.spare(width) + half, width - half);
        PROCESSION_KILL_POINT("bytes.element_written");
        storage.armed.store(0, std::memory_order_release);
        PROCESSION_KILL_POINT("bytes.set");
    }
}

void set_element(const BytesBody& body, std::uint64_t index, const void* element) {
    Storage& storage = storage_of(body);
    check_index(body, index, storage.size.load(std::memory_order_relaxed));
    std::memcpy(storage.spare(body.width), element, body.width);
    PROCESSION_KILL_POINT("bytes.spare_written");
    storage.armed.store(index + 1);
    // A store after a release may be moved before it; for our own death only the compiler could.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    PROCESSION_KILL_POINT("bytes.armed");
    finish_set(storage, body.width);
}

void get_element(const BytesBody& body, std::uint64_t index, void* element) {
    Storage& storage = storage_of(body);
    check_index(body, index, storage.size.load(std::memory_order_relaxed));
    std::memcpy(element, storage.element(index, body.width), body.width);
}

void put_in(Step& step, BytesBody& body, Offset storage) {
    auto& content = body.container.content;
    step.exchange(storage, content.load(), [&] { content.store(storage); });
}

/// Puts in a new storage: the first `kept` elements of the old one, and then `more`, which
/// `write(storage)` writes.
template <class Write>
void rewrite(const Section& section, BytesBody& body, std::uint64_t capacity, std::uint64_t kept,
             std::uint64_t more, Write write) {
    Heap& heap = Heap::program();
    OwnBlock block(heap, make_storage(heap, body.width, std::max(capacity, kept + more)));
    Storage& storage = *heap.at<Storage>(block.at());
    write_elements(storage, body.width, 0, {storage_of(body).element(0, body.width), kept * body.width});
    write(storage);
    storage.size.store(kept + more);
    PROCESSION_KILL_POINT("bytes.rewritten");
    Step step(section);
    put_in(step, body, block.release());
}

void reallocate(const Section& section, BytesBody& body, std::uint64_t capacity) {
    rewrite(section, body, capacity, size_of(body), 0, [](Storage&) {});
}

bool append_in_place(const BytesBody& body, std::span<const std::byte> elements) {
    Storage& storage = storage_of(body);
    const std::uint64_t size = storage.size.load(std::memory_order_relaxed);
    const std::uint64_t count = elements.size() / body.width;
    if (count > storage.capacity - size) return false;
    if (count == 0) return true;
    write_elements(storage, body.width, size, elements);
    PROCESSION_KILL_POINT("bytes.written");
    storage.size.store(size + count, std::memory_order_release);
    PROCESSION_KILL_POINT("bytes.appended");
    return true;
}

void append_within(const Section& section, BytesBody& body, std::span<const std::byte> elements) {
    {
        const Step step(section);
        if (append_in_place(body, elements)) return;
    }
    const std::uint64_t size = size_of(body);
    const std::uint64_t least = std::max<std::uint64_t>(heap::cache_line / body.width, 4);
    rewrite(section, body, std::max(2 * size, least), size, elements.size() / body.width,
            [&](Storage& storage) { write_elements(storage, body.width, size, elements); });
}

void assign_within(const Section& section, BytesBody& body, std::span<const std::byte> elements) {
    rewrite(section, body, storage_of(body).capacity, 0, elements.size() / body.width,
            [&](Storage& storage) { write_elements(storage, body.width, 0, elements); });
}

bool shrink_in_place(const BytesBody& body, std::uint64_t size) {
    Storage& storage = storage_of(body);
    if (size > storage.size.load(std::memory_order_relaxed)) return false;
    if (storage.capacity) storage.size.store(size);
    PROCESSION_KILL_POINT("bytes.shrunk");
    return true;
}

void recover_bytes(Heap& heap, Offset lock) {
    Container& container = container_at(heap, lock);
    const Offset content = container.content.load();
    settle(heap, container, container.coming.load() == content, container.going.load() == content);
    if (content)
        finish_set(*heap.at<Storage>(content), heap.at<BytesBody>(heap.offset_of(&container))->width);
}

PROCESSION_AT_LOAD void register_recovery() { heap::set_recovery(heap::Recovery::bytes, recover_bytes); }

Offset make_bytes(const SharedType& type, std::size_t width, std::span<const std::byte> elements) {
    Heap& heap = Heap::program();
    OwnBlock block(heap, elements.empty() ? 0 : make_storage(heap, width, elements.size() / width));
    const Offset object =
        make_container(heap::ObjectType::bytes, sizeof(BytesBody), heap::Recovery::bytes, type);
    auto& body = heap::body<BytesBody>(heap, object);
    body.width = width;
    if (!block.at()) return object;
    Storage& storage = *heap.at<Storage>(block.at());
    write_elements(storage, width, 0, elements);
    storage.size.store(storage.capacity);
    body.container.content.store(block.at());
    give(heap, block.release(), object);
    return object;
}

}  // namespace

SharedBytes::SharedBytes(const SharedType& type, std::size_t width, std::span<const std::byte> elements)
    : Handle(
          type.name, [&] { return make_bytes(type, width, elements); },
          [&](Offset object) { check_container(object, heap::ObjectType::bytes, type); }) {}

SharedBytes::SharedBytes(Handle handle, const SharedType& type) : Handle(std::move(handle)) {
    check_container(offset(), heap::ObjectType::bytes, type);
}

std::size_t SharedBytes::size() const {
    BytesBody& body = body_of(*this);
    const Step step(body.container);
    return size_of(body);
}

std::size_t SharedBytes::capacity() const {
    BytesBody& body = body_of(*this);
    const Step step(body.container);
    return storage_of(body).capacity;
}

void SharedBytes::get(std::size_t index, void* element) const {
    BytesBody& body = body_of(*this);
    const Step step(body.container);
    get_element(body, index, element);
}

void SharedBytes::get_last(void* element) const {
    BytesBody& body = body_of(*this);
    const Step step(body.container);
    get_element(body, last_of(body, size_of(body)), element);
}

void SharedBytes::set(std::size_t index, const void* element) const {
    BytesBody& body = body_of(*this);
    const Step step(body.container);
    set_element(body, index, element);
}

void SharedBytes::append(std::span<const std::byte> elements) const {
    BytesBody& body = body_of(*this);
    {
        const Step step(body.container);
        if (append_in_place(body, elements)) return;
    }
    append_within(Section(body.container), body, elements);
}

void SharedBytes::pop_last(void* element) const {
    BytesBody& body = body_of(*this);
    const Step step(body.container);
    const std::uint64_t last = last_of(body, size_of(body));
    get_element(body, last, element);
    shrink_in_place(body, last);
}

void SharedBytes::assign(std::span<const std::byte> elements) const {
    BytesBody& body = body_of(*this);
    assign_within(Section(body.container), body, elements);
}

void SharedBytes::resize(std::size_t size, const void* element) const {
    BytesBody& body = body_of(*this);
    {
        const Step step(body.container);
        if (shrink_in_place(body, size)) return;
    }
    const Section section(body.container);
    {
        const Step step(section);
        if (shrink_in_place(body, size)) return;
    }
    const std::uint64_t old = size_of(body);
    rewrite(section, body, storage_of(body).capacity, old, size - old, [&](Storage& storage) {
        for (std::uint64_t i = old; i < size; ++i)
            std::memcpy(storage.element(i, body.width), element, body.width);
    });
}

void SharedBytes::reserve(std::size_t capacity) const {
    BytesBody& body = body_of(*this);
    const Section section(body.container);
    if (capacity > storage_of(body).capacity) reallocate(section, body, capacity);
}

void SharedBytes::shrink_to_fit() const {
    BytesBody& body = body_of(*this);
    const Section section(body.container);
    const std::uint64_t size = size_of(body);
    if (size == storage_of(body).capacity) return;
    if (size) return reallocate(section, body, size);
    Step step(section);
    put_in(step, body, 0);
}

BytesSection::BytesSection(const SharedBytes& bytes)
    : Section(body_of(bytes).container), bytes_(bytes) {}

BytesSection::~BytesSection() { const OwnBlock block(Heap::program(), copy_); }

const void* BytesSection::data() const {
    const BytesBody& body = body_of(bytes_);
    return storage_of(body).element(0, body.width);
}

std::size_t BytesSection::size() const { return size_of(body_of(bytes_)); }

void* BytesSection::make_copy() {
    Heap& heap = Heap::program();
    const BytesBody& body = body_of(bytes_);
    Storage& old = storage_of(body);
    copy_ = make_storage(heap, body.width, old.capacity);
    Storage& storage = *heap.at<Storage>(copy_);
    const std::uint64_t size = old.size.load(std::memory_order_relaxed);
    write_elements(storage, body.width, 0, {old.element(0, body.width), size * body.width});
    storage.size.store(size);
    PROCESSION_KILL_POINT("bytes.copied");
    return storage.element(0, body.width);
}

void BytesSection::put_copy() {
    Step step(*this);
    put_in(step, body_of(bytes_), std::exchange(copy_, 0));
}

void BytesSection::get(std::size_t index, void* element) const {
    get_element(body_of(bytes_), index, element);
}

void BytesSection::set(std::size_t index, const void* element) {
    const Step step(*this);
    set_element(body_of(bytes_), index, element);
}

void BytesSection::assign(std::span<const std::byte> elements) {
    assign_within(*this, body_of(bytes_), elements);
}

}  // namespace procession::inline v0::detail
