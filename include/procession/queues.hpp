// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Queues between processes.

#include <procession/serialize.hpp>
#include <procession/timeout.hpp>

#include <initializer_list>
#include <iterator>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// A message that was taken: its bytes lie here, or in a block of the heap that goes with it.
class PROCESSION_API TakenMessage {
  public:
    static constexpr std::size_t longest_inline = 112;

    TakenMessage() = default;
    TakenMessage(TakenMessage&&) = delete;
    ~TakenMessage();
    std::span<const std::byte> bytes() const { return bytes_; }

  private:
    friend class QueueCore;
    std::byte local_[longest_inline];
    std::span<const std::byte> bytes_;
    std::uint64_t block_ = 0;
};

/// The queue of bytes beneath Queue<T>. What may be called when, and by whom, is as there.
class PROCESSION_API QueueCore : public Handle {
  public:
    QueueCore(std::size_t maxsize, std::uint64_t fingerprint, const std::string& type_name);
    QueueCore(Handle, std::uint64_t fingerprint, const std::string& type_name);

    /// False when it stayed full.
    bool put(const Buffer&, Timeout, const std::stop_token& = {}) const;
    /// False when it stayed empty.
    bool get(TakenMessage&, Timeout, const std::stop_token& = {}) const;
    std::size_t size() const;
    std::size_t maxsize() const;
    void close() const;
    void shutdown(bool immediate) const;
    bool is_shut_down() const;
};

[[noreturn]] PROCESSION_API void throw_full(const QueueCore&);
[[noreturn]] PROCESSION_API void throw_empty();

}  // namespace detail

/// A first-in first-out queue of values between any threads of any processes of the program.
///
/// A handle: a copy is the same queue, and it may be passed to processes as an argument and inside
/// messages. A put that returned survives its putter. A getter that is killed may take the one item
/// with it that it was getting; nobody else is disturbed. Items of one putter arrive in its order.
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.Queue
template <class T>
class Queue : public detail::QueueCore {
  public:
    /// A new queue, with no limit but the heap's.
    Queue() : Queue(0) {}
    /// @param maxsize  how many items it holds at most; 0: no limit but the heap's
    explicit Queue(std::size_t maxsize)
        : QueueCore(maxsize, detail::fingerprint<T>(), detail::type_name<T>()) {}
    /// The queue that a message names. @throws TypeMismatch its items are of another type
    explicit Queue(detail::Handle handle)
        : QueueCore(std::move(handle), detail::fingerprint<T>(), detail::type_name<T>()) {}

    /// Appends an item, waiting for room.
    /// @throws Full               no room within the limit
    /// @throws ShutDown           after shutdown()
    /// @throws ValueError         after close() in this process
    /// @throws SerializationError it cannot be sent; the queue is untouched
    /// @throws HeapExhausted      the shared memory is used up; the queue is untouched
    /// @par Blocking  until there is room, the limit, or shutdown; EINTR does not end the wait
    void put(const T& item, Timeout timeout = forever) const {
        if (!append(item, timeout)) detail::throw_full(*this);
    }
    /// The same; a stop request ends the wait. @throws CancelledError
    void put(const T& item, std::stop_token stop) const { append(item, forever, stop); }
    void put(const T& item, Timeout timeout, std::stop_token stop) const {
        if (!append(item, timeout, stop)) detail::throw_full(*this);
    }
    /// Appends an item if there is room now. @throws Full there is none
    void put_nowait(const T& item) const { put(item, std::chrono::seconds(0)); }
    /// Appends an item if there is room now. @returns whether there was
    [[nodiscard]] bool try_put(const T& item) const { return append(item, std::chrono::seconds(0)); }
    /// Appends all items of a range.
    template <class R>
    void put_many(R&& items) const {
        for (auto&& item : items) put(item);
    }
    void put_many(std::initializer_list<T> items) const {
        for (const T& item : items) put(item);
    }

    /// Removes and returns the oldest item, waiting if there is none.
    /// @throws Empty       nothing arrived within the limit
    /// @throws ShutDown    after shutdown(), once drained
    /// @throws ValueError  after close() in this process
    /// @par Blocking  until an item, the limit, or shutdown; EINTR does not end the wait
    [[nodiscard]] T get(Timeout timeout = forever) const { return get(timeout, {}); }
    /// The same; a stop request ends the wait. @throws CancelledError
    [[nodiscard]] T get(std::stop_token stop) const { return get(forever, stop); }
    [[nodiscard]] T get(Timeout timeout, std::stop_token stop) const {
        auto item = take(timeout, stop);
        if (!item) detail::throw_empty();
        return std::move(*item);
    }
    /// Removes and returns the oldest item. @throws Empty there is none
    [[nodiscard]] T get_nowait() const { return get(std::chrono::seconds(0)); }
    /// Removes and returns the oldest item; none if nothing arrives in time.
    [[nodiscard]] std::optional<T> try_get(Timeout timeout = std::chrono::seconds(0)) const {
        return take(timeout, {});
    }
    /// Waits for an item and returns it with those that are there as well, `at_most` in all.
    [[nodiscard]] std::vector<T> get_many(std::size_t at_most, Timeout timeout = forever) const {
        std::vector<T> items;
        items.push_back(get(timeout));
        while (items.size() < at_most) {
            auto more = is_shut_down() && empty() ? std::nullopt : try_get();
            if (!more) break;
            items.push_back(std::move(*more));
        }
        return items;
    }

    /// How many items there are at this moment; others may be putting and getting meanwhile.
    std::size_t qsize() const { return size(); }
    bool empty() const { return size() == 0; }
    bool full() const { return maxsize() != 0 && size() >= maxsize(); }

    /// This process neither puts nor gets any more: both then throw ValueError.
    void close() const { QueueCore::close(); }
    /// Ends the stream for every process: put throws ShutDown, and so does get once the items are
    /// gone. @param immediate  the items that are there are dropped
    void shutdown(bool immediate = false) const { QueueCore::shutdown(immediate); }
    /// For the vocabulary: a put that returned is done, so there is nothing to wait for or to lose.
    void join_thread() const {}
    void cancel_join_thread() const {}

    /// Iterates over the items as they come, until shutdown().
    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        explicit iterator(const Queue& queue) : queue_(&queue) { ++*this; }
        T& operator*() const { return *item_; }
        iterator& operator++() {
            try {
                item_.emplace(queue_->get());
            } catch (const ShutDown&) {
                queue_ = nullptr;
            }
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return !it.queue_; }

      private:
        const Queue* queue_ = nullptr;
        mutable std::optional<T> item_;
    };
    iterator begin() const { return iterator(*this); }
    std::default_sentinel_t end() const { return {}; }

  private:
    bool append(const T& item, Timeout timeout, const std::stop_token& stop = {}) const {
        detail::Buffer buffer;
        NativeWriter writer(buffer);
        detail::save_value(writer, item);
        return QueueCore::put(buffer, timeout, stop);
    }
    std::optional<T> take(Timeout timeout, const std::stop_token& stop) const {
        detail::TakenMessage message;
        if (!QueueCore::get(message, timeout, stop)) return std::nullopt;
        NativeReader reader(message.bytes());
        return detail::load_value<T>(reader);
    }
};

}  // namespace procession::inline v0
