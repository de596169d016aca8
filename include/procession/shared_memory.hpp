// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Blocks of memory with a name, which other programs can open too: C, or Python's
/// multiprocessing.shared_memory.

#include <procession/detail/handle.hpp>
#include <procession/object.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace procession::inline v0 {

/// Asks for a new block: `SharedMemory(mp::create, 4096)`.
struct create_t {
    explicit create_t() = default;
};
inline constexpr create_t create{};

namespace detail {
class LocalBlock;
class ListLayout;
struct NewBlock;
}  // namespace detail

/// A block of memory in /dev/shm that processes of any program open by its name.
///
/// A handle: a copy is the same block, and it may be passed to processes as an argument and inside
/// messages, whose receiver opens it by its name. The block is mapped once in a process, for all copies
/// there; the last one's destructor unmaps it (close()), and never unlinks.
///
/// Created with a name, a block lasts until unlink(), beyond the program's end. Created without, it gets
/// a name that begins with `procession_` and lasts until unlink() or until the program's last process is
/// gone, also where that was killed. Opening a block has no effect on how long it lasts.
///
/// Only the block's owner can open it (mode 0600). Its memory is reserved at once.
/// @par Thread safety   safe on a shared object; the bytes themselves are the program's to guard
/// @par Process safety  safe; likewise
/// @see Python: multiprocessing.shared_memory.SharedMemory
class PROCESSION_API SharedMemory : public detail::Handle {
  public:
    /// None yet, to be assigned or received into: every use throws StateError.
    SharedMemory() : Handle("SharedMemory") {}
    /// A new block, of zeroes.
    ///
    /// The first one without a name starts the fork server, which cleans up should the program be killed;
    /// where it cannot be started, the log has a warning.
    /// @param size  bytes, at least 1
    /// @param name  at most 254 bytes without a slash; one in front is ignored. None: a generated one
    /// @throws ValueError         the size is 0 or too large, or the name is no name
    /// @throws std::system_error  EEXIST: the name is taken; ENOSPC: /dev/shm is full
    SharedMemory(create_t, std::size_t size, std::string name = {});
    /// The block of that name, whole, whoever created it.
    /// @throws ValueError         the name is no name, or the block is empty
    /// @throws std::system_error  ENOENT: there is none; EACCES: it is another user's
    explicit SharedMemory(std::string name);
    explicit SharedMemory(std::size_t) = delete;
    /// The block that a message names. @throws std::system_error  ENOENT: it was unlinked
    explicit SharedMemory(detail::Handle);
    // No move: what was moved from is still the same block.
    SharedMemory(const SharedMemory&) noexcept = default;
    SharedMemory& operator=(const SharedMemory&) noexcept = default;

    /// Its bytes, until close() or until the last copy in this process goes. Another process that cuts
    /// the file short makes them inaccessible (SIGBUS).
    /// @throws ValueError  after close()
    std::span<std::byte> buf() const;
    /// Bytes. @par Thread safety  safe, also after close()
    std::size_t size() const;
    /// Without a slash in front, as Python's peers give it.
    std::string name() const;
    /// Unmaps it in this process, for all copies here; again, nothing. A copy that is received later is
    /// open.
    void close() const;
    /// Takes its name away: nobody can open it any more. Those who have it mapped keep it.
    /// @throws std::system_error  ENOENT: it was unlinked before
    void unlink() const;

    /// SharedMemory('psm_1234', size=4096)
    std::string to_string() const;

  private:
    friend class ShareableList;
    explicit SharedMemory(detail::NewBlock&&);
    const detail::LocalBlock& local() const;
    std::shared_ptr<detail::LocalBlock> block_;
};

/// A list of fixed length in a block of named memory, laid out as CPython does, so that a Python process
/// can open it as a ShareableList and the other way round.
///
/// Items are None, bool, int, float, str and bytes. Each has a slot as large as its first value needed
/// (8 bytes, or for text and bytes the next multiple of 8 above its length), and may change its type in
/// there. As in Python, text and bytes lose the NULs at their end, and a process that reads an item which
/// another one is writing may see half of each: guard it with a Lock where that matters.
///
/// What the block holds is not trusted: where another process has written nonsense, the calls throw
/// ValueError.
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.shared_memory.ShareableList
class PROCESSION_API ShareableList : public detail::Handle {
  public:
    /// None yet, to be assigned or received into: every use throws StateError.
    ShareableList() : Handle("ShareableList") {}
    /// A new list; names and errors are those of SharedMemory, and
    /// @throws ValueError  an item is longer than CPython can note, 9999984 bytes, or an int of more than 64 bits
    /// @throws TypeMismatch  an item is of another type than those
    ShareableList(create_t, std::initializer_list<Object> items, std::string name = {})
        : ShareableList(create, std::vector<Object>(items), std::move(name)) {}
    ShareableList(create_t, const std::vector<Object>& items, std::string name = {});
    /// The same of any range: another ShareableList, say, which is copied.
    template <class R>
    requires std::convertible_to<decltype(*std::begin(std::declval<R&>())), Object> ShareableList(
        create_t, const R& items, std::string name = {})
        : ShareableList(create, std::vector<Object>(std::begin(items), std::end(items)),
                        std::move(name)) {}
    /// The list of that name. @throws ValueError  what is there is no list
    explicit ShareableList(std::string name);
    /// The list that a message names. @throws std::system_error  ENOENT: it was unlinked
    explicit ShareableList(detail::Handle);
    // No move: what was moved from is still the same list.
    ShareableList(const ShareableList&) noexcept = default;
    ShareableList& operator=(const ShareableList&) noexcept = default;

    /// The item at `index`, or at `size() + index` where that is negative.
    /// @throws IndexError  there is none @throws ValueError  after close(); its slot holds nonsense
    Object operator[](std::ptrdiff_t index) const;
    /// Replaces an item. @throws ValueError  it does not fit into the slot: nothing was changed
    /// @throws TypeMismatch  it is of another type than those above
    void set(std::ptrdiff_t index, const Object& item) const;
    /// How many items there are: always as many.
    std::size_t size() const;
    /// How many items equal `item`.
    std::size_t count(const Object& item) const;
    /// Where the first one is that equals `item`. @throws ValueError  there is none
    std::size_t index(const Object& item) const;
    /// How Python's struct module packs the item: q, d, 8s, ...
    std::string format(std::ptrdiff_t index) const;
    /// The same of all items, one after another.
    std::string format() const;
    /// The block that it lies in.
    SharedMemory& shm() const;

    /// Visits the items from first to last.
    class iterator {
      public:
        using value_type = Object;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        iterator(const ShareableList& list, std::ptrdiff_t at) : list_(&list), at_(at) {}
        Object operator*() const { return (*list_)[at_]; }
        iterator& operator++() { return ++at_, *this; }
        iterator operator++(int) { return {*list_, at_++}; }
        friend bool operator==(const iterator&, const iterator&) = default;

      private:
        const ShareableList* list_ = nullptr;
        std::ptrdiff_t at_ = 0;
    };
    iterator begin() const { return {*this, 0}; }
    iterator end() const { return {*this, static_cast<std::ptrdiff_t>(size())}; }

    /// ShareableList(['a', 1], name='psm_1234')
    std::string to_string() const;

  private:
    ShareableList(detail::NewBlock&&, const std::vector<Object>& items);
    std::shared_ptr<const detail::ListLayout> read_layout() const;
    const detail::ListLayout& layout() const;
    mutable SharedMemory shm_;
    std::shared_ptr<const detail::ListLayout> layout_;
};

/// Blocks and lists that go together: at shutdown() they are all unlinked, whoever has them open still;
/// the memory of those stays valid.
///
/// There is no server process, unlike in Python, where it keeps the list of the blocks' names: here the
/// list lies in the manager, and if its process is killed, the blocks go when the program ends, as all
/// blocks without a name do. So SIGINT has nothing to end here.
/// @par Thread safety   safe on a shared object
/// @par Process safety  a forked child's copy shuts nothing down
/// @see Python: multiprocessing.managers.SharedMemoryManager
class PROCESSION_API SharedMemoryManager {
  public:
    SharedMemoryManager() = default;
    SharedMemoryManager(SharedMemoryManager&&) = delete;
    /// shutdown(), where that is still to be done.
    ~SharedMemoryManager();

    /// From here on it makes blocks. @throws StateError  it was started before
    void start();
    /// Unlinks all blocks; again, nothing.
    void shutdown();
    /// A block of `size` bytes with a generated name.
    /// @throws ValueError  it was not started, or is shut down; and as SharedMemory(create, size)
    procession::SharedMemory SharedMemory(std::size_t size);
    /// A list with a generated name. @throws ValueError  likewise
    procession::ShareableList ShareableList(std::initializer_list<Object> items) {
        return ShareableList(std::vector<Object>(items));
    }
    procession::ShareableList ShareableList(const std::vector<Object>& items);
    template <class R>
    requires std::convertible_to<decltype(*std::begin(std::declval<R&>())), Object>
        procession::ShareableList ShareableList(const R& items) {
        return ShareableList(std::vector<Object>(std::begin(items), std::end(items)));
    }

  private:
    enum class Stage { fresh, started, shut_down };
    void check_started(const char* what) const;

    std::mutex mutex_;
    Stage stage_ = Stage::fresh;
    int creator_ = 0;
    std::vector<procession::SharedMemory> blocks_;
};

PROCESSION_API std::ostream& operator<<(std::ostream&, const SharedMemory&);
PROCESSION_API std::ostream& operator<<(std::ostream&, const ShareableList&);

}  // namespace procession::inline v0

template <>
struct fmt::formatter<procession::SharedMemory> : formatter<std::string> {
    auto format(const procession::SharedMemory& memory, format_context& context) const {
        return formatter<std::string>::format(memory.to_string(), context);
    }
};
template <>
struct fmt::formatter<procession::ShareableList> : formatter<std::string> {
    auto format(const procession::ShareableList& list, format_context& context) const {
        return formatter<std::string>::format(list.to_string(), context);
    }
};
