// SPDX-License-Identifier: Apache-2.0

// Counts the words of files and folders with several processes. A word is a run of ASCII letters, in
// lower case: what `tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c` counts.
//
// The first process cuts the files into chunks, a pool's workers map each chunk to the counts of its
// words, the first process adds these up as they come. When a worker is killed, the chunk that it had is
// counted by another.

#include <procession/mp.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

// ---------------------------------------------------------------- messages

/// A part of a file. Its words are those that begin in it.
struct Part {
    std::string path;
    std::uint64_t offset;
    std::uint64_t size;
};

/// One task: a part of a large file, or many small files.
struct Chunk {
    std::vector<Part> parts;
};

/// What a worker found in a chunk: its different words, one a line, and how often each occurs.
struct Report {
    std::uint64_t bytes;
    std::string words;
    std::vector<std::uint64_t> counts;
    std::vector<std::string> errors;
};

// ---------------------------------------------------------------- counting

/// 1 to 26 for the letters of either case, which is their code's last five bits.
constexpr unsigned letter_number(char c) { return (static_cast<unsigned char>(c) | 0x20u) - 0x60u; }
constexpr bool is_letter(char c) { return letter_number(c) - 1 < 26; }

/// A word, with its letters' numbers in five bits each: up to twelve letters these say all, of a longer
/// word they are the last ones.
struct Word {
    std::string_view text;
    std::uint64_t key;

    bool operator==(const Word& other) const {
        return key == other.key && text.size() == other.text.size() &&
               (text.size() <= 12 ||
                std::equal(text.begin(), text.end(), other.text.begin(), same_letter));
    }
    static bool same_letter(char a, char b) { return letter_number(a) == letter_number(b); }
};

/// How often each word occurs. A flat hash table with linear probing: an occurrence costs a comparison
/// and an addition, and no allocation. The text of a word is its user's to keep.
class WordCounts {
  public:
    struct Entry {
        Word word;  ///< key 0, which no word has: a free place
        std::uint64_t count;
    };

    /// The entry of a word; a new one has count 0.
    Entry& entry_of(const Word& word) {
        Entry& entry = place_of(word);
        if (entry.word.key != 0) return entry;
        if (++size_ * 2 > table_.size()) {
            grow();
            return place_of(word) = {word, 0};
        }
        return entry = {word, 0};
    }

    template <class F>
    void for_each(F&& use) const {
        for (const Entry& entry : table_)
            if (entry.word.key != 0) use(entry);
    }
    std::size_t size() const { return size_; }

  private:
    Entry& place_of(const Word& word) {
        // Multiplicative hashing (Knuth, 6.4): the product's upper bits depend on all of the key's.
        const std::uint64_t hash = word.key * 0x9e3779b97f4a7c15;
        const std::size_t mask = table_.size() - 1;
        for (std::size_t at = hash >> (64 - std::bit_width(mask));; at = (at + 1) & mask) {
            Entry& entry = table_[at];
            if (entry.word.key == 0 || entry.word == word) return entry;
        }
    }
    void grow() {
        const std::vector<Entry> old = std::exchange(table_, std::vector<Entry>(table_.size() * 2));
        for (const Entry& entry : old)
            if (entry.word.key != 0) place_of(entry.word) = entry;
    }

    std::vector<Entry> table_ = std::vector<Entry>(1 << 12);
    std::size_t size_ = 0;
};

/// Reads the letters at a place as a word, and leaves the place after them.
Word take_word(const char*& at, const char* end) {
    const char* const begin = at;
    std::uint64_t key = 0;
    while (at != end && is_letter(*at)) key = key << 5 | letter_number(*at++);
    return {{begin, at}, key};
}

/// Counts the words of a text, in the spelling of their first occurrence.
WordCounts count_words(std::string_view text) {
    WordCounts counts;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const Word word = take_word(at, end);
        if (word.key != 0) ++counts.entry_of(word).count;
        while (at != end && !is_letter(*at)) ++at;
    }
    return counts;
}

// ---------------------------------------------------------------- a worker

/// Appends the text whose words begin in a part of a file. @returns how many bytes the part has
std::uint64_t append_part(const Part& part, std::string& text) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(part.path.c_str(), "rbe"),
                                                               std::fclose);
    const auto check = [](bool good) {
        if (!good) throw std::system_error(errno, std::generic_category());
    };
    // One byte before it shows whether a word is under way there, which belongs to the part before.
    const std::size_t before = part.offset > 0 ? 1 : 0;
    check(file && ::fseeko(file.get(), static_cast<off_t>(part.offset - before), SEEK_SET) == 0);
    text.push_back('\n');
    const std::size_t begin = text.size();
    text.resize(begin + before + part.size);
    const std::size_t got = std::fread(text.data() + begin, 1, before + part.size, file.get());
    text.resize(begin + got);
    check(!std::ferror(file.get()));
    if (before)
        for (std::size_t at = begin; at < text.size() && is_letter(text[at]); ++at) text[at] = '\n';
    // The last word is read to its end, which may lie in the parts after.
    if (is_letter(text.back()))
        for (int c; (c = std::getc(file.get())) != EOF && is_letter(static_cast<char>(c));)
            text.push_back(static_cast<char>(c));
    return got - std::min(got, before);
}

Report count(const Chunk& chunk) {
    static std::string text;  // room for it, kept from one to the next
    Report report{.bytes = 0, .words = {}, .counts = {}, .errors = {}};
    text.clear();
    for (const Part& part : chunk.parts) {
        try {
            report.bytes += append_part(part, text);
        } catch (const std::system_error& error) {
            report.errors.push_back(fmt::format("{}: {}", part.path, error.code().message()));
        }
    }
    count_words(text).for_each([&](const WordCounts::Entry& entry) {
        for (const char c : entry.word.text) report.words.push_back(static_cast<char>(c | 0x20));
        report.words.push_back('\n');
        report.counts.push_back(entry.count);
    });
    return report;
}

// ---------------------------------------------------------------- the first process

/// What is said beside the result.
class Complaints {
  public:
    /// Of what makes the result incomplete.
    void add(const std::string& text) {
        note(text);
        are_any_ = true;
    }
    static void note(const std::string& text) { fmt::print(stderr, "wordcount: {}\n", text); }
    bool are_any() const { return are_any_; }

  private:
    bool are_any_ = false;
};

/// Finds the files of paths: a path itself, or what lies below it. Links are followed only at the top.
class Files {
  public:
    explicit Files(Complaints& complaints) : complaints_(complaints) {}

    void add(const fs::path& path) {
        std::error_code error;
        const fs::file_status status = fs::status(path, error);
        if (fs::is_directory(status)) {
            add_folder(path);
        } else if (fs::is_regular_file(status)) {
            add_file(path);
        } else {
            complaints_.add(fmt::format("{}: {}", path.string(),
                                        error ? error.message() : "neither a file nor a folder"));
        }
    }
    const std::vector<Part>& parts() const { return parts_; }

  private:
    void add_folder(const fs::path& path) {
        std::error_code error;
        for (fs::directory_iterator it(path, error); !error && it != fs::directory_iterator();
             it.increment(error)) {
            if (it->is_symlink()) continue;
            if (it->is_directory()) add_folder(it->path());
            if (it->is_regular_file()) add_file(it->path());
        }
        if (error) complaints_.add(fmt::format("{}: {}", path.string(), error.message()));
    }
    void add_file(const fs::path& path) {
        std::error_code error;
        const std::uint64_t size = fs::file_size(path, error);
        if (error) return complaints_.add(fmt::format("{}: {}", path.string(), error.message()));
        if (size > 0) parts_.push_back({path.string(), 0, size});
    }

    Complaints& complaints_;
    std::vector<Part> parts_;
};

/// Cuts large files and puts small ones together, into chunks of about one size.
std::vector<Chunk> make_chunks(const std::vector<Part>& files, int workers) {
    std::uint64_t total = 0;
    for (const Part& file : files) total += file.size;
    // Several for each worker, so that they end together; large enough that messages cost nothing.
    const std::uint64_t size = std::clamp<std::uint64_t>(total / (8 * workers), 64 << 10, 4 << 20);
    std::vector<Chunk> chunks;
    std::uint64_t room = 0;
    for (Part rest : files) {
        while (rest.size > 0) {
            if (room == 0) {
                chunks.emplace_back();
                room = size;
            }
            const std::uint64_t taken = std::min(rest.size, room);
            chunks.back().parts.push_back({rest.path, rest.offset, taken});
            rest.offset += taken;
            rest.size -= taken;
            room -= taken;
        }
    }
    return chunks;
}

/// Adds up the reports' words, and keeps the text of each different one.
class Totals {
  public:
    void add(const Report& report) {
        bytes_ += report.bytes;
        const char* at = report.words.data();
        const char* const end = at + report.words.size();
        for (const std::uint64_t count : report.counts) {
            WordCounts::Entry& entry = counts_.entry_of(take_word(at, end));
            if (entry.count == 0) entry.word.text = texts_.emplace_back(entry.word.text);
            entry.count += count;
            words_ += count;
            ++at;
        }
    }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t words() const { return words_; }
    std::size_t different_words() const { return counts_.size(); }

    /// The words that occur most, those that occur equally often by the alphabet.
    std::vector<WordCounts::Entry> top(std::size_t number) const {
        std::vector<WordCounts::Entry> entries;
        counts_.for_each([&](const WordCounts::Entry& entry) { entries.push_back(entry); });
        const auto end = entries.begin() + static_cast<std::ptrdiff_t>(std::min(number, entries.size()));
        std::partial_sort(entries.begin(), end, entries.end(), [](const auto& a, const auto& b) {
            return a.count != b.count ? a.count > b.count : a.word.text < b.word.text;
        });
        entries.erase(end, entries.end());
        return entries;
    }

  private:
    WordCounts counts_;
    std::deque<std::string> texts_;
    std::uint64_t bytes_ = 0, words_ = 0;
};

/// Has all chunks counted, each once, whoever dies.
/// @param kill_one  a worker in the middle
Totals count_all(const std::vector<Chunk>& chunks, int workers, bool kill_one, Complaints& complaints) {
    Totals totals;
    if (chunks.empty()) return totals;
    mp::PoolOptions options;
    options.max_retries = 2;
    options.progress = mp::ProgressBar();
    const mp::Pool pool(std::min(workers, static_cast<int>(chunks.size())), options);
    auto reports = pool.imap(count, chunks);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        if (kill_one && i == chunks.size() / 2) pool.workers().front().kill();
        try {
            const Report report = *reports.next();
            totals.add(report);
            for (const std::string& error : report.errors) complaints.add(error);
        } catch (const mp::WorkerDied& death) {
            complaints.add(fmt::format("{} and {} more: not counted: {}", chunks[i].parts.front().path,
                                       chunks[i].parts.size() - 1, death.what()));
        }
    }
    if (const auto died = pool.stats().died)
        Complaints::note(
            fmt::format("workers that died: {}; what they had was counted by others", died));
    return totals;
}

struct Options {
    int workers = mp::cpu_count();
    std::size_t top = 10;
    bool kill_one = false;
    std::vector<std::string> paths;
};

/// @returns the exit code: 1 if something could not be counted
int run(const Options& options) {
    const auto begin = std::chrono::steady_clock::now();
    Complaints complaints;
    Files files(complaints);
    for (const std::string& path : options.paths) files.add(path);
    const std::vector<Chunk> chunks = make_chunks(files.parts(), options.workers);
    const Totals totals = count_all(chunks, options.workers, options.kill_one, complaints);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;

    for (const auto& [word, count] : totals.top(options.top))
        fmt::print("{:>10} {}\n", count, word.text);
    const double megabytes = static_cast<double>(totals.bytes()) / 1e6;
    fmt::print("{} words, {} different, in {} files; {:.1f} MB in {:.2f} s, {:.1f} MB/s, {} workers\n",
               totals.words(), totals.different_words(), files.parts().size(), megabytes, time.count(),
               megabytes / time.count(), options.workers);
    if (std::fflush(stdout) != 0) throw std::system_error(errno, std::generic_category(), "stdout");
    return complaints.are_any() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app("Counts words with several processes");
    Options options;
    app.add_option("--workers", options.workers, "how many processes")->check(CLI::Range(1, 1000));
    app.add_option("--top", options.top, "how many words to show");
    app.add_flag("--kill-one", options.kill_one, "kill a worker in the middle: the result is the same");
    app.add_option("paths", options.paths, "files and folders")->required()->type_name("PATH");
    CLI11_PARSE(app, argc, argv);
    return run(options);
} catch (const std::exception& error) {
    fmt::print(stderr, "wordcount: {}\n", error.what());
    return 1;
}
