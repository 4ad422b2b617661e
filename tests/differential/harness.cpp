// SPDX-License-Identifier: BSL-1.0
// differential/harness.cpp: the words for bytes and exceptions.

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <aioxx/tasks/error_group.hpp>

#include "differential/harness.hpp"

namespace differential {

namespace {

// Adler-32, as in zlib.
std::uint32_t checksum(std::string_view text) {
    std::uint32_t a = 1;
    std::uint32_t b = 0;
    for (const char each : text) {
        a = (a + static_cast<unsigned char>(each)) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

std::string kind_of(const std::error_code& code) {
    if (code == std::errc::connection_reset) return "connection reset";
    if (code == std::errc::connection_aborted) return "connection aborted";
    if (code == std::errc::broken_pipe) return "broken pipe";
    return code.message();
}

}  // namespace

void write(std::ostream& out, bytes_view bytes) {
    const std::string_view text = bytes.str();
    if (text.size() > 64) {
        out << text.size() << " bytes of checksum " << checksum(text);
        return;
    }
    out << '"';
    for (const char each : text) {
        if (each == '\r') {
            out << "\\r";
        } else if (each == '\n') {
            out << "\\n";
        } else {
            out << each;
        }
    }
    out << '"';
}

std::string why(const std::exception_ptr& exception) {
    if (!exception) return "no exception";
    try {
        std::rethrow_exception(exception);
    } catch (const error_group& group) {
        std::ostringstream text;
        std::vector<std::string> all;
        for (const std::exception_ptr& each : group.exceptions()) all.push_back(why(each));
        text << "group";
        write(text, all);
        return std::move(text).str();
    } catch (const cancelled_error& caught) {
        return caught.message().empty() ? "cancelled" : "cancelled " + caught.message();
    } catch (const failure& caught) {
        return std::string("failure ") + caught.what();
    } catch (const timeout_error&) {
        return "timed out";
    } catch (const limit_error& caught) {
        return "limit overrun at " + std::to_string(caught.seen());
    } catch (const incomplete_read_error& caught) {
        std::ostringstream text;
        text << "incomplete ";
        write(text, bytes_view(caught.partial()));
        text << " of ";
        write(text, caught.expected());
        return std::move(text).str();
    } catch (const busy_error&) {
        return "busy";
    } catch (const broken_error& caught) {
        return kind_of(caught.code());
    } catch (const queue_empty&) {
        return "queue empty";
    } catch (const queue_full&) {
        return "queue full";
    } catch (const queue_shut_down&) {
        return "queue shut down";
    } catch (const testing::stalled&) {
        return "stalled";
    } catch (const invalid_state_error&) {
        return "invalid state";
    } catch (const std::logic_error&) {
        return "invalid argument";
    } catch (const std::exception& caught) {
        return caught.what();
    }
}

}  // namespace differential
