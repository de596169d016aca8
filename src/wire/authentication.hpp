// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/authkey.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace procession::inline v0::wire {

// How CPython's processes prove that they have the same key: one sends a challenge, the other answers with
// its HMAC. Until 3.11 a challenge is 20 random bytes and the answer a bare HMAC-MD5; from 3.12 on either
// begins with the digest's name in braces, and each side still understands the older one.

/// Random bytes, with the digest that is wanted for the answer.
std::vector<std::byte> make_challenge();

/// The answer in the challenge's own style; none to what is no challenge.
std::optional<std::vector<std::byte>> answer_challenge(std::span<const std::byte> challenge,
                                                       const AuthKey&);

/// Whether the answer proves the key. Takes a time that does not depend on where they differ.
bool is_right_answer(std::span<const std::byte> answer, std::span<const std::byte> challenge,
                     const AuthKey&);

}  // namespace procession::inline v0::wire
