// SPDX-License-Identifier: Apache-2.0

// usage: test_images make-good FOLDER | make-bad FOLDER | check FOLDER SIZE
//
// Makes images to make thumbnails of, and those that nothing can be made of; looks at the thumbnails of the good.

#include <fmt/format.h>

#include <cstddef>
#include <cstdio>

// It needs those above.
#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

using Pixel = std::array<std::uint8_t, 4>;
constexpr Pixel red{220, 30, 40, 255}, green{20, 200, 60, 255}, blue{30, 50, 210, 255},
    white{255, 255, 255, 255}, black{0, 0, 0, 255}, nothing{255, 0, 0, 0}, grey{128, 128, 128, 255},
    half_blue{30, 50, 210, 128};

struct Picture {
    std::uint32_t width, height;
    std::vector<Pixel> pixels;

    Picture(std::uint32_t w, std::uint32_t h,
            const std::function<Pixel(std::uint32_t, std::uint32_t)>& paint)
        : width(w), height(h) {
        for (std::uint32_t y = 0; y < h; ++y)
            for (std::uint32_t x = 0; x < w; ++x) pixels.push_back(paint(x, y));
    }
    const Pixel& at(std::uint32_t x, std::uint32_t y) const {
        return pixels[std::size_t{y} * width + x];
    }
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
File open(const fs::path& path, const char* mode) {
    File file(std::fopen(path.c_str(), mode), std::fclose);
    if (!file) throw std::runtime_error(fmt::format("{}: cannot be opened", path.string()));
    return file;
}

// ---------------------------------------------------------------- writing

enum class Form { png, interlaced_png, jpeg, progressive_jpeg };
bool is_png(Form form) { return form == Form::png || form == Form::interlaced_png; }

void write_png(const Picture& picture, const fs::path& path, int interlace) {
    const File file = open(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file.get());
    png_set_IHDR(png, info, picture.width, picture.height, 8, PNG_COLOR_TYPE_RGB_ALPHA, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; --pass)
        for (std::uint32_t y = 0; y < picture.height; ++y) png_write_row(png, picture.at(0, y).data());
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
}

void write_jpeg(const Picture& picture, const fs::path& path, bool progressive) {
    const File file = open(path, "wb");
    jpeg_error_mgr errors;
    jpeg_compress_struct jpeg;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file.get());
    jpeg.image_width = picture.width;
    jpeg.image_height = picture.height;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_EXT_RGBX;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        auto* row = const_cast<JSAMPROW>(picture.at(0, y).data());
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
}

void write(const Picture& picture, const fs::path& path, Form form) {
    if (is_png(form))
        write_png(picture, path, form == Form::png ? PNG_INTERLACE_NONE : PNG_INTERLACE_ADAM7);
    else
        write_jpeg(picture, path, form == Form::progressive_jpeg);
}

/// A PNG of 60000 times 60000 pixels, all black.
void write_bomb(const fs::path& path, int interlace) {
    constexpr std::uint32_t side = 60000;
    const File file = open(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file.get());
    png_set_compression_level(png, 1);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
    png_set_IHDR(png, info, side, side, 1, PNG_COLOR_TYPE_GRAY, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    const std::vector<std::uint8_t> row(side / 8 + 1);
    for (int pass = png_set_interlace_handling(png); pass > 0; --pass)
        for (std::uint32_t y = 0; y < side; ++y) png_write_row(png, row.data());
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
}

// ---------------------------------------------------------------- the good ones

/// An image, and what colours are in the quarters of its thumbnail: from the left, upper before lower.
struct Good {
    std::string path;
    Form form;
    Picture picture;
    std::array<Pixel, 4> quarters;
};

Picture quarters(std::uint32_t width, std::uint32_t height, const std::array<Pixel, 4>& colours) {
    return {width, height, [&](std::uint32_t x, std::uint32_t y) {
                return colours[(2 * y < height ? 0 : 2) + (2 * x < width ? 0 : 1)];
            }};
}
/// Pixels of two colours in turn, as on a chessboard.
Picture chequered(std::uint32_t width, std::uint32_t height, const Pixel& one, const Pixel& other) {
    return {width, height,
            [&](std::uint32_t x, std::uint32_t y) { return (x + y) % 2 == 0 ? one : other; }};
}

std::vector<Good> good_images() {
    const std::array<Pixel, 4> colours{red, green, blue, white},
        seen_through{red, nothing, half_blue, green};
    std::vector<Good> images{
        {"wide.png", Form::png, quarters(640, 400, colours), colours},
        {"below/high.png", Form::interlaced_png, quarters(333, 777, colours), colours},
        {"below/seen through.png", Form::png, quarters(500, 500, seen_through), seen_through},
        {"below/deeper/small.png", Form::png, quarters(40, 20, colours), colours},
        {"below/deeper/narrow.png",
         Form::png,
         quarters(4000, 2, {red, red, red, red}),
         {red, red, red, red}},
        {"grey.png", Form::png, chequered(512, 512, black, white), {grey, grey, grey, grey}},
        {"half.png",
         Form::png,
         chequered(512, 256, nothing, blue),
         {half_blue, half_blue, half_blue, half_blue}},
        {"wide.jpg", Form::jpeg, quarters(1600, 900, colours), colours},
        {"below/HIGH.JPEG", Form::progressive_jpeg, quarters(401, 803, colours), colours},
        {"below/deeper/small.jpg", Form::jpeg, quarters(48, 32, colours), colours},
        {"grey.jpg", Form::jpeg, chequered(512, 384, black, white), {grey, grey, grey, grey}},
    };
    for (int i = 0; i < 20; ++i)
        images.push_back(
            {fmt::format("many/{}.jpg", i), Form::jpeg, quarters(300, 200, colours), colours});
    return images;
}

void make_good(const fs::path& folder) {
    for (const Good& image : good_images()) {
        const fs::path path = folder / image.path;
        fs::create_directories(path.parent_path());
        write(image.picture, path, image.form);
    }
}

// ---------------------------------------------------------------- the bad ones

std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void write_bytes(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

void make_bad(const fs::path& folder) {
    fs::create_directories(folder);
    const Picture noise(300, 200, [](std::uint32_t x, std::uint32_t y) {
        const std::uint32_t n = (x * 7919 + y * 104729) * 2654435761u;
        return Pixel{static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16), 128, 255};
    });
    for (const Form form : {Form::png, Form::jpeg}) {
        const auto path = [&](const char* name) {
            return folder / fmt::format("{}.{}", name, is_png(form) ? "png" : "jpg");
        };
        write(noise, path("truncated"), form);
        const std::string whole = bytes_of(path("truncated"));
        write_bytes(path("truncated"), whole.substr(0, whole.size() / 2));
        std::string corrupt = whole;
        std::fill_n(corrupt.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2), 64, '\xff');
        write_bytes(path("corrupt"), corrupt);
        write_bytes(path("empty"), "");
        write_bytes(path("text"), "This is no image.\n");
        // Of its header nothing is left but what it is.
        write_bytes(path("beheaded"), whole.substr(0, 8) + whole.substr(64));
    }
    write_bomb(folder / "bomb.png", PNG_INTERLACE_NONE);
    write_bomb(folder / "interlaced bomb.png", PNG_INTERLACE_ADAM7);
}

// ---------------------------------------------------------------- thumbnails

Picture read_png(const fs::path& path, bool& has_alpha) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&image, path.c_str())) throw std::runtime_error(image.message);
    has_alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
    image.format = PNG_FORMAT_RGBA;
    Picture picture(image.width, image.height, [](auto, auto) { return nothing; });
    if (!png_image_finish_read(&image, nullptr, picture.pixels.data(), 0, nullptr))
        throw std::runtime_error(image.message);
    return picture;
}

Picture read_jpeg(const fs::path& path) {
    const File file = open(path, "rb");
    jpeg_error_mgr errors;
    jpeg_decompress_struct jpeg;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_stdio_src(&jpeg, file.get());
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_EXT_RGBA;
    jpeg_start_decompress(&jpeg);
    Picture picture(jpeg.output_width, jpeg.output_height, [](auto, auto) { return nothing; });
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = picture.pixels[std::size_t{jpeg.output_scanline} * picture.width].data();
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return picture;
}

bool is_about(const Pixel& found, const Pixel& expected, int tolerance) {
    if (expected[3] == 0) return found[3] == 0;
    return std::equal(found.begin(), found.end(), expected.begin(),
                      [&](int a, int b) { return std::abs(a - b) <= tolerance; });
}

/// @returns what is wrong with it; nothing: it is right
std::string look_at(const Good& image, const fs::path& path, std::uint32_t longest) {
    bool has_alpha = false;
    const Picture found = is_png(image.form) ? read_png(path, has_alpha) : read_jpeg(path);
    const auto& [width, height, pixels] = image.picture;
    const double scale = std::min(1.0, double(longest) / std::max(width, height));
    const auto scaled = [&](double length) {
        return std::max(1u, static_cast<std::uint32_t>(std::lround(length * scale)));
    };
    if (found.width != scaled(width) || found.height != scaled(height))
        return fmt::format("it is {} x {}, not {} x {}", found.width, found.height, scaled(width),
                           scaled(height));
    const bool should_have_alpha = is_png(image.form);
    if (has_alpha != should_have_alpha) return "its alpha channel is not that of the image";
    for (std::uint32_t i = 0; i < 4; ++i) {
        const Pixel& pixel =
            found.at((2 * (i % 2) + 1) * found.width / 4, (2 * (i / 2) + 1) * found.height / 4);
        if (!is_about(pixel, image.quarters[i], is_png(image.form) ? 1 : 8))
            return fmt::format("quarter {} is {},{},{},{}", i, pixel[0], pixel[1], pixel[2], pixel[3]);
    }
    return "";
}

/// @returns whether the folder has the thumbnails of the good images, right ones, and no other file
bool check(const fs::path& folder, std::uint32_t longest) {
    std::vector<std::string> left;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
        if (!entry.is_directory()) left.push_back(entry.path().lexically_relative(folder));
    bool is_good = true;
    for (const Good& image : good_images()) {
        const std::string wrong = std::erase(left, image.path) == 0
                                      ? "it is not there"
                                      : look_at(image, folder / image.path, longest);
        if (wrong.empty()) continue;
        fmt::print(stderr, "{}: {}\n", image.path, wrong);
        is_good = false;
    }
    for (const std::string& path : left) fmt::print(stderr, "{}: nobody asked for it\n", path);
    return is_good && left.empty();
}

}  // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const std::string& what = arguments.at(0);
    const fs::path folder = arguments.at(1);
    if (what == "make-good") return make_good(folder), 0;
    if (what == "make-bad") return make_bad(folder), 0;
    if (what == "check")
        return check(folder, static_cast<std::uint32_t>(std::stoul(arguments.at(2)))) ? 0 : 1;
    throw std::invalid_argument(what);
} catch (const std::exception& error) {
    fmt::print(stderr, "test_images: {}\n", error.what());
    return 2;
}
