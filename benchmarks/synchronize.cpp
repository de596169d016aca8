// SPDX-License-Identifier: Apache-2.0

// What synchronisation between processes costs, beside pthread's, sem_t, Boost.Interprocess and CPython
// in the same run: locks alone, contended, and when their holder is killed; counting in a shared number;
// waiting long; handing over to and fro. Arguments choose some of the parts.

#include <fmt/format.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <boost/interprocess/sync/interprocess_mutex.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <mutex>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/comparison.hpp"
#include "support/crew.hpp"
#include "support/parts.hpp"
#include "support/processors.hpp"
#include "support/python.hpp"
#include "support/shared.hpp"
#include "support/to_and_fro.hpp"
#include "support/waiters.hpp"

namespace {

using namespace procession::benchmark;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds, std::chrono::milliseconds, std::chrono::nanoseconds;

constexpr int turns = 61;

// ---------------------------------------------------------------- the locks

/// Each on a cache line of its own.
struct PosixLocks {
    PosixLocks() {
        make(plain, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_STALLED);
        make(recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
        make(robust, PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_ROBUST);
        ::sem_init(&semaphore, 1, 1);
    }

    alignas(64) pthread_mutex_t plain;
    alignas(64) pthread_mutex_t recursive;
    alignas(64) pthread_mutex_t robust;
    alignas(64) sem_t semaphore;
    alignas(64) boost::interprocess::interprocess_mutex boost;

  private:
    static void make(pthread_mutex_t& mutex, int type, int robustness) {
        pthread_mutexattr_t attributes;
        ::pthread_mutexattr_init(&attributes);
        ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        ::pthread_mutexattr_settype(&attributes, type);
        ::pthread_mutexattr_setrobust(&attributes, robustness);
        ::pthread_mutex_init(&mutex, &attributes);
        ::pthread_mutexattr_destroy(&attributes);
    }
};

/// Calls visit(name, lock, unlock, is_ours) for each; the first is what the others are compared with.
template <class Visit>
void for_each_lock(PosixLocks& posix, Visit visit) {
    const auto add_mutex = [&](const char* name, pthread_mutex_t& mutex) {
        visit(
            name, [&mutex] { ::pthread_mutex_lock(&mutex); },
            [&mutex] { ::pthread_mutex_unlock(&mutex); }, false);
    };
    add_mutex("pthread mutex", posix.plain);
    add_mutex("pthread recursive mutex", posix.recursive);
    add_mutex("pthread robust mutex", posix.robust);
    visit(
        "sem_t", [&sem = posix.semaphore] { ::sem_wait(&sem); },
        [&sem = posix.semaphore] { ::sem_post(&sem); }, false);
    visit(
        "Boost interprocess_mutex", [&mutex = posix.boost] { mutex.lock(); },
        [&mutex = posix.boost] { mutex.unlock(); }, false);
    const mp::Lock lock;
    visit(
        "mp::Lock acquire, release", [lock] { lock.acquire(); }, [lock] { lock.release(); }, true);
    visit(
        "mp::Lock lock, unlock", [lock] { lock.lock(); }, [lock] { lock.unlock(); }, true);
    const mp::RLock rlock;
    visit(
        "mp::RLock lock, unlock", [rlock] { rlock.lock(); }, [rlock] { rlock.unlock(); }, true);
}

// ---------------------------------------------------------------- uncontended

void uncontended() {
    const Pinned pinned;
    Python python("synchronize.py");
    const Shared<PosixLocks> posix;
    Comparison comparison("Lock and unlock, uncontended", "ns");
    for_each_lock(*posix, [&](std::string name, auto lock, auto unlock, bool is_ours) {
        comparison.add(
            std::move(name),
            [=] {
                return time_of_each<nanoseconds>(100'000, [&] {
                    lock();
                    unlock();
                });
            },
            is_ours ? Targets{{.ratio_at_most = 1.1}} : Targets{});
    });
    for (const char* type : {"Lock", "RLock"})
        if (python)
            comparison.add(python.name(type), [&python, request = fmt::format("uncontended {}", type)] {
                return python.ask(request);
            });
    comparison.run(turns);
}

// ---------------------------------------------------------------- contended

/// Equal whenever nobody is inside. On the line beside the lock's own.
struct alignas(64) Words {
    volatile long first, second;
};

void contended(int processes) {
    Python python("synchronize.py");
    const Shared<PosixLocks> posix;
    const Shared<Words> words;
    std::vector<std::string> names;
    std::vector<Crew::Job> jobs;
    std::vector<Targets> targets;
    for_each_lock(*posix, [&](std::string name, auto lock, auto unlock, bool is_ours) {
        names.push_back(std::move(name));
        targets.push_back(is_ours ? Targets{{.ratio_at_least = 1}} : Targets{});
        jobs.push_back([=](int, const std::atomic<bool>& stop) {
            long count = 0;
            const auto begin = Clock::now();
            for (; !stop.load(std::memory_order_relaxed); ++count) {
                lock();
                words->first = words->first + 1;
                words->second = words->second + 1;
                unlock();
            }
            const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
            return static_cast<double>(count) / time.count();
        });
    });
    Crew crew(processes, processors(), jobs);
    Comparison comparison(
        fmt::format("Lock, write two words, unlock: {} processes over {} processors", processes,
                    std::min<std::size_t>(static_cast<std::size_t>(processes), processors().size())),
        "million/s");
    for (std::size_t job = 0; job < jobs.size(); ++job)
        comparison.add(
            names[job],
            [&, job] {
                const auto rates = crew.work(job, milliseconds(20));
                if (words->first != words->second)
                    throw std::runtime_error(names[job] + ": two were inside at once");
                return std::accumulate(rates.begin(), rates.end(), 0.0);
            },
            targets[job]);
    if (python)
        comparison.add(python.name("Lock"), [&python, request = fmt::format("contended {}", processes)] {
            return python.ask(request);
        });
    comparison.run(turns);
}

// ---------------------------------------------------------------- a killed holder

struct Death {
    std::atomic<bool> held;
    std::atomic<Clock::rep> told_at;
};

bool sleeps(int pid) {
    std::string text;
    std::getline(std::ifstream(fmt::format("/proc/{}/stat", pid)), text);
    return text.compare(text.rfind(')') + 2, 1, "S") == 0;
}

/// @param lock   @returns whether it was told that the holder had died
/// @param unlock  what a dead holder left, too
double microseconds_until_told(Death& death, const std::function<bool()>& lock,
                               const std::function<void()>& unlock) {
    death.held = false;
    const std::vector<int> cpus = processors();
    mp::Process holder = forked([&] {
        pin_to(cpus.front());
        lock();
        death.held = true;
        for (;;) ::pause();
    });
    while (!death.held) std::this_thread::yield();
    mp::Process waiter = forked([&] {
        pin_to(cpus.back());
        const bool told = lock();
        death.told_at = Clock::now().time_since_epoch().count();
        unlock();
        mp::exit(told ? 0 : 1);
    });
    while (!sleeps(*waiter.pid())) std::this_thread::yield();
    // At any moment of a timed sleep.
    static std::mt19937 random(1);
    std::this_thread::sleep_for(microseconds(random() % 12'000));
    const auto begin = Clock::now();
    holder.kill();
    waiter.join();
    holder.join();
    if (waiter.exitcode() != 0) throw std::runtime_error("a waiter was not told of its holder's death");
    return static_cast<double>(death.told_at - begin.time_since_epoch().count()) / 1e3;
}

void owner_death() {
    const Shared<PosixLocks> posix;
    const Shared<Death> death;
    const mp::Lock lock;
    Comparison comparison("From a holder's SIGKILL until its waiter is told", "us");
    comparison.add("pthread robust mutex", [&] {
        return microseconds_until_told(
            *death, [&] { return ::pthread_mutex_lock(&posix->robust) == EOWNERDEAD; },
            [&] {
                ::pthread_mutex_consistent(&posix->robust);
                ::pthread_mutex_unlock(&posix->robust);
            });
    });
    comparison.add("mp::Lock",
                   [&] {
                       return microseconds_until_told(
                           *death,
                           [&] {
                               try {
                                   lock.acquire();
                                   return false;
                               } catch (const mp::OwnerDied&) {
                                   return true;
                               }
                           },
                           [&] { lock.release(); });
                   },
                   {{.figure_at_most = 1000}});
    comparison.run(turns);
}

// ---------------------------------------------------------------- a shared number

struct Counter {
    PosixLocks locks;
    alignas(64) volatile long number;
    alignas(64) std::atomic<long> atomic;
};

void value() {
    const Pinned pinned;
    Python python("synchronize.py");
    const auto each = [](auto increment) {
        return [=] { return time_of_each<nanoseconds>(100'000, increment); };
    };
    const Shared<Counter> counter;

    Comparison locked("Count in a number under its lock", "ns");
    locked.add("mutex and increment", each([counter] {
                   ::pthread_mutex_lock(&counter->locks.plain);
                   counter->number = counter->number + 1;
                   ::pthread_mutex_unlock(&counter->locks.plain);
               }));
    const mp::Value<long> value;
    locked.add("mp::Value with", each([value] { value.with([](long& number) { ++number; }); }),
               {{.ratio_at_most = 1.3}});
    locked.add("mp::Value fetch_add", each([value] { value.fetch_add(1); }), {{.ratio_at_most = 1.3}});
    if (python) locked.add(python.name("Value get_lock"), [&python] { return python.ask("value"); });
    locked.run(turns);

    Comparison raw("Count in a number that has none", "ns");
    raw.add("std::atomic fetch_add", each([counter] { counter->atomic.fetch_add(1); }));
    const mp::RawValue<long> raw_value;
    raw.add("mp::RawValue fetch_add", each([raw_value] { raw_value.fetch_add(1); }),
            {{.ratio_at_most = 1.2}});
    raw.add("plain number", each([counter] { counter->number = counter->number + 1; }));
    raw.add("mp::RawValue value()", each([raw_value] {
                // As the plain one is: no loop of them may become one sum.
                volatile long& number = raw_value.value();
                number = number + 1;
            }));
    if (python) raw.add(python.name("RawValue"), [&python] { return python.ask("raw_value"); });
    raw.run(turns);
}

// ---------------------------------------------------------------- idle waiters

void idle() {
    const mp::Lock lock;
    const mp::Semaphore semaphore(0);
    const mp::Condition condition;
    const mp::Event event;
    const mp::Barrier barrier(9);
    const Shared<PosixLocks> posix;
    lock.acquire();
    ::sem_wait(&posix->semaphore);

    std::vector<Waiters> all;
    all.emplace_back(
        "sem_t", [&] { ::sem_wait(&posix->semaphore); },
        [&] {
            for (int i = 0; i < 8; ++i) ::sem_post(&posix->semaphore);
        });
    all.emplace_back(
        "mp::Lock", [&] { const std::scoped_lock guard(lock); }, [&] { lock.release(); });
    all.emplace_back(
        "mp::Semaphore", [&] { semaphore.acquire(); }, [&] { semaphore.release(8); });
    all.emplace_back(
        "mp::Condition",
        [&] {
            const std::scoped_lock guard(condition);
            condition.wait();
        },
        [&] {
            const std::scoped_lock guard(condition);
            condition.notify_all();
        });
    all.emplace_back(
        "mp::Event", [&] { event.wait(); }, [&] { event.set(); });
    all.emplace_back(
        "mp::Barrier", [&] { barrier.wait(); }, [&] { barrier.wait(); });

    print_idle(all);
}

// ---------------------------------------------------------------- to and fro

void handover(std::size_t processor_count) {
    std::vector<int> cpus = processors();
    cpus.resize(std::min(cpus.size(), processor_count));
    Python python("synchronize.py");
    std::vector<std::string> names;
    std::vector<Crew::Job> jobs;
    const auto add = [&](const char* name, Crew::Job job) {
        names.push_back(name);
        jobs.push_back(std::move(job));
    };

    constexpr int trips = 100;
    const Shared<std::array<sem_t, 2>> posix;
    for (sem_t& semaphore : *posix) ::sem_init(&semaphore, 1, 0);
    add("sem_t", to_and_fro(
                     trips, [posix](int side) { ::sem_post(&(*posix)[static_cast<std::size_t>(side)]); },
                     [posix](int side) { ::sem_wait(&(*posix)[static_cast<std::size_t>(side)]); }));
    const Shared<Turn> turn;
    add("raw futex", to_and_fro(
                         trips, [turn](int side) { turn->give_and_wake(side); },
                         [turn](int side) { turn->sleep_until_given(side); }));
    const std::array semaphores{mp::Semaphore(0), mp::Semaphore(0)};
    add("mp::Semaphore",
        to_and_fro(
            trips, [semaphores](int side) { semaphores[static_cast<std::size_t>(side)].release(); },
            [semaphores](int side) { semaphores[static_cast<std::size_t>(side)].acquire(); }));
    const std::array<mp::Event, 2> events;
    add("mp::Event", to_and_fro(
                         trips, [events](int side) { events[static_cast<std::size_t>(side)].set(); },
                         [events](int side) {
                             const mp::Event& event = events[static_cast<std::size_t>(side)];
                             event.wait();
                             event.clear();
                         }));

    Crew crew(2, cpus, jobs);
    Comparison comparison(
        cpus.size() > 1 ? "To and fro between two processors" : "To and fro on one processor", "us");
    for (std::size_t job = 0; job < jobs.size(); ++job)
        comparison.add(names[job], [&crew, job] { return crew.work(job).front(); });
    for (const char* type : {"Semaphore", "Event"})
        if (python)
            comparison.add(python.name(type),
                           [&python, request = fmt::format("handover {} {}", type, cpus.size())] {
                               return python.ask(request);
                           });
    comparison.run(turns);
}

// ---------------------------------------------------------------- the parts

const std::vector<Part> parts = {
    {"uncontended", uncontended},
    {"contended", [] { contended(2), contended(4); }},
    {"owner_death", owner_death},
    {"value", value},
    {"idle", idle},
    {"handover", [] { handover(2), handover(1); }},
};

}  // namespace

int main(int argc, char** argv) try {
    run_parts(parts, argc, argv);
} catch (const std::exception& error) {
    fmt::print(stderr, "synchronize: {}\n", error.what());
    return 1;
}
