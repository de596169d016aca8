// SPDX-License-Identifier: Apache-2.0
#pragma once

// Blocks of memory in /dev/shm that the program did not name itself go with it. Their generated names say
// whose they are,
//
//   procession_<pid namespace>_<root's pid>_<root's start time>_<random>
//
// so nothing keeps a list of them, and whoever comes last needs none:
//
// 1. the root at its normal end, once its children have ended;
// 2. else the fork server, which sees that the root is gone and waits until the others are, too; one
//    runs from the first such block on;
// 3. where that was killed as well, the next program that makes such a block: it sweeps up the names
//    whose root is gone. Those of another pid namespace it can't judge, and leaves alone.

#include <string>

namespace procession::inline v0::detail {

/// To be called before such a block is made. @returns what its name has to begin with
std::string prepare_unnamed_block();

/// In a process that goes: takes the names away if this is the root.
void unlink_unnamed_blocks_of_root();
/// In a fork server whose root is gone: the same, when nobody else can be using them any more.
void unlink_unnamed_blocks_last();

}  // namespace procession::inline v0::detail
