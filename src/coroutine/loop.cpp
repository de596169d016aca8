// SPDX-License-Identifier: Apache-2.0
#include "coroutine/loop.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <array>
#include <iterator>
#include <utility>

#include "coroutine/root.hpp"
#include "log/log.hpp"
#include "os/deadline.hpp"

namespace procession::inline v0::coroutine {
namespace {

thread_local Loop* running = nullptr;

}  // namespace

/// For the time of a run, this thread is the loop's.
class Loop::Run {
  public:
    explicit Run(Loop& loop) : loop_(loop) {
        loop.check_process("EventLoop::run");
        if (loop.runs_.exchange(true))
            throw StateError("EventLoop::run: it runs already. Use spawn() for another task.");
        before_ = std::exchange(running, &loop);
    }
    ~Run() {
        running = before_;
        loop_.runs_ = false;
    }
    Run(Run&&) = delete;

  private:
    Loop& loop_;
    Loop* before_;
};

Loop::Loop(EventLoop& its) : event_loop(its), process_(::getpid()) {}

Loop::~Loop() {
    // What a coroutine destroys may look for the loop that it was in.
    Loop* const before = std::exchange(running, this);
    for (; !finished_.empty(); finished_.pop_front())
        detail::log_failure([&] { finished_.front().rethrow_error(); });
    while (!roots_.empty()) destroy(roots_.front());
    running = before;
}

Loop* Loop::in_this_thread() noexcept { return running; }

Loop& Loop::current(const char* caller) {
    if (!running)
        throw StateError(fmt::format(
            "{}: no loop runs in this thread. Use procession::run() or EventLoop::run().", caller));
    running->check_process(caller);
    return *running;
}

bool Loop::is_of_this_process() const noexcept { return process_ == ::getpid(); }

void Loop::check_process(const char* caller) const {
    if (!is_of_this_process())
        throw StateError(
            fmt::format("{}: the loop is that of process {}, and this one is its fork. Make an "
                        "EventLoop here.",
                        caller, process_));
}

// ---------------------------------------------------------------- tasks

Root& Loop::start(Task<> task, std::stop_token stop) {
    check_process("EventLoop::spawn");
    const std::lock_guard lock(mutex_);
    Root& root = roots_.emplace_back(*this, std::move(task), std::move(stop));
    root.place = std::prev(roots_.end());
    inbox.put(root);
    return root;
}

void Loop::has_finished(Root& root) noexcept {
    const std::lock_guard lock(mutex_);
    finished_.splice(finished_.end(), roots_, root.place);
}

void Loop::destroy(Root& root) noexcept {
    std::list<Root> destroyed;
    const std::lock_guard lock(mutex_);
    destroyed.splice(destroyed.end(), root.is_done() ? finished_ : roots_, root.place);
}

void Loop::bury(Root*& one) {
    while (!finished_.empty()) {
        std::list<Root> first;
        first.splice(first.end(), finished_, finished_.begin());
        const bool is_one = &first.front() == one;
        if (is_one) one = nullptr;
        first.front().rethrow_error();
        if (is_one) return;
    }
}

bool Loop::is_idle() const {
    const std::lock_guard lock(mutex_);
    return roots_.empty();
}

// ---------------------------------------------------------------- turns

void Loop::run(Task<> task) {
    const Run run(*this);
    struct Main {
        ~Main() {
            if (root) loop.destroy(*root);
        }
        Loop& loop;
        Root* root;
    } main{*this, &start(std::move(task), {})};
    for (bury(main.root); main.root; bury(main.root)) turn();
}

void Loop::run() {
    const Run run(*this);
    Root* none = nullptr;
    for (bury(none); !is_idle(); bury(none)) turn();
}

void Loop::turn() {
    granted_ = 0;
    const bool any_readable = wait();
    const auto now = std::chrono::steady_clock::now();
    do_errands();
    do_timers(now);
    if (any_readable) resume_first_waiters();
}

/// @returns whether a descriptor is readable
bool Loop::wait() {
    const auto deadline = inbox.size() != 0 ? os::Deadline::now()
                          : timers.empty()  ? os::Deadline::never()
                                            : os::Deadline::at(timers.begin()->first);
    std::array<pollfd, 2> descriptors{pollfd{inbox.fd(), POLLIN, 0}, pollfd{watched.fd(), POLLIN, 0}};
    os::poll(descriptors, deadline, uninterrupted_);
    if (descriptors[0].revents != 0) inbox.clear_arrivals();
    return descriptors[1].revents != 0;
}

// Only those that are there now: they may give rise to others.
void Loop::do_errands() {
    for (std::size_t left = inbox.size(); left > 0; --left)
        if (Errand* const errand = inbox.take()) errand->run();
}

// As of the turn's beginning: whoever sleeps for no time at all lets the others go first.
void Loop::do_timers(std::chrono::steady_clock::time_point now) {
    while (!timers.empty() && timers.begin()->first <= now) timers.begin()->second->run();
}

// One for each descriptor: it may take all that there is, and if not the descriptor is still readable in the
// next turn.
void Loop::resume_first_waiters() {
    for (const int fd : watched.ready())
        if (Errand* const waiter = watched.first_waiter(fd)) waiter->run();
}

}  // namespace procession::inline v0::coroutine

namespace procession::inline v0 {

EventLoop::EventLoop() : loop_(std::make_unique<coroutine::Loop>(*this)) {}
EventLoop::~EventLoop() = default;

EventLoop& EventLoop::current() { return coroutine::Loop::current("EventLoop::current").event_loop; }

void EventLoop::run() { loop_->run(); }
void EventLoop::run_one(Task<> task) { loop_->run(std::move(task)); }
void EventLoop::spawn(Task<> task, std::stop_token stop) {
    loop_->start(std::move(task), std::move(stop));
}

void EventLoop::post(std::function<void()> function) {
    spawn([](std::function<void()> its) -> Task<> {
        its();
        co_return;
    }(std::move(function)));
}

void detail::TaskPromise::go_on() noexcept { coroutine::Loop::in_this_thread()->ready.add(*this); }

void detail::throw_awaited_before() {
    throw StateError("Task: it was awaited before, or moved from. Make another one by another call.");
}

}  // namespace procession::inline v0
