// SPDX-License-Identifier: Apache-2.0

// Whatever goes wrong with a task is that task's alone, and nothing waits for ever.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"

namespace {

using namespace procession::test;

class ExecutorFaults : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, ExecutorFaults, all_start_methods(), name_of_parameter);

void crash() {
    ::signal(SIGSEGV, SIG_DFL);
    ::raise(SIGSEGV);
}
void leave() { procession::exit(1); }
void refuse() { throw mp::SerializationError("this parcel is refused"); }
void pass() {}

/// What happens when it is written, and when it is read.
template <void (*write)(), void (*read)()>
struct Parcel {
    template <class A>
    void save(A&) const {
        write();
    }
    template <class A>
    void load(A&) {
        read();
    }
};
template <class P>
int open_parcel(const P&) {
    return 42;
}
template <class P>
P make_parcel() {
    return {};
}

/// Waits for an end of a future that is a worker's.
template <class T>
mp::WorkerDied death_of(const mp::Future<T>& future) {
    try {
        static_cast<void>(future.result());
    } catch (const mp::WorkerDied& death) {
        return death;
    }
    ADD_FAILURE() << "nobody died";
    return {"", 0, {}, ""};
}
template <class T>
void expect_death(const mp::Future<T>& future, int exitcode) {
    const mp::WorkerDied death = death_of(future);
    EXPECT_EQ(death.exitcode, exitcode) << death.what();
    EXPECT_GT(death.pid, 0);
    EXPECT_FALSE(death.task.empty());
}
void expect_it_goes_on(const mp::ProcessPoolExecutor& executor) {
    EXPECT_EQ(executor.submit(answer).result(), 42);
    executor.shutdown();
}

// ---------------------------------------------------------------- on the way to the worker

// conformance: executor.task_serialize_error
TEST_P(ExecutorFaults, an_argument_that_cannot_be_written) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(open_parcel<Parcel<refuse, pass>>, Parcel<refuse, pass>());
    EXPECT_EQ(thrown<mp::SerializationError>([&] { future.result(); }), "this parcel is refused");
    expect_it_goes_on(executor);
}
// conformance: executor.task_deserialize_error
TEST_P(ExecutorFaults, an_argument_that_cannot_be_read) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(open_parcel<Parcel<pass, refuse>>, Parcel<pass, refuse>());
    EXPECT_EQ(thrown<mp::SerializationError>([&] { future.result(); }), "this parcel is refused");
    expect_it_goes_on(executor);
}
// conformance: executor.task_deserialize_exit
TEST_P(ExecutorFaults, an_argument_whose_reading_ends_the_worker) {
    const mp::ProcessPoolExecutor executor(2);
    expect_death(executor.submit(open_parcel<Parcel<pass, leave>>, Parcel<pass, leave>()), 1);
    expect_it_goes_on(executor);
}
// conformance: executor.task_deserialize_crash
TEST_P(ExecutorFaults, an_argument_whose_reading_crashes) {
    const mp::ProcessPoolExecutor executor(2);
    expect_death(executor.submit(open_parcel<Parcel<pass, crash>>, Parcel<pass, crash>()), -SIGSEGV);
    expect_it_goes_on(executor);
}

// ---------------------------------------------------------------- at work

// conformance: executor.task_error
TEST_P(ExecutorFaults, a_task_that_throws) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(fail);
    EXPECT_EQ(thrown<std::runtime_error>([&] { future.result(); }), "the task fails");
    EXPECT_TRUE(future.exception());
    expect_it_goes_on(executor);
}

struct Unknown : std::exception {
    const char* what() const noexcept override { return "123"; }
};
void throw_unknown() { throw Unknown(); }
// conformance: executor.remote_traceback
TEST_P(ExecutorFaults, an_exception_of_an_unknown_type_is_told_with_its_name_and_text) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(throw_unknown);
    try {
        future.result();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const mp::RemoteError& error) {
        EXPECT_NE(error.type_name.find("Unknown"), std::string::npos) << error.type_name;
        EXPECT_EQ(error.what_text, "123");
        EXPECT_FALSE(error.traceback.empty());
        expect_parts(error.what(), {"Unknown", "123"});
    }
}

// conformance: executor.task_crash
TEST_P(ExecutorFaults, a_task_that_crashes) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(crash);
    expect_death(future, -SIGSEGV);
    expect_parts(death_of(future).what(), {"ProcessPoolExecutor", "PoolWorker-", "SIGSEGV", "crash"});
    expect_it_goes_on(executor);
}

struct SetsAtItsEnd {
    mp::Event event;
    ~SetsAtItsEnd() { event.set(); }
};
void leave_from_within(const mp::Event& unwound) {
    const SetsAtItsEnd last{unwound};
    procession::exit(1);
}
void leave_at_once() { std::_Exit(7); }
// conformance: executor.task_exit
TEST_P(ExecutorFaults, a_task_that_exits) {
    const mp::ProcessPoolExecutor executor(2);
    const mp::Event unwound;
    expect_death(executor.submit(leave_from_within, unwound), 1);
    EXPECT_TRUE(unwound.is_set());
    expect_death(executor.submit(leave_at_once), 7);
    expect_it_goes_on(executor);
}

// conformance: executor.killed_child
TEST_P(ExecutorFaults, a_worker_that_is_killed) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto next = executor.submit(answer);
    const mp::ProcessHandle worker = workers_of(executor, 1)[0];
    worker.kill();
    EXPECT_EQ(death_of(held.future).pid, worker.pid());
    expect_death(held.future, -SIGKILL);
    EXPECT_EQ(next.result(), 42);
    expect_it_goes_on(executor);
}

// ---------------------------------------------------------------- on the way back

// conformance: executor.result_serialize_error
TEST_P(ExecutorFaults, a_result_that_cannot_be_written) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(make_parcel<Parcel<refuse, pass>>);
    expect_parts(thrown<mp::SerializationError>([&] { future.result(); }), {"this parcel is refused"});
    expect_it_goes_on(executor);
}
// conformance: executor.result_serialize_exit
TEST_P(ExecutorFaults, a_result_whose_writing_ends_the_worker) {
    const mp::ProcessPoolExecutor executor(2);
    expect_death(executor.submit(make_parcel<Parcel<leave, pass>>), 1);
    expect_it_goes_on(executor);
}
// conformance: executor.result_serialize_crash
TEST_P(ExecutorFaults, a_result_whose_writing_crashes) {
    const mp::ProcessPoolExecutor executor(2);
    expect_death(executor.submit(make_parcel<Parcel<crash, pass>>), -SIGSEGV);
    expect_it_goes_on(executor);
}
// conformance: executor.result_deserialize_error
TEST_P(ExecutorFaults, a_result_that_cannot_be_read) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(make_parcel<Parcel<pass, refuse>>);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(thrown<mp::SerializationError>([&] { future.result(); }), "this parcel is refused");
    expect_it_goes_on(executor);
}

void read_a_result_that_exits() {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(make_parcel<Parcel<pass, leave>>);
    bool exited = false;
    try {
        future.result();
    } catch (const mp::ExitRequest& request) {
        exited = request.status == 1;
    }
    procession::exit(exited && executor.submit(answer).result() == 42 ? 0 : 2);
}
// conformance: executor.result_deserialize_exit
TEST_P(ExecutorFaults, a_result_whose_reading_exits) { run(read_a_result_that_exits); }

std::string crash_with(const std::string& text) {
    crash();
    return text;
}
// conformance: executor.crash_big_data
TEST_P(ExecutorFaults, workers_that_crash_while_much_is_being_sent) {
    const mp::ProcessPoolExecutor executor(2);
    const std::vector<std::string> items(10, std::string(1 << 20, 'x'));
    auto results = executor.map(crash_with, items);
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::string text = thrown<mp::WorkerDied>([&] { results.next(); });
        EXPECT_NE(text.find("crash_with"), text.npos) << text;
        EXPECT_TRUE(i == 0 || text.find("item " + std::to_string(i)) != text.npos) << text;
    }
    expect_it_goes_on(executor);
}

// ---------------------------------------------------------------- after shutdown()

int crash_after(const Gate& gate) {
    wait_at(gate);
    crash();
    return 0;
}
// conformance: executor.crash_after_shutdown
TEST_P(ExecutorFaults, a_crash_after_shutdown) {
    const mp::ProcessPoolExecutor executor(2);
    const HeldTask held(executor, crash_after);
    executor.shutdown(false);
    held.let_go();
    executor.shutdown();
    expect_death(held.future, -SIGSEGV);
}
// conformance: executor.serialize_error_after_shutdown
TEST_P(ExecutorFaults, an_argument_that_cannot_be_written_before_shutdown) {
    const mp::ProcessPoolExecutor executor(2);
    const auto future = executor.submit(open_parcel<Parcel<refuse, pass>>, Parcel<refuse, pass>());
    executor.shutdown(false);
    EXPECT_EQ(thrown<mp::SerializationError>([&] { future.result(); }), "this parcel is refused");
    EXPECT_TRUE(executor.shutdown(mp::forever));
}

}  // namespace
