// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/proxy_core.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "managers/protocol.hpp"
#include "managers/proxy_body.hpp"
#include "managers/referent.hpp"

namespace procession::inline v0::managers {

/// What a server keeps, by name, and how many refer to each: clients, the heap's objects of its own program, and
/// other referents in which a proxy was stored. What nobody refers to goes at once.
/// @par Thread safety  safe; referents are destroyed outside of its lock
class References {
  public:
    /// @param destination  of the server, for proxies that its own program gets
    explicit References(Destination destination) : destination_(std::move(destination)) {}
    References(References&&) = delete;
    ~References();

    /// One more referent, with one reference. @returns its ident
    std::string add(std::shared_ptr<Referent> referent, std::string type_id);
    /// @throws KeyError  there is none of that name
    std::shared_ptr<Referent> find(std::string_view ident) const;
    /// @throws KeyError  as find()
    void increase(std::string_view ident, std::uint64_t by = 1);
    void decrease(std::string_view ident, std::uint64_t by = 1);

    /// A reference that lives as long as what is returned: of a referent that another keeps, or that a reply is
    /// about. The table must outlive it.
    struct Hold : Attachment {
        Hold(References& table, std::string_view name);
        ~Hold() override;
        Hold(Hold&&) = delete;
        detail::ProxyCore proxy() const override { return references.proxy(ident); }

        References& references;
        const std::string ident;
    };
    /// @throws KeyError  as find()
    std::shared_ptr<const Hold> hold(std::string_view ident) {
        return std::make_shared<const Hold>(*this, ident);
    }
    /// A proxy for a process of this program, which counts by itself.
    detail::ProxyCore proxy(std::string_view ident);
    /// Lets go of what processes of this program no longer refer to, until the stop.
    void let_go_as_told(const std::stop_token& stop);

    std::size_t size() const;
    /// A line for each. @see Python: Server.debug_info
    std::string describe() const;
    /// All that there is, at the end.
    void clear();

  private:
    struct Entry {
        std::shared_ptr<Referent> referent;
        std::string type_id;
        std::uint64_t count = 0;
        std::uint64_t proxy = 0, proxy_serial = 0;  ///< the heap's object, while it is alive
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>()(text);
        }
    };
    using Table = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
    struct Placed {
        std::string ident;
        std::uint64_t serial;
    };

    Table::iterator entry_of(std::string_view ident);
    [[noreturn]] static void throw_gone(std::string_view ident);

    const Destination destination_;
    mutable std::mutex mutex_;  ///< guards what follows
    Table table_;
    std::uint64_t last_ident_ = 0x7f0000;
    std::unordered_map<std::uint32_t, Placed> places_;  ///< what the heap's objects count for
};

/// What a proxy is of, if it is one of this server's; else null.
std::shared_ptr<Referent> referent_of(const Object& proxy);

}  // namespace procession::inline v0::managers
