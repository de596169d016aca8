// SPDX-License-Identifier: Apache-2.0
#pragma once

// How CPython lays out a ShareableList, in the machine's byte order, for n items:
//
//   int64      n
//   int64      offsets[n + 1]   of the slots in the data; the last one is the size of the data
//   char       data[]           the slots, multiples of 8 bytes
//   char       formats[n][8]    as of the struct module, padded with NULs
//   int8       kinds[n]         0: int, float or bool; 1: str; 2: bytes; 3: None
//
// So say 3.9 to 3.14. 3.8 has sizes[n] of the slots in place of the offsets. A first offset is 0 and a
// slot never is, which tells the two apart.

#include <procession/object.hpp>

#include <span>
#include <string>
#include <vector>

namespace procession::inline v0::detail {

/// Where everything is in one list. Read and checked once, since a list never changes its form: what other
/// processes write afterwards can change items, but lead nowhere else.
class ListLayout {
  public:
    /// Reads it from a block. @throws ValueError  that holds no list
    ListLayout(std::span<std::byte> block, const std::string& name);
    /// Plans it for these items. @throws ValueError  one is too long
    explicit ListLayout(const std::vector<Object>& items);

    std::size_t size() const { return offsets_.size() - 1; }
    /// Bytes of the whole list; 1 at least, as a block has.
    std::size_t bytes() const { return kinds_at() + size(); }
    /// @throws IndexError  there is no such item
    std::size_t checked(std::ptrdiff_t index) const;

    /// Writes the form into a new block, and the items.
    void write(std::span<std::byte> block, const std::vector<Object>& items) const;
    /// @throws ValueError  the slot holds nonsense
    Object get(std::span<std::byte> block, std::size_t index) const;
    /// @throws ValueError  it does not fit
    void set(std::span<std::byte> block, std::size_t index, const Object& item) const;
    std::string format(std::span<std::byte> block, std::size_t index) const;

  private:
    std::size_t slot_at(std::size_t index) const { return data_at_ + offsets_[index]; }
    std::size_t slot_size(std::size_t index) const { return offsets_[index + 1] - offsets_[index]; }
    std::size_t formats_at() const { return data_at_ + offsets_.back(); }
    std::size_t format_at(std::size_t index) const { return formats_at() + index * 8; }
    std::size_t kinds_at() const { return format_at(size()); }

    std::size_t data_at_;
    std::vector<std::size_t> offsets_;  ///< one more than items
};

}  // namespace procession::inline v0::detail
