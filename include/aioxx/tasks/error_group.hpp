// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/error_group.hpp: several exceptions as one, for everything that does several things at once.

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/core/diagnostics.hpp>

namespace aioxx {

/// What went wrong, all of it (asyncio: ExceptionGroup). Its text has a line for each exception.
class error_group : public error {
public:
    /// Parameters: `what` was being done; `exceptions` in the order in which they occurred.
    error_group(const std::string& what, std::vector<std::exception_ptr> exceptions)
        : error(list(what, exceptions)), exceptions_(std::move(exceptions)) {}

    [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept { return exceptions_; }

    /// Whether one of them, or of the groups among them, is of this type.
    template <class Exception>
    [[nodiscard]] bool contains() const {
        return std::any_of(exceptions_.begin(), exceptions_.end(), is_or_contains<Exception>);
    }

private:
    template <class Exception>
    static bool is(const std::exception_ptr& exception) {
        try {
            std::rethrow_exception(exception);
        } catch (const Exception&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    template <class Exception>
    static bool is_or_contains(const std::exception_ptr& exception) {
        if (is<Exception>(exception)) return true;
        try {
            std::rethrow_exception(exception);
        } catch (const error_group& group) {
            return group.contains<Exception>();
        } catch (...) {
            return false;
        }
    }

    static std::string list(const std::string& what, const std::vector<std::exception_ptr>& exceptions) {
        std::string text = what + " (" + std::to_string(exceptions.size()) + "):";
        for (const std::exception_ptr& exception : exceptions) {
            text += "\n  ";
            for (const char letter : describe(exception)) {
                text += letter;
                if (letter == '\n') text += "  ";
            }
        }
        return text;
    }

    std::vector<std::exception_ptr> exceptions_;
};

}  // namespace aioxx
