// SPDX-License-Identifier: Apache-2.0

// Named memory shared with Python: the python3 of the PATH, and what PROCESSION_PYTHONS lists (paths with
// ':' between them).

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>

#include "support/block.hpp"
#include "support/program.hpp"
#include "support/python.hpp"

namespace {

using namespace procession::test;

// Up to 3.12 Python unlinks at its exit what it has merely opened, unless it is told not to.
constexpr const char* prelude = R"(
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory, ShareableList
def forget(memory):
    resource_tracker.unregister(memory._name, 'shared_memory')
    return memory
def open_block(name):
    return forget(SharedMemory(name))
def open_list(name):
    opened = ShareableList(name=name)
    forget(opened.shm)
    return opened
)";

class WithPython : public testing::Test {
  protected:
    void SetUp() override {
        pythons_ = pythons(8);  // shared_memory is there from 3.8 on
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 of 3.8 or later in the PATH";
    }
    /// What the script prints.
    static std::string run(const Python& python, const std::string& script,
                           std::vector<std::string> arguments = {}) {
        std::vector<std::string> all = {"/usr/bin/env", python.path, "-c", prelude + script};
        std::move(arguments.begin(), arguments.end(), std::back_inserter(all));
        const Ended ended = run_program(std::move(all), {"PYTHONIOENCODING=utf-8"});
        EXPECT_EQ(ended.code, 0) << python.path << ": " << ended.output;
        return ended.output;
    }
    std::vector<Python> pythons_;
};
using SharedMemoryWithPython = WithPython;
using ShareableListWithPython = WithPython;
using ObjectWithPython = WithPython;

mp::Object::Bytes bytes(std::string_view text) {
    const auto span = std::as_bytes(std::span(text));
    return {span.begin(), span.end()};
}
std::string content_of(const mp::SharedMemory& block) {
    return {reinterpret_cast<const char*>(block.buf().data()), block.size()};
}

TEST_F(SharedMemoryWithPython, made_here_is_opened_there) {
    for (const Python& python : pythons_) {
        const ScopedBlock named(mp::create, 5000, block_name()), unnamed(mp::create, 16);
        for (const mp::SharedMemory* each :
             std::initializer_list<const mp::SharedMemory*>{&named, &unnamed}) {
            const mp::SharedMemory& block = *each;
            std::memcpy(block.buf().data(), "of C++", 6);
            const std::string said = run(python, R"(
block = open_block(sys.argv[1])
print(block.size, bytes(block.buf[:6]), block.name == sys.argv[1])
block.buf[:9] = b'of Python'
block.close()
)",
                                         {block.name()});
            EXPECT_EQ(said, fmt::format("{} b'of C++' True\n", block.size())) << python.path;
            EXPECT_EQ(content_of(block).substr(0, 9), "of Python");
            EXPECT_TRUE(block_exists(block.name()));
        }
    }
}
TEST_F(SharedMemoryWithPython, made_there_is_opened_here) {
    for (const Python& python : pythons_) {
        run(python, R"(
block = forget(SharedMemory(sys.argv[1], create=True, size=5000))
block.buf[:9] = b'of Python'
block.close()
)",
            {block_name()});
        const ScopedBlock block(block_name());
        EXPECT_EQ(block.size(), 5000u);
        EXPECT_EQ(content_of(block).substr(0, 9), "of Python");
        // What is taken here is taken there.
        EXPECT_EQ(run(python, R"(
try:
    SharedMemory(sys.argv[1], create=True, size=1)
except FileExistsError:
    print('taken')
)",
                      {block_name()}),
                  "taken\n");
        block.unlink();
    }
}
TEST_F(SharedMemoryWithPython, that_was_unlinked_here_is_not_found_there) {
    for (const Python& python : pythons_) {
        const ScopedBlock block(mp::create, 16, block_name());
        block.unlink();
        EXPECT_EQ(run(python, R"(
try:
    SharedMemory(sys.argv[1])
except FileNotFoundError:
    print('gone')
)",
                      {block_name()}),
                  "gone\n");
    }
}

constexpr const char* items_in_python =
    "['howdy', b'HoWdY', -273.154, 100, None, True, False, 42, '', b'', '12345678', b'1234567', "
    "-2**63, 2**63 - 1, 1e300, float('inf'), 'x' * 1000, \"it's\", b'\\x00\\xff', '\\u20ac']";
const std::vector<mp::Object> items = {"howdy",
                                       bytes("HoWdY"),
                                       -273.154,
                                       100,
                                       nullptr,
                                       true,
                                       false,
                                       42,
                                       "",
                                       bytes(""),
                                       "12345678",
                                       bytes("1234567"),
                                       std::numeric_limits<std::int64_t>::min(),
                                       std::numeric_limits<std::int64_t>::max(),
                                       1e300,
                                       std::numeric_limits<double>::infinity(),
                                       std::string(1000, 'x'),
                                       "it's",
                                       bytes(std::string_view("\0\xff", 2)),
                                       "\u20ac"};

TEST_F(ShareableListWithPython, made_there_is_read_and_written_here) {
    for (const Python& python : pythons_) {
        const auto make = fmt::format("made = ShareableList({}, name=sys.argv[1])\nforget(made.shm)\n",
                                      items_in_python);
        const std::string printed = run(python, make + "print(made)\n", {block_name(0)});
        const ScopedList list(block_name(0));
        EXPECT_EQ(fmt::format("{}\n", static_cast<const mp::ShareableList&>(list)), printed);
        EXPECT_TRUE(std::equal(list.begin(), list.end(), items.begin(), items.end()));
        if (python.minor > 8) {
            const ScopedList ours(mp::create, items, block_name(1));
            EXPECT_EQ(content_of(ours.shm()), content_of(list.shm())) << "byte for byte";
        }
        for (const std::ptrdiff_t i : {0, 1, 2, 3, 4, 5}) list.set(i, "of C++");
        list.set(6, bytes("bytes"));
        list.set(7, nullptr);
        list.set(8, 1.5);
        EXPECT_EQ(
            run(python, "opened = open_list(sys.argv[1])\nprint(list(opened)[:10], opened.format)\n",
                {block_name(0)}),
            fmt::format("{}, b''] {}\n",
                        "['of C++', 'of C++', 'of C++', 'of C++', 'of C++', 'of C++', b'bytes', None, "
                        "1.5",
                        list.format()));
    }
}
TEST_F(ShareableListWithPython, made_here_is_read_and_written_there) {
    for (const Python& python : pythons_) {
        if (python.minor == 8) continue;  // it reads no layout but its own
        const ScopedList list(mp::create, items, block_name());
        EXPECT_EQ(
            run(python,
                fmt::format("opened = open_list(sys.argv[1])\nprint(list(opened) == {0}, opened)\n",
                            "[x.rstrip(b'\\0') if isinstance(x, bytes) else x for x in " +
                                std::string(items_in_python) + "]"),
                {block_name()}),
            fmt::format("True {}\n", static_cast<const mp::ShareableList&>(list)));
        run(python, R"(
opened = open_list(sys.argv[1])
opened[0] = 7
opened[3] = b'bytes'
opened[4] = 'text'
opened[5] = None
opened[-1] = False
)",
            {block_name()});
        EXPECT_EQ(list[0], 7);
        EXPECT_EQ(list[3], bytes("bytes"));
        EXPECT_EQ(list[4], "text");
        EXPECT_TRUE(list[5].is_none());
        EXPECT_TRUE(list[-1].is_bool());
    }
}
TEST_F(ShareableListWithPython, may_be_empty_on_both_sides) {
    for (const Python& python : pythons_) {
        run(python, "forget(ShareableList([], name=sys.argv[1]).shm)\n", {block_name(0)});
        const ScopedList theirs(block_name(0)), ours(mp::create, {}, block_name(1));
        EXPECT_EQ(theirs.size(), 0u);
        EXPECT_EQ(run(python, "print(len(open_list(sys.argv[1])))\n", {block_name(1)}), "0\n");
    }
}

TEST_F(ObjectWithPython, prints_every_character_as_there) {
    for (const Python& python : pythons_) {
        // Which characters are printable is a matter of the Unicode version.
        const std::string printed = run(python, R"(
import unicodedata
if unicodedata.unidata_version == '14.0.0':
    for first in range(0, 0x110000, 256):
        if not 0xd800 <= first < 0xe000:
            print(repr(''.join(chr(code) for code in range(first, first + 256))))
)");
        if (printed.empty()) continue;
        std::istringstream lines(printed);
        std::string line;
        for (char32_t first = 0; first < 0x110000; first += 256) {
            if (first >= 0xd800 && first < 0xe000) continue;
            std::string text;
            for (char32_t code = first; code < first + 256; ++code) {
                if (code < 0x80)
                    text += static_cast<char>(code);
                else {
                    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
                    constexpr unsigned char marks[] = {0, 0xc0, 0xe0, 0xf0};
                    text += static_cast<char>(marks[more] | code >> (6 * more));
                    for (int i = more - 1; i >= 0; --i)
                        text += static_cast<char>(0x80 | (code >> (6 * i) & 0x3f));
                }
            }
            ASSERT_TRUE(std::getline(lines, line));
            ASSERT_EQ(mp::Object(text).to_string(), line) << python.path;
        }
    }
}
TEST_F(ObjectWithPython, prints_floats_as_there) {
    constexpr std::size_t count = 5000;
    const ScopedBlock block(mp::create, count * sizeof(double), block_name());
    const std::span<double> numbers(reinterpret_cast<double*>(block.buf().data()), count);
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < count; ++i) {
        // Any bits, and numbers of everyday's size, whole ones too.
        const std::uint64_t bits = random();
        if (i % 3 == 0)
            std::memcpy(&numbers[i], &bits, sizeof bits);
        else
            numbers[i] = std::ldexp(static_cast<double>(static_cast<std::int32_t>(bits)),
                                    i % 3 == 1 ? 0 : static_cast<int>(bits >> 32 & 63) - 40);
    }
    for (const Python& python : pythons_) {
        std::istringstream lines(run(python, R"(
import struct
block = open_block(sys.argv[1])
for (each,) in struct.iter_unpack('d', bytes(block.buf)):
    print(repr(each))
)",
                                     {block.name()}));
        std::string line;
        for (const double each : numbers) {
            ASSERT_TRUE(std::getline(lines, line));
            ASSERT_EQ(mp::Object(each).to_string(), line) << python.path;
        }
    }
}

}  // namespace
