// SPDX-License-Identifier: Apache-2.0

// What a progress bar draws, and what a pool tells of how far it is.

#include <procession/progress_bar.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <atomic>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "os/descriptor.hpp"
#include "support/own_stderr.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using procession::os::Descriptor;

/// While it lives, this process's stderr is a terminal.
class TerminalAsStderr {
  public:
    TerminalAsStderr() : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
        int ours = -1, theirs = -1;
        EXPECT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, nullptr), 0);
        terminal_.reset(ours);
        const Descriptor side(theirs);
        ::fcntl(ours, F_SETFD, FD_CLOEXEC);
        ::fcntl(ours, F_SETFL, O_NONBLOCK);
        ::dup2(side.get(), STDERR_FILENO);
    }
    ~TerminalAsStderr() { ::dup2(before_.get(), STDERR_FILENO); }
    TerminalAsStderr(TerminalAsStderr&&) = delete;

    /// What was written there since.
    std::string read() const {
        std::string text;
        char piece[4096];
        for (ssize_t size; (size = ::read(terminal_.get(), piece, sizeof piece)) > 0;)
            text.append(piece, static_cast<std::size_t>(size));
        return text;
    }

  private:
    Descriptor before_, terminal_;
};

const std::string clear = "\r\033[K";

TEST(ProgressBar, shows_how_many_of_how_many_and_for_how_long) {
    const TerminalAsStderr terminal;
    const mp::ProgressBar bar("thumbnails");
    bar({.done = 25, .total = 100, .elapsed = 1500ms});
    EXPECT_EQ(terminal.read(), clear + "thumbnails [" + std::string(10, '#') + std::string(30, '.') +
                                   "] 25/100, 1.5 s, 4.5 s left");
    bar({.done = 0, .total = 100, .elapsed = 0s});
    EXPECT_EQ(terminal.read(), clear + "thumbnails [" + std::string(40, '.') + "] 0/100, 0.0 s");
}

TEST(ProgressBar, without_a_total_shows_how_many) {
    const TerminalAsStderr terminal;
    const mp::ProgressBar bar;
    bar({.done = 1234, .elapsed = 2s});
    EXPECT_EQ(terminal.read(), clear + "1234, 2.0 s");
}

TEST(ProgressBar, clears_its_line_when_all_is_done) {
    const TerminalAsStderr terminal;
    const mp::ProgressBar bar("label");
    bar({.done = 7, .total = 7, .elapsed = 2s});
    bar({.done = 0, .total = 0});
    EXPECT_EQ(terminal.read(), clear + clear);
}

TEST(ProgressBar, writes_nothing_where_stderr_is_no_terminal) {
    const OwnStderr own;
    const mp::ProgressBar bar("label");
    bar({.done = 1, .total = 7});
    bar({.done = 7, .total = 7});
    EXPECT_EQ(own.read(), "");
}

// ---------------------------------------------------------------- of a pool

int square(int x) { return x * x; }
int wait_at_three(mp::Event go, int x) {
    if (x == 3) go.wait();
    return x;
}

TEST(PoolProgress, is_shown_on_the_terminal_while_a_map_runs) {
    const TerminalAsStderr terminal;
    const mp::Event go;
    const mp::Pool pool(1, {.progress = mp::ProgressBar("work")});
    const auto results = pool.map_async(mp::bind(wait_at_three, go), std::vector{0, 1, 2, 3, 4}, 1);
    std::string shown;
    wait_until([&] {
        shown += terminal.read();
        return shown.find("] 1/5, ") != shown.npos || shown.find("] 2/5, ") != shown.npos ||
               shown.find("] 3/5, ") != shown.npos;
    });
    go.set();
    static_cast<void>(results.get());
    shown += terminal.read();
    EXPECT_TRUE(shown.ends_with(clear)) << shown;
}

/// What a pool tells.
struct Told {
    std::mutex mutex;
    std::vector<mp::Progress> progress;

    mp::PoolOptions options() {
        return {.progress = [this](const mp::Progress& each) {
            const std::lock_guard lock(mutex);
            progress.push_back(each);
        }};
    }
    std::optional<mp::Progress> last() {
        const std::lock_guard lock(mutex);
        if (progress.empty()) return std::nullopt;
        return progress.back();
    }
};

TEST(PoolProgress, is_told_last_when_all_is_done_and_before_the_call_returns) {
    Told told;
    const mp::Pool pool(2, told.options());
    for (int round = 0; round < 50; ++round) {
        const int count = 1 + 37 * round;
        static_cast<void>(pool.map(square, std::vector<int>(count, 2)));
        const auto last = told.last();
        ASSERT_TRUE(last);
        EXPECT_EQ(last->done, static_cast<std::uint64_t>(count));
        EXPECT_EQ(last->total, static_cast<std::uint64_t>(count));
    }
}

TEST(PoolProgress, counts_items_that_fail_as_done) {
    Told told;
    const mp::Pool pool(2, told.options());
    const auto fail = [](int n) {
        if (n % 2) throw std::runtime_error("it fails");
        return n;
    };
    EXPECT_THROW(static_cast<void>(pool.map(fail, {1, 2, 3, 4}, 1)), std::runtime_error);
    EXPECT_EQ(told.last()->done, 4U);
    EXPECT_EQ(told.last()->total, 4U);
}

TEST(PoolProgress, of_an_imap_has_no_total_until_its_input_is_read) {
    Told told;
    const mp::Event go;
    const mp::Pool pool(1, told.options());
    int read = 0;
    auto input = std::views::iota(0, 500) | std::views::filter([&](int) {
                     ++read;
                     return true;
                 });
    auto results = pool.imap(mp::bind(wait_at_three, go), input);
    EXPECT_EQ(results.next(), 0);
    wait_until([&] { return told.last().has_value(); });
    EXPECT_LT(read, 500);
    EXPECT_EQ(told.last()->total, std::nullopt);
    go.set();
    while (results.next()) {
    }
    wait_until([&] { return told.last()->total == 500; });
    EXPECT_EQ(told.last()->done, 500U);
}

TEST(PoolProgress, that_throws_disturbs_nobody) {
    std::atomic<int> calls = 0;
    const mp::Pool pool(1, {.progress = [&](const mp::Progress&) {
                            ++calls;
                            throw std::runtime_error("of no use");
                        }});
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
    EXPECT_GE(calls, 1);
}

}  // namespace
