// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace procession::inline v0::os {

/// The file of a Unix socket, which lies there until it is removed. Removed at the end by the process that
/// has made it, if it is still the same file.
class SocketFile {
  public:
    /// @param directory  that is to go with it; empty: none
    explicit SocketFile(const std::string& path, std::string directory = {});
    SocketFile(SocketFile&&) = delete;
    ~SocketFile() { remove(); }
    void remove() noexcept;

  private:
    std::string path_;
    std::string directory_;
    pid_t process_;
    dev_t device_;
    ino_t number_;
};

/// A new directory for this user alone, in TMPDIR or /tmp, with a name short enough for a socket in it.
std::string make_private_directory();

}  // namespace procession::inline v0::os
