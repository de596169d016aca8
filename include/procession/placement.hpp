// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Which processors the workers of a pool run on.

#include <procession/detail/export.hpp>

#include <concepts>
#include <initializer_list>
#include <ranges>
#include <vector>

namespace procession::inline v0 {

/// Which processors the workers of a pool run on. They are there before a worker runs its first line, so
/// that its memory lies near them. Of the machine, only what this process may use is used: its affinity
/// mask, which is also what taskset(1) and containers set.
///
/// A value: it can be copied, compared and sent. What it means is looked up where the pool is made: that
/// throws ValueError where the machine does not have it.
/// @see sched_setaffinity(2)
class PROCESSION_API Placement {
  public:
    /// By their numbers, as in /proc/cpuinfo.
    using Processors = std::vector<int>;
    enum class Kind { none, spread, compact, explicitly, numa_node };

    /// Wherever the system puts them.
    Placement() = default;

    /// One processor for each worker, as far apart as possible: the packages in turn, in each its memory
    /// nodes in turn, then cores, and second threads of cores last. For work that is bound by memory or
    /// caches. More workers than processors begin again.
    static Placement spread() { return Placement(Kind::spread); }

    /// One processor for each worker, as near as possible: the threads of a core, then the next core, then
    /// the next node. For workers that share data. More workers than processors begin again.
    static Placement compact() { return Placement(Kind::compact); }

    /// These processors, one for each worker in this order; more workers begin again.
    /// `Placement::explicitly({0, 2, 4})`
    static Placement explicitly(std::initializer_list<int> processors) {
        return explicitly<const std::initializer_list<int>&>(processors);
    }
    /// Several for each worker, which it may use all. `Placement::explicitly({{0, 1}, {2, 3}})`
    static Placement explicitly(std::initializer_list<Processors> processors) {
        return explicitly<const std::initializer_list<Processors>&>(processors);
    }
    /// The same with any range, of numbers or of Processors.
    template <std::ranges::input_range R>
    static Placement explicitly(R&& range) {
        constexpr bool of_numbers = std::convertible_to<std::ranges::range_value_t<R>, int>;
        static_assert(of_numbers || std::convertible_to<std::ranges::range_value_t<R>, Processors>,
                      "a worker's place is the number of a processor, or several of them");
        Placement placement(Kind::explicitly);
        for (auto&& each : range)
            if constexpr (of_numbers)
                placement.processors_.push_back({static_cast<int>(each)});
            else
                placement.processors_.push_back(each);
        return placement;
    }

    /// The processors of this memory node, all of them for each worker.
    static Placement numa_node(int node) {
        Placement placement(Kind::numa_node);
        placement.node_ = node;
        return placement;
    }

    Kind kind() const { return kind_; }
    /// Of explicitly(): one entry for each worker.
    const std::vector<Processors>& processors() const { return processors_; }
    /// Of numa_node().
    int node() const { return node_; }

    friend bool operator==(const Placement&, const Placement&) = default;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(kind_, processors_, node_);
    }

  private:
    explicit Placement(Kind kind) : kind_(kind) {}

    Kind kind_ = Kind::none;
    std::vector<Processors> processors_;
    int node_ = 0;
};

}  // namespace procession::inline v0
