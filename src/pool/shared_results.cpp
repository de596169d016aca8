// SPDX-License-Identifier: Apache-2.0
#include "pool/shared_results.hpp"

#include <fmt/format.h>
#include <procession/detail/exception_message.hpp>

#include <algorithm>
#include <array>

#include "os/at_load.hpp"
#include "os/fork_count.hpp"
#include "os/kill_point.hpp"
#include "process/program.hpp"

namespace procession::inline v0::pool {
namespace {

using detail::Buffer;
using detail::Handle;
using detail::Job;
using detail::MessageBlock;
using detail::Ref;
using detail::SharedResultType;
using heap::Heap;
using heap::Offset;
using heap::ParticipantId;
using Body = SharedResultBody;

// As pools have it, and after them: what they bring may still be waited for.
constexpr int exit_priority = 10;

Body& body_of(const Job& job) { return *static_cast<Body*>(job.shared()->object.body()); }

// ---------------------------------------------------------------- the maker's side

void publish(Body& body, Body::Outcome outcome) {
    body.outcome.store(outcome, std::memory_order_release);
    PROCESSION_KILL_POINT("result.published");
    notify_all(body.published);
    notify_all(detail::program_state().result_published);
}

/// Writes what came of it. @returns what that is
Body::Outcome write_outcome(Job& job, Buffer& buffer) {
    try {
        job.shared()->type.save(job, buffer);
        if (buffer.takes_any_along())
            throw SerializationError(
                "AsyncResult: its value holds an end of a connection, which only one process can have. "
                "Send the value itself to the process that is to have it.");
        return Body::value;
    } catch (...) {
        buffer.clear();
        save_exception(buffer, std::current_exception(), {});
        return job.is_cancelled() ? Body::cancelled : Body::exception;
    }
}

void publish_outcome(Job& job) {
    Body& body = body_of(job);
    Body::Outcome outcome;
    try {
        Buffer buffer(Buffer::Memory::shared);
        outcome = write_outcome(job, buffer);
        MessageBlock block = MessageBlock::of(buffer);
        PROCESSION_KILL_POINT("result.written");
        give(Heap::program(), block.offset(), job.shared()->object.offset());
        PROCESSION_KILL_POINT("result.given");
        body.block.store(block.release());
    } catch (...) {
        outcome = Body::no_room;
    }
    publish(body, outcome);
}

/// Whether those who receive it are told, or will be, who did not bring it.
bool names_maker(std::uint32_t outcome) {
    return outcome == Body::pending || outcome == Body::abandoned || outcome == Body::maker_died;
}

void mourn_maker(Heap& heap, Offset object, ParticipantId dead) {
    auto& body = heap::body<Body>(heap, object);
    if (body.maker == dead) {
        const std::uint32_t outcome = body.outcome.load();
        if (names_maker(outcome)) write_obituary(body.obituary, heap, dead);
        if (outcome == Body::pending) body.outcome.store(Body::maker_died, std::memory_order_release);
    }
    // Whoever it was may have been about to wake somebody.
    notify_all(body.published);
    notify_all(detail::program_state().result_published);
}

PROCESSION_AT_LOAD void register_mourner() { heap::set_mourner(heap::ObjectType::result, mourn_maker); }

// ---------------------------------------------------------------- what was received

std::exception_ptr cancellation(const Body& body) {
    const auto maker = find_person(Heap::program(), body.obituary, body.maker);
    const std::string name = maker ? fmt::format("process \"{}\" (pid {})", maker->name, maker->pid)
                                   : std::string("its process");
    const std::string how = body.outcome.load() == Body::abandoned ? "gave it up"
                            : maker                                ? synchronize::how_it_ended(*maker)
                                                                   : "ended";
    return std::make_exception_ptr(
        CancelledError(fmt::format("AsyncResult: {}, whose it is, {} before there was one", name, how)));
}

/// Null: it is a value.
std::exception_ptr exception_of(const Body& body) {
    switch (body.outcome.load(std::memory_order_acquire)) {
        case Body::value: return nullptr;
        case Body::exception:
        case Body::cancelled:
            try {
                return detail::load_exception(message_bytes(Heap::program(), body.block.load()));
            } catch (...) {
                return std::current_exception();
            }
        case Body::no_room:
            return std::make_exception_ptr(HeapExhausted(
                "AsyncResult: the shared memory had no room for what came of the task. Raise "
                "PROCESSION_HEAP_LIMIT, or fetch the result in the process that submitted the task."));
        default: return cancellation(body);
    }
}

bool is_cancellation(std::uint32_t outcome) {
    return outcome == Body::cancelled || outcome == Body::abandoned || outcome == Body::maker_died;
}

[[noreturn]] void throw_stopped() {
    throw CancelledError("AsyncResult: the wait for a result was stopped");
}

/// Sleeps as long as those live who are to bring results.
template <class Makers>
class AwaitingMakers {
  public:
    explicit AwaitingMakers(Makers makers) : makers_(std::move(makers)) {}
    void waits_on(const heap::WaitPoint&) const {}
    void wait_ends() const {}
    void sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                  const os::Deadline& deadline) {
        Heap& heap = Heap::program();
        const auto makers = makers_();
        if (makers.empty()) {
            os::futex_wait(word, expected, deadline);
            return;
        }
        // One of them is looked at all the time, the others now and then.
        if (!sleep_(word, expected, heap.slot(makers.front()), deadline)) return;
        for (const ParticipantId maker : makers) bury(heap, maker);
    }

  private:
    const Makers makers_;
    heap::OwnedWordSleep sleep_{std::stop_token()};
};

// Never destroyed: results with static storage end after everything else.
std::atomic<SharedResults*> of_this_process{nullptr};

}  // namespace

SharedResults& SharedResults::here() {
    SharedResults* there = of_this_process.load(std::memory_order_acquire);
    while (!there || there->fork_ != os::fork_count()) {
        auto made = std::unique_ptr<SharedResults>(new SharedResults(there));
        if (of_this_process.compare_exchange_strong(there, made.get())) there = made.release();
    }
    return *there;
}

SharedResults::SharedResults(const SharedResults* parents) : fork_(os::fork_count()), parents_(parents) {
    intrusive_ptr_add_ref(static_cast<JobHost*>(this));
}

// ---------------------------------------------------------------- which there are

Handle SharedResults::share(Job& job, const SharedResultType& type) {
    if (const auto* const shared = job.shared()) return shared->object;
    Heap& heap = Heap::program();
    Handle object = Handle::adopt(make_object(heap, heap::ObjectType::result, sizeof(Body)));
    static_cast<Body*>(object.body())->maker = heap.self();
    if (!job.share_as(object, type)) return job.shared()->object;
    {
        const Lock lock(mutex_);
        known_[object.offset()] = &job;
    }
    // A child that is forked has a copy of the job, which is not for others.
    const auto tell = [&job] {
        if (!job.is_inherited()) publish_outcome(job);
    };
    try {
        if (job.is_done())
            tell();
        else
            job.call_back(Job::When::before_done, tell);
    } catch (...) {
        publish(body_of(job), Body::abandoned);
        throw;
    }
    return object;
}

Ref<Job> SharedResults::known(Offset object) {
    const auto found = known_.find(object);
    return found == known_.end() ? nullptr : found->second->if_alive();
}

Ref<Job> SharedResults::find(Offset offset, const SharedResultType& type) {
    Handle object = Handle::attach(offset);
    if (type_of(Heap::program(), offset) != heap::ObjectType::result)
        throw TypeMismatch("AsyncResult: this is another kind of object; receive it as that");
    {
        const Lock lock(mutex_);
        if (auto job = known(offset)) return job;
    }
    Ref<Job> received = type.receive(this);
    received->expect(1);
    received->share_as(std::move(object), type);
    const Lock lock(mutex_);
    if (auto job = known(offset)) return job;
    known_[offset] = received.get();
    awaited_.insert(received.get());
    return received;
}

Job& SharedResults::heir_of(Job& job) {
    // It holds what its parent held from its first step in the heap on.
    Heap::program().self();
    Job::Shared& shared = *job.shared();
    const Ref<Job> heir = find(shared.object.offset(), shared.type);
    const Lock lock(mutex_);
    if (!shared.heir) shared.heir = heir;
    return *shared.heir;
}

void SharedResults::forget(Job& job) {
    {
        const Lock lock(mutex_);
        const auto found = known_.find(job.shared()->object.offset());
        if (found != known_.end() && found->second == &job) known_.erase(found);
        awaited_.erase(&job);
    }
    if (&job.host() != this && !job.is_settled()) publish(body_of(job), Body::abandoned);
}

// ---------------------------------------------------------------- what came of them

void SharedResults::take_up(Job& job) {
    const Body& body = body_of(job);
    // Without the mutex: it may be the program's code that reads it.
    const std::exception_ptr error = exception_of(body);
    bool has_ended = false;
    {
        const Lock lock(mutex_);
        if (awaited_.erase(&job) == 0) return;
        if (is_cancellation(body.outcome.load())) job.mark_cancelled();
        if (error) job.on_exception(0, error);
        if (job.came(1)) job.settle();
        has_ended = has_ended_;
    }
    if (has_ended) call_posted();
}

void SharedResults::take_up_published() {
    std::vector<Ref<Job>> published;
    {
        const Lock lock(mutex_);
        for (Job* const job : awaited_)
            if (body_of(*job).outcome.load() != Body::pending)
                if (auto alive = job->if_alive()) published.push_back(std::move(alive));
    }
    for (const auto& job : published) take_up(*job);
}

std::vector<ParticipantId> SharedResults::makers() {
    std::vector<ParticipantId> makers;
    const Lock lock(mutex_);
    for (const Job* const job : awaited_) makers.push_back(body_of(*job).maker);
    std::ranges::sort(makers);
    makers.erase(std::unique(makers.begin(), makers.end()), makers.end());
    return makers;
}

bool SharedResults::await_outcome(Job& job, const os::Deadline& deadline, const std::stop_token& stop) {
    Body& body = body_of(job);
    const auto ready = [&] {
        if (body.outcome.load(std::memory_order_acquire) == Body::pending) return false;
        take_up(job);
        return true;
    };
    const auto waited =
        heap::wait(AwaitingMakers([maker = body.maker] { return std::array{maker}; }), body.published,
                   ready, deadline, stop, heap::Patience::without_timer());
    if (waited == heap::Waited::stopped) throw_stopped();
    return waited == heap::Waited::ready;
}

bool SharedResults::wait(Job& job, const Timeout& timeout, const std::stop_token& stop) {
    const os::Deadline deadline = os::Deadline::after(timeout);
    if (!await_outcome(job, deadline, stop)) return false;
    // Its callbacks may be asking.
    if (std::this_thread::get_id() == thread_id_.load()) return true;
    Lock lock(mutex_);
    const os::Waited waited = changed_.wait(lock, deadline, stop, [&] { return job.is_there(); });
    if (waited == os::Waited::stopped) throw_stopped();
    return waited == os::Waited::ready;
}

// ---------------------------------------------------------------- calling back

void SharedResults::post(std::function<void()> call) {
    posted_.push_back(std::move(call));
    notify_all(detail::program_state().result_published);
}

bool SharedResults::attend() {
    if (has_ended_) return false;
    if (!thread_) {
        detail::shut_down_at_exit();
        end_.emplace([this] { end(); }, exit_priority);
        thread_.emplace(
            "result callbacks", [this] { serve(); }, os::ServiceThread::Stack::usual);
    }
    // There may be one more to be waited for.
    notify_all(detail::program_state().result_published);
    return true;
}

void SharedResults::call_posted() {
    for (;;) {
        std::function<void()> call;
        {
            const Lock lock(mutex_);
            if (posted_.empty()) return;
            call = std::move(posted_.front());
            posted_.pop_front();
        }
        call();
        changed_.notify_all();
    }
}

void SharedResults::serve() {
    thread_id_ = std::this_thread::get_id();
    heap::Patience patience = heap::Patience::without_timer();
    patience.looks = 0;
    const auto ready = [this] {
        take_up_published();
        const Lock lock(mutex_);
        return !posted_.empty() || has_ended_;
    };
    for (;;) {
        heap::wait(AwaitingMakers([this] { return makers(); }), detail::program_state().result_published,
                   ready, os::Deadline::never(), {}, patience);
        call_posted();
        const Lock lock(mutex_);
        if (has_ended_) return;
    }
}

void SharedResults::end() {
    if (fork_ != os::fork_count()) return thread_->forget();
    {
        const Lock lock(mutex_);
        has_ended_ = true;
    }
    notify_all(detail::program_state().result_published);
    if (std::this_thread::get_id() == thread_id_.load())
        thread_->detach();
    else
        thread_.reset();
    call_posted();
}

}  // namespace procession::inline v0::pool

namespace procession::inline v0::detail {

using pool::SharedResults;

Handle share(Job& job, const SharedResultType& type) { return SharedResults::here().share(job, type); }

Ref<Job> find_result(std::uint64_t offset, const SharedResultType& type) {
    return SharedResults::here().find(offset, type);
}

std::span<const std::byte> received_value(const Job& job) {
    return message_bytes(heap::Heap::program(), pool::body_of(job).block.load());
}

void throw_other_result(const std::string& type) {
    throw TypeMismatch(
        fmt::format("{}: this is the result of another type; receive it as what it was sent as", type));
}

bool are_same(const Job* one, const Job* other) noexcept {
    if (one == other || !one || !other) return one == other;
    const auto *const a = one->shared(), *const b = other->shared();
    return a && b && a->object == b->object;
}

}  // namespace procession::inline v0::detail
