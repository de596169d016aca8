// SPDX-License-Identifier: Apache-2.0
#include <procession/authkey.hpp>

#include <sys/random.h>

#include "os/error.hpp"
#include "os/fork_mutex.hpp"
#include "process/state.hpp"

namespace procession::inline v0 {
namespace {

struct Current {
    os::ForkMutex mutex;
    AuthKey key = random_key();

    static AuthKey random_key() {
        std::string bytes(32, '\0');
        os::checked(::getrandom(bytes.data(), bytes.size(), 0), "authkey", "getrandom");
        return bytes;
    }
};
// Never destroyed, as processes are started until the very end.
Current& current() {
    static auto* const instance = new Current;
    return *instance;
}

}  // namespace

bool operator==(const AuthKey& a, const AuthKey& b) noexcept {
    unsigned char difference = a.size() != b.size();
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        difference = static_cast<unsigned char>(difference | (a.bytes()[i] ^ b.bytes()[i]));
    return difference == 0;
}

namespace detail {

AuthKey current_authkey() {
    const std::lock_guard lock(current().mutex);
    return current().key;
}

void set_current_authkey(AuthKey key) {
    const std::lock_guard lock(current().mutex);
    current().key = std::move(key);
}

}  // namespace detail
}  // namespace procession::inline v0
