// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/extension.hpp: the Sec-WebSocket-Extensions header (RFC 6455 section 9.1), read and
// written. What an extension and its parameters mean is not decided here.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket {

/// `name` or `name=value`.
struct extension_parameter {
    std::string name;
    std::optional<std::string> value{};

    friend bool operator==(const extension_parameter&, const extension_parameter&) = default;
};

/// One element of the header: an offer in a request, a choice in a response.
struct extension {
    std::string name;
    std::vector<extension_parameter> parameters{};

    friend bool operator==(const extension&, const extension&) = default;
};

/// `name; parameter; parameter=value`.
[[nodiscard]] inline std::string to_string(const extension& element) {
    std::string text = element.name;
    for (const extension_parameter& parameter : element.parameters) {
        text += "; " + parameter.name;
        if (parameter.value) text += "=" + *parameter.value;  // a token, so no quotes are needed
    }
    return text;
}

namespace detail {

// Reads the elements of one header line. Every function moves past what it has read.
class extension_scanner {
public:
    explicit extension_scanner(std::string_view line) noexcept : line_(line), rest_(line) {}

    /// Returns: what is wrong with the line, or nothing and then its elements are in `to`.
    [[nodiscard]] std::optional<std::string> read(std::vector<extension>& to) {
        for (;;) {
            while (take(',')) {
            }  // RFC 9110 section 5.6.1.2: empty elements mean nothing
            if (rest_.empty()) return std::nullopt;
            extension element{token(), {}};
            bool good = !element.name.empty();
            while (good && take(';'))
                good = read_parameter(element);
            if (!good || !(at_end() || rest_.front() == ',')) {
                return "malformed Sec-WebSocket-Extensions header: " + quoted(line_);
            }
            to.push_back(std::move(element));
        }
    }

private:
    void skip_blanks() noexcept {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    }

    [[nodiscard]] bool at_end() noexcept {
        skip_blanks();
        return rest_.empty();
    }

    [[nodiscard]] bool take(char wanted) noexcept {
        if (at_end() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }

    // Empty when none stands here.
    [[nodiscard]] std::string token() {
        skip_blanks();
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_character);
        std::string found(rest_.begin(), end);
        rest_.remove_prefix(found.size());
        return found;
    }

    [[nodiscard]] bool read_parameter(extension& element) {
        extension_parameter parameter{token()};
        if (parameter.name.empty()) return false;
        if (take('=')) {
            parameter.value = take('"') ? quoted_token() : token();
            if (parameter.value->empty()) return false;
        }
        element.parameters.push_back(std::move(parameter));
        return true;
    }

    // 9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF". Empty when it does
    // not.
    [[nodiscard]] std::string quoted_token() {
        std::string value;
        for (std::size_t i = 0; i != rest_.size(); ++i) {
            if (rest_[i] == '"') {
                rest_.remove_prefix(i + 1);
                return is_token(value) ? value : std::string();
            }
            if (rest_[i] == '\\' && ++i == rest_.size()) break;
            value += rest_[i];
        }
        return {};
    }

    std::string_view line_;
    std::string_view rest_;
};

}  // namespace detail

/// Reads all Sec-WebSocket-Extensions lines of a head.
///
/// Returns: what is wrong with them, or nothing and then the elements are in `to`, in their order.
[[nodiscard]] inline std::optional<std::string> parse_extensions(const http_headers& headers,
                                                                 std::vector<extension>& to) {
    for (const http_header& line : headers) {
        if (!detail::equal_ignoring_case(line.name, "Sec-WebSocket-Extensions")) continue;
        if (auto wrong = detail::extension_scanner(line.value).read(to)) return wrong;
    }
    return std::nullopt;
}

}  // namespace aioxx::websocket
