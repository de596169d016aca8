// SPDX-License-Identifier: Apache-2.0

// What the workers of an executor do before their first task, and what there is if that fails.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <filesystem>
#include <set>
#include <string>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"
#include "support/warnings.hpp"

namespace {

using namespace procession::test;

class Initializer : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Initializer, all_start_methods(), name_of_parameter);

int status = 0;
void set_status(int value) { status = value; }
int get_status() { return status; }
TEST_P(Initializer, is_called_by_each_worker) {
    const mp::ProcessPoolExecutor executor(2, {.initializer = mp::bind(set_status, 5)});
    const HeldTask held(executor);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(executor.submit(get_status).result(), 5);
    held.let_go();
    EXPECT_EQ(held.future.result(), 42);
    EXPECT_EQ(executor.submit(get_status).result(), 5);
}

void fail_when(const mp::Event& go) {
    go.wait();
    throw mp::ValueError("error in initializer");
}
void use_a_failing_one() {
    const mp::Event go;
    const mp::ProcessPoolExecutor executor(2, {.initializer = mp::bind(fail_when, go)});
    const auto first = executor.submit(get_status), second = executor.submit(get_status);
    go.set();
    for (const auto& future : {first, second})
        EXPECT_EQ(thrown<mp::ValueError>([&] { future.result(); }), "error in initializer");
    EXPECT_EQ(thrown<mp::ValueError>([&] { static_cast<void>(executor.submit(get_status)); }),
              "error in initializer");
    executor.shutdown();
}

// conformance: executor.failing_initializer
TEST_P(Initializer, that_throws_is_the_error_of_every_task) {
    const Warnings warnings;
    use_a_failing_one();
    expect_parts(warnings.text(), {"initializer", "ValueError", "error in initializer"});
}

std::set<std::string> shared_memory_files() {
    std::set<std::string> files;
    for (const auto& each : std::filesystem::directory_iterator("/dev/shm")) files.insert(each.path());
    return files;
}
// conformance: executor.failing_initializer_leak_spawn
// conformance: executor.failing_initializer_leak_forkserver
TEST_P(Initializer, that_throws_leaves_nothing_behind) {
    const auto before = shared_memory_files();
    use_a_failing_one();
    // Those of other programs come and go.
    const std::string own = fmt::format("_{}_", ::getpid());
    for (const std::string& file : shared_memory_files())
        EXPECT_TRUE(before.contains(file) || file.find(own) == file.npos) << file << " was left behind";
    EXPECT_TRUE(mp::active_children().empty());
}

}  // namespace
