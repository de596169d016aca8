// SPDX-License-Identifier: Apache-2.0
#include "connection/pipe_end.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "connection/kind.hpp"
#include "connection/pipe_body.hpp"
#include "connection/spool.hpp"
#include "heap/bequest.hpp"
#include "heap/object.hpp"
#include "log/log.hpp"
#include "os/at_load.hpp"
#include "process/parking.hpp"

namespace procession::inline v0::connection {
namespace {

using detail::Buffer;
using detail::Handle;
using detail::MessageBlock;
using detail::ReceivedMessage;
using detail::Wanted;
using heap::Heap;
using heap::Offset;
using queues::Channel;
using queues::Doorbell;
using queues::Passed;
using queues::Putter;
using queues::Request;
using queues::Taker;

// What waits to be received before a sender waits: so many messages, and of those that lie in blocks so many
// bytes. Little ahead, a large message is written into memory that the receiver has just read.
constexpr std::uint64_t most_messages = 8192;
constexpr std::uint64_t most_block_bytes = 1024 * 1024;

constexpr std::size_t type_size = sizeof(std::uint64_t);

std::uint64_t type_of(std::span<const std::byte> message) {
    std::uint64_t type = 0;
    std::memcpy(&type, message.data(), type_size);
    return type;
}

// ---------------------------------------------------------------- the objects

void take_all(Heap& heap, Channel& way, std::vector<MessageBlock>& taken) {
    Taker taker(heap, way.stream);
    while (const Taker::Next next = taker.peek()) {
        taker.take(next);
        if (next.block) taken.emplace_back(next.block);
    }
}

// Freed after the lock, since a message may hold what takes others; and at the outermost call, since that
// may be in a pipe whose end is in a message, and so on.
void discard_messages(Heap& heap, Channel& way) {
    static thread_local std::vector<MessageBlock>* outermost = nullptr;
    if (outermost) return take_all(heap, way, *outermost);
    std::vector<MessageBlock> discarded;
    outermost = &discarded;
    take_all(heap, way, discarded);
    while (!discarded.empty()) {
        const MessageBlock last = std::move(discarded.back());
        discarded.pop_back();
    }
    outermost = nullptr;
}

// Nobody holds this end any more.
void end_both_ways(Heap& heap, Offset at) {
    const auto& end = heap::body<EndBody>(heap, at);
    const std::uint32_t holder = heap::block_tag(at);
    if (end.pipe == 0 || !hold_if_alive(heap, end.pipe, end.pipe_serial, holder)) return;
    auto& pipe = heap::body<PipeBody>(heap, end.pipe);
    // Whoever learns of it as he receives is to be refused when he sends.
    for (const std::uint32_t to : {end.index, 1 - end.index}) queues::end(pipe.ways[to], nullptr);
    PROCESSION_KILL_POINT("pipe.ended");
    if (end.index == 0 || pipe.is_duplex) discard_messages(heap, pipe.ways[end.index]);
    PROCESSION_KILL_POINT("pipe.discarded");
    drop(heap, end.pipe, holder);
}

PROCESSION_AT_LOAD void register_with_heap() {
    heap::set_mourner(heap::ObjectType::pipe, [](Heap& heap, Offset pipe, heap::ParticipantId dead) {
        for (Channel& way : heap::body<PipeBody>(heap, pipe).ways) mourn(heap, way, dead);
    });
    heap::set_on_destroy(heap::ObjectType::pipe_end, end_both_ways);
}

Handle make_pipe_object(Heap& heap, bool duplex) {
    Handle pipe = Handle::adopt(make_object(heap, heap::ObjectType::pipe, sizeof(PipeBody)));
    auto& body = *static_cast<PipeBody*>(pipe.body());
    body.is_duplex = duplex;
    for (Channel& way : std::span(body.ways).first(duplex ? 2 : 1)) {
        way.limit = most_messages;
        make_stream(heap, way.stream, pipe.offset(), 0);
    }
    return pipe;
}

Handle make_end(Heap& heap, const Handle& pipe, std::uint32_t index) {
    Handle end = Handle::adopt(make_object(heap, heap::ObjectType::pipe_end, sizeof(EndBody)));
    auto& body = *static_cast<EndBody*>(end.body());
    body.index = index;
    body.pipe_serial = heap.at<heap::ObjectHeader>(pipe.offset())->serial;
    body.pipe = pipe.offset();
    PROCESSION_KILL_POINT("pipe.end_made");
    hold(heap, pipe.offset(), heap::block_tag(end.offset()));
    static_cast<PipeBody*>(pipe.body())->ends[index] = end.offset();
    return end;
}

// ---------------------------------------------------------------- what a process has of an end

struct EndCompanion : detail::Companion {
    EndCompanion(Handle its_pipe, std::uint32_t index)
        : pipe(std::move(its_pipe)),
          doorbell(
              body().ways[index].watched,
              [this, &way = body().ways[index]] {
                  return unfinished->are_there().load() || has_message_or_end(Heap::program(), way);
              },
              body().ends[1 - index]) {}
    PipeBody& body() { return *static_cast<PipeBody*>(pipe.body()); }

    const Handle pipe;
    const std::shared_ptr<UnfinishedSpools> unfinished = std::make_shared<UnfinishedSpools>();
    Doorbell doorbell;
};

EndCompanion& companion_of(const Handle& end, const Handle& pipe) {
    if (!end.companion())
        end.companion_or(
            std::make_unique<EndCompanion>(pipe, static_cast<const EndBody*>(end.body())->index));
    return static_cast<EndCompanion&>(*end.companion());
}

/// This process's descriptor for an end, for the time of a call.
class Bell {
  public:
    explicit Bell(Offset of_end) {
        if (Doorbell::are_any()) find(of_end);
    }
    Doorbell* get() const { return doorbell_; }

  private:
    void find(Offset of_end) {
        auto end = Handle::find_local(of_end);
        if (!end || !end->companion()) return;
        doorbell_ = &static_cast<EndCompanion*>(end->companion())->doorbell;
        end_ = std::make_unique<Handle>(std::move(*end));
    }
    std::unique_ptr<Handle> end_;
    Doorbell* doorbell_ = nullptr;
};

/// A stop that is requested where either of two is.
class EitherStop {
  public:
    EitherStop(const std::stop_token& one, const std::stop_token& other)
        : on_one_(one, Pass{source_}), on_other_(other, Pass{source_}) {}
    std::stop_token token() const { return source_.get_token(); }

  private:
    struct Pass {
        std::stop_source& to;
        void operator()() const { to.request_stop(); }
    };
    std::stop_source source_;
    std::stop_callback<Pass> on_one_, on_other_;
};

class PipeEnd final : public ConnectionCore {
  public:
    PipeEnd(Handle end, Handle pipe)
        : pipe_(std::move(pipe)),
          body_(*static_cast<PipeBody*>(pipe_.body())),
          index_(static_cast<const EndBody*>(end.body())->index),
          unfinished_(companion_of(end, pipe_).unfinished),
          end_(std::move(end)),
          holder_(Heap::program_self()) {
        unfinished_->add_user();
        heap::Bequest::count(1);
    }
    ~PipeEnd() override { close(); }

    Format format() const noexcept override { return Format::native; }
    bool readable() const noexcept override { return body_.is_duplex || index_ == 0; }
    bool writable() const noexcept override { return body_.is_duplex || index_ == 1; }

    void send(Buffer& message, const std::stop_token& stop) override {
        require("send", writable());
        if (needs_block(message)) {
            MessageBlock block = MessageBlock::of(message);
            put("send", block, stop);
        } else {
            put("send", message.bytes(), {}, stop);
        }
    }

    void send_bytes(std::span<const std::byte> bytes, const std::stop_token& stop) override {
        require("send_bytes", writable());
        if (bytes.size() > longest_piece) return send_spooled_bytes(bytes, stop);
        const std::uint64_t type = detail::untyped;
        const auto head = std::as_bytes(std::span(&type, 1));
        if (head.size() + bytes.size() > detail::longest_short_message) {
            MessageBlock block = MessageBlock::of_size(head.size() + bytes.size());
            write_to(block.bytes().data(), head, bytes);
            put("send_bytes", block, stop);
        } else {
            put("send_bytes", head, bytes, stop);
        }
    }

    bool receive(ReceivedMessage& message, const Wanted& wanted, const Timeout& timeout,
                 const std::stop_token& stop) override {
        require(wanted.caller, readable());
        const auto deadline = os::Deadline::after(timeout);
        for (;;) {
            auto spool = take_unfinished(wanted);
            if (!spool) {
                const Passed passed = take_next(message, wanted, deadline.left(), stop);
                if (passed == Passed::timed_out) return false;
                if (passed == Passed::ended) continue;
                if (message.fingerprint() != SpoolHead::mark) return true;
                spool = std::make_unique<IncomingSpool>(message.bytes(), wanted.into);
            }
            if (finish(std::move(spool), message, wanted, deadline, stop)) return true;
        }
    }

    void put_back(ReceivedMessage&&) override {}  // what it gives out was asked for by its type

    bool poll(const Timeout& timeout, const std::stop_token& stop) override {
        require("poll", readable());
        Heap& heap = Heap::program();
        Channel& way = inbox();
        const auto shows = [&] {
            return closed_.load() || unfinished_->are_there().load() || has_message_or_end(heap, way);
        };
        const auto shows_after_burial = [&] {
            const bool any_died = bury_dead_takers(heap, way.stream);
            const bool nobody_left = living_holder(heap, peer()) == 0;
            return (any_died || nobody_left) && shows();
        };
        const auto ready = [&] {
            return shows() || (way.watched.waiters.load() != 0 && shows_after_burial());
        };
        const bool waits = !timeout || timeout->count() != 0;
        const auto waited = waits && !shows() ? wait(heap::Awaiting(heap, peer()), way.watched, ready,
                                                     os::Deadline::after(timeout), stop)
                                              : heap::Waited::ready;
        if (waited == heap::Waited::stopped)
            throw CancelledError("Connection::poll: the wait was stopped");
        const bool found = waited == heap::Waited::ready && (shows() || shows_after_burial());
        if (closed_.load()) throw_closed("poll");
        if (const Bell bell(own_end()); bell.get() && !found) bell.get()->after_get(true);
        return found;
    }

    void send_handle(int fd, const std::stop_token& stop) override {
        require("send_handle", writable());
        Buffer message;
        const std::uint64_t type = detail::descriptor;
        message.write(&type, sizeof type);
        const detail::ParkedDescriptor parked(fd);
        parked.write(message);
        MessageBlock block = MessageBlock::of(message);
        put("send_handle", block, stop);
    }
    int receive_handle(const Timeout& timeout, const std::stop_token& stop) override {
        ReceivedMessage message;
        if (!receive(message, {"recv_handle", std::span(&detail::descriptor, 1)}, timeout, stop))
            throw TimeoutError("Connection::recv_handle: nothing arrived in time");
        detail::ByteReader reader(message.bytes());
        os::Descriptor received = detail::ParkedDescriptor(reader).redeem();
        if (!received)
            throw StateError(
                "Connection::recv_handle: the fork server was killed, which had the descriptor");
        return received.release();
    }

    int fileno() override {
        require("fileno", readable());
        const Handle end = handle("fileno");
        return companion_of(end, pipe_).doorbell.fileno();
    }

    void close() noexcept override {
        if (closed_.exchange(true)) return;
        heap::Bequest::count(-1);
        try {
            std::optional<Handle> end;
            std::stop_source closing{std::nostopstate};
            {
                const std::lock_guard lock(mutex_);
                end.swap(end_);
                closing = closing_;
            }
            leave_to(heap::Bequest::heir(), end->offset());
            // Threads of this process that wait here.
            notify_all(inbox().not_empty);
            notify_all(inbox().watched);
            notify_all(outbox().not_full);
            closing.request_stop();
            end.reset();
            // Only now: who sends one that is unfinished here is to see that the pipe has ended.
            unfinished_->remove_user();
            if (const Bell bell(peer()); bell.get()) bell.get()->after_put();
        } catch (const std::exception& error) {
            detail::log_error("Connection::close: {}", error.what());
        }
    }
    bool closed() const noexcept override { return closed_.load(); }
    void leave() noexcept override { close(); }

    std::unique_ptr<ConnectionCore> dup() const override {
        require("dup", true);
        return std::make_unique<PipeEnd>(handle("dup"), pipe_);
    }

    void write(Buffer& buffer) override {
        require("send", true);
        const auto kind = Kind::end_of_pipe;
        buffer.write(&kind, sizeof kind);
        for (const std::uint64_t object : {own_end(), pipe_.offset()}) {
            buffer.write(&object, sizeof object);
            buffer.refer(object);
        }
        buffer.takes_along(*this);
    }

  private:
    Channel& inbox() const { return body_.ways[index_]; }
    Channel& outbox() const { return body_.ways[1 - index_]; }
    Offset own_end() const { return body_.ends[index_]; }
    Offset peer() const { return body_.ends[1 - index_]; }

    /// That this process has the end, and that the end does this.
    void require(const char* caller, bool does) const {
        if (closed_.load(std::memory_order_relaxed)) throw_closed(caller);
        if (!does)
            throw ValueError(
                fmt::format("Connection::{}: this end of the pipe only {}. Use the other one, "
                            "or Pipe(true).",
                            caller, readable() ? "receives" : "sends"));
        const heap::ParticipantId self = Heap::program_self();
        if (holder_.load(std::memory_order_relaxed) == self) return;
        if (!handle(caller).hold())
            throw ValueError(
                fmt::format("Connection::{}: the process that this one was forked from closed this end "
                            "before it was used "
                            "here. Pass it as an argument.",
                            caller));
        holder_ = self;
    }

    Handle handle(const char* caller) const {
        const std::lock_guard lock(mutex_);
        if (!end_) throw_closed(caller);
        return *end_;
    }

    void send_spooled_bytes(std::span<const std::byte> bytes, const std::stop_token& stop) {
        try {
            send_spooled(*this, detail::untyped, bytes, EitherStop(stop, closing()).token());
        } catch (const CancelledError&) {
            if (closed_.load()) throw_closed("send_bytes");
            throw;
        } catch (const EndOfFile&) {
            // Else it went to one that died in the middle, and others are there.
            if (outbox().ended.load() != 0) throw_ended("send_bytes");
        }
    }

    static void leave_to(heap::ParticipantId heir, Offset end) {
        if (heir == 0) return;
        Heap& heap = Heap::program();
        hold(heap, end, heir);
        // It may have been buried before.
        if (heap.is_dead(heir)) drop(heap, end, heir);
    }

    static void write_to(std::byte* place, std::span<const std::byte> head,
                         std::span<const std::byte> rest) {
        std::memcpy(place, head.data(), head.size());
        if (!rest.empty()) std::memcpy(place + head.size(), rest.data(), rest.size());
    }

    void put(const char* caller, std::span<const std::byte> head, std::span<const std::byte> rest,
             const std::stop_token& stop) {
        put_with(caller, stop, [&](Putter& putter) {
            const std::size_t size = head.size() + rest.size();
            write_to(putter.reserve(size), head, rest);
            putter.commit(size);
        });
    }
    void put(const char* caller, MessageBlock& block, const std::stop_token& stop) {
        put_with(caller, stop, [&](Putter& putter) {
            putter.put_block(block.offset());
            block.release();
        });
    }
    template <class Put>
    void put_with(const char* caller, const std::stop_token& stop, const Put& put) {
        const Passed passed = put_into(
            outbox(), Request{"Connection", caller, forever, stop, peer()}, nullptr,
            [&] { return closed_.load(std::memory_order_relaxed) || queues::HasEnded{outbox()}(); },
            [&](Putter& putter) -> std::size_t {
                if (!putter.has_room(most_messages) || !putter.has_room_for_block(most_block_bytes))
                    return 0;
                put(putter);
                return 1;
            });
        if (passed == Passed::ended) throw_ended(caller);
        // Not before: while it is there, the other end is not closed.
        if (const Bell bell(peer()); bell.get()) bell.get()->after_put();
    }

    /// Takes the next message, or what is sent of a spooled one. @returns ended: there is an unfinished one
    Passed take_next(ReceivedMessage& message, const Wanted& wanted, const Timeout& timeout,
                     const std::stop_token& stop) {
        std::optional<SpoolHead> refused;
        const Passed passed = take_from(
            inbox(), Request{"Connection", wanted.caller, timeout, stop, peer()}, nullptr,
            [&] {
                return closed_.load(std::memory_order_relaxed) || queues::HasEnded{inbox()}() ||
                       unfinished_->are_there().load(std::memory_order_relaxed);
            },
            [&](Taker& taker) -> std::size_t {
                const Taker::Next next = taker.peek();
                if (!next) return 0;
                const auto bytes = next.bytes ? std::span(next.bytes, next.length)
                                              : message_bytes(Heap::program(), next.block);
                const std::uint64_t type = type_of(bytes);
                refused = refuse(wanted, type == SpoolHead::mark
                                             ? IncomingSpool::read_head(bytes.subspan(type_size))
                                             : SpoolHead{type, bytes.size() - type_size});
                if (refused) return 1;
                if (next.bytes) message.hold_native(type, bytes);
                taker.take(next);
                if (next.block) message.hold_native(type, MessageBlock(next.block));
                return 1;
            });
        if (const Bell bell(own_end()); bell.get()) bell.get()->after_get(passed != Passed::done);
        if (passed == Passed::ended) {
            // Else there is an unfinished one, or was until another thread took it.
            if (closed_.load() || (inbox().ended.load() != 0 && !unfinished_->are_there().load()))
                throw_ended(wanted.caller);
        }
        if (!refused) return passed;
        // For another thread perhaps that can take it.
        notify(inbox().not_empty);
        throw_refused(wanted, *refused);
    }

    /// The first one that was begun in this process in vain; null: there is none.
    std::unique_ptr<IncomingSpool> take_unfinished(const Wanted& wanted) {
        return unfinished_->take([&](const SpoolHead& head) {
            if (const auto refused = refuse(wanted, head)) throw_refused(wanted, *refused);
        });
    }

    /// Receives what is spooled. @returns false: it will never be whole
    bool finish(std::unique_ptr<IncomingSpool> spool, ReceivedMessage& message, const Wanted& wanted,
                const os::Deadline& deadline, const std::stop_token& stop) {
        try {
            if (!spool->receive(wanted.caller, deadline, EitherStop(stop, closing()).token()))
                return false;
        } catch (...) {
            unfinished_->put_back(std::move(spool));
            // For other threads, who wait for the next one.
            notify_all(inbox().not_empty);
            notify_all(inbox().watched);
            if (const Bell bell(own_end()); bell.get()) bell.get()->after_put();
            if (closed_.load()) throw_closed(wanted.caller);
            throw;
        }
        spool->move_to(message);
        if (const Bell bell(own_end()); bell.get()) bell.get()->after_get(false);
        return true;
    }

    /// What close() stops: waits at other pipes.
    std::stop_token closing() {
        const std::lock_guard lock(mutex_);
        if (!closing_.stop_possible()) closing_ = std::stop_source();
        if (closed_.load()) closing_.request_stop();
        return closing_.get_token();
    }

    [[noreturn]] static void throw_closed(const char* caller) {
        throw ValueError(fmt::format("Connection::{}: the connection is closed", caller));
    }
    [[noreturn]] void throw_ended(const char* caller) const {
        if (closed_.load()) throw_closed(caller);
        throw EndOfFile(fmt::format("Connection::{}: the other end is closed", caller));
    }

    static std::optional<SpoolHead> refuse(const Wanted& wanted, const SpoolHead& message) {
        const auto types = wanted.fingerprints;
        const bool is_of_type = types.empty() || std::ranges::find(types, message.type) != types.end();
        return is_of_type && message.size <= wanted.longest ? std::nullopt : std::optional(message);
    }
    [[noreturn]] static void throw_refused(const Wanted& wanted, const SpoolHead& refused) {
        if (refused.size > wanted.longest)
            throw ValueError(
                fmt::format("Connection::{}: a message of {} bytes, where {} are allowed; it can "
                            "still be received",
                            wanted.caller, refused.size, wanted.longest));
        throw TypeMismatch(fmt::format("Connection::{}<{}>: the message is {}; receive it as that",
                                       wanted.caller, detail::describe_type(wanted.fingerprints.front()),
                                       detail::describe_type(refused.type)));
    }

    const Handle pipe_;
    PipeBody& body_;
    const std::uint32_t index_;
    const std::shared_ptr<UnfinishedSpools> unfinished_;  ///< of all in this process who have the end
    mutable std::mutex mutex_;
    std::optional<Handle> end_;  ///< none: closed
    std::stop_source closing_{std::nostopstate};
    mutable std::atomic<heap::ParticipantId> holder_;  ///< as which this process has it
    std::atomic<bool> closed_{false};
};

}  // namespace

std::pair<std::unique_ptr<ConnectionCore>, std::unique_ptr<ConnectionCore>> make_pipe(bool duplex) {
    Heap& heap = Heap::program();
    const Handle pipe = make_pipe_object(heap, duplex);
    Handle first = make_end(heap, pipe, 0);
    Handle second = make_end(heap, pipe, 1);
    return {std::make_unique<PipeEnd>(std::move(first), pipe),
            std::make_unique<PipeEnd>(std::move(second), pipe)};
}

std::unique_ptr<ConnectionCore> read_pipe_end(detail::ByteReader& reader) {
    Heap& heap = Heap::program();
    Offset end_at = 0, pipe_at = 0;
    reader.read(&end_at, sizeof end_at);
    reader.read(&pipe_at, sizeof pipe_at);
    Handle end = Handle::attach(end_at);
    Handle pipe = Handle::attach(pipe_at);
    if (type_of(heap, end_at) != heap::ObjectType::pipe_end ||
        type_of(heap, pipe_at) != heap::ObjectType::pipe ||
        static_cast<const EndBody*>(end.body())->pipe != pipe_at)
        throw SerializationError("Connection: these are no end of a pipe; the message is damaged");
    // Those who wait for what comes from this end sleep on the life of who had it.
    auto& body = *static_cast<PipeBody*>(pipe.body());
    const std::uint32_t index = static_cast<const EndBody*>(end.body())->index;
    notify_all(body.ways[1 - index].not_empty);
    notify_all(body.ways[1 - index].watched);
    notify_all(body.ways[index].not_full);
    return std::make_unique<PipeEnd>(std::move(end), std::move(pipe));
}

}  // namespace procession::inline v0::connection
