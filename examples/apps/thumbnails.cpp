// SPDX-License-Identifier: Apache-2.0

// Makes thumbnails of a folder's PNG and JPEG images with several processes.
//
// The C libraries are used in their plain way, in which an image that they cannot read ends the process: libjpeg
// calls exit(), libpng abort(). The process is a pool's worker, so that costs a worker and no more: another takes
// its place, and in the end the file is named, with what the library said. An image that takes too long or too
// much memory is an error of the same kind.
//
// An image keeps its format, and its place below the folder. Its orientation in EXIF is not looked at.

#include <procession/mp.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdio>

// It needs those above.
#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

namespace fs = std::filesystem;

// ---------------------------------------------------------------- messages

/// One image, and the thumbnail to make of it.
struct Task {
    std::string source;
    std::string thumbnail;
    std::uint32_t size;  ///< pixels of the longest side
};

// ---------------------------------------------------------------- pixels

struct Size {
    std::uint32_t width, height;
};

/// The size of a thumbnail with that longest side; a small image stays as it is.
Size shrunk(Size image, std::uint32_t longest) {
    const std::uint64_t side = std::max(image.width, image.height);
    if (side <= longest) return image;
    const auto scaled = [&](std::uint64_t length) {
        return static_cast<std::uint32_t>(
            std::max<std::uint64_t>(1, (length * longest + side / 2) / side));
    };
    return {scaled(image.width), scaled(image.height)};
}

constexpr std::size_t channels = 4;  ///< red, green, blue and alpha
using Row = std::vector<std::uint8_t>;

struct Image {
    Size size;
    bool has_alpha;
    std::vector<Row> rows;
};

/// Makes an image smaller as its rows come, so that no more than one of them is in memory. A pixel becomes the mean
/// of the area that it covers, in which what is transparent has no colour.
///
/// Lengths are whole numbers: a line is image width * target width units long. A pixel of the image covers `target
/// width` of them, and one of the target `image width`; so it is from row to row.
class Shrinker {
  public:
    Shrinker(Size image, Size target, bool has_alpha)
        : image_(image),
          line_(target.width * channels),
          area_(target.width * channels),
          target_{.size = target, .has_alpha = has_alpha, .rows = {}} {}

    void add(const std::uint8_t* pixels) {
        sum_up(pixels);
        for (std::uint64_t rest = target_.size.height; rest > 0;) {
            const std::uint64_t taken = std::min<std::uint64_t>(rest, image_.height - covered_);
            for (std::size_t i = 0; i < area_.size(); ++i) area_[i] += taken * line_[i];
            rest -= taken;
            covered_ += taken;
            if (covered_ == image_.height) finish_row();
        }
    }
    /// The smaller image, once all rows were added.
    const Image& target() const { return target_; }

  private:
    using Sums = std::vector<std::uint64_t>;

    void sum_up(const std::uint8_t* pixels) {
        std::fill(line_.begin(), line_.end(), 0);
        std::uint64_t* sum = line_.data();
        std::uint64_t covered = 0;
        for (const std::uint8_t* const end = pixels + image_.width * channels; pixels != end;
             pixels += channels) {
            for (std::uint64_t rest = target_.size.width; rest > 0;) {
                const std::uint64_t taken = std::min<std::uint64_t>(rest, image_.width - covered);
                const std::uint64_t weight = taken * pixels[3];
                for (std::size_t i = 0; i < 3; ++i) sum[i] += weight * pixels[i];
                sum[3] += weight;
                rest -= taken;
                covered += taken;
                if (covered == image_.width) {
                    sum += channels;
                    covered = 0;
                }
            }
        }
    }
    void finish_row() {
        const std::uint64_t whole = std::uint64_t{image_.width} * image_.height;
        Row row(area_.size());
        for (std::size_t at = 0; at < row.size(); at += channels) {
            const std::uint64_t alpha = area_[at + 3];
            for (std::size_t i = at; i < at + 3; ++i) row[i] = mean(area_[i], alpha);
            row[at + 3] = mean(alpha, whole);
        }
        target_.rows.push_back(std::move(row));
        std::fill(area_.begin(), area_.end(), 0);
        covered_ = 0;
    }
    static std::uint8_t mean(std::uint64_t sum, std::uint64_t weight) {
        return weight == 0 ? 0 : static_cast<std::uint8_t>((sum + weight / 2) / weight);
    }

    Size image_;
    Sums line_;  ///< of one row of the image
    Sums area_;  ///< of those rows that one of the target covers
    std::uint64_t covered_ = 0;
    Image target_;
};

// ---------------------------------------------------------------- a worker

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

void check(bool good) {
    if (!good) throw std::system_error(errno, std::generic_category());
}

File open(const std::string& path, const char* mode) {
    File file(std::fopen(path.c_str(), mode), std::fclose);
    check(file != nullptr);
    return file;
}

class PngReader {
  public:
    explicit PngReader(std::FILE* file)
        : png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr)),
          info_(png_create_info_struct(png_)) {
        png_init_io(png_, file);
    }
    ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
    PngReader(PngReader&&) = delete;

    Image read(std::uint32_t longest) {
        png_read_info(png_, info_);
        const Size size{png_get_image_width(png_, info_), png_get_image_height(png_, info_)};
        const bool has_alpha = (png_get_color_type(png_, info_) & PNG_COLOR_MASK_ALPHA) != 0 ||
                               png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
        png_set_expand(png_);
        png_set_scale_16(png_);
        png_set_gray_to_rgb(png_);
        png_set_add_alpha(png_, 0xff, PNG_FILLER_AFTER);
        const int passes = png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);

        Shrinker shrinker(size, shrunk(size, longest), has_alpha);
        const std::size_t row_size = size.width * channels;
        if (passes == 1) {
            Row row(row_size);
            for (std::uint32_t y = 0; y < size.height; ++y) {
                png_read_row(png_, row.data(), nullptr);
                shrinker.add(row.data());
            }
        } else {
            // The first row is complete only with the last pass.
            Row image(row_size * size.height);
            for (int pass = 0; pass < passes; ++pass)
                for (std::size_t at = 0; at < image.size(); at += row_size)
                    png_read_row(png_, &image[at], nullptr);
            for (std::size_t at = 0; at < image.size(); at += row_size) shrinker.add(&image[at]);
        }
        png_read_end(png_, nullptr);
        return shrinker.target();
    }

  private:
    png_structp png_;
    png_infop info_;
};

class PngWriter {
  public:
    explicit PngWriter(std::FILE* file)
        : png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr)),
          info_(png_create_info_struct(png_)) {
        png_init_io(png_, file);
    }
    ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
    PngWriter(PngWriter&&) = delete;

    void write(const Image& image) {
        png_set_IHDR(png_, info_, image.size.width, image.size.height, 8,
                     image.has_alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png_, info_);
        if (!image.has_alpha) png_set_filler(png_, 0, PNG_FILLER_AFTER);
        for (const Row& row : image.rows) png_write_row(png_, row.data());
        png_write_end(png_, nullptr);
    }

  private:
    png_structp png_;
    png_infop info_;
};

class JpegReader {
  public:
    explicit JpegReader(std::FILE* file) {
        jpeg_.err = jpeg_std_error(&errors_);
        jpeg_create_decompress(&jpeg_);
        jpeg_stdio_src(&jpeg_, file);
    }
    ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
    JpegReader(JpegReader&&) = delete;

    Image read(std::uint32_t longest) {
        jpeg_read_header(&jpeg_, TRUE);
        const Size target = shrunk({jpeg_.image_width, jpeg_.image_height}, longest);
        // Decoding to an eighth costs little of decoding all; twice the target's size keeps what is seen.
        jpeg_.scale_denom = 8;
        while (jpeg_.scale_denom > 1 && jpeg_.image_width / jpeg_.scale_denom < 2 * target.width)
            jpeg_.scale_denom /= 2;
        jpeg_.out_color_space = JCS_EXT_RGBA;
        jpeg_start_decompress(&jpeg_);
        Shrinker shrinker({jpeg_.output_width, jpeg_.output_height}, target, false);
        Row row(jpeg_.output_width * channels);
        while (jpeg_.output_scanline < jpeg_.output_height) {
            JSAMPROW pixels = row.data();
            jpeg_read_scanlines(&jpeg_, &pixels, 1);
            shrinker.add(row.data());
        }
        jpeg_finish_decompress(&jpeg_);
        // libjpeg only warns of what is missing, and makes it grey.
        if (errors_.num_warnings != 0) throw std::runtime_error("libjpeg warns of corrupt data");
        return shrinker.target();
    }

  private:
    jpeg_error_mgr errors_{};
    jpeg_decompress_struct jpeg_{};
};

class JpegWriter {
  public:
    explicit JpegWriter(std::FILE* file) {
        jpeg_.err = jpeg_std_error(&errors_);
        jpeg_create_compress(&jpeg_);
        jpeg_stdio_dest(&jpeg_, file);
    }
    ~JpegWriter() { jpeg_destroy_compress(&jpeg_); }
    JpegWriter(JpegWriter&&) = delete;

    void write(const Image& image) {
        jpeg_.image_width = image.size.width;
        jpeg_.image_height = image.size.height;
        jpeg_.input_components = channels;
        jpeg_.in_color_space = JCS_EXT_RGBX;
        jpeg_set_defaults(&jpeg_);
        jpeg_set_quality(&jpeg_, 90, TRUE);
        jpeg_start_compress(&jpeg_, TRUE);
        for (const Row& row : image.rows) {
            auto* pixels = const_cast<JSAMPROW>(row.data());  // it only reads them
            jpeg_write_scanlines(&jpeg_, &pixels, 1);
        }
        jpeg_finish_compress(&jpeg_);
    }

  private:
    jpeg_error_mgr errors_{};
    jpeg_compress_struct jpeg_{};
};

std::string extension_of(const fs::path& path) {
    std::string extension = path.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension;
}
bool is_png(const fs::path& path) { return extension_of(path) == ".png"; }
bool is_jpeg(const fs::path& path) {
    const std::string extension = extension_of(path);
    return extension == ".jpg" || extension == ".jpeg";
}

/// The name that a thumbnail has until it is complete.
fs::path temporary_of(const fs::path& thumbnail) {
    return thumbnail.parent_path() / fmt::format(".{}.part", thumbnail.filename().string());
}

Image read_image(const Task& task) {
    const File file = open(task.source, "rbe");
    return is_png(task.source) ? PngReader(file.get()).read(task.size)
                               : JpegReader(file.get()).read(task.size);
}

void write_image(const Image& image, const fs::path& path, bool as_png) {
    File file = open(path.string(), "wbe");
    if (as_png)
        PngWriter(file.get()).write(image);
    else
        JpegWriter(file.get()).write(image);
    check(std::fclose(file.release()) == 0);
}

void make_thumbnail(const Task& task) {
    const Image image = read_image(task);
    const fs::path thumbnail = task.thumbnail, temporary = temporary_of(thumbnail);
    fs::create_directories(thumbnail.parent_path());
    write_image(image, temporary, is_png(thumbnail));
    fs::rename(temporary, thumbnail);
}

// ---------------------------------------------------------------- the first process

struct Options {
    int workers = mp::cpu_count();
    std::uint32_t size = 256;
    double timeout = 30;
    std::size_t memory = 1024;
    bool kill_one = false;
    std::string folder;
    std::string output = "thumbnails";
};

/// What there is to do: the images below a folder, in the order of their names.
class Images {
  public:
    explicit Images(const Options& options) : options_(options) {
        const fs::path folder = fs::canonical(options.folder),
                       output = fs::weakly_canonical(fs::absolute(options.output));
        if (const fs::path below = folder.lexically_relative(output); *below.begin() != "..")
            throw std::invalid_argument(fmt::format(
                "{}: the images are in the output folder, where thumbnails might replace them",
                output.string()));
        find(options.folder, output);
        std::sort(tasks_.begin(), tasks_.end(),
                  [](const Task& a, const Task& b) { return a.source < b.source; });
    }
    const std::vector<Task>& tasks() const { return tasks_; }
    /// Folders that could not be looked into, and why.
    const std::map<std::string, std::string>& errors() const { return errors_; }

  private:
    void find(const fs::path& folder, const fs::path& output) {
        std::error_code error;
        for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator();
             it.increment(error)) {
            const fs::path& path = it->path();
            std::error_code unreadable;
            if (it->is_directory(unreadable)) {
                if (!it->is_symlink(unreadable) && fs::canonical(path, unreadable) != output)
                    find(path, output);
            } else if (is_png(path) || is_jpeg(path)) {
                tasks_.push_back(
                    {.source = path.string(),
                     .thumbnail = (options_.output / path.lexically_relative(options_.folder)).string(),
                     .size = options_.size});
            }
        }
        if (error) errors_[folder.string()] = error.message();
    }

    const Options& options_;
    std::vector<Task> tasks_;
    std::map<std::string, std::string> errors_;
};

/// How a worker ended, and what it wrote last: there the libraries say why.
std::string describe(const mp::WorkerDied& death) {
    std::string text = "its worker is gone";
    if (death.exitcode && *death.exitcode < 0)
        text = fmt::format("its worker was ended by signal {} ({})", -*death.exitcode,
                           ::strsignal(-*death.exitcode));
    else if (death.exitcode)
        text = fmt::format("its worker ended with exit code {}", *death.exitcode);
    if (death.out_of_memory) text += ", since there was no memory left";
    const std::string& wrote = death.last_stderr;
    if (!wrote.empty()) text += ": " + wrote.substr(wrote.rfind('\n') + 1);
    return text;
}

/// What became of the images.
struct Results {
    std::size_t good = 0;
    std::map<std::string, std::string> bad = {};  ///< by their paths: what is wrong
};

/// At a moment at which one has died, there may be none.
void kill_one_of(const std::vector<mp::ProcessHandle>& workers) {
    if (!workers.empty()) workers.front().kill();
}

/// Has all thumbnails made. One task's error is one image's.
Results make_all(const std::vector<Task>& tasks, const Options& options) {
    Results results;
    if (tasks.empty()) return results;
    mp::PoolOptions pool_options;
    pool_options.task_timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(options.timeout));
    pool_options.grace = std::chrono::seconds(0);  // the libraries can do nothing with it
    pool_options.limits.memory = options.memory << 20;
    pool_options.max_retries = 1;  // for those who die of something else
    pool_options.progress = mp::ProgressBar("thumbnails");
    const mp::Pool pool(std::min(options.workers, static_cast<int>(tasks.size())), pool_options);
    const auto fail = [&](const Task& task, const std::string& what) {
        results.bad[task.source] = what;
        std::error_code ignored;  // most often there is none
        fs::remove(temporary_of(task.thumbnail), ignored);
    };
    auto images = pool.imap(make_thumbnail, tasks);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        if (options.kill_one && i == tasks.size() / 2) kill_one_of(pool.workers());
        try {
            images.next();
            ++results.good;
        } catch (const mp::WorkerDied& death) {
            fail(tasks[i], describe(death));
        } catch (const mp::TimeoutError&) {
            fail(tasks[i], fmt::format("it takes longer than {} s", options.timeout));
        } catch (const std::bad_alloc&) {
            fail(tasks[i], fmt::format("it takes more memory than {} MiB", options.memory));
        } catch (const std::exception& error) {
            fail(tasks[i], error.what());
        }
    }
    return results;
}

/// @returns the exit code: 1 if there is something of which there is no thumbnail
int run(const Options& options) {
    const auto begin = std::chrono::steady_clock::now();
    const Images images(options);
    const Results results = make_all(images.tasks(), options);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;

    for (const auto* errors : {&images.errors(), &results.bad})
        for (const auto& [path, what] : *errors) fmt::print(stderr, "thumbnails: {}: {}\n", path, what);
    fmt::print("{} thumbnails in {}, {} images without; {:.2f} s, {} workers\n", results.good,
               options.output, results.bad.size(), time.count(), options.workers);
    if (std::fflush(stdout) != 0) throw std::system_error(errno, std::generic_category(), "stdout");
    return images.errors().empty() && results.bad.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app("Makes thumbnails of PNG and JPEG images with several processes");
    Options options;
    app.option_defaults()->always_capture_default();
    app.add_option("--workers", options.workers, "how many processes")->check(CLI::Range(1, 1000));
    app.add_option("--size", options.size, "pixels of a thumbnail's longest side")
        ->check(CLI::Range(1, 10000));
    app.add_option("--output", options.output, "the folder for the thumbnails")->type_name("DIR");
    app.add_option("--timeout", options.timeout, "seconds that one image may take")
        ->check(CLI::Range(0.001, 1e6));
    app.add_option("--memory", options.memory, "MiB that a worker may have")
        ->check(CLI::Range(64, 1 << 20));
    app.add_flag("--kill-one", options.kill_one, "kill a worker in the middle: the result is the same");
    app.add_option("folder", options.folder, "the folder of the images")
        ->required()
        ->check(CLI::ExistingDirectory)
        ->type_name("FOLDER");
    CLI11_PARSE(app, argc, argv);
    return run(options);
} catch (const std::exception& error) {
    fmt::print(stderr, "thumbnails: {}\n", error.what());
    return 1;
}
