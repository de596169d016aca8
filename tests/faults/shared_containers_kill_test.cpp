// SPDX-License-Identifier: Apache-2.0

// Processes are killed at every planted point of what they do to a container, and at random: what it
// holds is as before that step or as after it, the others go on, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/proc.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
namespace test = procession::test;

/// Wider than any store, and seen to be torn.
struct Wide {
    int number = 0;
    std::array<int, 9> again = {};

    static Wide of(int number) {
        Wide made{number, {}};
        for (int& each : made.again) each = number;
        return made;
    }
    bool whole() const {
        for (const int each : again)
            if (each != number) return false;
        return true;
    }
    void add(int more) { *this = of(number + more); }
};

std::vector<int> numbers(const std::vector<Wide>& elements) {
    std::vector<int> result;
    for (const Wide& each : elements) {
        EXPECT_TRUE(each.whole());
        result.push_back(each.number);
    }
    return result;
}

// Each subject: a container, work on it with `done` called after each step, and its contents.
struct Vector {
    mp::shared_vector<Wide> container;

    template <class Done>
    void work(Done done) const {
        const auto& vector = container;
        const auto step = [&](auto&& act) {
            act();
            done();
        };
        step([&] { vector.clear(); });
        step([&] { vector.shrink_to_fit(); });
        for (int i = 0; i < 9; ++i) step([&] { vector.push_back(Wide::of(i)); });
        step([&] { vector.set(3, Wide::of(33)); });
        step([&] { vector.append({Wide::of(101), Wide::of(102)}); });
        step([&] {
            vector.with([](std::span<Wide> elements) {
                for (Wide& each : elements) each.add(1000);
            });
        });
        step([&] { vector.update(4, [](Wide& element) { element.add(44); }); });
        step([&] { vector.pop_back(); });
        step([&] {
            vector.update([](std::vector<Wide>& elements) { elements.erase(elements.begin()); });
        });
        step([&] { vector.resize(30, Wide::of(7)); });
        step([&] { vector.resize(5); });
        step([&] { vector.reserve(10'000); });
        step([&] { vector.assign({Wide::of(1), Wide::of(2)}); });
    }
    auto contents() const { return numbers(container.copy()); }
};

struct String {
    mp::shared_string container;

    template <class Done>
    void work(Done done) const {
        const auto step = [&](const auto& act) {
            act(container);
            done();
        };
        step([](auto& text) { text.assign("begin"); });
        step([](auto& text) { text.shrink_to_fit(); });
        step([](auto& text) { text += " and more"; });
        step([](auto& text) { text.push_back('!'); });
        step([](auto& text) { text.set(0, 'B'); });
        step([](auto& text) { text.update([](std::string& all) { all = all + all; }); });
        step([](auto& text) { text.append(std::string(300'000, 'x')); });
        step([](auto& text) { text.clear(); });
    }
    auto contents() const { return container.str(); }
};

struct Map {
    mp::shared_map<int, std::vector<Wide>> container;

    static std::vector<Wide> value(int number, std::size_t size = 2) {
        return std::vector<Wide>(size, Wide::of(number));
    }
    template <class Done>
    void work(Done done) const {
        const auto& map = container;
        const auto step = [&](auto&& act) {
            act();
            done();
        };
        // It changes nothing, but takes part in what a killed clear() has left to do.
        step([&] { map.erase(-1); });
        step([&] { map.clear(); });
        for (int i = 0; i < 14; ++i) step([&] { map.set(i, value(i)); });
        step([&] { map.set(3, value(33)); });
        step([&] { map.insert(50, value(50, 10'000)); });
        step([&] { map.update(5, [](auto& elements) { elements[1].add(5); }); });
        step([&] { map.update(6, [](auto& elements) { elements.resize(1); }, {}); });
        step([&] { map.erase(1); });
        step([&] { map.pop(2); });
        // Enough to make the slots of the removed count.
        for (int i = 100; i < 120; ++i) {
            step([&] { map.set(i, value(i, 1)); });
            step([&] { map.erase(i); });
        }
    }
    auto contents() const {
        std::map<int, std::vector<int>> result;
        for (const auto& [key, elements] : container.copy()) result[key] = numbers(elements);
        EXPECT_EQ(container.size(), result.size());
        return result;
    }
};

/// Blocks of all sizes that were free, overwritten: what was freed too early is read wrong, and what is
/// freed twice is missing here.
class Litter {
  public:
    Litter() {
        for (std::size_t size = 40; size < 500'000; size = size * 8 / 7)
            for (int i = size < 2000 ? 10 : 1; i > 0; --i) {
                blocks_.emplace_back(Heap::program().allocate(size));
                std::memset(Heap::program().at<void>(blocks_.back()), 0xee, size);
            }
    }
    ~Litter() {
        for (const auto block : blocks_) {
            EXPECT_EQ(Heap::program().owner(block).load(), Heap::program().self());
            Heap::program().free(block);
        }
    }

  private:
    std::vector<procession::heap::Offset> blocks_;
};

/// A subject, and all that a killed writer may leave of it.
template <class Subject>
class Target {
  public:
    Target() {
        subject_.work([] {});
        last_ = subject_.contents();
        states_.insert(last_);
        subject_.work([&] { states_.insert(subject_.contents()); });
        test::bury_everybody(Heap::program());
        blocks_ = Heap::program().usage().blocks;
    }
    /// Whether a process that does the work is killed at the `nth` arrival at the point.
    bool kill_at(const char* point, int nth) const {
        const int status = test::in_child([&] {
            Heap::program().self();
            procession::os::select_kill_point(point, nth);
            subject_.work([] {});
        });
        EXPECT_TRUE(status == 0 || status == -SIGKILL) << status;
        return status != 0;
    }
    /// Whether it is whole, can be worked with, and has left nothing.
    bool is_well(int nth) const {
        const auto expect_known_state = [&] {
            EXPECT_TRUE(states_.contains(subject_.contents())) << "killed at arrival " << nth;
        };
        // Either whoever buries the dead one recovers, or the next to come.
        if (nth % 2) test::bury_everybody(Heap::program());
        {
            const Litter litter;
            expect_known_state();
            test::bury_everybody(Heap::program());
            const Litter more;
            subject_.work(expect_known_state);
            EXPECT_EQ(subject_.contents(), last_) << "killed at arrival " << nth;
        }
        test::bury_everybody(Heap::program());
        EXPECT_EQ(Heap::program().usage().blocks, blocks_) << "killed at arrival " << nth;
        return !testing::Test::HasFailure();
    }

  private:
    using Contents = decltype(std::declval<Subject>().contents());
    Subject subject_;
    Contents last_;
    std::set<Contents> states_;
    std::uint64_t blocks_;
};

class WriterKilledAt : public testing::TestWithParam<const char*> {};

/// @returns how many
template <class Subject>
int kill_writers_at(const char* point) {
    const Target<Subject> target;
    int nth = 1;
    while (target.kill_at(point, nth) && target.is_well(nth)) ++nth;
    return nth - 1;
}

TEST_P(WriterKilledAt, leaves_the_step_done_or_undone_and_nothing_else) {
    const int kills = kill_writers_at<Vector>(GetParam()) + kill_writers_at<String>(GetParam()) +
                      kill_writers_at<Map>(GetParam());
    EXPECT_GT(kills, 0) << "the point was never reached";
    test::bury_everybody(Heap::program());
    EXPECT_LE(Heap::program().usage().blocks, 1u) << "the process's own record";
}

constexpr const char* points[] = {
    "step.going_named",     "step.coming_named",  "step.committed",        "step.given",
    "step.before_take",     "step.taken",         "step.forgotten",        "section.entered",
    "section.before_leave", "bytes.written",      "bytes.appended",        "bytes.spare_written",
    "bytes.armed",          "bytes.half_written", "bytes.element_written", "bytes.set",
    "bytes.rewritten",      "bytes.copied",       "bytes.shrunk",          "table.rehashed",
    "table.counted",        "clear.named",        "clear.committed",       "lock.taken",
    "lock.before_release",  "alloc.claimed",      "free.released",         "free.freed"};

INSTANTIATE_TEST_SUITE_P(EveryPoint, WriterKilledAt, testing::ValuesIn(points));

/// Whoever comes after a dead one is killed as well, and so is who comes after that.
class RecovererKilledAt : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

template <class Subject>
int kill_recoverers_at(const char* writer, const char* recoverer) {
    const Target<Subject> target;
    int kills = 0;
    for (int nth = 1; target.kill_at(writer, nth); ++nth) {
        kills += target.kill_at(recoverer, 1);
        if (!target.is_well(nth)) break;
    }
    return kills;
}

TEST_P(RecovererKilledAt, leaves_it_to_the_next) {
    const auto [writer, recoverer] = GetParam();
    EXPECT_GT(kill_recoverers_at<Vector>(writer, recoverer) + kill_recoverers_at<Map>(writer, recoverer),
              0)
        << "the points were never reached";
}

INSTANTIATE_TEST_SUITE_P(
    EveryPoint, RecovererKilledAt,
    testing::Values(
        std::tuple("step.coming_named", "settle.given"), std::tuple("step.committed", "lock.taken_over"),
        std::tuple("step.committed", "settle.given"), std::tuple("step.committed", "lock.recovered"),
        std::tuple("step.committed", "step.taken"), std::tuple("step.given", "settle.given"),
        std::tuple("step.given", "step.forgotten"), std::tuple("step.taken", "lock.recovered"),
        std::tuple("bytes.armed", "bytes.half_written"), std::tuple("bytes.armed", "lock.recovered"),
        std::tuple("bytes.half_written", "bytes.set"), std::tuple("clear.named", "lock.recovered"),
        std::tuple("clear.committed", "step.taken"), std::tuple("clear.committed", "free.freed")));

void wait_until_asleep(pid_t pid) {
    while (test::process_entry(pid)->state != 'S') ::sched_yield();
}

TEST(SectionOwnerKilled, lets_in_those_who_wait_and_has_changed_nothing) {
    mp::shared_vector<int> vector{1, 2, 3};
    const test::Event inside;
    const pid_t owner = test::child_that_stays(inside, [&] {
        vector.with([&](std::span<int> elements) {
            elements[1] = 99;
            inside.set();
            for (;;) ::pause();
        });
    });
    const pid_t waiter = ::fork();
    if (waiter == 0) {
        vector.push_back(4);
        ::_exit(0);
    }
    wait_until_asleep(waiter);
    ::kill(owner, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(waiter, &status, 0), waiter);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(vector.copy(), (std::vector{1, 2, 3, 4}));
    ::waitpid(owner, nullptr, 0);
}

TEST(SectionWaiterKilled, can_be_buried_by_the_owner_inside) {
    mp::shared_vector<int> vector{1};
    vector.with([&](std::span<int> elements) {
        const pid_t waiter = ::fork();
        if (waiter == 0) {
            vector.push_back(2);
            ::_exit(0);
        }
        wait_until_asleep(waiter);
        ::kill(waiter, SIGKILL);
        ::waitpid(waiter, nullptr, 0);
        test::bury_everybody(Heap::program());
        elements[0] = 10;
    });
    EXPECT_EQ(vector.copy(), std::vector{10});
}

/// What the processes of the storm share.
struct Shared {
    mp::shared_vector<Wide> accounts;  ///< their sum stays 0
    mp::shared_vector<Wide> pushed;
    mp::shared_string text;                      ///< of "[number]"
    mp::shared_map<int, std::vector<Wide>> map;  ///< values tell their keys

    void do_something(std::mt19937& random) const {
        const int number = static_cast<int>(random() % 1000);
        const auto other = [&](std::size_t size) { return random() % size; };
        switch (random() % 16) {
            case 0:
                return accounts.with([&](std::span<Wide> all) {
                    all[other(all.size())].add(number);
                    all[other(all.size())].add(-number);
                });
            case 1:
                return accounts.update([&](std::vector<Wide>& all) {
                    all.push_back(Wide::of(number));
                    all.push_back(Wide::of(-number));
                    if (all.size() > 100) {
                        int sum = 0;
                        for (; all.size() > 9; all.pop_back()) sum += all.back().number;
                        all.push_back(Wide::of(sum));
                    }
                });
            case 2: return pushed.push_back(Wide::of(number));
            case 3: return pushed.append(std::vector<Wide>(other(50), Wide::of(number)));
            case 4: return pushed.resize(random() % 200, Wide::of(number));
            case 5: return pushed.shrink_to_fit();
            case 6:
            case 7:
                try {
                    const Wide element = number % 2 ? pushed.pop_back() : pushed.get(other(100));
                    if (!element.whole()) std::abort();
                    pushed.set(other(100), Wide::of(number));
                } catch (const mp::IndexError&) {
                }
                return;
            case 8:
            case 9: return text.append("[" + std::to_string(number) + "]");
            case 10:
                if (text.size() > 5000) text.clear();
                return text.update([](std::string& all) { all.erase(0, all.find(']') + 1); });
            case 11:
            case 12: return map.set(number, std::vector<Wide>(other(40), Wide::of(number)));
            case 13: return static_cast<void>(map.erase(number));
            case 14: return map.update(number, [&](auto& all) { all.push_back(Wide::of(number)); }, {});
            case 15:
                if (number == 0) map.clear();
                if (const auto value = map.get(number)) check(number, *value);
        }
    }
    static void check(int number, const std::vector<Wide>& value) {
        for (const Wide& each : value)
            if (!each.whole() || each.number != number) std::abort();
    }
    void check() const {
        int sum = 0;
        for (const int each : numbers(accounts.copy())) sum += each;
        EXPECT_EQ(sum, 0);
        numbers(pushed.copy());
        const std::string all = text.str();
        for (std::size_t at = 0; at < all.size(); at = all.find(']', at) + 1) {
            ASSERT_EQ(all[at], '[') << all;
            ASSERT_NE(all.find(']', at), all.npos) << all;
        }
        std::set<int> keys;
        for (const auto& [key, value] : map.items()) {
            check(key, value);
            EXPECT_TRUE(keys.insert(key).second) << key << " is there twice";
        }
    }
};

TEST(ContainerStorm, killed_writers_leave_everything_whole) {
    const auto end = test::storm_end();
    mp::shared_vector<int> keeps_the_record;
    const auto before = Heap::program().usage().blocks;
    int kills = 0;
    {
        const Shared shared{.accounts = mp::shared_vector<Wide>(std::vector<Wide>(9, Wide::of(0))),
                            .pushed = {},
                            .text = {},
                            .map = {}};
        std::vector<pid_t> running;
        std::mt19937 random(42);
        const auto start = [&] {
            const unsigned seed = random();
            const pid_t pid = ::fork();
            if (pid == 0)
                for (std::mt19937 own(seed);;) shared.do_something(own);
            running.push_back(pid);
        };
        for (int i = 0; i < 6; ++i) start();
        while (std::chrono::steady_clock::now() < end) {
            for (std::uint32_t i = random() % 20; i > 0; --i) shared.do_something(random);
            const std::size_t victim = random() % running.size();
            ::kill(running[victim], SIGKILL);
            int status = 0;
            ::waitpid(running[victim], &status, 0);
            ASSERT_EQ(WTERMSIG(status), SIGKILL) << "it found something torn";
            running.erase(running.begin() + static_cast<long>(victim));
            ++kills;
            if (random() % 2) test::bury_everybody(Heap::program());
            shared.check();
            start();
        }
        for (const pid_t pid : running) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        test::bury_everybody(Heap::program());
        shared.check();
    }
    RecordProperty("kills", kills);
    EXPECT_GT(kills, 0);
    EXPECT_EQ(Heap::program().usage().blocks, before);
}

}  // namespace

#endif
