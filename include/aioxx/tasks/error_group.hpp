// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/error_group.hpp: several exceptions as one, for everything that does several things at once.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/core/diagnostics.hpp>

namespace aioxx {

/// What went wrong, all of it (asyncio: ExceptionGroup). Its text has a line for each exception.
///
/// A member can be a group itself. A type matches an exception as a `catch` of it would.
/// Example:
///     catch (const error_group& group) {
///         auto [timeouts, others] = group.split<timeout_error>();
///         if (timeouts) retry();
///         if (others) throw *others;
///     }
class error_group : public error {
public:
    /// Parameters: `what` was being done; `exceptions` in the order in which they occurred.
    error_group(const std::string& what, std::vector<std::exception_ptr> exceptions)
        : error(list(what, exceptions)), message_(what), exceptions_(std::move(exceptions)) {}

    /// What was being done, without the list of exceptions.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept { return exceptions_; }
    [[nodiscard]] auto begin() const noexcept { return exceptions_.begin(); }
    [[nodiscard]] auto end() const noexcept { return exceptions_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return exceptions_.size(); }

    /// Its only exception, or null when there are several. One in groups of one is found by flatten().only().
    [[nodiscard]] std::exception_ptr only() const noexcept {
        return exceptions_.size() == 1 ? exceptions_.front() : std::exception_ptr();
    }

    /// Whether one of them, or of the groups among them, is of this type.
    template <class Exception>
    [[nodiscard]] bool contains() const {
        return std::any_of(begin(), end(), [](const std::exception_ptr& each) {
            return is<Exception>(each) ||
                   if_group(each, [](const error_group& group) { return group.contains<Exception>(); });
        });
    }

    /// The exceptions of all levels in one group without groups among them, in order.
    [[nodiscard]] error_group flatten() const {
        std::vector<std::exception_ptr> flat;
        add_flat(flat);
        return error_group(message_, std::move(flat));
    }

    /// Those of a type, through all levels, in groups like the ones they are in. Nothing when there are none.
    /// Asyncio: ExceptionGroup.subgroup, but that a group is always divided and never matches as a whole.
    template <class Exception>
    [[nodiscard]] std::optional<error_group> subgroup() const {
        return split<Exception>().first;
    }

    /// Likewise, those for which a function of a std::exception_ptr returns true.
    template <class Predicate>
    [[nodiscard]] std::optional<error_group> subgroup(Predicate matches) const {
        return split(std::move(matches)).first;
    }

    /// Those of a type and the rest, as subgroup. Asyncio: ExceptionGroup.split.
    template <class Exception>
    [[nodiscard]] std::pair<std::optional<error_group>, std::optional<error_group>> split() const {
        return split(is<Exception>);
    }

    /// Likewise with a function.
    template <class Predicate>
    [[nodiscard]] std::pair<std::optional<error_group>, std::optional<error_group>> split(Predicate matches) const {
        std::vector<std::exception_ptr> matching;
        std::vector<std::exception_ptr> others;
        for (const std::exception_ptr& each : exceptions_) {
            const bool divided = if_group(each, [&](const error_group& group) {
                auto [inner_matching, inner_others] = group.split<Predicate&>(matches);
                if (inner_matching) matching.push_back(std::make_exception_ptr(*std::move(inner_matching)));
                if (inner_others) others.push_back(std::make_exception_ptr(*std::move(inner_others)));
                return true;
            });
            if (!divided) (matches(each) ? matching : others).push_back(each);
        }
        return {with(std::move(matching)), with(std::move(others))};
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

    // Calls a function with the group that an exception is. Returns: what that returns; false for other exceptions.
    template <class Function>
    static bool if_group(const std::exception_ptr& exception, Function function) {
        try {
            std::rethrow_exception(exception);
        } catch (const error_group& group) {
            return function(group);
        } catch (...) {
            return false;
        }
    }

    void add_flat(std::vector<std::exception_ptr>& flat) const {
        for (const std::exception_ptr& each : exceptions_) {
            const bool divided = if_group(each, [&](const error_group& group) {
                group.add_flat(flat);
                return true;
            });
            if (!divided) flat.push_back(each);
        }
    }

    [[nodiscard]] std::optional<error_group> with(std::vector<std::exception_ptr> exceptions) const {
        if (exceptions.empty()) return std::nullopt;
        return error_group(message_, std::move(exceptions));
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

    std::string message_;
    std::vector<std::exception_ptr> exceptions_;
};

}  // namespace aioxx
