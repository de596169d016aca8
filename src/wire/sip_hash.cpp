// SPDX-License-Identifier: Apache-2.0
#include "wire/sip_hash.hpp"

#include <sys/random.h>

#include <array>
#include <bit>
#include <cstring>

#include "os/error.hpp"

namespace procession::inline v0::detail {
namespace {

using Key = std::array<std::uint64_t, 2>;

const Key& key() {
    static const Key drawn = [] {
        Key random;
        const auto draw = [&] { return ::getrandom(random.data(), sizeof random, 0); };
        os::checked(os::retry_on_signal(draw), "Object", "getrandom");
        return random;
    }();
    return drawn;
}

struct State {
    std::uint64_t a, b, c, d;

    void round() {
        a += b;
        c += d;
        b = std::rotl(b, 13) ^ a;
        d = std::rotl(d, 16) ^ c;
        a = std::rotl(a, 32);
        c += b;
        a += d;
        b = std::rotl(b, 17) ^ c;
        d = std::rotl(d, 21) ^ a;
        c = std::rotl(c, 32);
    }
    void take(std::uint64_t word) {
        d ^= word;
        round();
        a ^= word;
    }
};

}  // namespace

std::uint64_t sip_hash(std::uint64_t tag, std::span<const std::byte> bytes) {
    const auto [first, second] = key();
    State state{first ^ 0x736f6d6570736575, second ^ 0x646f72616e646f6d, first ^ 0x6c7967656e657261,
                second ^ 0x7465646279746573};
    state.take(tag);
    const std::size_t length = bytes.size();
    for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), sizeof word);
        state.take(word);
    }
    std::uint64_t last = std::uint64_t{length} << 56;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        last |= std::to_integer<std::uint64_t>(bytes[i]) << 8 * i;
    state.take(last);
    state.c ^= 0xff;
    for (int i = 0; i < 3; ++i) state.round();
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace procession::inline v0::detail
