// SPDX-License-Identifier: Apache-2.0
#pragma once

// The bytes beneath shared_vector, shared_string and shared_map. What may be called when, and by whom,
// and what is thrown, is as there.

#include <procession/serialize.hpp>

#include <functional>
#include <optional>

namespace procession::inline v0::detail {

struct Container;

/// What a container is called, and is told from others by.
struct SharedType {
    std::uint64_t fingerprint;
    std::string name;
};
template <class T>
SharedType shared_type() {
    return {fingerprint<T>(), type_name<T>()};
}

/// Keeps everybody else out of a container for as long as it lives.
class PROCESSION_API Section {
  public:
    /// @throws StateError  this thread has one of this container already
    explicit Section(Container&);
    ~Section();
    Section(Section&&) = delete;

    /// Throws StateError when this thread has a section of the container.
    static void refuse_within(const Container&);

  private:
    friend class Step;
    Container& container_;
    std::uint32_t participant_;
    const Section* outer_;
};

/// A row of elements of one size.
class PROCESSION_API SharedBytes : public Handle {
  public:
    std::size_t size() const;
    std::size_t capacity() const;
    void reserve(std::size_t capacity) const;
    void shrink_to_fit() const;

  protected:
    SharedBytes(const SharedType&, std::size_t width, std::span<const std::byte> elements);
    SharedBytes(Handle, const SharedType&);

    void get(std::size_t index, void* element) const;
    void get_last(void* element) const;
    void set(std::size_t index, const void* element) const;
    void append(std::span<const std::byte> elements) const;
    void pop_last(void* element) const;
    void assign(std::span<const std::byte> elements) const;
    /// New elements are copies of `element`.
    void resize(std::size_t size, const void* element) const;
};

/// Calls `f`, then `after`, and returns what `f` returned, by value.
template <class F, class After>
auto call_then(F&& f, After&& after) {
    if constexpr (std::is_void_v<decltype(f())>) {
        f();
        after();
    } else {
        auto result = f();
        after();
        return result;
    }
}

/// A row, with everybody else kept out.
class PROCESSION_API BytesSection : public Section {
  public:
    explicit BytesSection(const SharedBytes&);
    ~BytesSection();

    /// The elements as they are.
    template <class T>
    std::span<const T> elements() const {
        return {static_cast<const T*>(data()), size()};
    }
    /// A copy of them, to be changed; it counts for nothing until it is put in their place.
    template <class T>
    std::span<T> copy() {
        return {static_cast<T*>(make_copy()), size()};
    }
    void put_copy();
    void get(std::size_t index, void* element) const;
    void set(std::size_t index, const void* element);
    void assign(std::span<const std::byte> elements);

  private:
    const void* data() const;
    std::size_t size() const;
    void* make_copy();

    const SharedBytes& bytes_;
    std::uint64_t copy_ = 0;
};

/// Keys and values, as bytes.
class PROCESSION_API SharedTable : public Handle {
  public:
    std::size_t size() const;
    void clear() const;

  protected:
    explicit SharedTable(const SharedType&);
    SharedTable(Handle, const SharedType&);

    bool contains(const Buffer& key) const;
    /// False, and nothing done, when the key is there and not to be replaced.
    bool put(const Buffer& key, const Buffer& value, bool replace) const;
    /// False when the key is not there. What the value refers to lives at least until `read` returns.
    bool get(const Buffer& key, const std::function<void(std::span<const std::byte>)>& read) const;
};

/// An entry that was taken out; it lies in a block of this process.
class PROCESSION_API TakenEntry {
  public:
    TakenEntry(const SharedTable&, const Buffer& key);
    TakenEntry(TakenEntry&&) = delete;
    ~TakenEntry();

    /// Whether there was one.
    explicit operator bool() const { return block_ != 0; }
    std::span<const std::byte> value() const;

  private:
    std::uint64_t block_ = 0;
};

/// A table, with everybody else kept out.
class PROCESSION_API TableSection : public Section {
  public:
    explicit TableSection(const SharedTable&);

    /// None when the key is not there.
    std::optional<std::span<const std::byte>> find(const Buffer& key) const;
    void put(const Buffer& key, const Buffer& value);
    void visit(const std::function<void(std::span<const std::byte> key,
                                        std::span<const std::byte> value)>&) const;
    std::size_t size() const;

  private:
    const SharedTable& table_;
};

}  // namespace procession::inline v0::detail
