// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace procession::benchmark {

inline double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// The time that each of `count` calls takes.
template <class Unit, class F>
double time_of_each(int count, F function) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) function();
    return std::chrono::duration<double, typename Unit::period>(std::chrono::steady_clock::now() - begin)
               .count() /
           count;
}

/// What a peer is to reach; a ratio is that to the first peer, or to the best of those whose names begin with
/// `to`.
struct Target {
    std::optional<double> ratio_at_most = {}, ratio_at_least = {};
    std::optional<double> figure_at_most = {}, figure_at_least = {};
    std::string to = {};
};
using Targets = std::vector<Target>;

/// Peers that do the same thing, in passes that take turns. Figures are medians; ratios are medians of
/// each turn's own, to the first peer.
class Comparison {
  public:
    Comparison(std::string title, std::string unit) : title_(std::move(title)), unit_(std::move(unit)) {}

    /// @param pass  makes one pass and returns its figure
    void add(std::string name, std::function<double()> pass, Targets targets = {}) {
        peers_.push_back({std::move(name), std::move(pass), std::move(targets), {}});
    }

    /// First two turns that do not count; in another order each time, since what came just before leaves
    /// the processors warm or cold.
    void run(int turns) {
        std::mt19937 random(2008);
        std::vector<Peer*> order;
        for (Peer& peer : peers_) order.push_back(&peer);
        for (int turn = -2; turn < turns; ++turn) {
            std::shuffle(order.begin(), order.end(), random);
            for (Peer* peer : order) {
                const double figure = peer->pass();
                if (turn >= 0) peer->figures.push_back(figure);
            }
        }
        print(turns);
    }

  private:
    struct Peer {
        std::string name;
        std::function<double()> pass;
        Targets targets;
        std::vector<double> figures;
    };

    /// Nine in ten passes, as ratios to their median: a ratio of two peers within it says nothing.
    struct Spread {
        explicit Spread(std::vector<double> figures) {
            std::sort(figures.begin(), figures.end());
            const double middle = median(figures);
            low = figures[figures.size() / 20] / middle;
            high = figures[figures.size() - 1 - figures.size() / 20] / middle;
        }
        double low, high;
    };

    static double ratio(const Peer& peer, const Peer& other) {
        std::vector<double> ratios(peer.figures.size());
        std::transform(peer.figures.begin(), peer.figures.end(), other.figures.begin(), ratios.begin(),
                       std::divides<>());
        return median(ratios);
    }

    /// None where it was left out.
    const Peer* other_of(const Target& target) const {
        if (target.to.empty()) return &peers_.front();
        const Peer* best = nullptr;
        for (const Peer& peer : peers_)
            if (peer.name.starts_with(target.to) &&
                (!best || (ratio(peer, *best) > 1) == target.ratio_at_least.has_value()))
                best = &peer;
        return best;
    }

    /// Nothing where the other peer was left out.
    std::string verdict(const Peer& peer, const Target& target) const {
        const Peer* const other = other_of(target);
        if (!other) return {};
        const std::string named =
            target.to.empty() ? "" : fmt::format(" x {}: {}", target.to, digits(ratio(peer, *other)));
        const auto text = [&](const char* sign, double limit, bool met, bool within_spread) {
            return fmt::format("  {} {:g}{} {}", sign, limit, named,
                               met             ? "met"
                               : within_spread ? "within spread"
                                               : "MISSED");
        };
        const Spread noise(other->figures);
        const double reached = ratio(peer, *other);
        if (const auto limit = target.ratio_at_most)
            return text("<=", *limit, reached <= *limit, reached <= *limit * noise.high);
        if (const auto limit = target.ratio_at_least)
            return text(">=", *limit, reached >= *limit, reached >= *limit * noise.low);
        if (const auto limit = target.figure_at_most) {
            const bool met = median(peer.figures) <= *limit;
            return text("<=", *limit, met, met);
        }
        if (const auto limit = target.figure_at_least) {
            const bool met = median(peer.figures) >= *limit;
            return text(">=", *limit, met, met);
        }
        return {};
    }

    static std::string digits(double figure) {
        if (figure < 0.1) return fmt::format("{:.3g}", figure);
        return fmt::format("{:.{}f}", figure, figure < 10 ? 2 : figure < 1000 ? 1 : 0);
    }

    void print(int turns) const {
        const std::string to_first = "x " + peers_.front().name;
        fmt::print("\n{}, {} turns\n{:<28} {:>9} {} {:>12}\n", title_, turns, "", unit_, to_first,
                   "x itself");
        for (const Peer& peer : peers_) {
            const Spread spread(peer.figures);
            fmt::print("{:<28} {:>9} {:>{}} {:>12}", peer.name, digits(median(peer.figures)),
                       digits(ratio(peer, peers_.front())), to_first.size(),
                       fmt::format("{:.2f}..{:.2f}", spread.low, spread.high));
            for (const Target& target : peer.targets) fmt::print("{}", verdict(peer, target));
            fmt::print("\n");
        }
        std::fflush(stdout);
    }

    std::string title_, unit_;
    std::vector<Peer> peers_;
};

}  // namespace procession::benchmark
