// SPDX-License-Identifier: Apache-2.0
#include <procession/shared_memory.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <thread>

#include "support/block.hpp"
#include "support/expect.hpp"

namespace {

using namespace procession::test;
using Bytes = mp::Object::Bytes;

Bytes bytes(std::string_view text) {
    const auto span = std::as_bytes(std::span(text));
    return {span.begin(), span.end()};
}
std::string content_of(const mp::ShareableList& list) {
    const auto buf = list.shm().buf();
    return {reinterpret_cast<const char*>(buf.data()), buf.size()};
}

const std::vector<mp::Object> seven = {"howdy", bytes("HoWdY"), -273.154, 100, nullptr, true, 42};

// What CPython writes for these seven.
const unsigned char seven_as_in_python[] = {
    7,    0,   0,   0,   0,   0,   0,   0,   0,    0,    0,    0,    0,    0,    0,    0,     //
    8,    0,   0,   0,   0,   0,   0,   0,   0x10, 0,    0,    0,    0,    0,    0,    0,     //
    0x18, 0,   0,   0,   0,   0,   0,   0,   0x20, 0,    0,    0,    0,    0,    0,    0,     //
    0x28, 0,   0,   0,   0,   0,   0,   0,   0x30, 0,    0,    0,    0,    0,    0,    0,     //
    0x38, 0,   0,   0,   0,   0,   0,   0,   'h',  'o',  'w',  'd',  'y',  0,    0,    0,     //
    'H',  'o', 'W', 'd', 'Y', 0,   0,   0,   0x58, 0x39, 0xb4, 0xc8, 0x76, 0x12, 0x71, 0xc0,  //
    0x64, 0,   0,   0,   0,   0,   0,   0,   0,    0,    0,    0,    0,    0,    0,    0,     //
    0,    0,   0,   0,   0,   0,   0,   1,   0x2a, 0,    0,    0,    0,    0,    0,    0,     //
    '8',  's', 0,   0,   0,   0,   0,   0,   '8',  's',  0,    0,    0,    0,    0,    0,     //
    'd',  0,   0,   0,   0,   0,   0,   0,   'q',  0,    0,    0,    0,    0,    0,    0,     //
    'x',  'x', 'x', 'x', 'x', 'x', '?', 'x', 'x',  'x',  'x',  'x',  'x',  'x',  'x',  '?',   //
    'q',  0,   0,   0,   0,   0,   0,   0,   1,    2,    0,    0,    3,    0,    0};

// conformance: shareable_list.basics
TEST(ShareableList, is_read_and_written_like_a_list) {
    const ScopedList list(mp::create, seven, block_name());
    ASSERT_EQ(list.size(), 7u);
    for (std::ptrdiff_t i = 0; i < 7; ++i) {
        EXPECT_EQ(list[i], seven[static_cast<std::size_t>(i)]);
        EXPECT_EQ(list[i].type(), seven[static_cast<std::size_t>(i)].type());
        EXPECT_EQ(list[i - 7], list[i]);
    }
    EXPECT_TRUE(std::equal(list.begin(), list.end(), seven.begin(), seven.end()));
    for (const std::ptrdiff_t index :
         {std::ptrdiff_t{7}, std::ptrdiff_t{-8}, std::numeric_limits<std::ptrdiff_t>::max(),
          std::numeric_limits<std::ptrdiff_t>::min()}) {
        EXPECT_THROW(static_cast<void>(list[index]), mp::IndexError);
        EXPECT_THROW(list.set(index, 1), mp::IndexError);
        EXPECT_THROW(static_cast<void>(list.format(index)), mp::IndexError);
    }
    EXPECT_EQ(list.format(), "8s8sdqxxxxxx?xxxxxxxx?q");
    EXPECT_EQ(list.format(-1), "q");
    EXPECT_EQ(list.count(42), 1u);
    EXPECT_EQ(list.count("HoWdY"), 0u);
    EXPECT_EQ(list.count(1), 1u) << "True is 1";
    EXPECT_EQ(list.index(nullptr), 4u);
    try {
        static_cast<void>(list.index("adieu"));
        FAIL();
    } catch (const mp::ValueError& error) {
        expect_parts(error.what(), {"'adieu'", "not in this list"});
    }
}
TEST(ShareableList, has_items_that_change_their_type_in_their_slots) {
    const ScopedList list(mp::create, seven, block_name());
    list.set(3, 42);
    EXPECT_EQ(list[3], 42);
    list.set(3, "some");
    EXPECT_EQ(list[3], "some");
    EXPECT_EQ(list.format(3), "8s");
    list.set(3, nullptr);
    EXPECT_TRUE(list[3].is_none());
    list.set(-4, false);
    EXPECT_TRUE(list[3].is_bool());
    list.set(3, 1.5);
    EXPECT_EQ(list[3], 1.5);
    list.set(3, bytes("12345678"));
    EXPECT_EQ(list[3], bytes("12345678"));
    EXPECT_EQ(list[2], seven[2]);
    EXPECT_EQ(list[4], seven[4]);
}
TEST(ShareableList, has_no_item_longer_than_its_slot) {
    const ScopedList list(mp::create, {"a", "b", "c"}, block_name());
    const std::string before = content_of(list);
    for (const mp::Object& item : {mp::Object("123456789"), mp::Object(bytes("123456789")),
                                   mp::Object("\u00e9\u00e9\u00e9\u00e9\u00e9")}) {
        try {
            list.set(1, item);
            FAIL() << item;
        } catch (const mp::ValueError& error) {
            expect_parts(error.what(), {"item 1", "8 bytes"});
        }
        EXPECT_EQ(content_of(list), before) << "nothing was changed";
    }
    list.set(1, "\u00e9\u00e9\u00e9\u00e9");
    EXPECT_EQ(list[1], "\u00e9\u00e9\u00e9\u00e9");
    EXPECT_EQ(list[2], "c");
}
TEST(ShareableList, has_no_items_but_those_of_cpython) {
    const ScopedList list(mp::create, {1, "text"}, block_name());
    const std::string before = content_of(list), other = block_name() + "_other";
    for (const mp::Object& item : {mp::Object::list(), mp::Object(procession::Date{})}) {
        try {
            list.set(0, item);
            FAIL() << item;
        } catch (const mp::TypeMismatch& error) {
            expect_parts(error.what(), {"ShareableList", std::string(item.type()).c_str()});
        }
        EXPECT_THROW(mp::ShareableList(mp::create, {item}, other), mp::TypeMismatch);
    }
    const auto surrogate = mp::pickle::loads(std::as_bytes(std::span("\x8c\x03\xed\xa0\x80.", 6)));
    for (const mp::Object& item : {mp::Object(std::numeric_limits<std::uint64_t>::max()), surrogate}) {
        EXPECT_THROW(list.set(0, item), mp::ValueError);
        EXPECT_THROW(mp::ShareableList(mp::create, {item}, other), mp::ValueError);
    }
    EXPECT_EQ(content_of(list), before);
    EXPECT_FALSE(block_exists(other));
}
TEST(ShareableList, has_slots_for_text_by_its_bytes) {
    // CPython has them by characters, and cuts off what does not fit.
    const mp::Object text("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9");
    const ScopedList list(mp::create, {text, std::string(16, 'x')}, block_name());
    EXPECT_EQ(list[0], text);
    EXPECT_EQ(list.format(), "24s24s");
}
TEST(ShareableList, has_numbers_up_to_their_limits) {
    using Int = std::numeric_limits<std::int64_t>;
    using Float = std::numeric_limits<double>;
    const std::vector<mp::Object> items = {Int::min(), Int::max(),        Float::max(),
                                           -0.0,       Float::infinity(), Float::denorm_min()};
    const ScopedList list(mp::create, items, block_name());
    for (std::size_t i = 0; i < items.size(); ++i)
        EXPECT_EQ(fmt::format("{}", list[static_cast<std::ptrdiff_t>(i)]), fmt::format("{}", items[i]));
}
TEST(ShareableList, loses_the_nuls_at_the_end_as_in_python) {
    using namespace std::string_literals;
    const ScopedList list(mp::create, {"a\0b\0\0"s, bytes("\0\0"s)}, block_name());
    EXPECT_EQ(list[0], "a\0b"s);
    EXPECT_EQ(list[1], Bytes());
}
TEST(ShareableList, may_be_empty) {
    const ScopedList list(mp::create, {}, block_name());
    EXPECT_EQ(list.size(), 0u);
    EXPECT_EQ(list.begin(), list.end());
    EXPECT_EQ(list.format(), "");
    EXPECT_EQ(content_of(list), std::string(16, '\0'));
    EXPECT_EQ(mp::ShareableList(block_name()).size(), 0u);
    EXPECT_EQ(list.count(1), 0u);
    EXPECT_THROW(static_cast<void>(list[0]), mp::IndexError);
}
TEST(ShareableList, of_a_list_is_a_copy_and_of_a_name_is_the_same) {
    const ScopedList list(mp::create, seven, block_name(0));
    const ScopedList copy(mp::create, static_cast<const mp::ShareableList&>(list), block_name(1));
    const mp::ShareableList attached(block_name(0));
    copy.set(0, "copy");
    EXPECT_EQ(list[0], "howdy");
    attached.set(0, "attached");
    EXPECT_EQ(list[0], "attached");
    EXPECT_EQ(copy[0], "copy");
    EXPECT_EQ(attached.size(), 7u);
}
TEST(ShareableList, is_made_of_any_range) {
    const std::vector<std::string> texts = {"a", "b"};
    const ScopedList list(mp::create, texts, block_name());
    EXPECT_EQ(list[1], "b");
}

TEST(ShareableList, is_laid_out_as_in_python) {
    const ScopedList list(mp::create, seven, block_name());
    const std::string expected(reinterpret_cast<const char*>(seven_as_in_python),
                               sizeof seven_as_in_python);
    EXPECT_EQ(content_of(list), expected);
}
TEST(ShareableList, is_read_as_python_writes_it) {
    const std::string content(reinterpret_cast<const char*>(seven_as_in_python),
                              sizeof seven_as_in_python);
    const RawBlock block(block_name(), content);
    const mp::ShareableList list(block_name());
    EXPECT_TRUE(std::equal(list.begin(), list.end(), seven.begin(), seven.end()));
}
TEST(ShareableList, is_read_as_python_3_8_writes_it) {
    std::string content(reinterpret_cast<const char*>(seven_as_in_python), sizeof seven_as_in_python);
    // It has the slots' sizes in the place of eight offsets.
    std::string sizes;
    for (int i = 0; i < 7; ++i) sizes += std::string("\x08\0\0\0\0\0\0\0", 8);
    content.replace(8, 64, sizes);
    const RawBlock block(block_name(0), content), empty(block_name(1), std::string(8, '\0'));
    const mp::ShareableList list(block_name(0));
    EXPECT_TRUE(std::equal(list.begin(), list.end(), seven.begin(), seven.end()));
    list.set(-1, "last");
    EXPECT_EQ(mp::ShareableList(block_name(0))[6], "last");
    EXPECT_EQ(mp::ShareableList(block_name(1)).size(), 0u);
}

// conformance: shareable_list.serialize
TEST(ShareableList, is_the_same_memory_when_it_was_sent) {
    mp::Queue<mp::ShareableList> queue;
    const ScopedList list(mp::create, seven, block_name());
    queue.put(list);
    const mp::ShareableList received = queue.get();
    EXPECT_EQ(received.shm().name(), block_name());
    received.set(0, "there");
    EXPECT_EQ(list[0], "there");
    list.set(1, 9);
    EXPECT_EQ(received[1], 9);

    const ScopedList long_list(mp::create, std::vector<int>(400), block_name(1));
    const auto size_sent = [](const mp::ShareableList& each) {
        procession::detail::Buffer buffer;
        procession::NativeWriter writer(buffer);
        procession::detail::save_value(writer, each);
        return buffer.bytes().size();
    };
    EXPECT_EQ(size_sent(list), size_sent(long_list));
}
// conformance: shareable_list.serialize_dead
TEST(ShareableList, that_was_unlinked_before_it_is_received_is_not_found) {
    mp::Queue<mp::ShareableList> queue;
    const ScopedList list(mp::create, seven, block_name());
    queue.put(list);
    list.shm().close();
    list.shm().unlink();
    expect_parts(refused(ENOENT, [&] { static_cast<void>(queue.get()); }), {block_name().c_str()});
}
TEST(ShareableList, copies_are_one_object) {
    const ScopedList list(mp::create, seven, block_name());
    mp::ShareableList copy = list;
    const mp::ShareableList moved = std::move(copy);
    moved.set(0, "moved");
    EXPECT_EQ(copy[0], "moved") << "also one that was moved from";
    EXPECT_EQ(list[0], "moved");
    EXPECT_EQ(moved, copy);
    copy.shm().close();
    EXPECT_THROW(static_cast<void>(list[0]), mp::ValueError);
    EXPECT_THROW(list.set(0, 1), mp::ValueError);
}
TEST(ShareableList, that_cannot_be_made_leaves_nothing) {
    EXPECT_THROW(mp::ShareableList(mp::create, {std::string(9'999'984, 'x')}, block_name()),
                 mp::ValueError);
    EXPECT_FALSE(block_exists(block_name()));
    const ScopedList longest(mp::create, {std::string(9'999'983, 'x')}, block_name());
    EXPECT_EQ(longest.format(0), "9999984s");
}

TEST(ShareableList, prints_as_in_python) {
    const ScopedList list(mp::create, {"a", 1, bytes("it's"), 1.0, nullptr}, block_name());
    const std::string expected =
        "ShareableList(['a', 1, b\"it's\", 1.0, None], name='" + block_name() + "')";
    EXPECT_EQ(fmt::format("{}", static_cast<const mp::ShareableList&>(list)), expected);
    std::ostringstream out;
    out << list;
    EXPECT_EQ(out.str(), expected);
}

// ---------------------------------------------------------------- what other processes may write

std::string words(std::initializer_list<std::uint64_t> values) {
    std::string result;
    for (const std::uint64_t each : values)
        result.append(reinterpret_cast<const char*>(&each), sizeof each);
    return result;
}

TEST(ShareableList, of_a_block_that_holds_none_is_a_ValueError) {
    constexpr std::uint64_t huge = ~std::uint64_t{0};
    const std::string contents[] = {
        "short",
        words({1}),
        words({huge, 0, 8, 0, 0}),
        words({huge / 8, 0, 8, 0, 0}),
        words({std::uint64_t{1} << 63, 0, 8, 0, 0}),
        words({1, 0, 0, 0, 0, 0}),
        words({1, 0, 9, 0, 0, 0}),
        words({1, 0, huge, 0, 0, 0}),
        words({1, 0, huge - 7, 0, 0, 0}),
        words({2, 0, 16, 8, 0, 0, 0, 0, 0, 0}),
        words({2, 8, huge - 7, 0, 0, 0, 0, 0, 0, 0}),
        words({1, 0, 8, 0, 0}),
        words({0, 0}).substr(0, 12),
    };
    for (const std::string& content : contents) {
        const RawBlock block(block_name(), content);
        EXPECT_THROW(mp::ShareableList{block_name()}, mp::ValueError) << content.size();
    }
}

TEST(ShareableList, whose_item_is_nonsense_is_a_ValueError_for_that_item) {
    const ScopedList list(mp::create, seven, block_name());
    const auto buf = list.shm().buf();
    constexpr std::size_t formats = 0x80, kinds = 0xb8;
    const auto with = [&](std::size_t item, std::string_view format, int kind) {
        std::memset(buf.data() + formats + 8 * item, 0, 8);
        std::memcpy(buf.data() + formats + 8 * item, format.data(), format.size());
        buf[kinds + item] = static_cast<std::byte>(kind);
    };
    struct Case {
        const char* format;
        int kind;
    };
    for (const auto& [format, kind] :
         {Case{"q", 1}, Case{"9s", 1}, Case{"9999999s", 2}, Case{"99999999", 1}, Case{"-1s", 2},
          Case{"", 1}, Case{"8s", 0}, Case{"P", 0}, Case{"qq", 0}, Case{"8s", 4}, Case{"8s", -1}}) {
        with(0, format, kind);
        EXPECT_THROW(static_cast<void>(list[0]), mp::ValueError) << format << " " << kind;
        EXPECT_EQ(list[1], seven[1]);
    }
    with(0, "8s", 1);
    std::memset(buf.data() + 0x48, 0xff, 8);
    EXPECT_THROW(static_cast<void>(list[0]), mp::ValueError) << "no UTF-8";
    list.set(0, "well");
    EXPECT_EQ(list[0], "well");
}
TEST(ShareableList, stays_within_its_form_whatever_happens_to_the_head) {
    const ScopedList list(mp::create, seven, block_name());
    std::memset(list.shm().buf().data(), 0xff, 72);
    EXPECT_EQ(list.size(), 7u);
    EXPECT_EQ(list[0], "howdy");
    EXPECT_EQ(list[6], 42);
}
TEST(ShareableList, survives_any_content) {
    std::mt19937_64 random(7);
    const ScopedBlock block(mp::create, 400, block_name());
    int lists = 0;
    for (int round = 0; round < 20'000; ++round) {
        // A list, of which some bytes are changed.
        std::memcpy(block.buf().data(), seven_as_in_python, sizeof seven_as_in_python);
        for (std::uint64_t i = random() % 4; i > 0; --i)
            block.buf()[random() % sizeof seven_as_in_python] = static_cast<std::byte>(random());
        try {
            const mp::ShareableList list(block_name());
            ++lists;
            for (std::size_t i = 0; i < list.size(); ++i) {
                try {
                    const mp::Object item = list[static_cast<std::ptrdiff_t>(i)];
                    list.set(static_cast<std::ptrdiff_t>(i), item);
                } catch (const mp::ValueError&) {
                }
            }
        } catch (const mp::ValueError&) {
        }
    }
    EXPECT_GT(lists, 5000);
    EXPECT_LT(lists, 20'000);
}
TEST(ShareableList, has_whole_numbers_for_threads_that_read_while_others_write) {
    const ScopedList list(mp::create, {0}, block_name());
    std::thread writer([&] {
        for (int i = 0; i < 20'000; ++i) list.set(0, i % 2 ? 0 : -1);
    });
    for (int i = 0; i < 20'000; ++i) {
        const auto seen = list[0].as<std::int64_t>();
        ASSERT_TRUE(seen == 0 || seen == -1) << seen;
    }
    writer.join();
}

}  // namespace
