// SPDX-License-Identifier: Apache-2.0
#include "managers/client_record.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>

#include "os/pidfd.hpp"

namespace procession::inline v0::managers {
namespace {

os::Descriptor watch(ClientRecord::Known known, int pid) {
    // What a client says of itself may be the pid that it has on another host.
    const bool is_here =
        known == ClientRecord::Known::by_kernel || known == ClientRecord::Known::by_program;
    if (!is_here || pid == 0) return os::Descriptor();
    try {
        return os::pidfd_open_even_if_gone(pid);
    } catch (const std::system_error&) {
        // It is in another namespace, or there are no descriptors left: its connections tell.
        return os::Descriptor();
    }
}

}  // namespace

ClientRecord::ClientRecord(std::uint64_t number, std::string key, Known known, int pid)
    : number_(number), key_(std::move(key)), known_(known), pid_(pid), pidfd_(watch(known, pid)) {}

void ClientRecord::refer(std::string_view ident, std::size_t most) {
    const std::lock_guard lock(mutex_);
    if (reference_count_ >= most)
        throw ValueError(
            fmt::format("Manager: this client has {} references, and may have no more. Drop "
                        "some proxies, or raise ManagerOptions::max_references.",
                        reference_count_));
    ++references_[std::string(ident)];
    ++reference_count_;
}

std::uint64_t ClientRecord::let_go(std::string_view ident, std::uint64_t by) {
    const std::lock_guard lock(mutex_);
    const auto own = references_.find(std::string(ident));
    if (own == references_.end()) return 0;
    const std::uint64_t gone = std::min(by, own->second);
    own->second -= gone;
    reference_count_ -= gone;
    if (own->second == 0) references_.erase(own);
    return gone;
}

void ClientRecord::remember(const std::shared_ptr<Referent>& referent) {
    const std::lock_guard lock(mutex_);
    // At an address that was another's, it is the new one.
    auto& known = minding_[referent.get()];
    if (known.expired()) known = referent;
}

void ClientRecord::note_loss() {
    const std::lock_guard lock(mutex_);
    has_lost_ = true;
}

// Of CPython's clients, only the kernel knows.
Departure ClientRecord::how_it_left() const {
    if (known_ == Known::by_kernel && pidfd_) {
        const auto code = os::exit_code_of(pidfd_.get());
        return code && *code >= 0 ? Departure::ended : Departure::died;
    }
    return said_goodbye_ || !has_lost_ ? Departure::ended : Departure::died;
}

void ClientRecord::note_goodbye() {
    const std::lock_guard lock(mutex_);
    said_goodbye_ = true;
}

void ClientRecord::depart(const Caller& caller, References& references) {
    decltype(references_) own;
    decltype(minding_) minding;
    Departure how{};
    {
        const std::lock_guard lock(mutex_);
        own.swap(references_);
        reference_count_ = 0;
        minding.swap(minding_);
        how = how_it_left();
    }
    for (const auto& [address, weak] : minding)
        if (const auto referent = weak.lock()) referent->depart(caller, how);
    for (const auto& [ident, count] : own) references.decrease(ident, count);
}

}  // namespace procession::inline v0::managers
