// SPDX-License-Identifier: Apache-2.0

// Whoever takes part in a start is killed: the one that starts, the spare, the fork server. The others
// go on, each start succeeds or says why not, and nothing is left.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <fstream>
#include <random>

#include "heap/object.hpp"
#include "os/kill_point.hpp"
#include "process/program.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using namespace std::chrono_literals;
namespace detail = procession::detail;
namespace heap = procession::heap;
namespace test = procession::test;
using heap::Heap;

void nothing() {}
void wait_for_ever() {
    for (;;) ::pause();
}

std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> pids;
    std::ifstream list("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) +
                       "/children");
    for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
    return pids;
}

pid_t fork_server() {
    const auto& server = detail::program_state().servers[0];
    const auto participant = server.participant.load();
    return participant ? Heap::program().slot(participant).pid.load() : 0;
}

int start_and_join() {
    mp::Process process(nothing);
    process.start();
    process.join();
    return process.exitcode().value_or(-1000);
}

/// Whether all that take part in the heap live: the dead are buried.
bool all_live() {
    procession::test::bury_everybody(Heap::program());
    Heap& heap = Heap::program();
    for (std::uint32_t i = 1; i < heap::slot_count; ++i)
        if (const auto id = heap.slot(i).id.load(); id && heap.is_dead(id)) return false;
    return true;
}

/// How often a sleeping process has gone to sleep; 0 while it runs.
long sleeps_of(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    bool sleeping = false;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("State:"))
            sleeping = line.find('S') != line.npos && line.find("(sleeping)") != line.npos;
        if (line.starts_with("voluntary_ctxt_switches:"))
            return sleeping ? std::stol(line.substr(24)) : 0;
    }
    return 0;
}

std::string describe(const detail::ServerState& server) {
    Heap& heap = Heap::program();
    std::string text = fmt::format("server {:x} (pid {}):", server.participant.load(), fork_server());
    for (const detail::Spare& spare : server.spares) {
        const std::uint64_t state = spare.state.load();
        const auto life = [&](heap::ParticipantId id) { return heap.is_dead(id) ? "dead" : "alive"; };
        text += fmt::format(" [phase {} by {} {:x}, spare {}, of {} {:x}]",
                            static_cast<int>(detail::Spare::phase_of(state)),
                            life(detail::Spare::mover_of(state)), detail::Spare::mover_of(state),
                            life(spare.participant), life(spare.server), spare.server.load());
    }
    for (const pid_t child : children_of(fork_server())) text += fmt::format(" child {}", child);
    return text;
}

/// How many blocks are in use when the fork server has nothing to do, and all who died are buried.
std::uint64_t blocks_at_rest() {
    static_cast<void>(mp::active_children());  // lets go of those that have ended
    const auto& state = detail::program_state().servers[0];
    const auto limit = std::chrono::steady_clock::now() + 20s;
    for (; std::chrono::steady_clock::now() < limit; std::this_thread::yield()) {
        const pid_t server = fork_server();
        const long sleeps = sleeps_of(server);
        const auto ready =
            std::count_if(std::begin(state.spares), std::end(state.spares), [](const auto& spare) {
                return detail::Spare::phase_of(spare.state.load()) == detail::Phase::ready;
            });
        if (sleeps == 0 || ready != detail::ServerState::spares_wanted ||
            children_of(server).size() != 4u || !all_live())
            continue;
        const std::uint64_t blocks = Heap::program().usage().blocks;
        if (sleeps_of(server) == sleeps) return blocks;
    }
    ADD_FAILURE() << "there is no rest: " << describe(state)
                  << (all_live() ? "" : ", somebody is not buried");
    return 0;
}

class StarterKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(StarterKilledAt, leaves_the_spare_to_others_or_a_process_that_runs) {
    ASSERT_EQ(start_and_join(), 0);
    const auto before = blocks_at_rest();
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(-SIGKILL, procession::test::in_child([] {
            procession::os::select_kill_point(GetParam());
            start_and_join();
        }));
        procession::test::bury_everybody(Heap::program());
        ASSERT_EQ(start_and_join(), 0);
    }
    EXPECT_EQ(blocks_at_rest(), before);
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, StarterKilledAt,
                         testing::Values("spare.claimed", "spare.held", "spare.order_written",
                                         "spare.ordered", "message.held", "object.prepared"));

TEST(Spares, that_were_killed_disturb_nobody) {
    ASSERT_EQ(start_and_join(), 0);
    const auto before = blocks_at_rest();
    for (int i = 0; i < 20; ++i) {
        for (const pid_t spare : children_of(fork_server())) ::kill(spare, SIGKILL);
        // One may have got its order before its death.
        const int code = start_and_join();
        ASSERT_TRUE(code == 0 || code == -SIGKILL) << code;
    }
    EXPECT_EQ(blocks_at_rest(), before);
}

TEST(ForkServer, that_was_killed_is_replaced_whatever_it_was_doing) {
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(start_and_join(), 0);
        ::kill(fork_server(), SIGKILL);
    }
    EXPECT_EQ(start_and_join(), 0);
}

TEST(ForkServer, its_children_keep_their_exit_codes_when_it_was_killed) {
    mp::Queue<int> go;
    mp::Process ends([](mp::Queue<int> wait) { mp::exit(wait.get()); }, go), killed(wait_for_ever);
    ends.start();
    killed.start();
    ::kill(fork_server(), SIGKILL);
    go.put(7);
    ends.join();
    EXPECT_EQ(ends.exitcode(), 7);
    killed.kill();
    killed.join();
    EXPECT_TRUE(killed.exitcode() == -SIGKILL || killed.exitcode() == 255) << killed.exitcode();
}

// Starters, spares and servers are killed at random times while others start processes.
TEST(StartStorm, nobody_hangs_and_nothing_is_left) {
    const auto end = test::storm_end();
    ASSERT_EQ(start_and_join(), 0);
    auto& started =
        *Heap::program().at<std::atomic<int>>(Heap::program().allocate(sizeof(std::atomic<int>)));
    started = 0;
    std::vector<pid_t> starters;
    const auto add_starter = [&] {
        const pid_t pid = ::fork();
        if (pid == 0)
            for (;;) {
                const int code = start_and_join();
                // Killed as a spare that had its order just before, or the code lost with its server.
                if (code != 0 && code != -SIGKILL && code != 255) ::_exit(1);
                ++started;
            }
        starters.push_back(pid);
    };
    for (int i = 0; i < 3; ++i) add_starter();
    std::mt19937 random(2008);
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        // No start for so long is a wedge.
        const int seen = started;
        const auto wedged = std::chrono::steady_clock::now() + 20s;
        const int wanted = seen + static_cast<int>(random() % 20);
        while (started < wanted)
            ASSERT_LT(std::chrono::steady_clock::now(), wedged) << "after " << kills << " kills";
        const pid_t server = fork_server();
        const auto spares = server ? children_of(server) : std::vector<pid_t>();
        switch (random() % 6) {
            case 0:
                if (server) ::kill(server, SIGKILL);
                break;
            case 1: {
                const std::size_t victim = random() % starters.size();
                ::kill(starters[victim], SIGKILL);
                int status = 0;
                ASSERT_EQ(::waitpid(starters[victim], &status, 0), starters[victim]);
                ASSERT_TRUE(WIFSIGNALED(status)) << "a starter saw exit code " << WEXITSTATUS(status);
                starters.erase(starters.begin() + static_cast<std::ptrdiff_t>(victim));
                add_starter();
                break;
            }
            default:
                if (!spares.empty()) ::kill(spares[random() % spares.size()], SIGKILL);
        }
        ++kills;
    }
    for (const pid_t starter : starters) {
        ::kill(starter, SIGKILL);
        ::waitpid(starter, nullptr, 0);
    }
    RecordProperty("kills", kills);
    EXPECT_EQ(start_and_join(), 0);
    const auto blocks = blocks_at_rest();
    ASSERT_EQ(start_and_join(), 0);
    EXPECT_EQ(blocks_at_rest(), blocks);
    EXPECT_LE(blocks, 20u)
        << "four spares and the first process have few blocks; the dead must have none";
}

}  // namespace

#endif
