// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/display.hpp: how a record looks: with a coloured name before it, plain, or as JSON.
// Pure: it appends to a text. What would change the terminal's state is made visible instead of being obeyed.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "record.hpp"

namespace aggregator {

enum class style { automatic, pretty, plain, json };
enum class when { automatic, always, never };

/// Whether colours are wanted on a descriptor: the option first, then NO_COLOR and FORCE_COLOR, then the terminal.
[[nodiscard]] inline bool wants_color(when option, int fd) {
    if (option != when::automatic) return option == when::always;
    const auto is_set = [](const char* name) {
        const char* value = std::getenv(name);
        return value != nullptr && *value != '\0';
    };
    if (is_set("NO_COLOR")) return false;
    return is_set("FORCE_COLOR") || is_set("CLICOLOR_FORCE") || ::isatty(fd) == 1;
}

/// Gives each name a colour of its own as long as there are enough; the same name has the same one everywhere.
class color_chooser {
public:
    [[nodiscard]] int choose(std::string_view name) {
        static constexpr std::array<int, 12> colors{36, 35, 32, 34, 33, 31, 96, 95, 92, 94, 93, 91};
        std::uint32_t hash = 2166136261U;  // FNV-1a
        for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
        for (std::size_t step = 0; step < colors.size(); ++step) {
            const int color = colors[(hash + step) % colors.size()];
            if (std::find(used_.begin(), used_.end(), color) != used_.end()) continue;
            used_.push_back(color);
            return color;
        }
        used_.clear();
        return choose(name);
    }

private:
    std::vector<int> used_;
};

/// What is known of a source when its lines are shown.
struct shown_source {
    std::string name;
    int color = 36;
    std::string key;  ///< further JSON fields: "src":...,
};

/// Whether a terminal would obey a character instead of showing it. The C1 controls are U+0080 to U+009F.
[[nodiscard]] inline bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character.front());
    if (first == 0xc2) return static_cast<unsigned char>(character[1]) < 0xa0;
    return (first < 0x20 && first != '\t') || first == 0x7f;
}

/// The size of a colour sequence (ESC [ ... m) that a text begins with, or 0.
[[nodiscard]] inline std::size_t color_size(std::string_view text) {
    if (!text.starts_with("\x1b[")) return 0;
    const std::size_t end = text.find_first_not_of("0123456789;", 2);
    return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

/// Appends text for a terminal or a file: colours pass; other control characters, and bytes that are not UTF-8, are
/// shown as \xNN. Returns: whether there were colours.
inline bool append_safe(std::string& to, std::string_view text) {
    const bool valid = aioxx::websocket::is_utf8(aioxx::bytes_view(text));
    bool colored = false;
    std::size_t passed = 0;  // up to here the text was appended
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t size = valid ? expected_size(lead) : character_size(text.substr(i));
        if (size != 0 && !is_control(text.substr(i, size))) {
            i += size;
            continue;
        }
        if (const std::size_t color = color_size(text.substr(i)); color != 0) {
            colored = true;
            i += color;
            continue;
        }
        to.append(text, passed, i - passed);
        for (passed = i + std::max<std::size_t>(size, 1); i < passed; ++i) {
            constexpr char hex[] = "0123456789abcdef";
            const auto byte = static_cast<unsigned char>(text[i]);
            to += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
        }
    }
    to.append(text, passed, text.size() - passed);
    return colored;
}

/// Turns records into text.
class display {
public:
    display(style chosen, bool color, bool time, bool prefix = true)
        : style_(chosen), color_(color), time_(time), prefix_(prefix) {}

    /// Names are padded to the longest one known.
    void announce(std::string_view name) { width_ = std::max(width_, name.size()); }

    void append(std::string& to, const shown_source& source, const record& line) const {
        if (style_ == style::json) return append_json(to, source, line);
        if (time_) append_time(to, line.ts);
        if (prefix_) append_prefix(to, source, line.fd);
        // A colour that the line leaves on must not colour what follows.
        if (append_safe(to, line.text)) to += "\x1b[0m";
        to += '\n';
    }

private:
    void append_prefix(std::string& to, const shown_source& source, channel fd) const {
        const std::size_t padding = width_ - std::min(width_, source.name.size());
        const bool error = fd == channel::err;
        if (color_) {
            to += "\x1b[";
            append_number(to, source.color);
            to += 'm';
        }
        to += source.name;
        to.append(padding, ' ');
        if (style_ == style::pretty) {
            const char* bar = fd == channel::note ? " · " : error ? " ┃ " : " │ ";
            if (color_ && error) to += "\x1b[1;31m";
            to += bar;
        } else {
            to += fd == channel::note ? " . " : error ? " ! " : " | ";
        }
        if (color_) to += "\x1b[0m";
    }

    static void append_time(std::string& to, std::int64_t ts) {
        const std::time_t seconds = ts / 1'000'000;
        std::tm local{};
        ::localtime_r(&seconds, &local);
        std::array<char, 16> text;
        to.append(text.data(), std::strftime(text.data(), text.size(), "%H:%M:%S", &local));
        const std::string fraction = std::to_string(1'000 + ts / 1'000 % 1'000);
        to += '.';
        to.append(fraction, 1, 3);
        to += ' ';
    }

    static void append_json(std::string& to, const shown_source& source, const record& line) {
        to += '{';
        to += source.key;
        append_fields(to, line);
        to += "}\n";
    }

    style style_;
    bool color_;
    bool time_;
    bool prefix_;
    std::size_t width_ = 0;
};

}  // namespace aggregator
