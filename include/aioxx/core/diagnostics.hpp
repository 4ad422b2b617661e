// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/diagnostics.hpp: what happens to errors that nobody is there to catch.
// They go to the loop's exception handler with a typed context (asyncio: call_exception_handler's dict).

#include <cstdio>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>

namespace aioxx {

/// An error without a caller, and where it comes from.
struct exception_context {
    std::string message;           ///< what was going on: "exception in callback", "exception was never retrieved"
    std::exception_ptr exception;  ///< may be null
    std::string source;            ///< name of the task, transport or callback concerned; may be empty
};

/// Called with each error that has no caller. Must not throw; one that does is reported by the default one.
using exception_handler = function<void(const exception_context&)>;

/// The text of an exception, for reports.
[[nodiscard]] inline std::string describe(const std::exception_ptr& exception) {
    if (!exception) return "no exception";
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& caught) {
        return caught.what();
    } catch (const cancelled_error&) {
        return "cancelled";
    } catch (...) {
        return "an exception that does not derive from std::exception";
    }
}

/// The name of the function at a place in the source, without signature and unnamed namespaces.
[[nodiscard]] inline std::string_view function_name(const std::source_location& where) {
    // What compilers give: "void f(f(int)::_Z1fi.Frame*)" for the body of a coroutine, "{anonymous}::g(int)",
    // "int (anonymous namespace)::g(int)".
    constexpr std::string_view unnamed = "(anonymous namespace)::";
    std::string_view name = where.function_name();
    if (const auto found = name.rfind(unnamed, name.find('(')); found != name.npos) name.remove_prefix(found + unnamed.size());
    name = name.substr(0, name.find('('));
    if (const auto blank = name.rfind(' '); blank != name.npos) name.remove_prefix(blank + 1);
    if (const auto found = name.rfind("{anonymous}::"); found != name.npos) name.remove_prefix(found + 13);
    return name;
}

/// The text of a place in the source, for reports: "main.cpp:12, in serve"; empty for an unknown one.
[[nodiscard]] inline std::string describe(const std::source_location& where) {
    if (where.line() == 0) return {};
    std::string_view file = where.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    std::string text = std::string(file) + ':' + std::to_string(where.line());
    if (const std::string_view function = function_name(where); !function.empty()) text += ", in " + std::string(function);
    return text;
}

/// The text of a context, for reports.
[[nodiscard]] inline std::string describe(const exception_context& context) {
    std::string text = context.message;
    if (!context.source.empty()) text += " [" + context.source + "]";
    if (context.exception) text += ": " + describe(context.exception);
    return text;
}

/// Writes the context as one line to standard error (asyncio: default_exception_handler).
inline void default_exception_handler(const exception_context& context) {
    const std::string line = "aioxx: " + describe(context) + '\n';
    std::fputs(line.c_str(), stderr);
}

}  // namespace aioxx
