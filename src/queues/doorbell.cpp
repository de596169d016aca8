// SPDX-License-Identifier: Apache-2.0
#include "queues/doorbell.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <mutex>

#include "heap/waiting.hpp"
#include "os/at_load.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"
#include "os/fork_mutex.hpp"
#include "os/service_thread.hpp"

namespace procession::inline v0::queues {

// 1. A bell is rung when its event's counter is not zero. It is rung and silenced under its mutex, each
//    time after a look at the queue: so what was done last in this process has the last word.
// 2. No ring is lost. As long as the bell is silent the watcher is at `watched`, or on its way there:
//    then it looks once more after it has set the flag that putters look at after their put. One of them
//    sees the other. Whoever silences the bell looks under the same mutex: what is put after that look
//    is the watcher's, which the silence has sent back.
// 3. While the bell is rung the watcher is not at `watched`, so puts cost their putters nothing.
// 4. Who polls with edges must get an edge for what comes after he found nothing: that silences the bell
//    even where something has come meanwhile, for which it is rung anew.

namespace {

using heap::Heap;

heap::ParticipantId this_process() {
    // A forked child that never touched the heap is nobody yet, and has no bells.
    return Heap::program().identity().id.load(std::memory_order_acquire);
}

os::Descriptor make_event() {
    return os::Descriptor::above_stdio(os::checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                                   "Queue::fileno", "eventfd",
                                                   "Raise RLIMIT_NOFILE if it says EMFILE."));
}

// Bells are made one at a time. A child that is forked meanwhile finds none or a whole one.
os::ForkMutex& making() {
    static auto* const instance = new os::ForkMutex;
    return *instance;
}
// A fork in the middle of a lazy one would hang the child for ever.
PROCESSION_AT_LOAD void prepare_making() { making(); }

}  // namespace

struct Doorbell::Bell {
    explicit Bell(Doorbell& its) : doorbell(its), watcher("procession-bell", [this] { watch(); }) {}

    /// A forked child has its parent's bells, but not their threads, and may have caught them half changed:
    /// it only closes its descriptor.
    ~Bell() {
        if (process != this_process()) {
            watcher.forget();
        } else {
            stop.request_stop();
            rung = 0;
            os::futex_wake(rung, 1);
        }
    }

    void update(bool found_empty) {
        const std::lock_guard lock(mutex);
        if (found_empty) silence();
        if (doorbell.has_item_())
            ring();
        else
            silence();
    }

    /// Takes the place of the parent's bell and its descriptor's number, which stays good in the child.
    void replace(Bell& of_parent) {
        const std::lock_guard lock(mutex);
        os::checked(::dup3(event.get(), of_parent.event.get(), O_CLOEXEC), "Queue::fileno", "dup3");
        event = std::move(of_parent.event);
        replaced.reset(&of_parent);
    }

    Doorbell& doorbell;
    const heap::ParticipantId process = this_process();
    std::unique_ptr<Bell> replaced;  ///< kept, since other threads may just be looking whose it is
    std::mutex mutex;
    os::Descriptor event = make_event();
    std::atomic<std::uint32_t> rung{0};
    std::stop_source stop;
    os::ServiceThread watcher;  ///< joined before the rest goes

  private:
    void ring() {
        if (rung.load() != 0) return;
        ::eventfd_write(event.get(), 1);
        rung = 1;
    }

    void silence() {
        if (rung.load() == 0) return;
        eventfd_t count;
        ::eventfd_read(event.get(), &count);
        rung = 0;
        os::futex_wake(rung, 1);
    }

    void watch() {
        const std::stop_token stopped = stop.get_token();
        const auto ready = [this] {
            if (!doorbell.has_item_()) return false;
            update(false);
            return rung.load() != 0;
        };
        while (!stopped.stop_requested()) {
            wait(heap::Awaiting(Heap::program(), doorbell.others_hold_), doorbell.watched_, ready,
                 os::Deadline::never(), stopped);
            while (rung.load() != 0 && !stopped.stop_requested())
                os::futex_wait(rung, 1, os::Deadline::never());
        }
    }
};

Doorbell::~Doorbell() { delete bell_.load(); }

Doorbell::Bell* Doorbell::own_bell() const {
    Bell* const bell = bell_.load(std::memory_order_acquire);
    return bell && bell->process == this_process() ? bell : nullptr;
}

int Doorbell::fileno() {
    Heap::program().self();
    Bell* bell = own_bell();
    if (!bell) {
        const std::lock_guard lock(making());
        bell = own_bell();
        if (!bell) {
            auto made = std::make_unique<Bell>(*this);
            if (Bell* const of_parent = bell_.load()) made->replace(*of_parent);
            bell = made.release();
            any_ = true;
            bell_.store(bell, std::memory_order_release);
        }
    }
    bell->update(false);
    return bell->event.get();
}

void Doorbell::after_put() {
    if (Bell* const bell = own_bell()) bell->update(false);
}

void Doorbell::after_get(bool found_empty) {
    if (Bell* const bell = own_bell()) bell->update(found_empty);
}

}  // namespace procession::inline v0::queues
