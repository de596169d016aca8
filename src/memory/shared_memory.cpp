// SPDX-License-Identifier: Apache-2.0
#include <procession/error.hpp>
#include <procession/shared_memory.hpp>

#include <ostream>

#include "memory/block.hpp"

namespace procession::inline v0 {

SharedMemory::SharedMemory(create_t, std::size_t size, std::string name)
    : SharedMemory(detail::NewBlock(size, std::move(name))) {}

SharedMemory::SharedMemory(detail::NewBlock&& block)
    : Handle(
          "SharedMemory", [&] { return create_block(block); },
          [&](std::uint64_t object) { detail::check_same_block(object, block.size, block.name); }),
      block_(map_block(*this)) {}

SharedMemory::SharedMemory(std::string name)
    : Handle(
          "SharedMemory",
          [&, wanted = detail::checked_block_name(name)] { return detail::attach_block(wanted); },
          [&](std::uint64_t object) {
              detail::check_same_block(object, {}, detail::checked_block_name(name));
          }),
      block_(map_block(*this)) {}

SharedMemory::SharedMemory(detail::Handle handle)
    : Handle(std::move(handle)), block_(map_block(*this)) {}

const detail::LocalBlock& SharedMemory::local() const {
    offset();
    return *block_;
}

std::span<std::byte> SharedMemory::buf() const {
    const detail::LocalBlock& block = local();
    if (!block.is_open())
        throw ValueError("SharedMemory(\"" + name() + "\")::buf: it is closed in this process");
    return block.bytes();
}

std::size_t SharedMemory::size() const { return local().bytes().size(); }

std::string SharedMemory::name() const { return detail::block_body(*this).name; }

void SharedMemory::close() const {
    offset();
    block_->close();
}

void SharedMemory::unlink() const {
    const detail::BlockBody& body = detail::block_body(*this);
    os::unlink_block(fmt::format("SharedMemory(\"{}\")", body.name), body.name, body.inode);
}

std::string SharedMemory::to_string() const {
    return fmt::format("SharedMemory({}, size={})", Object(name()), size());
}

std::ostream& operator<<(std::ostream& out, const SharedMemory& memory) {
    return out << memory.to_string();
}

}  // namespace procession::inline v0
