// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>
#include <procession/pickle.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "support/python.hpp"

namespace {

using namespace procession::test;
namespace pickle = procession::pickle;
using Bytes = std::vector<std::byte>;

/// Bytes one after another in a file, each with their number before them.
class Records {
  public:
    explicit Records(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        content_.assign(std::istreambuf_iterator<char>(in), {});
    }
    std::string_view next() {
        std::uint64_t size = 0;
        std::memcpy(&size, content_.data() + at_, sizeof size);
        at_ += sizeof size + size;
        return std::string_view(content_).substr(at_ - size, size);
    }
    int next_number() { return std::atoi(std::string(next()).c_str()); }

  private:
    std::string content_;
    std::size_t at_ = 0;
};

void write_record(std::ofstream& out, std::span<const std::byte> bytes) {
    const std::uint64_t size = bytes.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(size));
}

class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& name)
        : path_(fmt::format("{}/{}_{}", testing::TempDir(), name, ::getpid())) {}
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(TemporaryFile&&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void expect_success(const Python& python, const std::string& command, const std::string& seed,
                    const std::string& path) {
    const Ended ended =
        run_program({"/usr/bin/env", python.path, PICKLE_CORPUS, command, seed, "150", path},
                    {"PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0"});
    EXPECT_EQ(ended.code, 0) << python.path << ": seed " << seed << ": " << ended.output;
}

class PickleWithPython : public testing::Test {
  protected:
    void SetUp() override {
        pythons_ = pythons(6);
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 in the PATH";
        for (const char* const name : {"Point", "Slotted", "Called", "Failure", "Pair"})
            pickle::register_global("pickle_corpus", name);
    }
    /// Reads every pickle of the corpus, writes each by every protocol.
    static void there_and_back(const std::string& from, const std::string& to) {
        Records records(from);
        std::ofstream out(to, std::ios::binary);
        const int count = records.next_number();
        const int protocols = records.next_number();
        for (int number = 0; number < count; ++number) {
            const std::string repr(records.next());
            for (int source = 0; source < protocols; ++source) {
                const mp::Object value = pickle::loads(bytes_of(records.next()));
                // Protocols before 4 have no fold.
                if (!repr.empty() && (source >= 4 || repr.find("fold=") == repr.npos)) {
                    EXPECT_EQ(value.to_string(), repr) << "value " << number << ", protocol " << source;
                }
                for (int target = 0; target < protocols; ++target)
                    write_record(out, pickle::dumps(value, target));
            }
        }
    }
    std::vector<Python> pythons_;
};

TEST_F(PickleWithPython, values_of_all_types_come_back_as_they_were_by_every_protocol) {
    const TemporaryFile there("procession_pickle_there"), back("procession_pickle_back");
    for (const Python& python : pythons_) {
        for (const char* const seed : {"1", "2"}) {
            expect_success(python, "generate", seed, there.path());
            if (HasFailure()) return;
            there_and_back(there.path(), back.path());
            expect_success(python, "verify", seed, back.path());
            if (HasFailure()) return;
        }
    }
}

}  // namespace
