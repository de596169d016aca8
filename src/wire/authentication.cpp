// SPDX-License-Identifier: Apache-2.0
#include "wire/authentication.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace procession::inline v0::wire {
namespace {

constexpr std::string_view own_digest = "{sha256}";
constexpr std::size_t random_size = 40;
constexpr std::size_t legacy_challenge = 20;
constexpr std::size_t legacy_answer = 16;

struct Digest {
    std::string_view prefix;
    const EVP_MD* (*algorithm)();
};
constexpr Digest md5{"{md5}", EVP_md5}, sha256{"{sha256}", EVP_sha256};
constexpr std::array digests{md5, sha256, Digest{"{sha384}", EVP_sha384},
                             Digest{"{sha3_256}", EVP_sha3_256}, Digest{"{sha3_384}", EVP_sha3_384}};

const unsigned char* data_of(std::span<const std::byte> bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::optional<Digest> named_in(std::span<const std::byte> message) {
    const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
    const auto* const found =
        std::ranges::find_if(digests, [&](const Digest& each) { return text.starts_with(each.prefix); });
    if (found == digests.end()) return {};
    return *found;
}

/// The MAC, empty where the system does not allow the digest: MD5 under FIPS rules.
std::vector<std::byte> mac(const Digest& digest, std::span<const std::byte> message,
                           const AuthKey& key) {
    std::vector<std::byte> result(EVP_MAX_MD_SIZE);
    unsigned int size = 0;
    if (!::HMAC(digest.algorithm(), key.bytes().data(), static_cast<int>(key.size()), data_of(message),
                message.size(), reinterpret_cast<unsigned char*>(result.data()), &size))
        size = 0;
    result.resize(size);
    return result;
}

std::vector<std::byte> after_prefix(std::string_view prefix, std::span<const std::byte> bytes) {
    const auto text = std::as_bytes(std::span(prefix));
    std::vector<std::byte> joined(text.begin(), text.end());
    joined.insert(joined.end(), bytes.begin(), bytes.end());
    return joined;
}

}  // namespace

std::vector<std::byte> make_challenge() {
    std::array<std::byte, random_size> random;
    if (::RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), random.size()) != 1)
        throw std::runtime_error("authentication: OpenSSL has no random bytes");
    return after_prefix(own_digest, random);
}

std::optional<std::vector<std::byte>> answer_challenge(std::span<const std::byte> challenge,
                                                       const AuthKey& key) {
    if (challenge.size() < legacy_challenge) return {};
    std::optional<Digest> digest = named_in(challenge);
    if (challenge.size() == legacy_challenge) {
        if (auto bare = mac(md5, challenge, key); !bare.empty()) return bare;
        digest = sha256;
    }
    if (!digest) return {};
    const auto code = mac(*digest, challenge, key);
    if (code.empty()) return {};
    return after_prefix(digest->prefix, code);
}

bool is_right_answer(std::span<const std::byte> answer, std::span<const std::byte> challenge,
                     const AuthKey& key) {
    const bool bare = answer.size() == legacy_answer;
    const std::optional<Digest> digest = bare ? md5 : named_in(answer);
    if (!digest) return false;
    const auto code = answer.subspan(bare ? 0 : digest->prefix.size());
    const auto expected = mac(*digest, challenge, key);
    return !expected.empty() && code.size() == expected.size() &&
           ::CRYPTO_memcmp(code.data(), expected.data(), expected.size()) == 0;
}

}  // namespace procession::inline v0::wire
