// SPDX-License-Identifier: Apache-2.0

// A worker's life: it says that it is ready, takes tasks and runs them, and ends when it is told to, or when
// there are none and will be none.

#include "pool/worker.hpp"

#include <signal.h>

#include <algorithm>

#include "os/at_load.hpp"
#include "os/signals.hpp"
#include "pool/claims.hpp"
#include "pool/functions.hpp"
#include "pool/seat_work.hpp"
#include "process/state.hpp"

namespace procession::inline v0::pool {
namespace {

using heap::Heap;
using heap::Offset;

// What is taken at once should take about so long: long enough for taking it to cost nothing, and short enough
// for others to have something to do as well.
constexpr double claim_nanoseconds = 500'000;

PROCESSION_AT_LOAD void register_mourner() {
    heap::set_mourner(heap::ObjectType::pool, [](Heap& heap, Offset pool, heap::ParticipantId dead) {
        auto& body = heap::body<PoolBody>(heap, pool);
        heap::ObjectGuard::recover_if_of(heap, body.lock, Claims::recover, dead);
        mourn_stream(heap, body.results, dead);
        // It may have been told of tasks and not have come to take them, or have sent results and not have told.
        tell_all_workers(body);
        notify_all(body.has_results);
    });
}

class Worker {
  public:
    Worker(const PoolHandle& pool, const WorkerOrders& orders)
        : heap_(Heap::program()),
          body_(heap::body<PoolBody>(heap_, pool.offset())),
          seat_(body_.seat(heap_, orders.seat)),
          left_(orders.most_tasks),
          is_limited_(orders.most_tasks != 0),
          claims_(heap_, body_, orders.seat),
          work_(heap_, pool.offset(), orders.seat),
          functions_(heap_) {}

    void run(const Function<void()>& initializer) {
        seat_.worker = heap_.self();
        if (const auto failure = initializer ? detail::attempt(initializer) : std::nullopt) {
            work_.send_cannot_start(*failure);
            procession::exit(1);
        }
        seat_.state = Seat::ready;
        while (take_next()) {
            work_.begin();
            const Range taken = Range::of(seat_.range.load(std::memory_order_relaxed));
            work_.run(functions_);
            left_ -= std::min<std::uint64_t>(left_, taken.size());
        }
    }

  private:
    bool take_next() {
        const auto is_called = [&] { return seat_.is_reserve.load() == 0; };
        await(body_.has_calls, [&] { return must_leave() || is_called(); });
        if (!is_called()) return false;
        bool taken = false;
        await(body_.has_tasks, [&] {
            if (must_leave()) return true;
            taken = take() || steal();
            return taken;
        });
        return taken;
    }
    // For no time at all, or until it happens or no task comes any more.
    template <class Happens>
    void await(heap::WaitPoint& point, const Happens& happens) {
        const auto ready = [&] { return happens() || body_.closed.load() != 0; };
        wait(heap::NoNote(), point, ready, os::Deadline::never(), {}, heap::Patience::without_timer());
    }
    bool take() {
        const auto at_most = static_cast<std::uint32_t>(
            is_limited_ ? std::min<std::uint64_t>(left_, UINT32_MAX) : UINT32_MAX);
        return claims_.shows_task() &&
               claims_.take([this](const TaskRecord& task) { return wanted(task); }, at_most);
    }
    // One whose tasks are counted might take more than it may do.
    bool steal() { return !is_limited_ && claims_.steal(); }
    bool must_leave() const { return seat_.retires.load() != 0 || (is_limited_ && left_ == 0); }
    std::uint32_t wanted(const TaskRecord& task) const {
        const double pace = functions_.item_nanoseconds(task.function);
        const std::uint32_t left = task.end - task.next.load(std::memory_order_relaxed);
        if (pace == 0) return 1;
        const double by_time = claim_nanoseconds / pace;
        const std::uint32_t share = left / (2 * body_.seat_count.load(std::memory_order_relaxed)) + 1;
        return by_time < share ? std::max(1u, static_cast<std::uint32_t>(by_time)) : share;
    }

    Heap& heap_;
    PoolBody& body_;
    Seat& seat_;
    std::uint64_t left_;
    const bool is_limited_;
    Claims claims_;
    SeatWork work_;
    FunctionCache functions_;
};

}  // namespace

PoolHandle::PoolHandle()
    : Handle(
          "Pool",
          [] {
              Heap& heap = Heap::program();
              const Offset pool = make_object(heap, heap::ObjectType::pool, sizeof(PoolBody));
              try {
                  make_stream(heap, heap::body<PoolBody>(heap, pool).results, pool, 0);
              } catch (...) {
                  drop(heap, pool, heap.self());
                  throw;
              }
              return pool;
          },
          [](Offset) {}) {}

void work_for(const PoolHandle& pool, WorkerOrders orders, const Function<void()>& initializer) {
    // Ctrl-C is for the pool's process to answer.
    ::signal(SIGINT, SIG_IGN);
    os::set_signal_mask(orders.signal_mask);
    detail::share_processors(orders.sharers);
    Worker(pool, orders).run(initializer);
}

}  // namespace procession::inline v0::pool
