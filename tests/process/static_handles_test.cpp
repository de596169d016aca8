// SPDX-License-Identifier: Apache-2.0

// Handles with static storage are one object for the program, however its processes are started. This
// file is linked before the library, so what it makes here is made before the library's own objects.

#include <procession/mp.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <sstream>

#include "heap/lock.hpp"
#include "support/start_methods.hpp"

namespace {

std::size_t maxsize_by_environment() {
    const char* text = std::getenv("PROCESSION_TEST_MAXSIZE");
    return text ? static_cast<std::size_t>(std::atoi(text)) : 3;
}

mp::Queue<int> global;
mp::Queue<int> sized(maxsize_by_environment());
mp::Queue<int> several[2];
std::vector<mp::Queue<int>> in_a_vector(1);
const auto with_new = std::make_unique<mp::Queue<int>>();
thread_local mp::Queue<int> of_a_thread;
mp::Queue<int> copied = in_a_vector[0];

// Named here, so that what makes them whole is linked as well.
mp::shared_vector<int> vector;
mp::shared_map<int, int> map;
mp::BoundedSemaphore semaphore_for_all;
mp::Barrier barrier_for_all(1);

const bool recoveries_were_ready = [] {
    using namespace procession::heap;
    for (auto kind = std::uint32_t(Recovery::none) + 1; kind < std::uint32_t(Recovery::count); ++kind)
        if (!recovery(Recovery(kind))) return false;
    return true;
}();

struct Holder {
    static inline mp::Queue<std::string> member{5};
    mp::Queue<std::string> own;
};
Holder holder;

class StaticHandles : public testing::TestWithParam<mp::StartMethod> {
  protected:
    void SetUp() override { mp::set_start_method(GetParam(), true); }
    bool afresh() const { return GetParam() != mp::StartMethod::fork; }
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, StaticHandles, testing::ValuesIn(mp::get_all_start_methods()),
                         [](const auto& info) {
                             return info.param == mp::StartMethod::fork    ? "fork"
                                    : info.param == mp::StartMethod::spawn ? "spawn"
                                                                           : "forkserver";
                         });

/// How a run of this program with other arguments ends, and what it prints.
std::pair<int, std::string> run_program(const char* filter) {
    char path[] = "/tmp/procession-test-XXXXXX";
    const int file = ::mkstemp(path);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(file, STDOUT_FILENO);
        ::dup2(file, STDERR_FILENO);
        ::execl("/proc/self/exe", "program", filter, nullptr);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    ::close(file);
    ::unlink(path);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), text.str()};
}

template <class Signature>
Signature* library_function(const std::string& library, const char* function) {
    void* const opened =
        ::dlopen((PROCESSION_TEST_LIBRARIES "/lib" + library + ".so").c_str(), RTLD_NOW);
    void* const found = opened ? ::dlsym(opened, function) : nullptr;
    if (!found) throw std::runtime_error(::dlerror());
    return reinterpret_cast<Signature*>(found);
}

TEST(StaticInitialisation, comes_after_the_librarys_own) { EXPECT_TRUE(recoveries_were_ready); }

void fill_all(int number) {
    global.put(number);
    several[0].put(number + 1);
    several[1].put(number + 2);
    Holder::member.put("of the class");
    holder.own.put("of the object");
}
TEST_P(StaticHandles, are_one_object_for_parent_and_child) {
    procession::test::run(fill_all, 7);
    EXPECT_EQ(global.try_get(), 7);
    EXPECT_EQ(several[0].try_get(), 8);
    EXPECT_EQ(several[1].try_get(), 9);
    EXPECT_EQ(Holder::member.try_get(), "of the class");
    EXPECT_EQ(holder.own.try_get(), "of the object");
}

void pass_on() {
    procession::test::run([] { global.put(global.get() + 1); });
}
TEST_P(StaticHandles, are_the_same_in_grandchildren) {
    global.put(1);
    procession::test::run(pass_on);
    EXPECT_EQ(global.try_get(), 2);
}

mp::Queue<int>& lazy() {
    static mp::Queue<int> queue(9);
    return queue;
}
void be_killed_after_putting(int number) {
    lazy().put(number);
    ::raise(SIGKILL);
}
TEST_P(StaticHandles, of_a_function_are_made_by_whoever_comes_first) {
    mp::Process process(be_killed_after_putting, 5);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), -SIGKILL);
    EXPECT_EQ(lazy().try_get(), 5);
    procession::test::run([] { lazy().put(6); });
    EXPECT_EQ(lazy().try_get(), 6);
}

void use_those_made_elsewhere(mp::Queue<std::string> out) {
    for (const auto* queue : {&in_a_vector[0], with_new.get(), &copied}) {
        try {
            queue->put(1);
            out.put("done");
        } catch (const mp::StateError& error) {
            out.put(error.what());
        }
    }
}
TEST_P(StaticHandles, made_elsewhere_by_static_initialisation_are_for_fork_or_to_be_passed) {
    mp::Queue<std::string> out;
    procession::test::run(use_those_made_elsewhere, out);
    for (int i = 0; i < 3; ++i) {
        const std::string said = out.get();
        if (!afresh()) {
            EXPECT_EQ(said, "done");
            continue;
        }
        for (const char* part : {"Queue: ", "static initialisation", "pass it as an argument"})
            EXPECT_NE(said.find(part), std::string::npos) << part << " is missing in: " << said;
    }
    procession::test::run([](mp::Queue<int> queue) { queue.put(2); }, *with_new);
    EXPECT_EQ(with_new->get_many(2).back(), 2);
}

TEST_P(StaticHandles, are_not_those_on_stacks_and_of_threads) {
    mp::Queue<int> out;
    procession::test::run(
        [](mp::Queue<int> to) {
            mp::Queue<int> local;
            of_a_thread.put(1);
            local.put(of_a_thread.get() + 1);
            to.put(local.get());
        },
        out);
    EXPECT_EQ(out.try_get(), 2);
    EXPECT_TRUE(of_a_thread.empty());
}

TEST_P(StaticHandles, of_a_library_that_was_opened_are_too) {
    EXPECT_EQ(library_function<int(int)>("library_with_globals", "put_in_a_process_and_get")(4), 4);
}

// The program that the next two run.
TEST_P(StaticHandles, run_a_child) {
    if (std::getenv("PROCESSION_TEST_MAXSIZE")) ::setenv("PROCESSION_TEST_MAXSIZE", "11", 1);
    EXPECT_TRUE(global.empty());
    procession::test::run([] { global.put(3); });
    EXPECT_EQ(global.try_get(), 3);
}

std::string run_a_child(mp::StartMethod method) {
    return method == mp::StartMethod::fork    ? "--gtest_filter=*.run_a_child/fork"
           : method == mp::StartMethod::spawn ? "--gtest_filter=*.run_a_child/spawn"
                                              : "--gtest_filter=*.run_a_child/forkserver";
}

TEST_P(StaticHandles, of_two_runs_of_the_program_are_two) {
    global.put(1);
    const auto [status, output] = run_program(run_a_child(GetParam()).c_str());
    EXPECT_EQ(status, 0) << output;
    EXPECT_EQ(global.get_many(2), std::vector{1});
}

TEST_P(StaticHandles, with_other_arguments_in_a_child_are_refused_there) {
    ::setenv("PROCESSION_TEST_MAXSIZE", "10", 1);
    const auto [status, output] = run_program(run_a_child(GetParam()).c_str());
    ::unsetenv("PROCESSION_TEST_MAXSIZE");
    EXPECT_EQ(status, afresh() ? 1 : 0) << output;
    for (const char* part : {"ValueError", "Queue<int>", "maxsize 10 and not 11", "same arguments"})
        EXPECT_EQ(output.find(part) != std::string::npos, afresh()) << part << " in: " << output;
}

TEST(StaticHandle, that_is_made_again_in_its_place_is_the_same_object_or_none) {
    alignas(mp::Queue<int>) static std::byte place[sizeof(mp::Queue<int>)];
    auto* queue = new (place) mp::Queue<int>(3);
    queue->put(1);
    std::destroy_at(queue);
    EXPECT_THROW(new (place) mp::Queue<int>(4), mp::ValueError);
    EXPECT_THROW(new (place) mp::Queue<double>(3), mp::TypeMismatch);
    queue = new (place) mp::Queue<int>(3);
    EXPECT_EQ(queue->try_get(), 1);
    std::destroy_at(queue);
}

TEST(StaticHandle, of_a_module_without_build_id_is_refused_and_others_are_not) {
    const auto use =
        library_function<void()>("library_without_build_id", "use_handle_with_static_storage");
    try {
        use();
        FAIL();
    } catch (const mp::StateError& error) {
        for (const char* part : {"library_without_build_id.so", "no build-id", "-Wl,--build-id"})
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    EXPECT_NO_THROW(library_function<void()>("library_without_build_id", "use_local_handle")());
}

TEST(StaticHandle, that_is_copied_from_another_is_that_one) {
    static mp::Queue<int> copy = global;
    copy.put(1);
    EXPECT_EQ(global.try_get(), 1);
}

}  // namespace
