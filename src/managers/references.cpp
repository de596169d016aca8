// SPDX-License-Identifier: Apache-2.0
#include "managers/references.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>

#include "heap/object.hpp"
#include "managers/method_names.hpp"

namespace procession::inline v0::managers {
namespace {

using detail::Handle;
using detail::ProxyCore;
using heap::Heap;

}  // namespace

References::~References() { clear(); }

void References::throw_gone(std::string_view ident) {
    throw KeyError(
        fmt::format("there is no object {} at this manager any more: who refers to one keeps a "
                    "proxy of it until another has one",
                    ident));
}

References::Table::iterator References::entry_of(std::string_view ident) {
    const auto entry = table_.find(ident);
    if (entry == table_.end()) throw_gone(ident);
    return entry;
}

std::string References::add(std::shared_ptr<Referent> referent, std::string type_id) {
    const std::lock_guard lock(mutex_);
    std::string ident = fmt::format("{:x}", ++last_ident_);
    table_.emplace(ident, Entry{std::move(referent), std::move(type_id), 1});
    return ident;
}

std::shared_ptr<Referent> References::find(std::string_view ident) const {
    const std::lock_guard lock(mutex_);
    const auto entry = table_.find(ident);
    if (entry == table_.end()) throw_gone(ident);
    return entry->second.referent;
}

void References::increase(std::string_view ident, std::uint64_t by) {
    const std::lock_guard lock(mutex_);
    entry_of(ident)->second.count += by;
}

void References::decrease(std::string_view ident, std::uint64_t by) {
    std::shared_ptr<Referent> last;
    const std::lock_guard lock(mutex_);
    const auto entry = table_.find(ident);
    // After clear(), those who still refer to something let go of it.
    if (entry == table_.end()) return;
    entry->second.count -= std::min(by, entry->second.count);
    if (entry->second.count != 0) return;
    last = std::move(entry->second.referent);
    table_.erase(entry);
}

References::Hold::Hold(References& table, std::string_view name) : references(table), ident(name) {
    references.increase(ident);
}
References::Hold::~Hold() { references.decrease(ident); }

ProxyCore References::proxy(std::string_view ident) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entry_of(ident)->second;
    if (entry.proxy != 0)
        if (const auto made = Handle::attach_if_alive(entry.proxy, entry.proxy_serial))
            return ProxyCore(*made);
    const std::uint32_t place = destination_.door->take_place();
    const Handle made = make_proxy_object({destination_, entry.type_id, std::string(ident),
                                           entry.referent->exposed(), method_names_of(entry.type_id)},
                                          place);
    entry.proxy = made.offset();
    entry.proxy_serial = Heap::program().at<heap::ObjectHeader>(made.offset())->serial;
    ++entry.count;
    places_.insert_or_assign(place, Placed{std::string(ident), entry.proxy_serial});
    return ProxyCore(made);
}

void References::let_go_as_told(const std::stop_token& stop) {
    for (;;) {
        const auto released = destination_.door->wait_for_released(stop);
        if (released.empty()) return;
        for (const auto& [place, serial] : released) {
            std::string ident;
            {
                const std::lock_guard lock(mutex_);
                const auto placed = places_.find(place);
                if (placed == places_.end() || placed->second.serial != serial) continue;
                ident = std::move(placed->second.ident);
                places_.erase(placed);
            }
            destination_.door->give_back_place(place);
            decrease(ident);
        }
    }
}

std::size_t References::size() const {
    const std::lock_guard lock(mutex_);
    return table_.size();
}

std::string References::describe() const {
    constexpr std::size_t longest = 75;
    struct Line {
        std::string ident;
        std::uint64_t count;
        std::shared_ptr<Referent> referent;
    };
    std::vector<Line> lines;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [ident, entry] : table_) lines.push_back({ident, entry.count, entry.referent});
    }
    std::ranges::sort(lines, {}, &Line::ident);
    std::string text;
    for (const Line& line : lines)
        text += fmt::format("{}  {}:       refcount={}\n    {}", text.empty() ? "" : "\n", line.ident,
                            line.count, line.referent->to_string().substr(0, longest));
    return text;
}

void References::clear() {
    Table all;
    const std::lock_guard lock(mutex_);
    all.swap(table_);
}

std::shared_ptr<Referent> referent_of(const Object& proxy) {
    const auto hold = std::dynamic_pointer_cast<const References::Hold>(attachment_of(proxy));
    return hold ? hold->references.find(hold->ident) : nullptr;
}

}  // namespace procession::inline v0::managers
