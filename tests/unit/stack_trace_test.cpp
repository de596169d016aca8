// SPDX-License-Identifier: Apache-2.0
#include "os/stack_trace.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "os/throw_site.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"

namespace {

using procession::os::note_throw_site;
using procession::os::StackTrace;
using procession::os::ThrowSite;

// So that calls stay calls, and none is the last thing that a function does.
volatile int calls = 0;

constexpr int capture_line = __LINE__ + 2;
[[gnu::noinline]] StackTrace capture_here() {
    const StackTrace trace = StackTrace::capture();
    calls = calls + 1;
    return trace;
}
[[gnu::always_inline]] inline StackTrace capture_inlined() {
    const StackTrace trace = capture_here();
    calls = calls + 1;
    return trace;
}
[[gnu::noinline]] StackTrace capture_through_inlined(int) {
    const StackTrace trace = capture_inlined();
    calls = calls + 1;
    return trace;
}

[[gnu::noinline]] void throw_from(int depth) {
    if (depth == 0) throw depth;
    throw_from(depth - 1);
    calls = calls + 1;
}

TEST(StackTrace, has_file_line_and_function_of_each_call_with_the_most_recent_last) {
    const std::string text = capture_through_inlined(0).format();
    procession::test::expect_in_order(
        text, {"stack_trace_test.cpp", "in (anonymous namespace)::capture_through_inlined(int)",
               "capture_inlined", "stack_trace_test.cpp",
               fmt::format("line {}, in (anonymous namespace)::capture_here()", capture_line)});
}

TEST(StackTrace, leaves_out_what_captured_it) {
    const std::string text = capture_here().format();
    EXPECT_EQ(text.find("StackTrace::capture"), text.npos) << text;
    EXPECT_EQ(text.find("_start"), text.npos) << text;
}

TEST(StackTrace, that_is_empty_has_no_lines) {
    EXPECT_TRUE(StackTrace().empty());
    EXPECT_EQ(StackTrace().format(), "");
}

TEST(StackTrace, of_a_deep_recursion_keeps_the_innermost_calls) {
    ThrowSite site;
    EXPECT_THROW(note_throw_site(site, [] { throw_from(1000); }), int);
    const std::string text = site.stack.format();
    EXPECT_GT(std::count(text.begin(), text.end(), '\n'), 100);
    EXPECT_NE(text.find("throw_from(int)"), text.npos) << text;
}

TEST(StackTrace, has_the_same_text_each_time_and_its_own_beside_others) {
    const auto text_of = [](int depth) {
        ThrowSite site;
        EXPECT_THROW(note_throw_site(site, [depth] { throw_from(depth); }), int);
        return site.stack.format();
    };
    std::vector<std::string> texts;
    for (int round = 0; round < 2; ++round)
        for (int depth = 0; depth < 40; ++depth) texts.push_back(text_of(depth));
    for (int depth = 0; depth < 40; ++depth) {
        EXPECT_EQ(texts[depth], texts[40 + depth]);
        EXPECT_EQ(std::count(texts[depth].begin(), texts[depth].end(), '\n'),
                  std::count(texts[0].begin(), texts[0].end(), '\n') + depth);
    }
}

TEST(ThrowSite, is_where_it_was_thrown_and_ends_where_the_watch_began) {
    ThrowSite site;
    EXPECT_THROW(note_throw_site(site, [] { throw_from(2); }), int);
    const std::string text = site.stack.format();
    procession::test::expect_in_order(
        text, {"stack_trace_test.cpp", "throw_from(int)", "throw_from(int)", "throw_from(int)"});
    EXPECT_EQ(text.find("in main"), text.npos) << text;
    EXPECT_TRUE(text.ends_with("throw_from(int)\n")) << text;
}

TEST(ThrowSite, of_what_a_container_throws_is_the_call_of_the_container) {
    ThrowSite site;
    EXPECT_THROW(note_throw_site(site, [] { static_cast<void>(std::vector<int>(1).at(1)); }),
                 std::out_of_range);
    const std::string text = site.stack.format();
    EXPECT_NE(text.find("stack_trace_test.cpp"), text.npos) << text;
    EXPECT_EQ(text.find("__throw_out_of_range"), text.npos) << text;
}

TEST(ThrowSite, is_empty_when_the_body_catches_it_itself) {
    ThrowSite site;
    note_throw_site(site, [] {
        try {
            throw_from(0);
        } catch (int) {
        }
    });
    EXPECT_TRUE(site.stack.empty());
}

TEST(ThrowSite, has_all_of_the_stack_though_destructors_run_on_the_way) {
    struct Destroyed {
        ~Destroyed() { calls = calls + 1; }
    };
    ThrowSite site;
    EXPECT_THROW(note_throw_site(site,
                                 [] {
                                     const Destroyed destroyed;
                                     throw_from(0);
                                 }),
                 int);
    EXPECT_NE(site.stack.format().find("throw_from(int)"), std::string::npos);
}

TEST(ThrowSite, has_what_was_being_handled) {
    ThrowSite site;
    EXPECT_THROW(note_throw_site(site,
                                 [] {
                                     try {
                                         throw 1;
                                     } catch (int) {
                                         throw 2.0;
                                     }
                                 }),
                 double);
    ASSERT_TRUE(site.handled);
    EXPECT_THROW(std::rethrow_exception(site.handled), int);
}

TEST(ThrowSite, of_a_watch_inside_a_watch_is_each_ones_own) {
    ThrowSite outer, inner;
    EXPECT_THROW(note_throw_site(outer,
                                 [&inner] {
                                     EXPECT_THROW(note_throw_site(inner, [] { throw_from(0); }), int);
                                     EXPECT_FALSE(inner.stack.empty());
                                     throw_from(1);
                                 }),
                 int);
    EXPECT_EQ(inner.stack.format().find("throw_from"), inner.stack.format().rfind("throw_from"));
    EXPECT_NE(outer.stack.format().find("throw_from"), outer.stack.format().rfind("throw_from"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(StackTrace, of_a_process_without_memory_for_the_debug_information_has_the_offsets) {
    EXPECT_EQ(0, procession::test::in_child([] {
                  const rlimit little{1, 1};
                  ::setrlimit(RLIMIT_AS, &little);
                  const std::string text = capture_here().format();
                  ::_exit(text.find("stack_trace_test(+0x") != text.npos ? 0 : 1);
              }));
}
#endif

}  // namespace
