// SPDX-License-Identifier: Apache-2.0
#include "pool/seat_work.hpp"

#include <fmt/format.h>
#include <procession/detail/exception_message.hpp>

#include <algorithm>
#include <cstring>

#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "process/traceback.hpp"

namespace procession::inline v0::pool {
namespace {

using detail::MessageBlock;
using heap::Heap;
using heap::Offset;
using std::chrono::steady_clock;

// How long items run between two looks at the clock, at which others see how far this worker is.
constexpr double nanoseconds_between_looks = 20'000;

}  // namespace

// ---------------------------------------------------------------- requests to stop

class SeatWork::StopListener {
  public:
    explicit StopListener(Seat& seat)
        : seat_(seat), heard_(seat.stop.load()), thread_("stop requests", [this] { listen(); }) {
        seat_.listens = 1;
    }
    ~StopListener() {
        ends_ = true;
        seat_.stop.fetch_or(ends_bit);
        os::futex_wake(seat_.stop, INT_MAX);
    }
    StopListener(StopListener&&) = delete;

    std::stop_token token_for(std::uint32_t claim) {
        const std::lock_guard lock(mutex_);
        source_ = std::stop_source();
        claim_ = claim;
        if ((seat_.stop.load() & ~ends_bit) == claim) source_.request_stop();
        return source_.get_token();
    }

  private:
    static constexpr std::uint32_t ends_bit = 0x80000000u;

    void listen() {
        while (!ends_) {
            os::futex_wait(seat_.stop, heard_, os::Deadline::never());
            heard_ = seat_.stop.load();
            const std::lock_guard lock(mutex_);
            if (heard_ == claim_) source_.request_stop();
        }
    }

    Seat& seat_;
    std::uint32_t heard_;
    std::mutex mutex_;  ///< guards the two below
    std::stop_source source_;
    std::uint32_t claim_ = 0;
    std::atomic<bool> ends_{false};
    os::ServiceThread thread_;  // last: it uses the others
};

// ---------------------------------------------------------------- items

SeatWork::SeatWork(Heap& heap, Offset object, std::uint32_t seat)
    : heap_(heap),
      object_(object),
      body_(heap::body<PoolBody>(heap, object)),
      index_(seat),
      seat_(body_.seat(heap, seat)) {
    slab_ = seat_.slab;
    slab_size_ = sizeof seat_.slab;
    progress_ = &seat_.progress;
}

SeatWork::~SeatWork() = default;

void SeatWork::begin() {
    const Claim& claim = seat_.claim;
    task_ = heap_.at<TaskRecord>(claim.record);
    function_ = nullptr;
    next_ = granted_ = granted_first_ = claim.first;
    used_ = 0;
    is_whole_ = !task_->block || task_->item_size == TaskRecord::whole;
    item_size_ = is_whole_ ? 0 : task_->item_size;
    items_ = task_->block ? message_bytes(heap_, task_->block)
                          : std::span<const std::byte>(task_->bytes(), task_->item_size);
    seat_.outgoing.store(0, std::memory_order_relaxed);
    seat_.sent.store(claim.first, std::memory_order_relaxed);
    seat_.progress.store(std::uint64_t{claim.first} << 32, std::memory_order_relaxed);
    granted_at_ = steady_clock::now();
    seat_.since.store(granted_at_.time_since_epoch().count(), std::memory_order_relaxed);
    seat_.progress_of.store(claim.number, std::memory_order_release);
    PROCESSION_KILL_POINT("work.begun");
}

void SeatWork::run(FunctionCache& functions) {
    std::exception_ptr trouble;
    try {
        function_ = &functions.find(task_->function);
    } catch (...) {
        trouble = std::current_exception();
    }
    if (function_)
        function_->runner->run(*this);
    else
        while (next()) attempt([&] { std::rethrow_exception(trouble); });
    flush();
}

bool SeatWork::next_grant() {
    const bool is_first = granted_ == granted_first_;
    // A single item needs no look at the clock at its end.
    if (!is_first && Range::of(seat_.range.load(std::memory_order_relaxed)).size() == 0 &&
        granted_ - seat_.claim.first.load(std::memory_order_relaxed) == 1 && !task_->is_shared_out()) {
        seat_.done.store(seat_.done.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        granted_first_ = granted_;
        return false;
    }
    const auto now = is_first ? granted_at_ : steady_clock::now();
    note_pace(now);
    std::uint64_t word = seat_.range.load(std::memory_order_relaxed);
    for (;;) {
        const Range left = Range::of(word);
        if (left.size() == 0) return false;
        const double pace = function_ ? function_->item_nanoseconds : 0;
        const bool one_by_one = task_->is_timed() || pace == 0;
        const auto count = one_by_one
                               ? 1u
                               : std::clamp(static_cast<std::uint32_t>(nanoseconds_between_looks / pace),
                                            1u, left.size());
        const Range rest{left.next + count, left.end};
        if (!seat_.range.compare_exchange_weak(word, rest.word())) continue;
        granted_first_ = left.next;
        granted_ = rest.next;
        break;
    }
    granted_at_ = now;
    seat_.since.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    PROCESSION_KILL_POINT("work.granted");
    current_ = granted_first_;
    next_ = current_ + 1;
    return true;
}

void SeatWork::note_pace(steady_clock::time_point now) {
    const std::uint32_t count = granted_ - granted_first_;
    if (count == 0) return;
    seat_.done.store(seat_.done.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    if (!function_) return;
    const double took = std::max<double>(1, static_cast<double>((now - granted_at_).count()) / count);
    double& pace = function_->item_nanoseconds;
    pace = pace == 0 ? took : pace * 0.7 + took * 0.3;
}

std::span<const std::byte> SeatWork::indexed_item() const {
    if (is_whole_) return items_;
    // Behind the items of a block it is said where each ends, and then how many there are.
    const auto* const numbers =
        reinterpret_cast<const std::uint64_t*>(items_.data() + items_.size() - sizeof(std::uint64_t));
    const std::uint64_t* const ends = numbers - *numbers;
    const std::uint64_t begin = current_ == 0 ? 0 : ends[current_ - 1];
    return items_.subspan(begin, ends[current_] - begin);
}

std::stop_token SeatWork::stop_token() {
    if (!stops_) stops_ = std::make_unique<StopListener>(seat_);
    return stops_->token_for(seat_.claim.number);
}

// ---------------------------------------------------------------- results

void SeatWork::note_sent() {
    const std::uint32_t done = current_ + 1;
    used_ = 0;
    seat_.sent.store(done, std::memory_order_release);
    seat_.progress.store(std::uint64_t{done} << 32, std::memory_order_release);
    seat_.outgoing.store(0, std::memory_order_release);
    PROCESSION_KILL_POINT("work.sent");
}

void SeatWork::flush() {
    const auto done = static_cast<std::uint32_t>(progress_->load(std::memory_order_relaxed) >> 32);
    const std::uint32_t first = seat_.sent.load(std::memory_order_relaxed);
    if (done == first) return;
    send({.ticket = task_->ticket,
          .kind = ResultHeader::values,
          .seat = index_,
          .claim = seat_.claim.number,
          .first = first,
          .count = done - first},
         {slab_, used_});
    used_ = 0;
    seat_.sent.store(done, std::memory_order_release);
    seat_.progress.store(std::uint64_t{done} << 32, std::memory_order_release);
    PROCESSION_KILL_POINT("work.sent");
}

void SeatWork::put_result() {
    const auto bytes = result_.bytes();
    const auto length = static_cast<std::uint32_t>(bytes.size());
    if (sizeof length + length > slab_size_ || !result_.references().empty()) {
        flush();
        put_message(ResultHeader::value_in_block, result_);
    } else {
        if (sizeof length + length > slab_size_ - used_) flush();
        std::memcpy(slab_ + used_, &length, sizeof length);
        std::memcpy(slab_ + used_ + sizeof length, bytes.data(), length);
        used_ += static_cast<std::uint32_t>(sizeof length + length);
        progress_->store(std::uint64_t{current_ + 1} << 32 | used_, std::memory_order_release);
    }
    result_.leave_along();
}

void SeatWork::attempt(const std::function<void()>& body) {
    const auto failure = detail::attempt(body);
    if (!failure) return;
    flush();
    try {
        put_exception(failure->exception, failure->traceback);
    } catch (const HeapExhausted&) {
        put_exception(std::current_exception(), {});
    }
}

// A short one needs no room in the heap, of which there may be none.
void SeatWork::put_exception(const std::exception_ptr& exception, const std::string& traceback) {
    detail::Buffer message;
    save_exception(message, exception, traceback);
    put_message(ResultHeader::exception, message);
}

void SeatWork::put_message(ResultHeader::Kind kind, detail::Buffer& buffer) {
    ResultHeader header{.ticket = task_->ticket,
                        .kind = kind,
                        .seat = index_,
                        .claim = seat_.claim.number,
                        .first = current_,
                        .count = 1};
    std::span<const std::byte> bytes = buffer.bytes();
    if (kind == ResultHeader::value_in_block || bytes.size() > slab_size_) {
        MessageBlock block = MessageBlock::of(buffer);
        header.block = block.offset();
        seat_.outgoing_kind.store(kind, std::memory_order_relaxed);
        seat_.outgoing.store(header.block, std::memory_order_release);
        PROCESSION_KILL_POINT("work.block_noted");
        give(heap_, block.release(), object_);
        PROCESSION_KILL_POINT("work.block_given");
        bytes = {};
    }
    send(header, bytes);
    note_sent();
}

void SeatWork::send(const ResultHeader& header, std::span<const std::byte> bytes) {
    while (!try_send(header, bytes)) {
        // The pool's process takes what came into memory of its own.
        body_.is_short_of_memory = 1;
        notify_all(body_.has_results);
        os::futex_wait(body_.is_short_of_memory, 1,
                       os::Deadline::never().sooner(std::chrono::milliseconds(50)));
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    PROCESSION_KILL_POINT("work.before_wake");
    if (body_.has_results.waiters.load(std::memory_order_relaxed) != 0 &&
        body_.done.load(std::memory_order_relaxed) >= body_.wake_at.load(std::memory_order_relaxed))
        notify_all(body_.has_results);
}

bool SeatWork::try_send(const ResultHeader& header, std::span<const std::byte> bytes) {
    try {
        queues::Putter putter(heap_, body_.results);
        std::byte* const at = putter.reserve(sizeof header + bytes.size());
        std::memcpy(at, &header, sizeof header);
        if (!bytes.empty()) std::memcpy(at + sizeof header, bytes.data(), bytes.size());
        // Counted before it can be seen: who dies in between has somebody woken too early, and not too late.
        body_.done.store(body_.done.load(std::memory_order_relaxed) + header.count,
                         std::memory_order_relaxed);
        putter.commit(sizeof header + bytes.size());
        return true;
    } catch (const HeapExhausted&) {
        return false;
    }
}

void SeatWork::send_cannot_start(const detail::Failure& failure) {
    result_.clear();
    save_exception(result_, failure.exception, failure.traceback);
    ResultHeader header{.ticket = 0,
                        .kind = ResultHeader::cannot_start,
                        .seat = index_,
                        .claim = 0,
                        .first = 0,
                        .count = 0};
    MessageBlock block = MessageBlock::of(result_);
    header.block = block.offset();
    give(heap_, block.release(), object_);
    send(header, {});
    notify_all(body_.has_results);
}

}  // namespace procession::inline v0::pool

namespace procession::inline v0::detail {

// A Work is always the one of a worker's seat: what is rare is compiled there.
namespace {
pool::SeatWork& of_seat(Work& work) { return static_cast<pool::SeatWork&>(work); }
}  // namespace

void throw_result_not_sendable(const std::string& type) {
    std::string reason = "no std::exception was thrown";
    try {
        throw;
    } catch (const HeapExhausted&) {
        throw;
    } catch (const std::exception& error) {
        reason = error.what();
    } catch (...) {
    }
    std::throw_with_nested(SerializationError(
        fmt::format("the task's result, of type {}, cannot be sent: {}. Look at what serializes it.",
                    type, reason)));
}

bool Work::next_grant() { return of_seat(*this).next_grant(); }
std::span<const std::byte> Work::indexed_item() const {
    return of_seat(const_cast<Work&>(*this)).indexed_item();
}
std::stop_token Work::stop_token() { return of_seat(*this).stop_token(); }
void Work::flush() { of_seat(*this).flush(); }
void Work::put_result() { of_seat(*this).put_result(); }
void Work::attempt(const std::function<void()>& body) { of_seat(*this).attempt(body); }

}  // namespace procession::inline v0::detail
