// SPDX-License-Identifier: Apache-2.0
#pragma once

// A block of named memory as the program knows it: an object of the heap that holds its name, and in each
// process that uses it one mapping.

#include <procession/detail/handle.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "os/memory.hpp"
#include "os/named_memory.hpp"

namespace procession::inline v0::detail {

struct BlockBody {
    std::uint64_t inode;
    std::uint64_t size;
    char name[os::longest_block_name + 1];
};

BlockBody& block_body(const Handle&);

/// A mapping, which all handles of this process share; gone with the last of them, or closed before.
class LocalBlock {
  public:
    LocalBlock(std::uint64_t serial, std::string_view object, const os::Descriptor& file,
               std::uint64_t size)
        : serial_(serial),
          mapping_(std::in_place, file.get(), size, object, "Raise RLIMIT_AS."),
          bytes_(mapping_->base(), size) {}
    ~LocalBlock();

    void close() {
        if (open_.exchange(false)) mapping_.reset();
    }
    bool is_open() const { return open_; }
    std::span<std::byte> bytes() const { return bytes_; }

  private:
    std::uint64_t serial_;
    std::optional<os::Mapping> mapping_;
    std::span<std::byte> bytes_;
    std::atomic<bool> open_{true};
};

/// The name without a slash in front. @throws ValueError  it cannot be a block's
std::string checked_block_name(std::string name);

/// What is to be created.
struct NewBlock {
    /// Checks the arguments. Sees to what a block without a name needs, here and not in create_block(),
    /// which runs under the directory's lock for a handle with static storage: the fork server's own
    /// static initialisers need that lock.
    NewBlock(std::size_t size, std::string name);
    std::size_t size;
    std::string name;                         ///< empty: a generated one,
    std::string prefix;                       ///< which begins so
    std::shared_ptr<LocalBlock> mapped = {};  ///< once it was created
};
/// Creates a block; `fill` writes into it before anybody can open it. @returns the offset of its object
std::uint64_t create_block(NewBlock&, const std::function<void(std::span<std::byte>)>& fill = {});
/// Opens one that exists. @returns the offset of a new object for it
std::uint64_t attach_block(const std::string& name);
/// A block that has the first name of `next_name` that is free. @returns that name
std::string publish_generated(const os::Descriptor& block,
                              const std::function<std::string()>& next_name);

/// This process's mapping of a block: the one that it has, else a new one. None where static
/// initialisation made the handle, and this process has no such object.
/// @throws TypeMismatch  the object is no block
std::shared_ptr<LocalBlock> map_block(const Handle&);

/// For a handle with static storage, whose block the program has already.
/// @throws ValueError  it was made with another size, or another name where that is given
void check_same_block(std::uint64_t object, std::optional<std::size_t> size, const std::string& name);

}  // namespace procession::inline v0::detail
