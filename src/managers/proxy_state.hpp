// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/proxy_core.hpp>

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

    const ProxyInfo info_;
    const bool counts_;
    std::mutex mutex_;  ///< guards what follows
    std::shared_ptr<ServerLink> link_;
    std::uint32_t made_at_;  ///< os::fork_count(): whose they are
    bool is_counted_ = false;
    std::exception_ptr failure_;
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
