// SPDX-License-Identifier: Apache-2.0

// Whatever the bytes are, loads() makes a value of them or throws SerializationError; and what it made comes
// back from its own pickles of every protocol.

#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <stdexcept>

namespace pickle = procession::pickle;
using procession::Object;

namespace {

// So small that a value which is many times in itself is soon done with; and so deep that the list and the
// tuple which protocols before 4 have around a set's elements are not too deep.
constexpr pickle::Limits limits{.depth = Object::max_depth - 2, .size = std::size_t{1} << 20};

void come_back(const Object& value) {
    // Not ==, as nan equals nothing.
    const auto expected = pickle::dumps(value);
    const std::string text = value.to_string();
    for (int protocol = 0; protocol <= pickle::highest_protocol; ++protocol) {
        const Object again = pickle::loads(pickle::dumps(value, protocol));
        // Protocol 0 has no bits for which nan it is.
        const bool is_same =
            protocol == 0 ? again.to_string() == text : pickle::dumps(again) == expected;
        if (!is_same) throw std::logic_error("another value came back");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    pickle::register_global("fuzz", "Class");
    Object value;
    try {
        value = pickle::loads(std::as_bytes(std::span(data, size)), limits);
    } catch (const procession::SerializationError&) {
        return 0;
    }
    come_back(value);
    return 0;
}
