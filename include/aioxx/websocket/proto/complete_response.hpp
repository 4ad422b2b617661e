// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/complete_response.hpp: what a server adds to a response before it leaves.

#include <array>
#include <cstddef>
#include <ctime>
#include <string>

#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket::detail {

/// A time as HTTP writes it (RFC 9110 section 5.6.7), whatever the locale.
[[nodiscard]] inline std::string http_date(std::time_t when) {
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    ::gmtime_r(&when, &parts);
    const auto two_digits = [](int value) { return std::string(value < 10 ? "0" : "") + std::to_string(value); };
    return std::string(days[static_cast<std::size_t>(parts.tm_wday)]) + ", " + two_digits(parts.tm_mday) + " " +
           months[static_cast<std::size_t>(parts.tm_mon)] + " " + std::to_string(1900 + parts.tm_year) + " " +
           two_digits(parts.tm_hour) + ":" + two_digits(parts.tm_min) + ":" + two_digits(parts.tm_sec) + " GMT";
}

/// Completes a response with what every one has. One that opens nothing is the last of its connection, says how long it
/// is, and has no trace of an opening that was withdrawn.
///
/// Parameters: `withdrawn` an opening had been accepted, if the status is not 101 now; `server_header` or empty.
inline void complete_response(http_response& response, bool withdrawn, const std::string& server_header, std::time_t now) {
    http_headers& headers = response.headers;
    if (!headers.contains("Date")) headers.add("Date", http_date(now));
    if (!server_header.empty() && !headers.contains("Server")) headers.add("Server", server_header);
    if (response.status == 101) return;
    if (withdrawn) {
        headers.erase("Upgrade");
        headers.erase("Sec-WebSocket-Accept");
        headers.erase("Sec-WebSocket-Protocol");
        headers.erase("Sec-WebSocket-Extensions");
    }
    if (withdrawn || !headers.list_contains("Connection", "close")) headers.set("Connection", "close");
    if (response.status < 200 || response.status == 204 || response.status == 304) {  // RFC 9110 section 6.4.1
        response.body.clear();
    } else {
        headers.set("Content-Length", std::to_string(response.body.size()));
    }
}

}  // namespace aioxx::websocket::detail
