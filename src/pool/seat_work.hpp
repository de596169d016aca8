// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/task.hpp>

#include <memory>
#include <mutex>
#include <optional>

#include "os/service_thread.hpp"
#include "pool/functions.hpp"
#include "pool/pool_body.hpp"
#include "process/traceback.hpp"

namespace procession::inline v0::pool {

/// A worker's work on what its seat says that it has taken.
class SeatWork final : public detail::Work {
  public:
    SeatWork(heap::Heap&, heap::Offset object, std::uint32_t seat);
    ~SeatWork();

    /// Begins with what was taken.
    void begin();
    /// Runs it, to its end.
    void run(FunctionCache&);
    /// Says why this worker does no work.
    void send_cannot_start(const detail::Failure&);

  private:
    friend class detail::Work;
    bool next_grant();
    std::span<const std::byte> indexed_item() const;
    std::stop_token stop_token();
    void flush();
    void put_result();
    void attempt(const std::function<void()>&);
    void put_exception(const std::exception_ptr&, const std::string& traceback);
    void put_message(ResultHeader::Kind, detail::Buffer&);
    void send(const ResultHeader&, std::span<const std::byte> bytes);
    bool try_send(const ResultHeader&, std::span<const std::byte> bytes);
    void note_sent();
    void note_pace(std::chrono::steady_clock::time_point now);

    heap::Heap& heap_;
    const heap::Offset object_;
    PoolBody& body_;
    const std::uint32_t index_;
    Seat& seat_;

    TaskRecord* task_ = nullptr;
    bool is_whole_ = false;  ///< there is one item
    FunctionCache::Entry* function_ = nullptr;
    std::chrono::steady_clock::time_point granted_at_;
    std::uint32_t granted_first_ = 0;

    /// Hears of requests to stop. There is one as soon as a task takes a token.
    class StopListener;
    std::unique_ptr<StopListener> stops_;
};

}  // namespace procession::inline v0::pool
