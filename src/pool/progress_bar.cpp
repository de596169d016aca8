// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>
#include <procession/progress_bar.hpp>

#include <algorithm>
#include <iterator>

namespace procession::inline v0 {
namespace {

constexpr std::uint64_t width = 40;

std::string line(const std::string& label, const Progress& progress) {
    const std::chrono::duration<double> elapsed = progress.elapsed;
    std::string text = label.empty() ? "" : label + " ";
    if (progress.total) {
        const std::uint64_t full =
            *progress.total == 0 ? width : width * progress.done / *progress.total;
        fmt::format_to(std::back_inserter(text), "[{:#<{}}{:.<{}}] {}/{}", "", full, "", width - full,
                       progress.done, *progress.total);
    } else {
        fmt::format_to(std::back_inserter(text), "{}", progress.done);
    }
    fmt::format_to(std::back_inserter(text), ", {:.1f} s", elapsed.count());
    if (progress.total && progress.done != 0 && progress.done < *progress.total)
        fmt::format_to(std::back_inserter(text), ", {:.1f} s left",
                       elapsed.count() * static_cast<double>(*progress.total - progress.done) /
                           static_cast<double>(progress.done));
    return text;
}

}  // namespace

void ProgressBar::operator()(const Progress& progress) const {
    if (!::isatty(STDERR_FILENO)) return;
    const bool is_over = progress.total && progress.done == *progress.total;
    // In one write, so that what others print is not in the middle of it.
    const std::string text = "\r\033[K" + (is_over ? std::string() : line(label_, progress));
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace procession::inline v0
