// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/proxy_core.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>

#include "managers/proxy_body.hpp"
#include "managers/server_link.hpp"

namespace procession::inline v0::managers {

/// Whether the server has counted the reference that a proxy is.
enum class Counted { already, not_yet };

/// What a process has of a proxy: what it refers to, and the way there. Where the heap does not count for the
/// server, this does: one reference for each process.
class ProxyState : public detail::Companion {
  public:
    ProxyState(ProxyInfo info, bool counts, Counted counted);
    ~ProxyState() override;

    const ProxyInfo& info() const { return info_; }
    /// @throws what the server said, or that it is gone, where it could not count the reference
    ServerLink& link();

    static ProxyState& of(const detail::Handle& proxy);

  private:
    void count();
    void use_own();

    const ProxyInfo info_;
    const bool counts_;
    std::mutex mutex_;  ///< who changes what follows, which is not changed again in this process
    std::shared_ptr<ServerLink> link_;
    bool is_counted_ = false;
    std::exception_ptr failure_;
    std::atomic<std::uint32_t> made_at_;  ///< os::fork_count(): whose the above are
};

/// A proxy of a server that is not of this program.
detail::ProxyCore make_counting_proxy(ProxyInfo info, Counted counted);

/// What a client attaches to a proxy in a value.
struct ProxyAttachment : Attachment {
    explicit ProxyAttachment(detail::ProxyCore its) : proxy_(std::move(its)) {}
    detail::ProxyCore proxy() const override { return proxy_; }

  private:
    const detail::ProxyCore proxy_;
};

}  // namespace procession::inline v0::managers
