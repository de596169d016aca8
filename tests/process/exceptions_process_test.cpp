// SPDX-License-Identifier: Apache-2.0

// Exceptions that are thrown in one process and caught in another.

#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <procession/detail/exception_message.hpp>

#include "process/traceback.hpp"
#include "support/expect.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace procession::test;
using Message = std::vector<std::byte>;

class ExceptionsFromChildren : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, ExceptionsFromChildren, all_start_methods(), name_of_parameter);

class JobError : public std::runtime_error {
  public:
    JobError(int job, const std::string& why)
        : runtime_error("job " + std::to_string(job) + ": " + why), job_(job) {}
    int job() const { return job_; }

    template <class Archive>
    void serialize(Archive& archive) {
        archive(job_);
    }

  private:
    friend class mp::access;
    JobError() : runtime_error("") {}
    int job_ = 0;
};
struct Unregistered : std::runtime_error {
    using runtime_error::runtime_error;
};

constexpr int thrower_line = __LINE__ + 1;
[[gnu::noinline]] void fail(int job) { throw JobError(job, "failed"); }
void run_job(int job) {
    if (job >= 0) fail(job);
    try {
        fail(-job);
    } catch (...) {
        std::throw_with_nested(std::out_of_range("around a job"));
    }
}
void run_unknown(int) { throw Unregistered("text"); }
void run_well(int) {}

/// What a pool's worker does.
Message outcome(const std::function<void()>& body) {
    const auto failure = procession::detail::attempt(body);
    if (!failure) return {};
    procession::detail::Buffer buffer;
    save_exception(buffer, failure->exception, failure->traceback);
    return {buffer.bytes().begin(), buffer.bytes().end()};
}
void work(mp::Function<void(int)> task, int argument, mp::Queue<Message> out) {
    out.put(outcome([&] { task(argument); }));
}
/// Does it in a process, and throws what it threw.
void call(mp::Function<void(int)> task, int argument) {
    mp::Queue<Message> out;
    run(work, task, argument, out);
    const Message message = out.get();
    if (!message.empty()) std::rethrow_exception(procession::detail::load_exception(message));
}
void call_from_a_child(int job) { call(run_job, job); }

template <class E>
std::string traceback_of(const E& error) {
    try {
        std::rethrow_if_nested(error);
    } catch (const mp::RemoteTraceback& cause) {
        return cause.traceback;
    }
    return {};
}

TEST_P(ExceptionsFromChildren, are_caught_as_themselves) {
    // No child executes this.
    mp::register_exception<JobError>();
    try {
        call(run_job, 7);
        ADD_FAILURE();
    } catch (const JobError& error) {
        EXPECT_EQ(error.job(), 7);
        EXPECT_STREQ(error.what(), "job 7: failed");
    }
}

// conformance: pool.remote_traceback
// conformance: executor.remote_traceback
TEST_P(ExceptionsFromChildren, tell_where_they_were_thrown) {
    try {
        call(run_job, 7);
        ADD_FAILURE();
    } catch (const JobError& error) {
        const std::string text = traceback_of(error);
        expect_in_order(text,
                        {"Traceback (most recent call last):\n", "exceptions_process_test.cpp\", line ",
                         "in (anonymous namespace)::run_job(int)\n",
                         "exceptions_process_test.cpp\", line " + std::to_string(thrower_line) +
                             ", in (anonymous namespace)::fail(int)\n",
                         "(anonymous namespace)::JobError: job 7: failed\n"});
    }
}

TEST_P(ExceptionsFromChildren, come_with_their_causes) {
    try {
        call(run_job, -7);
        ADD_FAILURE();
    } catch (const std::out_of_range& error) {
        EXPECT_STREQ(error.what(), "around a job");
        try {
            std::rethrow_if_nested(error);
            ADD_FAILURE();
        } catch (const JobError& cause) {
            EXPECT_EQ(cause.job(), 7);
            expect_in_order(traceback_of(cause),
                            {"JobError: job 7: failed\n", "direct cause of the following",
                             "std::out_of_range: around a job\n"});
        }
    }
}

TEST_P(ExceptionsFromChildren, of_children_are_themselves_too) {
    try {
        call(call_from_a_child, 7);
        ADD_FAILURE();
    } catch (const JobError& error) {
        EXPECT_EQ(error.job(), 7);
        EXPECT_STREQ(error.what(), "job 7: failed");
        const std::string text = traceback_of(error);
        expect_in_order(text, {"RemoteTraceback", "in (anonymous namespace)::fail(int)\n",
                               "direct cause of the following exception", "call_from_a_child(int)\n",
                               "JobError: job 7: failed\n"});
        EXPECT_EQ(text.find("fail(int)"), text.rfind("fail(int)")) << text;
    }
}

TEST_P(ExceptionsFromChildren, of_unregistered_types_are_remote_errors) {
    try {
        call(run_unknown, 0);
        ADD_FAILURE();
    } catch (const mp::RemoteError& error) {
        EXPECT_EQ(error.type_name, "(anonymous namespace)::Unregistered");
        EXPECT_EQ(error.what_text, "text");
        expect_in_order(error.traceback, {"in (anonymous namespace)::run_unknown(int)\n"});
    }
}

TEST_P(ExceptionsFromChildren, are_none_where_nothing_is_thrown) { EXPECT_NO_THROW(call(run_well, 0)); }

TEST(Attempts, let_exits_through) {
    EXPECT_THROW(static_cast<void>(procession::detail::attempt([] { throw mp::ExitRequest{3}; })),
                 mp::ExitRequest);
}

}  // namespace
