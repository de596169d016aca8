// SPDX-License-Identifier: Apache-2.0
#include <procession/error.hpp>
#include <procession/shared_memory.hpp>

#include <algorithm>
#include <ostream>

#include "memory/block.hpp"
#include "memory/list_layout.hpp"

namespace procession::inline v0 {

ShareableList::ShareableList(create_t, const std::vector<Object>& items, std::string name)
    : ShareableList(detail::NewBlock(detail::ListLayout(items).bytes(), std::move(name)), items) {}

ShareableList::ShareableList(detail::NewBlock&& block, const std::vector<Object>& items)
    : Handle(
          "ShareableList",
          [&] {
              return create_block(block, [&](std::span<std::byte> bytes) {
                  detail::ListLayout(items).write(bytes, items);
              });
          },
          [&](std::uint64_t object) { detail::check_same_block(object, block.size, block.name); }),
      shm_(static_cast<const Handle&>(*this)),
      layout_(read_layout()) {}

ShareableList::ShareableList(std::string name)
    : Handle(
          "ShareableList",
          [&, wanted = detail::checked_block_name(name)] { return detail::attach_block(wanted); },
          [&](std::uint64_t object) {
              detail::check_same_block(object, {}, detail::checked_block_name(name));
          }),
      shm_(static_cast<const Handle&>(*this)),
      layout_(read_layout()) {}

ShareableList::ShareableList(detail::Handle handle)
    : Handle(std::move(handle)), shm_(static_cast<const Handle&>(*this)), layout_(read_layout()) {}

std::shared_ptr<const detail::ListLayout> ShareableList::read_layout() const {
    // One that static initialisation made elsewhere: its first use will say so.
    if (!shm_.block_) return nullptr;
    return std::make_shared<detail::ListLayout>(shm_.buf(), shm_.name());
}

const detail::ListLayout& ShareableList::layout() const {
    offset();
    return *layout_;
}

Object ShareableList::operator[](std::ptrdiff_t index) const {
    return layout().get(shm_.buf(), layout().checked(index));
}

void ShareableList::set(std::ptrdiff_t index, const Object& item) const {
    layout().set(shm_.buf(), layout().checked(index), item);
}

std::size_t ShareableList::size() const { return layout().size(); }

std::size_t ShareableList::count(const Object& item) const {
    return static_cast<std::size_t>(std::count(begin(), end(), item));
}

std::size_t ShareableList::index(const Object& item) const {
    const auto found = std::find(begin(), end(), item);
    if (found == end())
        throw ValueError(fmt::format("ShareableList::index: {} is not in this list", item));
    return static_cast<std::size_t>(std::distance(begin(), found));
}

std::string ShareableList::format(std::ptrdiff_t index) const {
    return layout().format(shm_.buf(), layout().checked(index));
}

std::string ShareableList::format() const {
    std::string all;
    for (std::size_t i = 0; i < size(); ++i) all += format(static_cast<std::ptrdiff_t>(i));
    return all;
}

SharedMemory& ShareableList::shm() const { return shm_; }

std::string ShareableList::to_string() const {
    return fmt::format("ShareableList([{}], name={})", fmt::join(begin(), end(), ", "),
                       Object(shm_.name()));
}

std::ostream& operator<<(std::ostream& out, const ShareableList& list) {
    return out << list.to_string();
}

}  // namespace procession::inline v0
