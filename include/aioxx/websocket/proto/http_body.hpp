// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/http_body.hpp: where the body of an HTTP/1.1 response ends (RFC 9112 section 6.3), and its
// content: until a length is reached, chunked, or until the connection ends. Other transfer codings are
// refused.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/chunked.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket {

/// Takes the content out of the body of a response to GET, in pieces of any size and without copying it.
class http_body_decoder {
public:
    /// Parameters: `response` the head, which says how the body is framed.
    explicit http_body_decoder(const http_response& response) {
        const http_headers& headers = response.headers;
        if (response.status / 100 == 1 || response.status == 204 || response.status == 304) {
            left_ = 0;
        } else if (headers.contains("Transfer-Encoding")) {
            expect_chunks(response);
        } else if (headers.contains("Content-Length")) {
            expect_length(headers.get_list("Content-Length"));
        }
    }

    /// Reads on, up to the end of the next piece of content.
    ///
    /// Parameters: `input` loses what was read; what is left once done() is what follows the response.
    /// Returns: the content; empty when the input is used up, at the end of the body, and after a fault.
    /// Lifetime: as that of the input.
    [[nodiscard]] bytes_view take(bytes_view& input) {
        if (fault_) return {};
        if (chunks_) {
            const bytes_view content = chunks_->take(input);
            fault_ = chunks_->fault();
            return content;
        }
        const bytes_view content =
            input.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
        input.remove_prefix(content.size());
        if (left_ != until_eof) left_ -= content.size();
        return content;
    }

    /// The transport has ended. Where the body has another end, and that has not come, it is a fault.
    void feed_eof() {
        if (fault_ || done()) return;
        if (chunks_) {
            chunks_->feed_eof();
            fault_ = chunks_->fault();
        } else if (left_ == until_eof) {
            left_ = 0;
        } else {
            refuse("the connection ended " + std::to_string(left_) +
                   " bytes before the end of the HTTP body");
        }
    }

    [[nodiscard]] bool done() const noexcept { return chunks_ ? chunks_->done() : left_ == 0 && !fault_; }
    [[nodiscard]] const std::optional<http_fault>& fault() const noexcept { return fault_; }

private:
    static constexpr std::uint64_t until_eof = std::numeric_limits<std::uint64_t>::max();

    void expect_chunks(const http_response& response) {
        const std::vector<std::string_view> codings = response.headers.get_list("Transfer-Encoding");
        if (codings.size() != 1 || !detail::equal_ignoring_case(codings[0], "chunked")) {
            return refuse("HTTP body with the Transfer-Encoding " +
                          detail::quoted(response.headers.get("Transfer-Encoding").value_or("")) +
                          "; expected chunked or none");
        }
        // Both are signs of a response that somebody on the way reads differently (RFC 9112 sections 6.1 and
        // 6.3).
        if (response.headers.contains("Content-Length")) {
            return refuse("HTTP response with both Transfer-Encoding and Content-Length");
        }
        if (response.version == "HTTP/1.0") return refuse("HTTP/1.0 response with a Transfer-Encoding");
        chunks_.emplace();
    }

    // The same length several times is one length.
    void expect_length(const std::vector<std::string_view>& lengths) {
        const std::string_view text = lengths.empty() ? std::string_view() : lengths.front();
        const char* const end = text.data() + text.size();
        const auto [last, error] = std::from_chars(text.data(), end, left_);
        const bool same =
            std::all_of(lengths.begin(), lengths.end(), [&](std::string_view each) { return each == text; });
        if (text.empty() || last != end || error != std::errc() || left_ == until_eof || !same) {
            left_ = 0;
            refuse("Content-Length " + detail::quoted(text) +
                   (same ? " is not a length" : " is followed by another one"));
        }
    }

    void refuse(std::string text) { fault_ = http_fault{502, std::move(text)}; }

    std::optional<chunked_decoder> chunks_;
    std::uint64_t left_ = until_eof;  // bytes of the body, when it is not chunked
    std::optional<http_fault> fault_;
};

}  // namespace aioxx::websocket
