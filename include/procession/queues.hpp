// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Queues between processes.

#include <procession/detail/queue_core.hpp>

#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <stop_token>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// Puts and gets values of one type: what the queues have in common.
template <class T>
class TypedQueue : public QueueCore {
  protected:
    TypedQueue(const Kind& kind, std::size_t maxsize)
        : QueueCore(kind, maxsize, detail::fingerprint<T>(), detail::type_name<T>()) {}
    TypedQueue(Handle handle, const Kind& kind)
        : QueueCore(std::move(handle), kind, detail::fingerprint<T>(), detail::type_name<T>()) {}

    static void write(Buffer& buffer, const T& item) { save_message(buffer, item); }
    static T read(std::span<const std::byte> bytes) { return load_message<T>(bytes); }

    bool append(const T& item, Timeout timeout, const std::stop_token& stop = {}) const {
        Buffer buffer(Buffer::Memory::shared);
        write(buffer, item);
        if (!QueueCore::put(buffer, timeout, stop)) return false;
        buffer.leave_along();
        return true;
    }
    std::optional<T> take(Timeout timeout, const std::stop_token& stop) const {
        TakenMessage message;
        if (!QueueCore::get(message, timeout, stop)) return std::nullopt;
        return read(message.bytes());
    }
};

}  // namespace detail

/// The elements of a sequence, in a message that was taken from a queue and is owned by this: they are
/// read where they lie, without a copy.
/// @par Thread safety  as std::vector
template <class E>
class MessageView {
  public:
    std::span<const E> span() const { return elements_; }
    std::span<const std::byte> bytes() const { return std::as_bytes(elements_); }
    std::size_t size() const { return elements_.size(); }
    auto begin() const { return elements_.begin(); }
    auto end() const { return elements_.end(); }

    MessageView(MessageView&& other) noexcept
        : queue_(std::move(other.queue_)),
          message_(std::move(other.message_)),
          elements_(detail::elements_in<E>(message_.bytes())) {}
    MessageView& operator=(MessageView&&) = delete;

  private:
    template <class>
    friend class Queue;
    MessageView() = default;

    std::optional<detail::Handle> queue_;  ///< where the message is its still
    detail::TakenMessage message_;
    std::span<const E> elements_;
};

/// The elements of a sequence that is to be put into a queue, in shared memory: they are written where
/// they will be read.
/// @par Thread safety  as std::vector
template <class E>
class ReservedMessage {
  public:
    /// What is to be written; not zeroed.
    std::span<E> span() const { return elements_; }
    std::span<std::byte> bytes() const { return std::as_writable_bytes(elements_); }

  private:
    template <class>
    friend class Queue;
    ReservedMessage(detail::MessageBlock block, std::size_t count)
        : block_(std::move(block)), elements_(detail::make_elements<E>(block_.bytes(), count)) {}

    detail::MessageBlock block_;
    std::span<E> elements_;
};

/// A first-in first-out queue of values between any threads of any processes of the program.
///
/// A handle: a copy is the same queue, and it may be passed to processes as an argument and inside
/// messages. A put that returned survives its putter. A getter that is killed may take the one item
/// with it that it was getting; nobody else is disturbed. Items of one putter arrive in its order.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @see Python: multiprocessing.Queue
template <class T>
class Queue : public detail::TypedQueue<T> {
    using Core = detail::QueueCore;
    using Typed = detail::TypedQueue<T>;

  public:
    /// A new queue, with no limit but the heap's.
    Queue() : Queue(0) {}
    /// @param maxsize  how many items it holds at most; 0: no limit but the heap's
    explicit Queue(std::size_t maxsize) : Queue(kind, maxsize) {}
    /// The queue that a message names. @throws TypeMismatch  it is no queue, or its items are of another
    /// type
    explicit Queue(detail::Handle handle) : Queue(std::move(handle), kind) {}

    /// Appends an item, waiting for room.
    /// @param timeout  how long at most; zero: not at all
    /// @param stop     a stop request ends the wait
    /// @throws Full               no room within the limit
    /// @throws ShutDown           after shutdown()
    /// @throws ValueError         after close() in this process
    /// @throws SerializationError it cannot be sent; the queue is untouched
    /// @throws HeapExhausted      the shared memory is used up; the queue is untouched
    /// @throws CancelledError     it was stopped
    /// @par Blocking  until there is room, the limit, or shutdown; EINTR does not end the wait
    void put(const T& item, Timeout timeout = forever, std::stop_token stop = {}) const {
        if (!this->append(item, timeout, stop)) this->throw_full();
    }
    void put(const T& item, std::stop_token stop) const { put(item, forever, std::move(stop)); }
    /// Appends an item if there is room now. @throws Full there is none; and as put()
    void put_nowait(const T& item) const { put(item, std::chrono::seconds(0)); }
    /// Appends an item if there is room now. @returns whether there was. @throws  as put()
    [[nodiscard]] bool try_put(const T& item) const {
        return this->append(item, std::chrono::seconds(0));
    }
    /// Appends all items of a range, those that there is room for under one hand-over, and waits for room
    /// for the others.
    /// @throws  as put(): of what cannot be sent before the first is put, else after some of them perhaps
    template <class R>
    void put_many(R&& items, std::stop_token stop = {}) const {
        detail::MessageBatch batch(this->takes_blocks());
        if constexpr (std::ranges::sized_range<R>) batch.reserve(std::ranges::size(items));
        detail::Buffer buffer(detail::Buffer::Memory::shared);
        for (auto&& item : items) {
            this->write(buffer, item);
            batch.add(buffer);
            buffer.leave_along();
            buffer.clear();
        }
        Core::put(batch, stop);
    }
    void put_many(std::initializer_list<T> items, std::stop_token stop = {}) const {
        put_many(std::span<const T>(items.begin(), items.size()), std::move(stop));
    }

    /// Removes and returns the oldest item, waiting if there is none.
    /// @param timeout  how long at most; zero: not at all
    /// @param stop     a stop request ends the wait
    /// @throws Empty           nothing arrived within the limit
    /// @throws ShutDown        after shutdown(), once drained
    /// @throws ValueError      after close() in this process
    /// @throws CancelledError  it was stopped
    /// @par Blocking  until an item, the limit, or shutdown; EINTR does not end the wait
    [[nodiscard]] T get(Timeout timeout = forever, std::stop_token stop = {}) const {
        auto item = this->take(timeout, stop);
        if (!item) this->throw_empty();
        return std::move(*item);
    }
    [[nodiscard]] T get(std::stop_token stop) const { return get(forever, std::move(stop)); }
    /// Removes and returns the oldest item. @throws Empty there is none; and as get()
    [[nodiscard]] T get_nowait() const { return get(std::chrono::seconds(0)); }
    /// Removes and returns the oldest item; none if nothing arrives in time. @throws  as get()
    [[nodiscard]] std::optional<T> try_get(Timeout timeout = std::chrono::seconds(0),
                                           std::stop_token stop = {}) const {
        return this->take(timeout, stop);
    }
    /// Waits for an item and returns it with those that are there as well, `at_most` in all, taken under
    /// one hand-over. @throws  as get()
    [[nodiscard]] std::vector<T> get_many(std::size_t at_most, Timeout timeout = forever,
                                          std::stop_token stop = {}) const {
        std::vector<T> items;
        detail::MessageBatch batch;
        if (at_most != 0 && !Core::get(batch, at_most, timeout, stop)) this->throw_empty();
        items.reserve(batch.size());
        for (std::size_t i = 0; i < batch.size(); ++i) items.push_back(this->read(batch[i]));
        return items;
    }
    [[nodiscard]] std::vector<T> get_many(std::size_t at_most, std::stop_token stop) const {
        return get_many(at_most, forever, std::move(stop));
    }

    /// Removes the oldest item and returns it where it lies: the bytes of a long one are not copied. For
    /// queues of std::vector and std::string of numbers, characters, bytes. @throws  as get()
    [[nodiscard]] auto get_view(Timeout timeout = forever,
                                std::stop_token stop = {}) const requires detail::BulkSequence<T> {
        MessageView<typename T::value_type> view;
        if (this->takes_blocks()) view.queue_ = *this;
        if (!Core::get(view.message_, timeout, stop)) this->throw_empty();
        view.elements_ = detail::elements_in<typename T::value_type>(view.message_.bytes());
        return view;
    }
    [[nodiscard]] auto get_view(std::stop_token stop) const requires detail::BulkSequence<T> {
        return get_view(forever, std::move(stop));
    }
    /// Memory for an item of `count` elements, to be written in place and put by commit(): it is not
    /// copied any more. @throws HeapExhausted
    [[nodiscard]] auto reserve(std::size_t count) const requires detail::BulkSequence<T> {
        using E = typename T::value_type;
        return ReservedMessage<E>(detail::MessageBlock::of_size(detail::message_size<E>(count)), count);
    }
    /// Appends what was reserved and written, waiting for room. If that throws, it may be tried again.
    /// @throws  as put(), and ValueError when it was committed before
    template <class E>
    requires detail::BulkSequence<T> && std::same_as<E, typename T::value_type>
    void commit(ReservedMessage<E>&& message, Timeout timeout = forever,
                std::stop_token stop = {}) const {
        if (!Core::put(message.block_, timeout, stop)) this->throw_full();
    }

    /// How many items there are at this moment; others may be putting and getting meanwhile.
    std::size_t qsize() const { return this->size(); }
    bool empty() const { return this->size() == 0; }
    bool full() const { return this->is_full(); }

    /// A descriptor that is readable while there is something to get, for poll, epoll and the like:
    /// while an item waits, and for good after shutdown().
    ///
    /// Each process that asks has one of its own for each queue, with a thread that waits beside it; both
    /// last as long as this process has a handle to the queue. A put of this process's own is to be seen
    /// at once, and so is a get that takes the last item. The descriptor may still be readable where another
    /// process has taken the item meanwhile, so get it with get_nowait() or a limit: when that finds
    /// nothing, the descriptor is as the queue is again. With edges (EPOLLET), get until there is nothing.
    ///
    /// It is the queue's: do not close, read or write it. A child that was forked calls fileno() as well
    /// before it polls: that gives it a descriptor of its own, under the same number.
    /// @throws ValueError         after close() in this process
    /// @throws std::system_error  this process has no room for one more descriptor or thread
    /// @par Thread safety   safe on a shared object
    /// @par Process safety  safe
    /// @par Fork and signals  not async-signal-safe; the thread has all signals blocked
    int fileno() const { return Core::fileno(); }
    /// This process neither puts nor gets any more: both then throw ValueError.
    void close() const { Core::close(); }
    /// Ends the stream for every process: put throws ShutDown, and so does get once the items are
    /// gone. @param immediate  the items that are there are dropped
    void shutdown(bool immediate = false) const { Core::shutdown(immediate); }
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

  protected:
    using Typed::Typed;

  private:
    static constexpr typename Core::Kind kind{"Queue", 0};
};

/// What becomes of an item whose taker ended, in whatever way, before it called task_done() for it.
enum class OnDeath {
    redeliver,  ///< another consumer gets it, before those that wait in the queue
    lose,       ///< it is gone; lost() counts it, and the log says so
};

/// An item, and what is known of those who got it before.
template <class T>
struct Delivery {
    T item;
    /// How many processes had got it and ended before they called task_done().
    int deaths = 0;
    bool redelivered() const { return deaths > 0; }
};

/// A queue that knows which of its items are not done yet: join() waits until all are.
///
/// A consumer calls task_done() once for each item that it got. One that ends before, killed or not, has
/// its items go to another, or lost, as the constructor is told: join() does not hang in any case. An
/// item that was put back cost its taker's life perhaps: when so many have ended over it that
/// max_deliveries is reached, it is lost.
///
/// maxsize and order are those of a Queue: they are about first deliveries.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @see Python: multiprocessing.JoinableQueue
template <class T>
class JoinableQueue : public Queue<T> {
  public:
    static constexpr int default_max_deliveries = 3;

    /// A new queue, with no limit but the heap's.
    JoinableQueue() : JoinableQueue(0) {}
    /// @param maxsize         how many items it holds at most; 0: no limit but the heap's
    /// @param on_death        what becomes of an item whose taker ended before task_done()
    /// @param max_deliveries  after so many of them it is lost in any case
    /// @throws ValueError  max_deliveries is less than 1
    explicit JoinableQueue(std::size_t maxsize, OnDeath on_death = OnDeath::redeliver,
                           int max_deliveries = default_max_deliveries)
        : Queue<T>({name, detail::deaths_at_most(on_death == OnDeath::lose ? 1 : max_deliveries)},
                   maxsize) {}
    /// The queue that a message names. @throws TypeMismatch  it is no JoinableQueue, or its items are of
    /// another type
    explicit JoinableQueue(detail::Handle handle) : Queue<T>(std::move(handle), {name, 1}) {}

    /// Removes the oldest item, as get(), and says whether others had got it before.
    [[nodiscard]] Delivery<T> get_delivery(Timeout timeout = forever, std::stop_token stop = {}) const {
        detail::TakenMessage message;
        if (!detail::QueueCore::get(message, timeout, stop)) this->throw_empty();
        return {this->read(message.bytes()), static_cast<int>(message.deaths())};
    }
    [[nodiscard]] Delivery<T> get_delivery(std::stop_token stop) const {
        return get_delivery(forever, std::move(stop));
    }

    /// Says that an item is done: the oldest that this thread got and has not said so of; if there is none,
    /// the oldest of this process; else of any.
    /// @throws ValueError  there is none: it was called more often than items were got
    void task_done() const { detail::QueueCore::task_done(); }

    /// Waits until all items that were put are done.
    /// @returns true once they are; false when the limit came first
    /// @throws CancelledError  the wait was stopped
    /// @par Blocking  until then; EINTR does not end the wait
    bool join() const { return detail::QueueCore::join(forever); }
    [[nodiscard]] bool join(Timeout timeout, std::stop_token stop = {}) const {
        return detail::QueueCore::join(timeout, stop);
    }
    [[nodiscard]] bool join(std::stop_token stop) const {
        return detail::QueueCore::join(forever, stop);
    }

    /// How many items were lost to the deaths of those who had got them.
    std::size_t lost() const { return detail::QueueCore::lost(); }

  private:
    static constexpr const char* name = "JoinableQueue";
};

/// A queue with put, get and empty and nothing else.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @see Python: multiprocessing.SimpleQueue
template <class T>
class SimpleQueue : public detail::TypedQueue<T> {
    using Core = detail::QueueCore;

  public:
    SimpleQueue() : detail::TypedQueue<T>(kind, 0) {}
    /// The queue that a message names. @throws TypeMismatch  it is no queue, or its items are of another
    /// type
    explicit SimpleQueue(detail::Handle handle) : detail::TypedQueue<T>(std::move(handle), kind) {}

    /// Appends an item. @throws  as Queue::put()
    void put(const T& item) const { static_cast<void>(this->append(item, forever)); }
    /// Removes and returns the oldest item, waiting if there is none. @throws  as Queue::get()
    [[nodiscard]] T get(Timeout timeout = forever, std::stop_token stop = {}) const {
        auto item = this->take(timeout, stop);
        if (!item) this->throw_empty();
        return std::move(*item);
    }
    [[nodiscard]] T get(std::stop_token stop) const { return get(forever, std::move(stop)); }
    /// Whether there is no item at this moment. @throws ValueError  after close() in this process
    bool empty() const {
        this->check_open("empty");
        return this->size() == 0;
    }
    /// This process neither puts nor gets any more: both then throw ValueError.
    void close() const { Core::close(); }

  private:
    static constexpr typename Core::Kind kind{"SimpleQueue", 0};
};

}  // namespace procession::inline v0
