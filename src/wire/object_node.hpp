// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/key_table.hpp"

namespace procession::inline v0::detail {

/// What lies behind an Object. It is not changed while others look at it, but by the decoder, which builds
/// a value that is not given to anybody yet.
struct ObjectNode {
    std::atomic<std::uint32_t> owners{1};
    /// 0 for what holds no Objects, else one more than the deepest of them has or had.
    std::uint16_t depth = 0;
    /// The decoder's: it lies in another value, and is changed no more.
    bool is_given = false;
    /// Bytes of memory that it and all in it take, those shared with others too; what is too much to be
    /// said is the most.
    std::size_t weight = 0;
    /// 0: not known yet.
    mutable std::atomic<std::size_t> hash{0};

    ObjectNode() = default;
    ObjectNode(const ObjectNode& other)
        : depth(other.depth), weight(other.weight), hash(other.hash.load(std::memory_order_relaxed)) {}
    ObjectNode& operator=(const ObjectNode&) = delete;
    virtual ~ObjectNode() = default;
    virtual ObjectNode* clone() const = 0;

    /// @throws ValueError  what holds the Object would be too deep
    static void check_depth(const Object& object);
    /// Notes that an Object comes into it. @throws ValueError  that would be too deep; nothing is noted
    void admit(const Object& object, std::size_t overhead = 0);
    /// Notes that it is gone.
    void dismiss(const Object& object, std::size_t overhead = 0) noexcept;
    void add_weight(std::size_t more) noexcept;
};

template <class T>
struct Holding final : ObjectNode {
    T value;
    template <class... A>
    explicit Holding(std::in_place_t, A&&... held) : value(std::forward<A>(held)...) {}
    ObjectNode* clone() const override { return new Holding(*this); }
};

/// An int beyond 64 bits: its two's complement, little-endian, with the fewest bytes.
struct BigInteger {
    Object::Bytes bytes;
};
using Elements = std::vector<Object>;
/// Of an exception, an instance or a global.
struct Named {
    std::string module;
    std::string qualname;
    Object args = Object::tuple();
    Object state = {};
    Object::Made made = Object::Made::by_call;
    /// What lives as long as this value, in this process: what a proxy refers to.
    std::shared_ptr<const void> attachment = {};
};

/// What a key costs beside itself and its value: its hash and its places.
inline constexpr std::size_t key_overhead = 16;

/// The way from Objects to nodes. T must be what the kind holds.
struct ObjectAccess {
    static bool is_boxed(const Object& object) { return object.boxed_; }
    static ObjectNode& node(const Object& object) { return *object.node_; }
    static std::int64_t integer(const Object& object) { return object.integer_; }
    static double floating(const Object& object) { return object.floating_; }

    template <class T>
    static Object make(Object::Kind kind, T value, std::size_t payload = 0) {
        return emplace<T>(kind, payload, std::move(value));
    }
    /// With what a T is made of.
    template <class T, class... A>
    static Object emplace(Object::Kind kind, std::size_t payload, A&&... parts) {
        auto node = std::make_unique<Holding<T>>(std::in_place, std::forward<A>(parts)...);
        node->add_weight(sizeof(Holding<T>) + payload);
        return {kind, node.release()};
    }
    static Object make(Object::Kind kind, Elements elements);
    static Object make(Object::Kind kind, Named named);

    template <class T>
    static const T& value(const Object& object) {
        return static_cast<const Holding<T>&>(node(object)).value;
    }
    /// To be changed: by all who share it.
    template <class T>
    static Holding<T>& in_place(const Object& object) {
        return static_cast<Holding<T>&>(node(object));
    }
    /// To be changed: by this Object alone.
    template <class T>
    static Holding<T>& own(Object& object) {
        ObjectNode* const shared = object.node_;
        if (shared->owners.load(std::memory_order_acquire) != 1)
            object = Object(object.kind_, shared->clone());
        object.node_->hash.store(0, std::memory_order_relaxed);
        return in_place<T>(object);
    }
};

/// A str that may hold lone surrogates; any other text must be known to be UTF-8.
Object make_text(std::string_view text);
/// Of an int. @returns none: it does not fit
std::optional<std::uint64_t> uint64_of(const Object& integer);
std::size_t depth_of(const Object& object) noexcept;
std::size_t weight_of(const Object& object) noexcept;
/// Whether Python makes it by `multiprocessing.managers.RebuildProxy`.
bool is_proxy(const Object& object);
/// Its repr in a message, unless that might be long.
std::string shown(const Object& object);

void append_to(Holding<Elements>& list, Object element);
/// @returns whether the key was not there
bool set_key(Holding<KeyTable>& table, Object key, Object value = {});

}  // namespace procession::inline v0::detail
