// SPDX-License-Identifier: Apache-2.0

// Counts the words of files and folders with several processes. A word is a run of ASCII letters, in
// lower case: what `tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c` counts.

#include <procession/mp.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Counts = std::unordered_map<std::string, std::uint64_t>;

constexpr std::uint64_t chunk_size = 4 << 20;

/// A part of a file; its words are those that begin in it.
struct Chunk {
    std::uint64_t id;
    std::string path;
    std::uint64_t offset;
    std::uint64_t size;
};

/// What a worker tells: that it has a chunk, or what was in it.
struct Report {
    int worker;
    std::uint64_t chunk;
    bool done;
    std::uint64_t bytes;
    std::string error;
    Counts counts;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Report count(const Chunk& chunk) {
    Report report{::getpid(), chunk.id, true, 0, {}, {}};
    std::ifstream file(chunk.path, std::ios::binary);
    // One byte before, to see whether a word is already under way.
    bool inside = false;
    if (chunk.offset > 0) {
        file.seekg(static_cast<std::streamoff>(chunk.offset - 1));
        inside = is_letter(static_cast<char>(file.get()));
    }
    std::string text(chunk.size, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file && !file.eof()) report.error = chunk.path + ": cannot be read";
    text.resize(static_cast<std::size_t>(file.gcount()));
    report.bytes = text.size();
    std::size_t at = 0;
    if (inside)
        while (at < text.size() && is_letter(text[at])) ++at;
    // The last word may go on in the next chunk. A chunk that lies within one word has none.
    if (at < text.size() && is_letter(text.back()))
        for (int next = file.get(); next != EOF && is_letter(static_cast<char>(next)); next = file.get())
            text.push_back(static_cast<char>(next));
    for (std::string word; at <= text.size(); ++at) {
        if (at < text.size() && is_letter(text[at])) {
            word.push_back(static_cast<char>(text[at] | 0x20));
        } else if (!word.empty()) {
            ++report.counts[word];
            word.clear();
        }
    }
    return report;
}

void work(mp::Queue<Chunk> chunks, mp::Queue<Report> reports) {
    for (const Chunk& chunk : chunks) {
        reports.put({::getpid(), chunk.id, false, 0, {}, {}});
        reports.put(count(chunk));
    }
}

std::vector<Chunk> find_chunks(const std::vector<std::string>& paths) {
    std::vector<Chunk> chunks;
    const auto add = [&](const std::filesystem::path& path) {
        std::error_code error;
        const std::uint64_t size = std::filesystem::file_size(path, error);
        if (error) {
            fmt::print(stderr, "{}: {}\n", path.string(), error.message());
            return;
        }
        for (std::uint64_t at = 0; at < size; at += chunk_size)
            chunks.push_back({chunks.size(), path.string(), at, std::min(chunk_size, size - at)});
    };
    for (const std::string& path : paths) {
        std::error_code error;
        if (!std::filesystem::is_directory(path, error)) {
            add(path);
            continue;
        }
        const auto skip = std::filesystem::directory_options::skip_permission_denied;
        for (auto it = std::filesystem::recursive_directory_iterator(path, skip, error);
             it != std::filesystem::recursive_directory_iterator(); it.increment(error))
            if (it->is_regular_file(error) && !it->is_symlink(error)) add(it->path());
    }
    return chunks;
}

class Crew {
  public:
    Crew(int size, bool kill_one) : kill_one_(kill_one) {
        for (int i = 0; i < size; ++i) hire();
    }

    /// Has all chunks counted, each exactly once in the result, whoever dies.
    Counts count_all(const std::vector<Chunk>& all, std::uint64_t& bytes) {
        Counts total;
        std::vector<bool> done(all.size());
        chunks_.put_many(all);
        for (std::size_t finished = 0; finished < all.size();) {
            const auto report = reports_.try_get(100ms);
            if (!report) {
                replace_the_dead(all, done);
                continue;
            }
            if (!report->done) {
                if (std::exchange(kill_one_, false)) ::kill(report->worker, SIGKILL);
                continue;
            }
            // It may come twice: sent again because its worker died after it had reported.
            if (done[report->chunk]) continue;
            done[report->chunk] = true;
            ++finished;
            bytes += report->bytes;
            if (!report->error.empty()) fmt::print(stderr, "{}\n", report->error);
            for (const auto& [word, number] : report->counts) total[word] += number;
            show_progress(finished, all.size());
        }
        chunks_.shutdown();
        for (mp::Process& worker : workers_) worker.join();
        return total;
    }

  private:
    void hire() { workers_.emplace_back(work, chunks_, reports_).start(); }

    void replace_the_dead(const std::vector<Chunk>& all, const std::vector<bool>& done) {
        bool died = false;
        for (mp::Process& worker : workers_) {
            if (worker.is_alive()) continue;
            fmt::print(stderr, "worker {} ended with {}; another takes its place\n", *worker.pid(),
                       worker.exitcode());
            worker = mp::Process(work, chunks_, reports_);
            worker.start();
            died = true;
        }
        // The dead one had one of them, nobody can say which: a result that comes twice is ignored.
        if (!died) return;
        for (const Chunk& chunk : all)
            if (!done[chunk.id]) chunks_.put(chunk);
    }

    void show_progress(std::size_t finished, std::size_t all) const {
        if (!::isatty(STDERR_FILENO)) return;
        const std::size_t width = 40, full = width * finished / all;
        fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {}/{}{}", "", full, "", width - full, finished, all,
                   finished == all ? "\n" : "");
    }

    mp::Queue<Chunk> chunks_;
    mp::Queue<Report> reports_;
    std::vector<mp::Process> workers_;
    bool kill_one_;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Counts words with several processes");
    int workers = mp::cpu_count();
    std::size_t top = 10;
    bool kill_one = false;
    std::vector<std::string> paths;
    app.add_option("--workers", workers, "how many processes")->check(CLI::PositiveNumber);
    app.add_option("--top", top, "how many words to show");
    app.add_flag("--kill-one", kill_one, "kill a worker in the middle, to show that nothing is lost");
    app.add_option("paths", paths, "files and folders")->required();
    CLI11_PARSE(app, argc, argv);

    const auto begin = std::chrono::steady_clock::now();
    const std::vector<Chunk> chunks = find_chunks(paths);
    std::uint64_t bytes = 0;
    const Counts counts = Crew(workers, kill_one).count_all(chunks, bytes);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;

    std::vector<std::pair<std::uint64_t, std::string>> rows;
    std::uint64_t words = 0;
    for (const auto& [word, number] : counts) {
        rows.emplace_back(number, word);
        words += number;
    }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    for (std::size_t i = 0; i < std::min(top, rows.size()); ++i)
        fmt::print("{:>10} {}\n", rows[i].first, rows[i].second);
    fmt::print("{} words, {} different, in {} chunks; {:.1f} MB in {:.2f} s, {:.1f} MB/s, {} workers\n",
               words, counts.size(), chunks.size(), static_cast<double>(bytes) / 1e6, time.count(),
               static_cast<double>(bytes) / 1e6 / time.count(), workers);
}
