// SPDX-License-Identifier: Apache-2.0
#include "wire/handshake.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "wire/authentication.hpp"

namespace procession::inline v0::wire {
namespace {

// CPython's words, and its limit for all of them.
constexpr std::string_view challenge_word = "#CHALLENGE#";
constexpr std::string_view welcome = "#WELCOME#";
constexpr std::string_view refusal = "#FAILURE#";
constexpr std::size_t longest_message = 256;
// Ours, before the build-id of a program that wants native messages.
constexpr std::string_view program_word = "#PROCESSION#";

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

bool is(std::span<const std::byte> message, std::string_view text) {
    return std::ranges::equal(message, as_bytes(text));
}

std::optional<std::span<const std::byte>> after(std::string_view word,
                                                std::span<const std::byte> message) {
    if (message.size() < word.size() || !is(message.first(word.size()), word)) return {};
    return message.subspan(word.size());
}

std::vector<std::byte> joined(std::string_view word, std::span<const std::byte> rest) {
    const auto bytes = as_bytes(word);
    std::vector<std::byte> message(bytes.begin(), bytes.end());
    message.insert(message.end(), rest.begin(), rest.end());
    return message;
}

}  // namespace

Handshake::Handshake(Side side, Terms terms) : side_(side), terms_(std::move(terms)) {
    if (!terms_.authkey)
        begin_program();
    else if (side_ == Side::listener)
        send_challenge();
    else
        awaited_ = Awaited::challenge;
}

// The listener lets itself be convinced first, then the client.
void Handshake::take(std::span<const std::byte> message) {
    switch (std::exchange(awaited_, Awaited::nothing)) {
        case Awaited::nothing: return;
        case Awaited::challenge: return take_challenge(message);
        case Awaited::answer: return take_answer(message);
        case Awaited::verdict: return take_verdict(message);
        case Awaited::program: return take_program(message);
    }
}

void Handshake::send_challenge() {
    challenge_ = make_challenge();
    send(joined(challenge_word, challenge_));
    awaited_ = Awaited::answer;
}

void Handshake::take_answer(std::span<const std::byte> answer) {
    if (!is_right_answer(answer, challenge_, *terms_.authkey)) {
        send(as_bytes(refusal));
        return fail("the peer's answer to the challenge is wrong. Give both sides the same authkey");
    }
    send(as_bytes(welcome));
    if (side_ == Side::listener)
        awaited_ = Awaited::challenge;
    else
        begin_program();
}

void Handshake::take_challenge(std::span<const std::byte> message) {
    const auto challenge = after(challenge_word, message);
    if (!challenge)
        return fail("the peer sent no challenge. It must have an authkey too, and speak this protocol");
    const auto answer = answer_challenge(*challenge, *terms_.authkey);
    if (!answer)
        return fail(
            "the peer's challenge asks for no digest that is known here. It must speak the protocol of "
            "Python 3.6 to 3.14");
    send(*answer);
    awaited_ = Awaited::verdict;
}

void Handshake::take_verdict(std::span<const std::byte> message) {
    if (!is(message, welcome))
        return fail("the peer refused the answer to its challenge. Give both sides the same authkey");
    if (side_ == Side::client)
        send_challenge();
    else
        begin_program();
}

void Handshake::begin_program() {
    if (!terms_.program) return;
    send(joined(program_word, as_bytes(*terms_.program)));
    awaited_ = Awaited::program;
}

void Handshake::take_program(std::span<const std::byte> message) {
    const auto program = after(program_word, message);
    if (!program)
        fail(
            "the peer does not speak the native format. Give both sides Format::native, or none of "
            "them");
    else if (!is(*program, *terms_.program))
        fail("the peer is another program. Run the same build at both ends, or use Format::pickle");
}

void Handshake::send(std::span<const std::byte> message) {
    outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
    const FrameHeader header(message.size());
    outgoing_.insert(outgoing_.end(), header.bytes().begin(), header.bytes().end());
    outgoing_.insert(outgoing_.end(), message.begin(), message.end());
}

std::span<std::byte> Handshake::room() {
    return awaited_ == Awaited::nothing ? std::span<std::byte>() : reader_.room(longest_message);
}

void Handshake::received(std::size_t count) {
    reader_.fill(count);
    if (reader_.whole())
        take(reader_.take());
    else if (reader_.room(longest_message).empty())
        fail(
            "the peer sent something else than a handshake. It must speak this protocol, with an "
            "authkey");
}

void Handshake::fail(std::string why) {
    failure_ = std::move(why);
    awaited_ = Awaited::nothing;
}

const char* Handshake::stage() const {
    switch (awaited_) {
        case Awaited::nothing: return "for room to send";
        case Awaited::challenge: return "for its challenge";
        case Awaited::answer: return "for its answer to the challenge";
        case Awaited::verdict: return "for its verdict";
        case Awaited::program: return "for its program's build-id";
    }
    return "";
}

}  // namespace procession::inline v0::wire
