// SPDX-License-Identifier: Apache-2.0

// What pools of processes cost, beside a pool of threads written by hand, oneTBB and CPython's pools in the
// same run: empty tasks one by one and in chunks, tasks of a millisecond, one call of an idle pool, an array
// in slices, and memory. Arguments choose some of the parts.

#include <fmt/format.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <future>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/comparison.hpp"
#include "support/crew.hpp"
#include "support/memory.hpp"
#include "support/parts.hpp"
#ifdef WITH_TBB
#include "support/pools/one_tbb.hpp"
#endif
#include "support/pools/thread_pool.hpp"
#include "support/processors.hpp"
#include "support/python.hpp"
#include "support/shared.hpp"
#include "support/sleeps.hpp"
#include "support/to_and_fro.hpp"

namespace {

using namespace procession::benchmark;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds, std::chrono::milliseconds;

constexpr int turns = 31;
constexpr int workers = 2;
const std::string script = "pools.py";

/// A name in a table, and in pools.py.
constexpr const char* python_pools[] = {"Pool", "Executor"};

// ---------------------------------------------------------------- the tasks

[[gnu::noinline]] void nothing(int) { asm volatile(""); }

/// Of processor time: what others use of the processor is not in it, and lengthens the whole.
void millisecond(int) {
    const auto now = [] {
        timespec time;
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    const auto end = now() + milliseconds(1);
    while (now() < end) continue;
}

double sum(std::span<const double> part) { return std::accumulate(part.begin(), part.end(), 0.0); }

int same(int number) { return number; }

int wait_for(const mp::Event& event, int number) {
    event.wait();
    return number;
}

// ---------------------------------------------------------------- the pools

/// One whose workers are pinned in turn.
mp::Pool pinned_pool(int size, const std::vector<int>& on) {
    mp::Pool pool(size);
    std::size_t rank = 0;
    for (const mp::ProcessHandle& worker : pool.workers()) pin_to(on[rank++ % on.size()], worker.pid());
    return pool;
}

/// As many items a task as map() of CPython takes.
constexpr std::size_t usual_chunk(std::size_t count) {
    return (count + 4 * workers - 1) / (4 * workers);
}

/// A pass that does `count` items.
template <class F>
auto millions_a_second(std::size_t count, F function) {
    return [=] { return static_cast<double>(count) / time_of_each<microseconds>(1, function); };
}

template <class... Arguments>
void add_python_pools(Comparison& comparison, Python& python, const std::string& part,
                      const Arguments&... arguments) {
    if (!python) return;
    std::string more;
    ((more += fmt::format(" {}", arguments)), ...);
    for (const std::string kind : python_pools)
        comparison.add(python.name(kind), [&python, request = fmt::format("{} {}{}", part, kind, more)] {
            return python.ask(request);
        });
}

// ---------------------------------------------------------------- empty tasks

void one_in_each_task() {
    constexpr std::size_t count = 100'000;
    Python python(script);
    const mp::Pool pool = pinned_pool(workers, processors());
    ThreadPool threads(workers, processors());
    const std::vector<int> items(count);
    Comparison comparison("Empty tasks by map, chunksize 1, 2 workers", "million/s");
    comparison.add("std::thread pool",
                   millions_a_second(count, [&] { threads.for_each(count, 1, nothing); }));
    comparison.add("mp::Pool map", millions_a_second(count, [&] { pool.map(nothing, items, 1); }),
                   {{.figure_at_least = 1}, {.ratio_at_least = 20, .to = "CPython"}});
#ifdef WITH_TBB
    OneTbb tbb(workers);
    comparison.add("oneTBB parallel_for",
                   millions_a_second(count, [&] { tbb.for_each(count, nothing); }));
#endif
    add_python_pools(comparison, python, "map", workers, 4000, 1);
    comparison.run(turns);
}

void one_by_one() {
    constexpr std::size_t count = 20'000;
    Python python(script);
    const mp::Pool pool = pinned_pool(workers, processors());
    ThreadPool threads(workers, processors());
    Comparison comparison("Empty tasks one by one, 2 workers", "million/s");
    comparison.add("std::thread pool", millions_a_second(count, [&] {
                       std::vector<std::future<void>> results;
                       for (std::size_t i = 0; i < count; ++i)
                           results.push_back(threads.call([] { nothing(0); }));
                       for (std::future<void>& result : results) result.get();
                   }));
    comparison.add("mp::Pool apply_async",
                   millions_a_second(count,
                                     [&] {
                                         std::vector<mp::AsyncResult<void>> results;
                                         for (std::size_t i = 0; i < count; ++i)
                                             results.push_back(pool.apply_async(nothing, 0));
                                         for (const mp::AsyncResult<void>& result : results)
                                             result.get();
                                     }),
                   {{.ratio_at_least = 20, .to = "CPython"}});
#ifdef WITH_TBB
    OneTbb tbb(workers);
    comparison.add("oneTBB task_group", millions_a_second(count, [&] { tbb.run_each(count, nothing); }));
#endif
    add_python_pools(comparison, python, "submit", workers, 2000);
    comparison.run(turns);
}

void chunks() {
    constexpr std::size_t count = 1'000'000;
    Python python(script);
    const mp::Pool pool = pinned_pool(workers, processors());
    ThreadPool threads(workers, processors());
    const std::vector<int> items(count);
    Comparison comparison("Empty tasks by map, usual chunks, 2 workers", "million/s");
    comparison.add("std::thread pool", millions_a_second(count, [&] {
                       threads.for_each(count, usual_chunk(count), nothing);
                   }));
    comparison.add("mp::Pool map", millions_a_second(count, [&] { pool.map(nothing, items); }),
                   {{.ratio_at_least = 10, .to = "CPython"}});
#ifdef WITH_TBB
    OneTbb tbb(workers);
    comparison.add("oneTBB parallel_for",
                   millions_a_second(count, [&] { tbb.for_each_in_chunks(count, nothing); }));
#endif
    add_python_pools(comparison, python, "map", workers, count, usual_chunk(count));
    comparison.run(turns);
}

// ---------------------------------------------------------------- efficiency

void efficiency() {
    constexpr std::size_t count = 2000;
    Python python(script);
    const mp::Pool pool = pinned_pool(workers, processors());
    ThreadPool threads(workers, processors());
    const std::vector<int> items(count);
    Comparison comparison("2000 tasks of 1 ms of processor time, chunksize 1, 2 workers", "% busy");
    const auto add = [&](std::string name, auto function, Targets targets = {}) {
        comparison.add(
            std::move(name),
            [=] { return 100.0 * count / workers / time_of_each<milliseconds>(1, function); },
            std::move(targets));
    };
    add("std::thread pool", [&] { threads.for_each(count, 1, millisecond); });
    add("mp::Pool map", [&] { pool.map(millisecond, items, 1); },
        {{.figure_at_least = 99}, {.ratio_at_least = 0.99}});
#ifdef WITH_TBB
    OneTbb tbb(workers);
    add("oneTBB parallel_for", [&] { tbb.for_each(count, millisecond); });
#endif
    add_python_pools(comparison, python, "efficiency", workers, count);
    comparison.run(turns);
}

// ---------------------------------------------------------------- one call of an idle pool

constexpr int calls = 100;

template <class F>
double time_of_call(microseconds rest, F call) {
    Clock::duration time{};
    for (int i = 0; i < calls; ++i) {
        if (rest.count() != 0) std::this_thread::sleep_for(rest);
        const auto begin = Clock::now();
        call();
        time += Clock::now() - begin;
    }
    return std::chrono::duration<double, std::micro>(time).count() / calls;
}

/// How often this process and the other one go to sleep, and so are woken, in each call; that between two calls
/// does not count.
template <class F, class Others>
double sleeps_of_call(microseconds rest, F call, Others sleeps_of_others) {
    const double before = sleeps_of_this_process() + sleeps_of_others();
    time_of_call(rest, call);
    const double all = (sleeps_of_this_process() + sleeps_of_others() - before) / calls;
    return rest.count() == 0 ? all : all - 1;
}

/// The two that hand one word to and fro.
class FutexTrips {
  public:
    FutexTrips(const std::vector<int>& on, microseconds rest)
        : crew_(2, on, {job(rest, time), job(rest, sleeps)}) {}
    double time_of_one() { return crew_.work(0).front(); }
    double sleeps_of_one() {
        const std::vector<double> both = crew_.work(1);
        return both[0] + both[1];
    }

  private:
    enum Figure { time, sleeps };
    Crew::Job job(microseconds rest, Figure figure) {
        return [turn = turn_, rest, figure](int rank, const std::atomic<bool>&) {
            const auto trip = [turn, rank] {
                if (rank == 0) turn->give_and_wake(0), turn->sleep_until_given(1);
                if (rank == 1) turn->sleep_until_given(0), turn->give_and_wake(1);
            };
            // Until both are there.
            trip();
            const microseconds own_rest = rank == 0 ? rest : microseconds(0);
            return figure == time ? time_of_call(own_rest, trip)
                                  : sleeps_of_call(own_rest, trip, [] { return 0.0; });
        };
    }
    Shared<Turn> turn_;
    Crew crew_;
};

void apply(std::size_t processor_count, microseconds rest) {
    std::vector<int> cpus = processors();
    cpus.resize(std::min(cpus.size(), processor_count));
    const std::vector<int> of_worker = {cpus.back()};
    Python python(script);
    FutexTrips futex(cpus, rest);
    const Pinned pinned;
    const mp::Pool pool = pinned_pool(1, of_worker);
    const int worker = pool.workers().front().pid();
    ThreadPool thread(1, of_worker);
    const auto call_pool = [&] { pool.apply(nothing, 0); };
    const auto call_thread = [&] { thread.call([] { nothing(0); }).get(); };

    const std::string place = fmt::format(
        "{} processor{}, {}", cpus.size(), cpus.size() == 1 ? "" : "s",
        rest.count() == 0 ? std::string("at once again") : fmt::format("after {} us", rest.count()));
    Comparison time("One call of an idle pool, " + place, "us");
    time.add("raw futex to and fro", [&] { return futex.time_of_one(); });
    time.add("mp::Pool apply", [&] { return time_of_call(rest, call_pool); }, {{.ratio_at_most = 1.5}});
    time.add("std::thread pool", [&] { return time_of_call(rest, call_thread); });
    add_python_pools(time, python, "call", cpus.size(), rest.count());
    time.run(turns);

    Comparison sleeps("Wake-ups of one call, " + place, "each");
    sleeps.add("raw futex to and fro", [&] { return futex.sleeps_of_one(); });
    sleeps.add("mp::Pool apply",
               [&] { return sleeps_of_call(rest, call_pool, [worker] { return sleeps_of(worker); }); },
               {{.ratio_at_most = 1}});
    sleeps.add("std::thread pool",
               [&] { return sleeps_of_call(rest, call_thread, [] { return 0.0; }); });
    add_python_pools(sleeps, python, "call_sleeps", cpus.size(), rest.count());
    sleeps.run(turns);
}

// ---------------------------------------------------------------- an array in slices

constexpr std::size_t array_size = 1 << 30;
constexpr std::size_t array_length = array_size / sizeof(double);
constexpr std::size_t slice_length = (8 << 20) / sizeof(double);

void speed_of_slices(const mp::Pool& pool, const std::vector<double>& numbers) {
    ThreadPool threads(workers, processors());
    std::vector<double> copy(array_length);
    const auto sum_by_threads = [&](std::span<const double> of) {
        std::vector<double> sums(array_length / slice_length);
        threads.for_each(sums.size(), 1, [&](std::size_t i) {
            sums[i] = sum(of.subspan(i * slice_length, slice_length));
        });
    };
    Comparison comparison("Sum of 1 GiB of double in slices of 8 MiB, 2 workers", "GiB/s");
    const auto add = [&](std::string name, auto function) {
        comparison.add(std::move(name),
                       [=] { return 1 / time_of_each<std::chrono::seconds>(1, function); });
    };
    add("std::thread pool", [&] { sum_by_threads(numbers); });
    add("a copy, std::thread pool", [&] {
        std::memcpy(copy.data(), numbers.data(), array_size);
        sum_by_threads(copy);
    });
    add("a copy to new shared memory", [&] {
        auto* const memory = static_cast<double*>(shared_memory(array_size));
        std::memcpy(memory, numbers.data(), array_size);
        sum_by_threads({memory, array_length});
        ::munmap(memory, array_size);
    });
    add("mp::Pool map", [&] { static_cast<void>(pool.map(sum, mp::slices(numbers, slice_length), 1)); });
    comparison.run(turns);
}

void print_growth(const std::string& of, double bytes, double at_most) {
    fmt::print("{:<28} {:>9.2f} MiB  <= {:g} {}\n", of, bytes / (1 << 20), at_most / (1 << 20),
               bytes <= at_most ? "met" : "MISSED");
}

void memory_of_slices(const mp::Pool& pool, const std::vector<double>& numbers) {
    static_cast<void>(pool.map(sum, mp::slices(std::span(numbers).first(slice_length), 1000)));
    const auto of_workers = [&] {
        double bytes = 0;
        for (const mp::ProcessHandle& worker : pool.workers())
            bytes += private_memory_in_use(worker.pid());
        return bytes;
    };
    const double shared = shared_memory_in_use(), own = private_memory_in_use(::getpid()),
                 theirs = of_workers();
    double most_shared = 0, most_own = 0, most_theirs = 0;
    const auto result = pool.map_async(sum, mp::slices(numbers, slice_length), 1);
    do {
        most_shared = std::max(most_shared, shared_memory_in_use() - shared);
        most_own = std::max(most_own, private_memory_in_use(::getpid()) - own);
        most_theirs = std::max(most_theirs, of_workers() - theirs);
    } while (!result.wait(milliseconds(1)));
    fmt::print("\nMemory of 1 GiB of double in slices of 8 MiB, at the most\n");
    print_growth("shared", most_shared, array_size + (1 << 20));
    print_growth("private, the pool's process", most_own, 1 << 20);
    print_growth("private, its 2 workers", most_theirs, 1 << 20);
}

void slices() {
    const mp::Pool pool = pinned_pool(workers, processors());
    const std::vector<double> numbers(array_length, 1.0);
    memory_of_slices(pool, numbers);
    speed_of_slices(pool, numbers);
}

// ---------------------------------------------------------------- memory

void memory() {
    constexpr int tasks = 1'000'000;
    constexpr double target = 200;
    const mp::Event event;
    const mp::Pool pool(workers);
    std::vector<mp::AsyncResult<int>> results;
    results.reserve(workers + tasks);
    for (int i = 0; i < workers; ++i) results.push_back(pool.apply_async(wait_for, event, i));
    while (pool.stats().queued != 0) std::this_thread::sleep_for(milliseconds(1));
    const auto in_use = [] { return private_memory_in_use(::getpid()); };
    const double private_before = in_use(), shared_before = shared_memory_in_use();
    for (int i = 0; i < tasks; ++i) results.push_back(pool.apply_async(same, i));
    const double own = (in_use() - private_before) / tasks;
    const double shared = (shared_memory_in_use() - shared_before) / tasks;
    event.set();
    for (int i = 0; i < tasks; ++i)
        if (results[workers + static_cast<std::size_t>(i)].get() != i)
            throw std::runtime_error("a result is another's");
    results.clear();
    const double left = shared_memory_in_use() - shared_before;

    fmt::print("\nMemory of a million queued tasks from int to int\n");
    fmt::print("{:<28} {:>9.1f} B a task  <= {:g} {}\n", "mp::Pool apply_async", own + shared, target,
               own + shared <= target ? "met" : "MISSED");
    fmt::print("{:<28} {:>9.1f} B a task\n{:<28} {:>9.1f} B a task\n", "  of which private", own,
               "  of which shared", shared);
    fmt::print("{:<28} {:>9.2f} MiB of {:.2f} MiB\n", "  shared, once done", left / (1 << 20),
               shared * tasks / (1 << 20));
    if (Python python(script); python)
        for (const std::string kind : python_pools)
            fmt::print("{:<28} {:>9.1f} B a task\n", python.name(kind),
                       python.ask(fmt::format("memory {} {} {}", kind, workers, tasks / 10)));
}

// ---------------------------------------------------------------- the parts

// Memory first: what other parts left warm would count as there before.
const std::vector<Part> parts = {
    {"memory", memory},
    {"slices", slices},
    {"empty", [] { one_in_each_task(), one_by_one(); }},
    {"chunks", chunks},
    {"efficiency", efficiency},
    {"apply",
     [] {
         for (const std::size_t processor_count : {1, 2})
             for (const microseconds rest : {microseconds(500), microseconds(0)})
                 apply(processor_count, rest);
     }},
};

}  // namespace

int main(int argc, char** argv) try {
#ifndef WITH_TBB
    fmt::print("oneTBB is left out: libtbb was not found when this was built\n");
#endif
    run_parts(parts, argc, argv);
} catch (const std::exception& error) {
    fmt::print(stderr, "pools: {}\n", error.what());
    return 1;
}
