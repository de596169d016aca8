// SPDX-License-Identifier: Apache-2.0

// Bytes that nobody should have sent. Whatever they are, loads() ends, stays within its limits and throws
// nothing but SerializationError.

#include <gtest/gtest.h>
#include <procession/mp.hpp>
#include <procession/pickle.hpp>

#include <random>

#include "support/expect.hpp"
#include "support/pickles.hpp"

namespace {

namespace pickle = procession::pickle;
using namespace procession::test;
using namespace std::string_literals;
using namespace std::string_view_literals;
using mp::Object;

std::string repeated(std::string_view what, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += what;
    return all;
}

/// Why the bytes were refused; empty if they were not.
std::string refusal(std::string_view bytes, const pickle::Limits& limits = {}) {
    try {
        static_cast<void>(loads(bytes, limits));
    } catch (const mp::SerializationError& error) {
        return error.what();
    }
    return {};
}
void expect_refused(std::string_view bytes, std::vector<const char*> parts,
                    const pickle::Limits& limits = {}) {
    parts.push_back("pickle::loads: at byte");
    expect_parts(refusal(bytes, limits), parts);
}

/// Something of every kind.
Object everything() {
    const procession::TimeZone zone{procession::TimeDelta(0, 3600, 0), "there"};
    return Object::list({
        nullptr,
        true,
        1,
        -70000,
        std::int64_t{1} << 40,
        1.5,
        Object::Complex{1, 2},
        "text",
        "\u20ac",
        Object(Object::Bytes(5)),
        Object::bytearray(Object::Bytes(3)),
        Object::tuple({1, 2, 3, 4}),
        Object::dict({{"a", 1}, {2, Object::dict()}}),
        Object::set({1, "a"}),
        Object::frozenset({Object::tuple({1})}),
        Object::array<double>(std::vector<double>{1.5}),
        Object(Object::NdArray{"<i2", {2}, Object::Bytes(4)}),
        procession::Date{2020, 1, 2},
        procession::DateTime{{2020, 1, 2}, {3, 4, 5, 6, zone, 1}},
        procession::TimeDelta(-1, 2, 3),
        Object::exception("ValueError", {"x"}),
        Object::instance("shapes", "Point", Object::tuple({1}), Object::dict({{"x", 1}})),
    });
}

class HostilePickle : public testing::TestWithParam<int> {
  protected:
    void SetUp() override { pickle::register_global("shapes", "Point"); }
};
INSTANTIATE_TEST_SUITE_P(Protocols, HostilePickle, testing::Range(0, pickle::highest_protocol + 1));

TEST_P(HostilePickle, that_is_cut_off_anywhere_is_refused) {
    const std::string whole = text_of(pickle::dumps(everything(), GetParam()));
    ASSERT_EQ(loads(whole), everything());
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_NE(refusal(std::string_view(whole).substr(0, size)), "") << size;
}

TEST_P(HostilePickle, with_changed_bytes_is_read_or_refused) {
    const std::string whole = text_of(pickle::dumps(everything(), GetParam()));
    std::mt19937 random(static_cast<unsigned>(GetParam()));
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
    };
    for (int i = 0; i < 3000; ++i) {
        std::string changed = whole;
        for (std::size_t times = 1 + below(4); times > 0; --times) {
            const std::size_t at = below(changed.size());
            switch (below(3)) {
                case 0: changed[at] = static_cast<char>(below(256)); break;
                case 1: changed.erase(at, 1 + below(8)); break;
                default: changed.insert(at, changed, below(changed.size()), 1 + below(8)); break;
            }
            if (changed.empty()) changed = ".";
        }
        try {
            const Object value = loads(changed, {.size = 1 << 20});
            static_cast<void>(value.to_string());
        } catch (const mp::SerializationError&) {
            continue;
        }
    }
}

TEST(HostilePickle, of_no_pickle_says_where_and_why) {
    expect_refused("", {"at byte 0 of 0", "cut off"});
    expect_refused("K\x01\xff.", {"at byte 2 of 4", "no opcode 0xff"});
    expect_refused("K\x01K\x02.", {"2 values"});
    expect_refused("(K\x01.", {"1 values"});
    expect_refused(".", {"0 values"});
    expect_refused("N.N", {"1 bytes follow"});
    expect_refused("\x80\x06N.", {"protocol 6"});
    expect_refused("0N.", {"stack is empty"});
    expect_refused("K\x01(\x85.", {"stack is empty"});  // nothing below a mark is taken
    expect_refused("t.", {"no mark"});
    expect_refused("h\x05.", {"value 5", "not remembered"});
    expect_refused("g-1\n.", {"number"});
    expect_refused(
        "(K\x01"
        "d.",
        {"no value"});
    expect_refused(
        "K\x01K\x02"
        "a.",
        {"int", "cannot hold"});
    expect_refused(
        "}K\x01"
        "a.",
        {"dict", "cannot hold"});
    expect_refused("K\x01}b.", {"int", "cannot hold"});
}

TEST(HostilePickle, of_damaged_scalars_is_refused) {
    expect_refused("I1x\n.", {"int"});
    expect_refused("I\n.", {"int"});
    expect_refused("L" + std::string(5000, '9') + "L\n.", {"too many digits"});
    expect_refused("F1.5x\n.", {"float"});
    expect_refused("F0x10\n.", {"float"});
    expect_refused("Sunquoted\n.", {"quoted"});
    expect_refused("S'\\q'\n.", {"quoted"});
    expect_refused("V\\u12\n.", {"escape"});
    expect_refused("V\\U00110000\n.", {"escape"});
    expect_refused("\x8c\x01\xff.", {"UTF-8"});
    expect_refused("\x8c\x02\xc0\x80.", {"UTF-8"});
}

TEST(HostilePickle, that_promises_what_does_not_follow_takes_no_memory) {
    expect_refused("X\xff\xff\xff\xff.", {"4294967295 bytes", "cut off"});
    expect_refused("B\xff\xff\xff\xff.", {"4294967295 bytes"});
    expect_refused("T\xff\xff\xff\x7f.", {"2147483647 bytes"});
    expect_refused("T\xff\xff\xff\xff.", {"below zero"});
    expect_refused("\x8b\xff\xff\xff\x7f.", {"2147483647 bytes"});
    expect_refused("\x8b\xff\xff\xff\xff.", {"below zero"});
    for (const char* const opcode : {"\x8d", "\x8e", "\x96"}) {
        expect_refused(opcode + std::string(8, '\xff') + ".", {"18446744073709551615 bytes"});
        expect_refused(opcode + std::string(7, '\0') + "\x7f.", {"9151314442816847872 bytes"});
    }
    expect_refused("\x95" + std::string(8, '\xff') + "N.", {"frame", "cut off"});
}

TEST(HostilePickle, nested_deep_is_refused_beyond_the_limit) {
    const auto lists = [](int depth) { return repeated("]", depth) + repeated("a", depth - 1) + "."; };
    EXPECT_EQ(refusal(lists(1000)), "");
    expect_refused(lists(1001), {"1000 deep"});
    expect_refused(lists(100000), {"1000 deep"});
    expect_refused(")" + repeated("\x85", 100000) + ".", {"1000 deep"});
    expect_refused(repeated("}N", 100000) + "}" + repeated("s", 100000) + ".", {"1000 deep"});
    EXPECT_EQ(refusal(lists(10), {.depth = 10}), "");
    expect_refused(lists(11), {"10 deep"}, {.depth = 10});
    // Marks and values that lie on the stack are not nested.
    expect_refused(repeated("(", 100000) + ".", {"values on the stack"});
}

/// Of one kind that holds others, or of them all by turns.
Object nested(int kind, std::size_t depth) {
    constexpr int kinds = 6;
    Object object = 1;
    for (std::size_t i = 0; i < depth; ++i) {
        switch (kind < kinds ? kind : static_cast<int>(i) % kinds) {
            case 0: object = Object::list({object}); break;
            case 1: object = Object::tuple({object}); break;
            case 2: object = Object::dict({{"key", object}}); break;
            case 3: object = Object::instance("shapes", "Point", Object::tuple(), object); break;
            case 4: object = Object::exception("builtins", "ValueError", Object::tuple(), object); break;
            default: object = Object::tuple({Object::frozenset({1}), object}); break;
        }
    }
    return object;
}
TEST_P(HostilePickle, nested_as_deep_as_can_be_does_not_exhaust_the_stack) {
    for (int kind = 0; kind <= 6; ++kind) {
        const Object deep = nested(kind, Object::max_depth - 1);
        const Object again = pickle::loads(pickle::dumps(deep, GetParam()));
        EXPECT_EQ(again, deep) << kind;
        EXPECT_EQ(again.to_string(), deep.to_string()) << kind;
    }
    Object set = Object::frozenset({1});
    // Before protocol 4 there are a list and a tuple around the elements.
    for (std::size_t i = 1; i < Object::max_depth - 2; ++i) set = Object::frozenset({set});
    EXPECT_EQ(pickle::loads(pickle::dumps(set, GetParam())).hash(), set.hash());
}

TEST(HostilePickle, that_multiplies_by_referring_again_is_refused) {
    // Each of them holds the one before ten times.
    std::string lists = "]q\0"s;
    std::string tuples = ")q\0"s;
    for (char i = 1; i < 100; ++i) {
        const std::string again = repeated(std::string{'h', static_cast<char>(i - 1)}, 10);
        lists += "](" + again + "eq" + i;
        tuples += "(" + again + "tq" + i;
    }
    expect_refused(lists + ".", {"1073", "Limits::size"});
    expect_refused(tuples + ".", {"Limits::size"});
    // As keys they would be hashed and compared.
    expect_refused("}" + tuples + "Ns.", {"Limits::size"});
}

TEST(HostilePickle, of_small_values_is_refused_for_the_room_that_they_take_and_no_more) {
    constexpr std::size_t count = 1000, room = count * sizeof(Object);
    for (const std::string& value : {"N"s, "K\x01"s, "G\0\0\0\0\0\0\0\0"s}) {
        const std::string list = "](" + repeated(value, count) + "e.";
        EXPECT_EQ(refusal(list, {.size = room + 256}), "");
        expect_refused(list, {"Limits::size"}, {.size = room});
    }
}

TEST(HostilePickle, that_compares_large_keys_again_and_again_is_refused) {
    // Two tuples that are equal, of 2^12 values each: every time that the second is set, it meets the first.
    const auto tuple = [](char first) {
        std::string made = "K\x01";
        for (char i = 0; i < 12; ++i) made += "2\x86";
        return made + "q" + first;
    };
    const std::string twice = "(" + tuple(1) + tuple(2) + "1}h\x01Ns";
    EXPECT_EQ(refusal(twice + "h\x02Ns.", {.size = 1 << 20}), "");
    expect_refused(twice + repeated("h\x02Ns", 20) + ".", {"Limits::size"}, {.size = 1 << 20});
}

TEST(HostilePickle, that_copies_again_and_again_is_refused) {
    const std::string bytes = std::string("B\0\0\1\0", 5) + std::string(1 << 16, 'x');
    const std::string list = "(" + repeated("K\x01", 1000) + "l";
    const auto calls = [](std::string_view global, std::string_view arguments) {
        return fmt::format(
            "{}q\x01"
            "0c{}q\x02"
            "0{}N.",
            arguments, global, repeated("h\x02h\x01R0", 500));
    };
    const pickle::Limits limits{.size = 1 << 20};
    expect_refused(calls("builtins\nbytearray\n", bytes + "\x85"), {"Limits::size"}, limits);
    expect_refused(calls("builtins\nset\n", list + "\x85"), {"Limits::size"}, limits);
    expect_refused(calls("builtins\nlist\n", list + "\x85"), {"Limits::size"}, limits);
    expect_refused(calls("array\narray\n", "VB\n" + bytes + "\x86"), {"Limits::size"}, limits);
}

TEST(HostilePickle, that_remembers_too_much_is_refused) {
    expect_refused("N" + repeated("\x94", 101) + ".", {"100 values", "Limits::memo"}, {.memo = 100});
    // A large number alone takes no memory.
    EXPECT_EQ(refusal("Nr\xff\xff\xff\xff."), "");
    EXPECT_EQ(refusal("Np18446744073709551\n."), "");
}

TEST(HostilePickle, that_fills_the_stack_is_refused) {
    expect_refused("N" + repeated("2", 100000) + ".", {"Limits::size"}, {.size = 1 << 20});
    expect_refused(repeated("(", 200000) + ".", {"Limits::size"}, {.size = 1 << 20});
}

TEST(HostilePickle, of_a_value_that_contains_itself_is_refused) {
    pickle::register_global("shapes", "Point");
    const char* const why = "contains itself";
    expect_refused("]q\1h\1a."sv, {why});
    expect_refused("](q\1h\1e."sv, {});
    expect_refused("]q\1(h\1h\1e."sv, {why});
    expect_refused("]q\1]q\2h\1ah\2a0h\1h\2a."sv, {why});  // [[...]], in a circle of two
    expect_refused("}q\1K\1h\1s."sv, {why});
    expect_refused("}q\1h\1K\1s."sv, {why});
    expect_refused("\x8fq\1(h\1\x90."sv, {why});
    expect_refused(
        "]q\1h\1\x85"
        "a."sv,
        {why});
    expect_refused(
        "\x80\x02"
        "cshapes\nPoint\n)\x81q\1h\1b."sv,
        {why});
    expect_refused(
        "\x80\x02"
        "cshapes\nPoint\n)\x81q\1}K\1h\1sb."sv,
        {why});
    expect_refused("cbuiltins\nValueError\n(tRq\1h\1b."sv, {why});
}

TEST(HostilePickle, that_adds_to_a_frozenset_is_refused) {
    expect_refused("(\x91(K\1\x90."sv, {"frozenset cannot hold"});
    expect_refused("(\x91q\1(h\1\x90."sv, {"frozenset cannot hold"});
}

TEST(HostilePickle, that_changes_what_lies_in_another_value_is_refused) {
    expect_refused("]q\1]h\1a0h\1K\1a."sv, {"after it was used"});
    // In a tuple too, which may be a key.
    expect_refused(
        "]q\1\x85q\2"
        "0h\1K\1a."sv,
        {"after it was used"});
}

TEST(HostilePickle, of_keys_that_python_cannot_hash_is_refused) {
    expect_refused("}]K\1s."sv, {"cannot hash a list"});
    expect_refused("}]\x85K\1s."sv, {"cannot hash a list"});
    expect_refused("\x8f(}\x90."sv, {"cannot hash a dict"});
    expect_refused("(\x8f\x91."sv, {"cannot hash a set"});
}

TEST(HostilePickle, that_names_anything_unknown_is_refused) {
    expect_refused("cos\nsystem\n(S'true'\ntR.", {"os.system", "unknown", "register_global"});
    expect_refused("cposix\nsystem\n.", {"posix.system"});
    expect_refused("cbuiltins\neval\n(V1\ntR.", {"builtins.eval"});
    expect_refused("c__builtin__\nexec\n.", {"builtins.exec"});
    expect_refused("cbuiltins\ngetattr\n.", {"builtins.getattr"});
    expect_refused("cbuiltins\nset.pop\n.", {"builtins.set.pop"});
    expect_refused("\x8c\x02os\x8c\x06system\x93.", {"os.system"});
    expect_refused("(ios\nsystem\n.", {"os.system"});
    expect_refused("K\1K\2\x93."sv, {"no str"});
    // What it is called does not get into logs as it is.
    expect_refused(
        "\x8c\x08"
        "a\x1b[2J\nb\r\x8c\x01x\x93.",
        {"a\\x1b[2J\\nb\\r.x"});
    expect_refused("c\xff\nx\n.", {"UTF-8"});
    expect_refused("c" + std::string(2000, 'a') + "\nx\n.", {"too long"});
}

TEST(HostilePickle, that_calls_what_is_no_class_is_refused) {
    expect_refused("K\1)R."sv, {"int is called"});
    expect_refused(")(tR."sv, {"tuple is called"});
    expect_refused("cbuiltins\nobject\n(tR.", {"builtins.object"});
    expect_refused("cbuiltins\nint\n(V1\ntR.", {"builtins.int"});
    expect_refused("cnumpy\nndarray\n(tR.", {"numpy.ndarray"});
    expect_refused("ccopyreg\n_reconstructor\n(cbuiltins\nint\ncbuiltins\nobject\nNtR.",
                   {"builtins.int"});
    expect_refused("ccopyreg\n__newobj__\n(tR.", {"copyreg.__newobj__"});
    expect_refused("ccopyreg\n__newobj__\n(K\1tR."sv, {"int is called"});
    expect_refused("cbuiltins\nset\nK\1R."sv, {"builtins.set", "int"});
}

TEST(HostilePickle, that_calls_with_wrong_arguments_is_refused) {
    const auto call = [](const std::string& global, std::string_view arguments) {
        return "c" + global + "\n(" + std::string(arguments) + "tR.";
    };
    expect_refused(call("builtins\nset", "K\1"sv), {"builtins.set", "(int)"});
    expect_refused(call("builtins\nset", "(l(l"), {"(list, list)"});
    expect_refused(call("builtins\nset", "(l(lal"), {});
    expect_refused(call("builtins\nbytearray", "K\1"sv), {"builtins.bytearray"});
    expect_refused(call("builtins\ncomplex", "K\1K\2"sv), {"builtins.complex"});
    expect_refused(call("_codecs\nencode", "Vx\nVutf-16\n"), {"_codecs.encode"});
    expect_refused(call("_codecs\nencode", "V\\u20ac\nVlatin1\n"), {"_codecs.encode"});
    expect_refused(call("array\narray", "Vx\n"), {"typecode"});
    expect_refused(call("array\narray", "VB\n(lI256\na"), {"array.array"});
    expect_refused(call("datetime\ndate",
                        "C\x03"
                        "abc"),
                   {"datetime.date"});
    expect_refused(call("datetime\ndate", "C\x04\xff\xff\xff\xff"), {"no day"});
    expect_refused(call("datetime\ntime", "C\x06\x7f\x7f\x7f\x7f\x7f\x7f"), {"no time"});
    expect_refused(call("datetime\ntimezone", "Vx\n"), {"datetime.timezone"});
    expect_refused(call("datetime\ntimedelta", "I1000000000\n"), {"timedelta"});
    expect_refused(call("datetime\ntimedelta", "L99999999999999999999L\n"), {"datetime.timedelta"});
    expect_refused(call("collections\nOrderedDict", "(lK\1a"sv), {"collections.OrderedDict"});
}

TEST(HostilePickle, with_numpy_arrays_that_are_none_is_refused) {
    const auto dtype = [](const std::string& name) { return "cnumpy\ndtype\n(V" + name + "\ntR"; };
    const auto array = [&](const std::string& type, const std::string& shape, const std::string& bytes) {
        return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\1btR(I1\n(" + shape +
               "t" + dtype(type) + "I00\nC" + static_cast<char>(bytes.size()) + bytes + "tb.";
    };
    EXPECT_EQ(refusal(array("i4", "I1\n", "1234")), "");
    expect_refused(array("i4", "I2\n", "1234"), {"8 bytes, not 4"});
    expect_refused(array("i4", "I-1\n", "1234"), {"shape"});
    expect_refused(array("i4", "L4611686018427387904L\n", "1234"), {"too large"});
    expect_refused(array("i4", repeated("I1\n", 65), "1234"), {"64 dimensions"});
    expect_refused(array("O8", "I1\n", "12345678"), {"no plain dtype"});
    expect_refused(array("V4", "I1\n", "1234"), {"no plain dtype"});
    expect_refused(array("S0", "I1\n", ""), {"no plain dtype"});
    expect_refused("cnumpy.core.multiarray\nscalar\n(" + dtype("f8") +
                       "C\4"
                       "1234tR.",
                   {"8 bytes, not 4"});
    expect_refused("cnumpy.core.multiarray\nscalar\n(" + dtype("U1") + "C\4\xff\xff\xff\xfftR.",
                   {"no character"});
    expect_refused(
        "cnumpy.core.multiarray\nscalar\n(K\1C\4"
        "1234tR."sv,
        {"numpy.dtype is wanted"});
}

TEST(HostilePickle, with_what_is_not_supported_says_what) {
    expect_refused("Pid\n.", {"persistent"});
    expect_refused("K\1Q."sv, {"persistent"});
    expect_refused("\x82\1."sv, {"extensions"});
    expect_refused("\x83\1\1."sv, {"extensions"});
    expect_refused("\x84\1\1\1\1."sv, {"extensions"});
    expect_refused("\x97.", {"out-of-band", "buffer_callback"});
    expect_refused("\x96\0\0\0\0\0\0\0\0\x98."sv, {"out-of-band"});
    expect_refused(
        "\x8c\x06"
        "shapes\x8c\x05Point\x93)}K\1K\1s\x92."sv,
        {});
}

TEST(HostilePickle, that_builds_twice_or_on_nothing_is_refused) {
    pickle::register_global("shapes", "Point");
    expect_refused(
        "\x80\x02"
        "cshapes\nPoint\n)\x81K\1bK\1b."sv,
        {"second state"});
    expect_refused("]K\1b."sv, {"cannot hold"});
}

}  // namespace
