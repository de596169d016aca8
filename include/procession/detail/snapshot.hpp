// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// Iterates over what there was when the iteration began; the last of its iterators frees it.
template <class T>
class SnapshotIterator {
  public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = typename std::vector<T>::const_reference;

    /// The end of every one.
    SnapshotIterator() = default;
    explicit SnapshotIterator(std::vector<T> items)
        : items_(std::make_shared<const std::vector<T>>(std::move(items))) {}

    reference operator*() const { return (*items_)[index_]; }
    pointer operator->() const { return &**this; }
    SnapshotIterator& operator++() {
        ++index_;
        return *this;
    }
    SnapshotIterator operator++(int) {
        SnapshotIterator before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(const SnapshotIterator& left, const SnapshotIterator& right) {
        if (left.is_at_end() || right.is_at_end()) return left.is_at_end() == right.is_at_end();
        return left.items_ == right.items_ && left.index_ == right.index_;
    }

  private:
    bool is_at_end() const { return !items_ || index_ == items_->size(); }

    std::shared_ptr<const std::vector<T>> items_;
    std::size_t index_ = 0;
};

}  // namespace procession::inline v0::detail
