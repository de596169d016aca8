// SPDX-License-Identifier: Apache-2.0
#include "memory/list_layout.hpp"

#include <procession/error.hpp>

#include <atomic>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "wire/utf8.hpp"

namespace procession::inline v0::detail {
namespace {

constexpr std::size_t word_size = 8;
/// Its format, "9999984s", just fits into 8 bytes.
constexpr std::size_t longest_slot = 9'999'984;

enum Kind : signed char { number, text, bytes, none };

constexpr std::string_view int_format = "q", float_format = "d", bool_format = "xxxxxxx?",
                           none_format = "xxxxxx?x";

// Others may be writing what is read: whole words, so that no number is ever half of two.
using Word = std::uint64_t;
std::atomic_ref<Word> word(std::span<std::byte> block, std::size_t at) {
    return std::atomic_ref(*reinterpret_cast<Word*>(block.data() + at));
}
std::atomic_ref<signed char> kind(std::span<std::byte> block, std::size_t at) {
    return std::atomic_ref(*reinterpret_cast<signed char*>(block.data() + at));
}
void copy_in(std::span<std::byte> block, std::size_t at, std::size_t size, const void* from,
             std::size_t count) {
    for (std::size_t done = 0; done < size; done += word_size) {
        Word value = 0;
        if (done < count)
            std::memcpy(&value, static_cast<const char*>(from) + done,
                        std::min(word_size, count - done));
        word(block, at + done).store(value, std::memory_order_relaxed);
    }
}
std::string copy_out(std::span<std::byte> block, std::size_t at, std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t done = 0; done < size; done += word_size) {
        const Word value = word(block, at + done).load(std::memory_order_relaxed);
        std::memcpy(out.data() + done, &value, std::min(word_size, size - done));
    }
    return out;
}
std::string without_final_nuls(std::string text) {
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
}

/// What text and bytes are, in a slot.
std::string_view raw(const Object& item, std::string& keep) {
    if (item.is_str()) {
        keep = item.as<std::string>();
    } else {
        const auto content = item.as<Object::Bytes>();
        keep.assign(reinterpret_cast<const char*>(content.data()), content.size());
    }
    return keep;
}
bool is_raw(const Object& item) { return item.is_str() || item.is_bytes(); }

/// Before anything is written.
void require_plain(const Object& item) {
    if (item.is_int()) static_cast<void>(item.as<std::int64_t>());
    if (item.is_str() && !is_utf8(item.text()))
        throw ValueError("ShareableList: CPython's layout has no text with lone surrogates");
    if (!is_raw(item) && !item.is_none() && !item.is_bool() && !item.is_int() && !item.is_float())
        throw TypeMismatch(fmt::format(
            "ShareableList: an item is None, bool, int, float, str or bytes, and no {}", item.type()));
}

std::size_t slot_size_for(const Object& item) {
    require_plain(item);
    if (!is_raw(item)) return word_size;
    std::string keep;
    // As CPython has it, with one difference: it takes a str's length in characters and cuts off what
    // then does not fit.
    return word_size * (raw(item, keep).size() / word_size + 1);
}

/// The length of "<k>s"; none for others.
std::optional<std::size_t> raw_length(std::string_view format) {
    std::size_t length = 0;
    const auto [rest, error] = std::from_chars(format.data(), format.data() + format.size(), length);
    const bool good = error == std::errc() && std::string_view(rest, format.end()) == "s";
    return good ? std::optional(length) : std::nullopt;
}

[[noreturn]] void throw_nonsense(std::size_t index, std::string_view why) {
    throw ValueError(
        fmt::format("ShareableList: item {}: {}; another process has written nonsense", index, why));
}

}  // namespace

ListLayout::ListLayout(std::span<std::byte> block, const std::string& name) {
    const auto refuse = [&](const char* why) {
        throw ValueError(
            fmt::format("ShareableList(\"{}\"): what is there is no ShareableList: {}", name, why));
    };
    const auto number_at = [&](std::size_t index) -> std::size_t {
        return word(block, index * word_size).load(std::memory_order_relaxed);
    };
    if (block.size() < word_size) refuse("it is shorter than 8 bytes");
    const std::size_t count = number_at(0);
    // Each item takes 8 bytes in the head, 8 of data, 8 of format and one of kind.
    if (count > block.size() / (3 * word_size)) refuse("it is too short for so many items");
    offsets_.push_back(0);
    const bool of_sizes = count > 0 && number_at(1) != 0;
    data_at_ = (count + (of_sizes || block.size() == word_size ? 1 : 2)) * word_size;
    for (std::size_t i = 1; i <= count; ++i) {
        const std::size_t size = of_sizes ? number_at(i) : number_at(i + 1) - offsets_.back();
        if (size == 0 || size % word_size != 0 || size > block.size()) refuse("its slots make no sense");
        offsets_.push_back(offsets_.back() + size);
        if (offsets_.back() > block.size()) refuse("its slots do not fit into it");
    }
    if (bytes() > block.size()) refuse("it is too short for its items");
}

ListLayout::ListLayout(const std::vector<Object>& items)
    : data_at_((items.size() + 2) * word_size), offsets_{0} {
    for (const Object& item : items) {
        const std::size_t size = slot_size_for(item);
        if (size > longest_slot)
            throw ValueError(fmt::format(
                "ShareableList: item {} needs a slot of {} bytes; CPython's layout allows {}",
                offsets_.size() - 1, size, longest_slot));
        offsets_.push_back(offsets_.back() + size);
    }
}

std::size_t ListLayout::checked(std::ptrdiff_t index) const {
    const auto count = static_cast<std::ptrdiff_t>(size());
    if (index < -count || index >= count)
        throw IndexError(fmt::format("ShareableList: there is no item {} among {}", index, count));
    return static_cast<std::size_t>(index < 0 ? index + count : index);
}

void ListLayout::write(std::span<std::byte> block, const std::vector<Object>& items) const {
    word(block, 0).store(size());
    for (std::size_t i = 0; i <= size(); ++i) word(block, (i + 1) * word_size).store(offsets_[i]);
    for (std::size_t i = 0; i < size(); ++i) set(block, i, items[i]);
}

Object ListLayout::get(std::span<std::byte> block, std::size_t index) const {
    const std::string format = this->format(block, index);
    const auto read_word = [&] { return word(block, slot_at(index)).load(std::memory_order_relaxed); };
    const auto read_raw = [&] {
        const auto length = raw_length(format);
        if (!length || *length > slot_size(index))
            throw_nonsense(index, "its format fits no text or bytes");
        return without_final_nuls(copy_out(block, slot_at(index), *length));
    };
    switch (kind(block, kinds_at() + index).load(std::memory_order_relaxed)) {
        case Kind::number:
            if (format == int_format) return static_cast<std::int64_t>(read_word());
            if (format == float_format) return std::bit_cast<double>(read_word());
            // Its last byte.
            if (format == bool_format) return copy_out(block, slot_at(index), word_size).back() != '\0';
            throw_nonsense(index, "its format is no number's");
        case Kind::text: {
            const std::string content = read_raw();
            if (!is_utf8(content)) throw_nonsense(index, "it is no text in UTF-8");
            return content;
        }
        case Kind::bytes: {
            const std::string content = read_raw();
            return std::as_bytes(std::span(content));
        }
        case Kind::none: return nullptr;
        default: throw_nonsense(index, "there is no such kind");
    }
}

void ListLayout::set(std::span<std::byte> block, std::size_t index, const Object& item) const {
    require_plain(item);
    std::string format;
    Kind as = Kind::number;
    if (is_raw(item)) {
        std::string keep;
        const std::string_view content = raw(item, keep);
        if (content.size() > slot_size(index))
            throw ValueError(
                fmt::format("ShareableList: item {} has room for {} bytes, and {} are too many", index,
                            slot_size(index), content.size()));
        copy_in(block, slot_at(index), slot_size(index), content.data(), content.size());
        format = fmt::format("{}s", slot_size(index));
        as = item.is_str() ? Kind::text : Kind::bytes;
    } else {
        Word value = 0;
        if (item.is_int()) {
            format = int_format;
            value = static_cast<Word>(item.as<std::int64_t>());
        } else if (item.is_float()) {
            format = float_format;
            value = std::bit_cast<Word>(item.as<double>());
        } else if (item.is_bool()) {
            format = bool_format;
            const char last[word_size] = {0, 0, 0, 0, 0, 0, 0, item.as<bool>()};
            std::memcpy(&value, last, sizeof value);
        } else {
            format = none_format;
            as = Kind::none;
        }
        word(block, slot_at(index)).store(value, std::memory_order_relaxed);
    }
    copy_in(block, format_at(index), word_size, format.data(), format.size());
    kind(block, kinds_at() + index).store(as, std::memory_order_relaxed);
}

std::string ListLayout::format(std::span<std::byte> block, std::size_t index) const {
    return without_final_nuls(copy_out(block, format_at(index), word_size));
}

}  // namespace procession::inline v0::detail
