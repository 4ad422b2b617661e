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

/// Appends text for a terminal or a file: colours pass, other control characters are shown as \xNN.
inline void append_safe(std::string& to, std::string_view text) {
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto code = static_cast<unsigned char>(text[i]);
        if ((code >= 0x20 && code != 0x7f) || code == '\t') continue;
        if (code == 0x1b && i + 1 < text.size() && text[i + 1] == '[') {
            const std::size_t end = text.find_first_not_of("0123456789;", i + 2);
            if (end != std::string_view::npos && text[end] == 'm') {
                i = end;
                continue;
            }
        }
        constexpr char hex[] = "0123456789abcdef";
        to.append(text, start, i - start);
        to += {'\\', 'x', hex[code >> 4], hex[code & 15]};
        start = i + 1;
    }
    to.append(text, start, text.size() - start);
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
        append_safe(to, line.text);
        // A colour that the line leaves on must not colour what follows.
        if (line.text.find('\x1b') != std::string_view::npos) to += "\x1b[0m";
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
