// SPDX-License-Identifier: Apache-2.0
#include <procession/pickle.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cmath>
#include <limits>

#include "support/expect.hpp"
#include "support/pickles.hpp"

namespace {

namespace pickle = procession::pickle;
using namespace procession::test;
using mp::Object;

/// What the bytes say, as Python's repr.
std::string said(std::string_view bytes) { return loads(bytes).to_string(); }
/// The same between the marks of protocol 2 and the end.
std::string made(std::string_view opcodes) { return said(fmt::format("\x80\x02{}.", opcodes)); }

std::string dumped(const Object& object, int protocol) {
    return text_of(pickle::dumps(object, protocol));
}

// ---- reading, opcode by opcode

TEST(Unpickle, reads_the_scalars_of_protocol_0) {
    EXPECT_EQ(said("N."), "None");
    EXPECT_EQ(said("I01\n."), "True");
    EXPECT_EQ(said("I00\n."), "False");
    EXPECT_EQ(said("I-12\n."), "-12");
    EXPECT_EQ(said("L12L\n."), "12");
    EXPECT_EQ(said("L-123456789012345678901234567890L\n."), "-123456789012345678901234567890");
    EXPECT_EQ(said("L0x10L\n."), "16");
    EXPECT_EQ(said("F1.5\n."), "1.5");
    EXPECT_EQ(said("F1e+16\n."), "1e+16");
    EXPECT_EQ(said("Finf\n."), "inf");
    EXPECT_EQ(said("F-inf\n."), "-inf");
    EXPECT_EQ(said("Fnan\n."), "nan");
}

TEST(Unpickle, reads_text_of_protocol_0) {
    EXPECT_EQ(said("Vtext\n."), "'text'");
    EXPECT_EQ(said("V\\u20ac\\U0001f600\\u005c\\u000a\n."), "'\u20ac\U0001f600\\\\\\n'");
    // All else is Latin-1, also a backslash before another letter.
    EXPECT_EQ(said("V\xe9\\x\n."), "'\u00e9\\\\x'");
    EXPECT_EQ(said("S'it\\'s'\n."), "\"it's\"");
    EXPECT_EQ(said("S\"a\\n\\x41\\101\"\n."), "'a\\nAA'");
}

TEST(Unpickle, reads_strings_of_python_2_as_text_if_ascii_else_as_bytes) {
    EXPECT_EQ(said("S'ascii'\n."), "'ascii'");
    EXPECT_EQ(said("S'\\xff'\n."), "b'\\xff'");
    EXPECT_EQ(said("U\x02hi."), "'hi'");
    EXPECT_EQ(said("U\x01\xff."), "b'\\xff'");
    EXPECT_EQ(said(std::string("T\x02\0\0\0hi.", 8)), "'hi'");
}

TEST(Unpickle, reads_containers_of_protocol_0) {
    EXPECT_EQ(said("(lI1\na(lI2\naa."), "[1, [2]]");
    EXPECT_EQ(said("(I1\nI2\nl."), "[1, 2]");
    EXPECT_EQ(said("(t."), "()");
    EXPECT_EQ(said("(I1\nt."), "(1,)");
    EXPECT_EQ(said("(dp0\nVa\nI1\ns."), "{'a': 1}");
    EXPECT_EQ(said("(Va\nI1\nVb\nI2\nd."), "{'a': 1, 'b': 2}");
}

TEST(Unpickle, reads_binary_numbers) {
    EXPECT_EQ(said("K\xff."), "255");
    EXPECT_EQ(said("M\xff\xff."), "65535");
    EXPECT_EQ(said("J\xfe\xff\xff\xff."), "-2");
    EXPECT_EQ(said(std::string("G?\xf8\0\0\0\0\0\0.", 10)), "1.5");
    EXPECT_EQ(made(std::string("\x8a\0", 2)), "0");
    EXPECT_EQ(made("\x8a\x01\xff"), "-1");
    EXPECT_EQ(made(std::string("\x8a\x09\0\0\0\0\0\0\0\0\x01", 11)), "18446744073709551616");
    EXPECT_EQ(made(std::string("\x8b\x02\0\0\0\0\x80", 7)), "-32768");
    EXPECT_EQ(made("\x88"), "True");
    EXPECT_EQ(made("\x89"), "False");
}

TEST(Unpickle, reads_binary_text_and_bytes) {
    EXPECT_EQ(said(std::string("X\x03\0\0\0\xe2\x82\xac.", 9)), "'\u20ac'");
    EXPECT_EQ(said("\x8c\x02hi."), "'hi'");
    EXPECT_EQ(said(std::string("\x8d\x02\0\0\0\0\0\0\0hi.", 12)), "'hi'");
    EXPECT_EQ(said("C\x02hi."), "b'hi'");
    EXPECT_EQ(said(std::string("B\x02\0\0\0hi.", 8)), "b'hi'");
    EXPECT_EQ(said(std::string("\x8e\x02\0\0\0\0\0\0\0hi.", 12)), "b'hi'");
    EXPECT_EQ(said(std::string("\x96\x02\0\0\0\0\0\0\0hi.", 12)), "bytearray(b'hi')");
}

TEST(Unpickle, keeps_lone_surrogates_as_python_does) {
    const Object text = loads("\x8c\x03\xed\xa0\x80.");
    EXPECT_EQ(text.to_string(), "'\\ud800'");
    EXPECT_EQ(text.size(), 1u);
    EXPECT_EQ(dumped(text, 4), "\x80\x04\x8c\x03\xed\xa0\x80.");
    EXPECT_EQ(dumped(text, 0), "V\\ud800\n.");
}

TEST(Unpickle, reads_binary_containers) {
    EXPECT_EQ(said("]K\x01"
                   "a."),
              "[1]");
    EXPECT_EQ(said("](K\x01K\x02"
                   "e."),
              "[1, 2]");
    EXPECT_EQ(said(")."), "()");
    EXPECT_EQ(made("K\x01\x85"), "(1,)");
    EXPECT_EQ(made("K\x01K\x02\x86"), "(1, 2)");
    EXPECT_EQ(made("K\x01K\x02K\x03\x87"), "(1, 2, 3)");
    EXPECT_EQ(said("}(K\x01K\x02K\x03K\x04u."), "{1: 2, 3: 4}");
    EXPECT_EQ(said("\x8f(K\x01K\x02\x90."), "{1, 2}");
    EXPECT_EQ(said("(K\x01\x91."), "frozenset({1})");
    EXPECT_EQ(said("(\x91."), "frozenset()");
}

TEST(Unpickle, moves_values_on_its_stack) {
    EXPECT_EQ(said("K\x01K\x02"
                   "0."),
              "1");
    EXPECT_EQ(said("K\x01(0."), "1");  // a mark goes likewise
    EXPECT_EQ(said("K\x01(K\x02K\x03"
                   "1."),
              "1");
    EXPECT_EQ(made("K\x01"
                   "2\x86"),
              "(1, 1)");
}

TEST(Unpickle, finds_values_again) {
    EXPECT_EQ(made("]p5\nK\x01"
                   "ag5\n\x86"),
              "([1], [1])");
    EXPECT_EQ(made("]q\x05K\x01"
                   "ah\x05\x86"),
              "([1], [1])");
    EXPECT_EQ(made(std::string("]r\x05\0\0\0K\x01"
                               "aj\x05\0\0\0\x86",
                               15)),
              "([1], [1])");
    EXPECT_EQ(made(std::string("]\x94K\x01"
                               "ah\0\x86",
                               8)),
              "([1], [1])");
    // They are values: one is changed without the other.
    Object pair =
        loads(std::string("]\x94K\x01"
                          "ah\0\x86.",
                          9));
    Object first = pair[0];
    first.append(2);
    EXPECT_EQ(first.to_string(), "[1, 2]");
    EXPECT_EQ(pair.to_string(), "([1], [1])");
}

TEST(Unpickle, takes_frames_as_they_come) {
    EXPECT_EQ(said(std::string("\x80\x04\x95\x02\0\0\0\0\0\0\0K\x01.", 14)), "1");
}

TEST(Unpickle, makes_what_python_makes_by_calling) {
    EXPECT_EQ(said("cbuiltins\nset\n((lI1\natR."), "{1}");
    EXPECT_EQ(said("c__builtin__\nfrozenset\n((lI1\natR."), "frozenset({1})");
    EXPECT_EQ(said("cbuiltins\ncomplex\n(F1.0\nF2.0\ntR."), "(1+2j)");
    EXPECT_EQ(said("c_codecs\nencode\n(V\xff\nVlatin1\ntR."), "b'\\xff'");
    EXPECT_EQ(said("cbuiltins\nbytes\n(tR."), "b''");
    EXPECT_EQ(said("cbuiltins\nbytearray\n(V\xff\nVlatin-1\ntR."), "bytearray(b'\\xff')");
    EXPECT_EQ(said("ccollections\nOrderedDict\n(tRVa\nI1\ns."), "{'a': 1}");
    EXPECT_EQ(said("ccollections\nOrderedDict\n((l(lVa\naI1\naatR."), "{'a': 1}");
    EXPECT_EQ(said("cbuiltins\nlist\n((lI1\natR."), "[1]");
    EXPECT_EQ(said("cbuiltins\nslice\n(I2\nI5\nNtR."), "slice(2, 5, None)");
    EXPECT_EQ(said("carray\narray\n(Vi\n(lI5\naI1\natR."), "array('i', [5, 1])");
    EXPECT_EQ(said("carray\narray\n(Vu\nVab\ntR."), "array('u', 'ab')");
    EXPECT_EQ(said("cdatetime\ntimedelta\n(I1\nI2\nI3\ntR."),
              "datetime.timedelta(days=1, seconds=2, microseconds=3)");
}

TEST(Unpickle, reads_arrays_of_other_machines) {
    const auto array = [](char typecode, int format, std::string_view bytes) {
        return said(fmt::format("carray\n_array_reconstructor\n(carray\narray\nV{}\nI{}\nC{}{}tR.",
                                typecode, format, static_cast<char>(bytes.size()), bytes));
    };
    using namespace std::string_view_literals;
    EXPECT_EQ(array('i', 8, "\x01\0\0\0\xff\xff\xff\xff"sv), "array('i', [1, -1])");
    EXPECT_EQ(array('i', 9, "\0\0\0\x01\xff\xff\xff\xfe"sv), "array('i', [1, -2])");
    EXPECT_EQ(array('l', 8, "\x01\0\0\0\xff\xff\xff\xff"sv),
              "array('l', [1, -1])");  // a long of 4 bytes
    EXPECT_EQ(array('Q', 6, "\xff\xff\xff\xff"sv), "array('Q', [4294967295])");
    EXPECT_EQ(array('d', 17, "?\xf8\0\0\0\0\0\0"sv), "array('d', [1.5])");
    EXPECT_EQ(array('u', 21, "\0\0\0a"sv), "array('u', 'a')");
    EXPECT_THROW(array('h', 8, "\0\0\x01\0"sv), mp::SerializationError);  // 65536 is no short
    EXPECT_THROW(array('u', 18, "a\0"sv), mp::SerializationError);        // UTF-16
    EXPECT_THROW(array('i', 22, "\0\0\0\0"sv), mp::SerializationError);   // there is no such format
    EXPECT_THROW(array('i', 8, "\0\0\0\0\0"sv), mp::SerializationError);  // a part of an element
    EXPECT_THROW(array('u', 20, "\xff\xff\xff\xff"sv), mp::SerializationError);
}

TEST(Unpickle, reads_exceptions_by_the_names_of_either_python) {
    EXPECT_EQ(said("cbuiltins\nValueError\n(Vx\ntR."), "ValueError('x')");
    EXPECT_EQ(said("cexceptions\nValueError\n(Vx\ntR."), "ValueError('x')");
    EXPECT_EQ(said("cQueue\nFull\n(tR."), "Full()");
    const Object missing = loads("cexceptions\nOSError\n(I2\nVno such\nVname\ntR.");
    EXPECT_EQ(missing.to_string(), "FileNotFoundError(2, 'no such')");
    EXPECT_EQ(missing.args().size(), 3u);
    const Object noted = loads("cbuiltins\nValueError\n(Vx\ntR(dVnote\nI1\nsb.");
    EXPECT_EQ(noted.state()["note"].as<int>(), 1);
}

class UnpickleOfRegistered : public testing::Test {
  protected:
    void SetUp() override { pickle::register_global("shapes", "Point"); }
};

TEST_F(UnpickleOfRegistered, makes_instances_in_every_way_that_python_has) {
    const std::string state = "(dVx\nI1\nsb.";
    const Object point = loads(
        "\x80\x02"
        "cshapes\nPoint\n)\x81" +
        state);
    EXPECT_TRUE(point.is_instance());
    EXPECT_EQ(point.type(), "Point");
    EXPECT_EQ(point.module(), "shapes");
    EXPECT_EQ(point.state()["x"].as<int>(), 1);
    EXPECT_EQ(point,
              loads("ccopy_reg\n_reconstructor\n(cshapes\nPoint\nc__builtin__\nobject\nNtR" + state));
    EXPECT_EQ(point, loads("ccopyreg\n__newobj__\n(cshapes\nPoint\ntR" + state));
    EXPECT_EQ(point, loads("ccopyreg\n__newobj_ex__\n(cshapes\nPoint\n(t(dtR" + state));
    EXPECT_EQ(point, loads("(ishapes\nPoint\n" + state));
    EXPECT_EQ(point, loads("(cshapes\nPoint\no" + state));
    EXPECT_EQ(point, loads("\x80\x04\x8c\x06shapes\x8c\x05Point\x93)}\x92" + state));
    EXPECT_EQ(point, Object::instance("shapes", "Point", Object::tuple(), Object::dict({{"x", 1}})));
}

TEST_F(UnpickleOfRegistered, tells_calls_from_new_ones) {
    const Object called = loads("cshapes\nPoint\n(I1\ntR.");
    EXPECT_EQ(called.made(), Object::Made::by_call);
    EXPECT_EQ(called.to_string(), "Point(1)");
    EXPECT_EQ(called, loads("(I1\nishapes\nPoint\n."));
    EXPECT_NE(called, loads("\x80\x02"
                            "cshapes\nPoint\n(I1\nt\x81."));
}

TEST_F(UnpickleOfRegistered, makes_a_class_itself_a_global) {
    const Object type = loads("cshapes\nPoint\n.");
    EXPECT_TRUE(type.is_global());
    EXPECT_EQ(type.to_string(), "<class 'shapes.Point'>");
    EXPECT_TRUE(pickle::is_registered("shapes", "Point"));
    EXPECT_FALSE(pickle::is_registered("shapes", "Circle"));
}

TEST(Unpickle, reads_arrays_of_either_numpy) {
    const std::string dtype = "cnumpy\ndtype\n(Vf8\nI00\nI01\ntR(I3\nV<\nNNNI-1\nI-1\nI0\ntb";
    for (const char* const module : {"numpy.core", "numpy._core"}) {
        const Object one = loads(fmt::format("c{}.multiarray\nscalar\n({}C\x08{}tR.", module, dtype,
                                             std::string("\0\0\0\0\0\0\xf8?", 8)));
        EXPECT_EQ(one.to_string(), "1.5");
        const Object array =
            loads(fmt::format("c{}.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01"
                              "btR(I1\n(I1\nt{}I00\nC\x08{}tb.",
                              module, dtype, std::string(8, '\0')));
        EXPECT_EQ(array.to_string(), "<ndarray float64 (1,)>");
        const Object from_buffer = loads(fmt::format("c{}.numeric\n_frombuffer\n(C\x08{}{}(I1\ntVC\ntR.",
                                                     module, std::string(8, '\0'), dtype));
        EXPECT_EQ(from_buffer, array);
        EXPECT_EQ(array.as<Object::NdArray>().dtype, "<f8");
        EXPECT_EQ(array.size(), 1u);
    }
}

// ---- writing

TEST(Pickle, writes_what_python_writes_but_for_frames_and_remembering) {
    const Object value = Object::list({1, "a", nullptr});
    EXPECT_EQ(dumped(value, 0), "(lI1\naVa\naNa.");
    EXPECT_EQ(dumped(value, 1), std::string("](K\x01X\x01\0\0\0aNe.", 13));
    EXPECT_EQ(dumped(value, 2), std::string("\x80\x02](K\x01X\x01\0\0\0aNe.", 15));
    EXPECT_EQ(dumped(value, 3), std::string("\x80\x03](K\x01X\x01\0\0\0aNe.", 15));
    EXPECT_EQ(dumped(value, 4),
              "\x80\x04](K\x01\x8c\x01"
              "aNe.");
    EXPECT_EQ(dumped(value, 5),
              "\x80\x05](K\x01\x8c\x01"
              "aNe.");
}

TEST(Pickle, writes_the_requests_of_managers_as_they_want_them) {
    const auto request = [](Object ident, const char* function, Object arguments) {
        return dumped(Object::tuple({std::move(ident), function, std::move(arguments), Object::dict()}),
                      4);
    };
    EXPECT_EQ(request(nullptr, "create", Object::tuple({"list"})),
              "\x80\x04(N\x8c\x06"
              "create\x8c\x04list\x85}t.");
}

TEST(Pickle, writes_long_sequences_in_batches) {
    const Object list = Object::list(std::vector<int>(2500, 1));
    const std::string bytes = dumped(list, 4);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '('), 3);
    EXPECT_EQ(loads(bytes), list);
}

TEST(Pickle, refuses_protocols_that_are_none) {
    for (const int protocol : {-1, 6}) {
        try {
            static_cast<void>(pickle::dumps(1, protocol));
            FAIL();
        } catch (const mp::ValueError& error) {
            expect_parts(error.what(), {"pickle::dumps", fmt::format("{}", protocol).c_str(), "0 to 5"});
        }
    }
}

TEST(Pickle, does_not_let_a_name_end_its_line) {
    const Object evil = Object::global("os\nsystem", "x");
    EXPECT_THROW(static_cast<void>(pickle::dumps(evil, 3)), mp::ValueError);
    EXPECT_EQ(dumped(evil, 4), "\x80\x04\x8c\x09os\nsystem\x8c\x01x\x93.");
}

TEST(Pickle, brings_every_kind_back_by_every_protocol) {
    pickle::register_global("shapes", "Point");
    const procession::TimeZone zone{procession::TimeDelta(0, 3600, 0), "there"};
    const std::vector<Object> values = {
        nullptr,
        true,
        0,
        -1,
        255,
        256,
        65536,
        std::int64_t{1} << 40,
        std::numeric_limits<std::uint64_t>::max(),
        1.5,
        Object::Complex{-0.0, 2},
        "text",
        "\u20ac",
        "line\nend\\u0041",
        Object(Object::Bytes(300)),
        Object::bytearray(Object::Bytes(3)),
        Object::list({1, Object::list()}),
        Object::tuple(),
        Object::tuple({1}),
        Object::tuple({1, 2, 3, 4}),
        Object::dict({{"a", 1}, {2, Object::dict()}}),
        Object::set({1, "a"}),
        Object::frozenset({Object::tuple({1})}),
        Object::array<double>(std::vector<double>{1.5}),
        Object(Object::NdArray{"<i2", {2, 1}, Object::Bytes(4), true}),
        procession::Date{2020, 1, 2},
        procession::Time{1, 2, 3, 4, zone, 1},
        procession::DateTime{{2020, 1, 2}, {3, 4}},
        procession::TimeDelta(-1, 2, 3),
        zone,
        Object::exception("ValueError", {"x"}),
        Object::instance("shapes", "Point", Object::tuple({1}), Object::dict({{"x", 1}})),
        Object::instance("shapes", "Point", Object::tuple({1}), {}, Object::Made::by_call),
        Object::global("shapes", "Point"),
    };
    for (const Object& value : values)
        for (int protocol = 0; protocol <= pickle::highest_protocol; ++protocol) {
            const Object again = pickle::loads(pickle::dumps(value, protocol));
            EXPECT_EQ(again, value) << protocol;
            EXPECT_EQ(again.kind(), value.kind()) << protocol;
            EXPECT_EQ(again.to_string(), value.to_string()) << protocol;
        }
}

}  // namespace
