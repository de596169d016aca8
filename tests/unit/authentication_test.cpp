// SPDX-License-Identifier: Apache-2.0
#include "wire/authentication.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "support/expect.hpp"
#include "wire/handshake.hpp"

namespace {

using procession::AuthKey;
using procession::test::expect_parts;
using procession::wire::answer_challenge;
using procession::wire::FrameHeader;
using procession::wire::Handshake;
using procession::wire::is_right_answer;
using procession::wire::make_challenge;
using procession::wire::Side;
using Bytes = std::vector<std::byte>;

const AuthKey secret("secret");

Bytes bytes_of(std::string_view text) {
    const auto span = std::as_bytes(std::span(text));
    return {span.begin(), span.end()};
}
Bytes operator+(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}
Bytes from_hex(std::string_view hex) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return bytes;
}
/// Bytes that count up.
Bytes counted(std::size_t count, int first = 0x40) {
    Bytes bytes;
    for (std::size_t i = 0; i < count; ++i)
        bytes.push_back(static_cast<std::byte>(first + static_cast<int>(i)));
    return bytes;
}

// ---------------------------------------------------------------- challenges and answers

// What CPython answers: 3.11 to a bare challenge, 3.13 to the others.
TEST(Authentication, answers_as_cpython_does) {
    const auto answer = [](const char* prefix, std::size_t random, const AuthKey& key) {
        return answer_challenge(bytes_of(prefix) + counted(random), key);
    };
    EXPECT_EQ(answer("", 20, secret), from_hex("14ec56402aa6b6d8629d67848ffdfa71"));
    EXPECT_EQ(answer("", 20, AuthKey("")), from_hex("686e46ebf6562f950f29f59d2c60dd69"));
    EXPECT_EQ(answer("{md5}", 40, secret),
              bytes_of("{md5}") + from_hex("137cd13ab34e0847604110853ec1048a"));
    EXPECT_EQ(answer("{sha256}", 40, secret),
              bytes_of("{sha256}") +
                  from_hex("86ee889301f50c0623fcbcfa57962db6c25c73e7a8e6490939a4a0bf7c018fd7"));
    EXPECT_EQ(answer("{sha384}", 40, secret),
              bytes_of("{sha384}") +
                  from_hex("ac5fb3aedfd07a5321eff9fa5e48c3c07f0e7af7674f70d612aa5db9e2674f509"
                           "f3c7ec9c0c1b1953e7a835c656615c1"));
    EXPECT_EQ(answer("{sha3_256}", 40, secret),
              bytes_of("{sha3_256}") +
                  from_hex("fa87af9e2d7d86c584e45f996cadb1f1badce88067c114f3ef080696061b91a7"));
    EXPECT_EQ(answer("{sha3_384}", 40, secret),
              bytes_of("{sha3_384}") +
                  from_hex("b73fc609d93cae0edbb8bfc739b391ea27c1a9b48d7e26b39a53608e06d1c0561"
                           "36ac996b07309e3bcca0090bc01ba02"));
}

TEST(Authentication, answers_nothing_that_is_no_challenge) {
    EXPECT_FALSE(answer_challenge({}, secret));
    EXPECT_FALSE(answer_challenge(counted(19), secret));
    EXPECT_FALSE(answer_challenge(counted(21), secret));
    EXPECT_FALSE(answer_challenge(bytes_of("{sha512}") + counted(40), secret));
    EXPECT_FALSE(answer_challenge(bytes_of("{sha256") + counted(40), secret));
}

// conformance: auth.challenge_response
TEST(Authentication, test_challengeresponse) {
    for (const char* const prefix : {"", "{md5}", "{sha256}"}) {
        const Bytes challenge = bytes_of(prefix) + counted(20);
        const auto answer = answer_challenge(challenge, secret);
        ASSERT_TRUE(answer);
        EXPECT_TRUE(std::ranges::equal(std::span(*answer).first(std::string_view(prefix).size()),
                                       bytes_of(prefix)));
        EXPECT_TRUE(is_right_answer(*answer, challenge, secret));
        EXPECT_FALSE(is_right_answer(*answer, challenge, AuthKey("other")));
    }
}

TEST(Authentication, accepts_the_answers_of_both_generations_to_its_own_challenge) {
    const Bytes challenge = bytes_of("{sha256}") + counted(40);
    // A 3.11 client answers whatever it is sent like this.
    EXPECT_TRUE(is_right_answer(from_hex("7b60af171ef570fb6b90468ef0bd5677"), challenge, secret));
    EXPECT_TRUE(is_right_answer(*answer_challenge(challenge, secret), challenge, secret));
    // Of digests that are known, any will do, not only the one that was asked for.
    const auto longer = *answer_challenge(bytes_of("{sha384}") + counted(40), secret);
    EXPECT_TRUE(is_right_answer(longer, bytes_of("{sha384}") + counted(40), secret));
}

TEST(Authentication, accepts_no_answer_that_differs_in_any_byte_or_length) {
    const Bytes challenge = make_challenge();
    const Bytes answer = *answer_challenge(challenge, secret);
    for (std::size_t i = 0; i < answer.size(); ++i) {
        Bytes changed = answer;
        changed[i] ^= std::byte{1};
        EXPECT_FALSE(is_right_answer(changed, challenge, secret)) << i;
        changed = answer;
        changed.resize(i);
        EXPECT_FALSE(is_right_answer(changed, challenge, secret)) << i;
    }
    EXPECT_FALSE(is_right_answer(answer + Bytes(1), challenge, secret));
    EXPECT_FALSE(is_right_answer({}, challenge, secret));
}

TEST(Authentication, challenges_are_as_those_of_cpython_and_never_the_same) {
    const Bytes challenge = make_challenge();
    EXPECT_EQ(challenge.size(), 48u);
    EXPECT_TRUE(std::ranges::equal(std::span(challenge).first(8), bytes_of("{sha256}")));
    EXPECT_NE(challenge, make_challenge());
}

// ---------------------------------------------------------------- the dialogue

Bytes frame(const Bytes& message) {
    const FrameHeader header(message.size());
    return Bytes(header.bytes().begin(), header.bytes().end()) + message;
}
Bytes frame(std::string_view text) { return frame(bytes_of(text)); }

Bytes take_sent(Handshake& side) {
    Bytes sent(side.to_send().begin(), side.to_send().end());
    side.sent(sent.size());
    return sent;
}
/// @returns what it did not want
Bytes give(Handshake& side, const Bytes& bytes, std::size_t piece = 1000) {
    std::span<const std::byte> left = bytes;
    while (!left.empty() && !side.room().empty()) {
        const auto next = left.first(std::min({left.size(), side.room().size(), piece}));
        std::ranges::copy(next, side.room().begin());
        side.received(next.size());
        left = left.subspan(next.size());
    }
    return {left.begin(), left.end()};
}
/// Carries what the two say to each other, until neither says more.
void carry(Handshake& one, Handshake& other, std::size_t piece) {
    while (!one.to_send().empty() || !other.to_send().empty()) {
        EXPECT_TRUE(give(other, take_sent(one), piece).empty());
        EXPECT_TRUE(give(one, take_sent(other), piece).empty());
    }
}

TEST(Handshake, succeeds_when_both_have_the_key) {
    for (const AuthKey& key : {secret, AuthKey(""), AuthKey(std::string(1000, '\0'))})
        for (const std::size_t piece : {1u, 7u, 1000u}) {
            Handshake listener(Side::listener, {key}), client(Side::client, {key});
            EXPECT_FALSE(listener.done() || client.done());
            carry(listener, client, piece);
            EXPECT_TRUE(listener.done() && client.done());
            EXPECT_EQ(listener.failure() + client.failure(), "");
        }
}

TEST(Handshake, without_terms_says_nothing) {
    for (const Side side : {Side::listener, Side::client}) EXPECT_TRUE(Handshake(side, {}).done());
}

TEST(Handshake, fails_on_both_sides_when_the_keys_differ) {
    Handshake listener(Side::listener, {secret}), client(Side::client, {AuthKey("Secret")});
    carry(listener, client, 1000);
    EXPECT_TRUE(listener.done() && client.done());
    expect_parts(listener.failure(), {"answer to the challenge is wrong", "same authkey"});
    expect_parts(client.failure(), {"refused", "same authkey"});
}

// Word by word what CPython 3.13 sends, with its random bytes fixed.
TEST(Handshake, client_follows_the_dialogue_of_cpython) {
    Handshake client(Side::client, {secret});
    EXPECT_TRUE(give(client, frame(bytes_of("#CHALLENGE#{sha256}") + counted(40))).empty());
    EXPECT_EQ(take_sent(client),
              frame(bytes_of("{sha256}") +
                    from_hex("86ee889301f50c0623fcbcfa57962db6c25c73e7a8e6490939a4a0bf7c018fd7")));
    EXPECT_TRUE(give(client, frame("#WELCOME#")).empty());
    const Bytes sent = take_sent(client);
    ASSERT_EQ(sent.size(), 4u + 59);
    const Bytes challenge(sent.begin() + 4 + 11, sent.end());
    // What follows is the first message, and nobody's here.
    const Bytes answer = frame(*answer_challenge(challenge, secret)), message = frame("hello");
    EXPECT_EQ(give(client, answer + message), message);
    EXPECT_EQ(take_sent(client), frame("#WELCOME#"));
    EXPECT_TRUE(client.done());
    EXPECT_EQ(client.failure(), "");
}

TEST(Handshake, listener_follows_the_dialogue_of_the_older_cpython) {
    Handshake listener(Side::listener, {secret});
    const Bytes sent = take_sent(listener);
    ASSERT_EQ(sent.size(), 4u + 59);
    EXPECT_TRUE(std::ranges::equal(std::span(sent).subspan(4, 19), bytes_of("#CHALLENGE#{sha256}")));
    // It answers with a bare HMAC-MD5 of whatever it is sent; a challenge of 20 bytes gets the same.
    const Bytes as_md5 =
        *answer_challenge(bytes_of("{md5}") + Bytes(sent.begin() + 4 + 11 + 8, sent.end()), secret);
    ASSERT_EQ(as_md5.size(), 21u);
    EXPECT_TRUE(give(listener, frame(Bytes(16))).empty());
    EXPECT_FALSE(listener.failure().empty());

    Handshake client(Side::client, {secret});
    EXPECT_TRUE(give(client, frame(bytes_of("#CHALLENGE#") + counted(20))).empty());
    EXPECT_EQ(take_sent(client), frame(from_hex("14ec56402aa6b6d8629d67848ffdfa71")));
}

// conformance: auth.answer_garbage
TEST(Handshake, test_answer_challenge_auth_failure) {
    Handshake at_once(Side::client, {secret});
    EXPECT_TRUE(give(at_once, frame("#CHALLENGE#")).empty());
    EXPECT_TRUE(at_once.done());
    expect_parts(at_once.failure(), {"challenge", "digest"});

    Handshake later(Side::client, {secret});
    give(later, frame(bytes_of("#CHALLENGE#") + counted(20)));
    take_sent(later);
    give(later, frame("something bogus"));
    EXPECT_TRUE(later.done());
    expect_parts(later.failure(), {"refused", "authkey"});
}

TEST(Handshake, refuses_what_is_none) {
    const auto failure_of = [](Side side, const Bytes& bytes) {
        Handshake handshake(side, {secret});
        take_sent(handshake);
        give(handshake, bytes);
        take_sent(handshake);
        EXPECT_TRUE(handshake.done());
        return handshake.failure();
    };
    for (const Side side : {Side::listener, Side::client}) {
        expect_parts(failure_of(side, bytes_of("GET / HTTP/1.1\r\n")), {"something else", "protocol"});
        expect_parts(failure_of(side, from_hex("ffffffff00000000c0000000")), {"something else"});
        expect_parts(failure_of(side, from_hex("00000101")), {"something else"});
        EXPECT_NE(failure_of(side, frame("")), "");
        EXPECT_NE(failure_of(side, frame(std::string(256, 'x'))), "");
    }
    expect_parts(failure_of(Side::client, frame("hello")), {"no challenge", "authkey"});
    // CPython takes frames of 256 bytes and no longer ones.
    Handshake client(Side::client, {secret});
    give(client, frame(bytes_of("#CHALLENGE#{sha256}") + Bytes(237)));
    EXPECT_FALSE(client.done());
    EXPECT_EQ(client.failure(), "");
}

// Who sends its own challenge back and hopes for the answer gets none before it has proved the key.
TEST(Handshake, listener_answers_nothing_before_it_is_convinced) {
    Handshake listener(Side::listener, {secret});
    const Bytes challenge = take_sent(listener);
    give(listener, challenge);
    EXPECT_EQ(take_sent(listener), frame("#FAILURE#"));
    EXPECT_NE(listener.failure(), "");
}

TEST(Handshake, of_native_ends_is_for_the_same_program) {
    const auto run = [](const Handshake::Terms& ours, const Handshake::Terms& theirs) {
        Handshake listener(Side::listener, ours), client(Side::client, theirs);
        carry(listener, client, 1000);
        EXPECT_EQ(listener.failure(), client.failure());
        return listener.failure();
    };
    const std::string one(20, 'a'), another(20, 'b');
    EXPECT_EQ(run({secret, one}, {secret, one}), "");
    EXPECT_EQ(run({{}, one}, {{}, one}), "");
    expect_parts(run({secret, one}, {secret, another}), {"another program", "Format::pickle"});
}

TEST(Handshake, of_a_native_and_another_end_fails_at_the_native_one) {
    Handshake native(Side::listener, {{}, std::string(20, 'a')});
    take_sent(native);
    give(native, frame("hello"));
    EXPECT_TRUE(native.done());
    expect_parts(native.failure(), {"native format", "Format::native"});
}

TEST(Handshake, says_what_it_waits_for) {
    Handshake client(Side::client, {secret});
    EXPECT_STREQ(client.stage(), "for its challenge");
    Handshake listener(Side::listener, {secret});
    EXPECT_STREQ(listener.stage(), "for its answer to the challenge");
}

}  // namespace
