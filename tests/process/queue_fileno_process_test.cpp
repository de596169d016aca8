// SPDX-License-Identifier: Apache-2.0
#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/bells.hpp"
#include "support/child.hpp"
#include "support/start_methods.hpp"

namespace {

namespace test = procession::test;
using test::is_readable;
using test::wait_until_readable;

mp::Queue<int> global;

class QueueFileno : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, QueueFileno, test::all_start_methods(), test::name_of_parameter);

void answer(mp::Queue<int> questions, mp::Queue<int> answers) {
    const int fd = questions.fileno();
    for (;;) {
        wait_until_readable(fd);
        try {
            answers.put(questions.get_nowait() + 1);
        } catch (const mp::ShutDown&) {
            return;
        }
    }
}

TEST_P(QueueFileno, both_sides_poll_one_of_their_own) {
#ifdef __SANITIZE_THREAD__
    if (GetParam() == mp::StartMethod::fork)
        GTEST_SKIP() << "the thread sanitizer allows no threads in a child that a process with threads "
                        "has forked";
#endif
    mp::Queue<int> questions, answers;
    const int fd = answers.fileno();
    // It has one of this as well, which is not the child's.
    EXPECT_FALSE(is_readable(questions.fileno()));
    mp::Process process(answer, questions, answers);
    process.start();
    for (int i = 0; i < 100; ++i) {
        questions.put(i);
        wait_until_readable(fd);
        EXPECT_EQ(answers.get_nowait(), i + 1);
        EXPECT_FALSE(is_readable(fd));
    }
    questions.shutdown();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

void leave_with_bells(mp::Queue<int> queue) {
    global.put(1);
    if (!is_readable(global.fileno())) mp::exit(1);
    // Never destroyed: its thread is there to the last.
    static const auto* const kept = new mp::Queue<int>(queue);
    if (is_readable(kept->fileno())) mp::exit(2);
}

TEST_P(QueueFileno, a_process_can_end_while_it_has_some) {
    test::run(leave_with_bells, mp::Queue<int>());
    EXPECT_EQ(global.get_nowait(), 1);
}

// As a program ends that is none of the library's children: by exit(), which destroys what is static.
TEST(QueueFilenoOfAProgram, is_there_until_its_end) {
    const int status = test::in_child([] {
        static_cast<void>(global.fileno());
        static const mp::Queue<int> own;
        static_cast<void>(own.fileno());
        std::exit(7);
    });
    EXPECT_EQ(status, 7);
}

}  // namespace
