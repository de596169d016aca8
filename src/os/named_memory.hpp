// SPDX-License-Identifier: Apache-2.0
#pragma once

// Blocks of memory that have a name: what shm_open(3) opens, files in /dev/shm.

#include <functional>
#include <string>
#include <string_view>

#include "os/descriptor.hpp"

namespace procession::inline v0::os {

inline constexpr std::size_t longest_block_name = 254;  ///< with its slash it is a file name

/// A new block of `size` zeroed bytes that has no name yet, so it goes with the descriptor. Its memory is
/// reserved: whoever writes to it later will not die of SIGBUS because there is none left.
/// @param object  what to call it in messages
/// @throws std::system_error  ENOSPC, saying how much is free
Descriptor make_block(std::string_view object, std::uint64_t size);
/// Gives it its name. @returns whether the name was free
bool publish_block(std::string_view object, const Descriptor& block, const std::string& name);

/// Opens the block of that name. @throws std::system_error  ENOENT, EACCES
Descriptor open_block(std::string_view object, const std::string& name);
/// What a block is and how large, by its descriptor.
struct BlockInfo {
    std::uint64_t inode;  ///< a name may come again, but not this
    std::uint64_t size;
};
BlockInfo block_info(std::string_view object, const Descriptor& block);

/// Takes the name away; the memory goes with the last who has it mapped.
/// @throws std::system_error  ENOENT: it is not that block's, or no longer
void unlink_block(std::string_view object, const std::string& name, std::uint64_t inode);

bool block_exists(const std::string& name);
/// Takes the names away that begin with `prefix` and that `is_due` says of, of blocks of our user.
void unlink_blocks(std::string_view prefix, const std::function<bool(std::string_view name)>& is_due);

}  // namespace procession::inline v0::os
