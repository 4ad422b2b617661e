// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/spawn.hpp: starts a child process. Linux: the child starts with nothing of ours but what it is given: every
// other descriptor closed, signals at their defaults, a process group of its own, so that it can be signalled with its
// descendants.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/transports/child_stdio.hpp>
#include <aioxx/transports/exec.hpp>

namespace aioxx {

/// How to start a child. Not an aggregate: see websocket/options.hpp for the reason.
struct process_options {
    process_options() = default;

    stdio in = stdio::pipe();
    stdio out = stdio::pipe();
    stdio err = stdio::pipe();
    std::vector<passed_descriptor> descriptors;    ///< what it gets beside the three (asyncio: pass_fds)
    std::optional<std::string> cwd;                ///< its working directory; nothing: the parent's
    std::optional<std::vector<std::string>> env;   ///< its whole environment as "NAME=value"; nothing: the parent's
    bool new_session = false;                      ///< a session of its own, without a terminal but stdio::terminal()
    terminal_size size;                            ///< of stdio::terminal()
    std::size_t pipe_size = 1024 * 1024;           ///< bytes that an output pipe holds, as far as the system allows
    std::optional<mode_t> umask;                   ///< of files that it makes; nothing: the parent's

    /// Who it is: a name or a number. A user alone brings its own group and groups, so that no right of the parent's stays
    /// (Python's user= leaves them). Needs the privilege to change.
    std::optional<std::string> user;
    std::optional<std::string> group;
    std::optional<std::vector<std::string>> extra_groups;

    /// The signal that it gets when the thread that has started it ends, so that it does not outlive a parent that was
    /// killed; 0 for none (Linux: PR_SET_PDEATHSIG).
    int parent_death_signal = 0;
};

/// A child that was started, and the parent's ends of its pipes.
struct spawned_process {
    pid_t pid = -1;
    unique_fd pidfd;               ///< readable when the child has ended
    std::array<unique_fd, 3> pipes;  ///< stdin, stdout, stderr; non-blocking; empty where there is no pipe
};

namespace detail {

inline std::optional<id_t> number_in(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || text.size() > 9) return std::nullopt;
    return static_cast<id_t>(std::strtoul(text.c_str(), nullptr, 10));
}

// What the system knows under a name. Parameters: `find` getpwnam_r or getgrnam_r.
template <class Entry, class Find>
bool look_up(const std::string& name, Entry& entry, std::vector<char>& space, Find find) {
    space.resize(1024);
    for (;;) {
        Entry* found = nullptr;
        const int code = find(name.c_str(), &entry, space.data(), space.size(), &found);
        if (code != ERANGE) return found != nullptr;
        space.resize(space.size() * 2);
    }
}

inline gid_t group_of(const std::string& wanted) {
    if (const auto number = number_in(wanted)) return *number;
    group entry{};
    std::vector<char> space;
    if (look_up(wanted, entry, space, ::getgrnam_r)) return entry.gr_gid;
    throw std::invalid_argument("there is no group \"" + wanted + "\" for a child process");
}

inline std::vector<gid_t> groups_of(const char* user, gid_t primary) {
    int count = 32;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgrouplist(user, primary, groups.data(), &count) < 0) {
        groups.resize(static_cast<std::size_t>(count));
        ::getgrouplist(user, primary, groups.data(), &count);
    }
    groups.resize(static_cast<std::size_t>(count));
    return groups;
}

// Errors: std::invalid_argument naming a user or a group that is not there.
inline child_identity identity_of(const process_options& options) {
    child_identity who;
    if (options.user) {
        passwd entry{};
        std::vector<char> space;
        const auto number = number_in(*options.user);
        const bool found =
            number ? look_up(*options.user, entry, space, [&](const char*, auto... rest) { return ::getpwuid_r(*number, rest...); })
                   : look_up(*options.user, entry, space, ::getpwnam_r);
        if (!found && !number) throw std::invalid_argument("there is no user \"" + *options.user + "\" for a child process");
        who.user = found ? entry.pw_uid : *number;
        who.group = found ? entry.pw_gid : *number;
        who.groups = found ? groups_of(entry.pw_name, entry.pw_gid) : std::vector<gid_t>();
    }
    if (options.group) who.group = group_of(*options.group);
    if (options.extra_groups) {
        who.groups.emplace();
        for (const std::string& each : *options.extra_groups) who.groups->push_back(group_of(each));
    }
    return who;
}

// Errors: std::invalid_argument.
inline void require_texts(const std::vector<std::string>& arguments, const process_options& options) {
    if (arguments.empty() || arguments.front().empty()) {
        throw std::invalid_argument("a child process needs a program to run, got none");
    }
    const auto require = [](const std::string& text, const char* what) {
        if (text.find('\0') == std::string::npos) return;
        throw std::invalid_argument(std::string(what) + " of a child process must not contain a zero byte");
    };
    for (const std::string& argument : arguments) require(argument, "an argument");
    if (options.cwd) require(*options.cwd, "the working directory");
    if (!options.env) return;
    for (const std::string& variable : *options.env) {
        require(variable, "an environment variable");
        if (variable.find('=', 1) != std::string::npos) continue;
        throw std::invalid_argument("an environment variable of a child process must be NAME=value, got \"" + variable + "\"");
    }
}

[[noreturn]] inline void throw_exec_failure(const exec_failure& failure, const std::string& program,
                                            const process_options& options) {
    std::string what = "cannot start \"" + program + "\"";
    if (failure.stage == exec_stage::descriptors) what += " with the descriptors that it is given";
    if (failure.stage == exec_stage::terminal) what += " with a terminal";
    if (failure.stage == exec_stage::directory) what += " in directory \"" + options.cwd.value_or("") + "\"";
    if (failure.stage == exec_stage::identity) {
        what += " as " + (options.user ? "user \"" + *options.user + "\"" : "group \"" + options.group.value_or("") + "\"");
    }
    throw_system_error(failure.code, what);
}

}  // namespace detail

/// Starts a program.
///
/// Parameters: `arguments` the program, looked up in the parent's PATH when it has no slash, and its arguments.
/// Returns: when the child has become the program.
/// Errors: broken_error naming the program, what went wrong with it, and why; std::invalid_argument without a program, for
/// a zero byte in a text, a user or group that is not there, a descriptor number that cannot be given. Nothing is left
/// open then.
[[nodiscard]] inline spawned_process spawn(const std::vector<std::string>& arguments, const process_options& options) {
    detail::require_texts(arguments, options);
    detail::child_descriptors descriptors(options.descriptors);
    descriptors.add(0, options.in, 0, options.size);
    descriptors.add(1, options.out, options.pipe_size, options.size);
    descriptors.add(2, options.err, options.pipe_size, options.size);

    const std::vector<char*> argv = detail::pointers_to(arguments);
    const std::vector<char*> envp = options.env ? detail::pointers_to(*options.env) : std::vector<char*>();
    detail::exec_plan plan;
    plan.candidates = detail::candidates_for(arguments.front());
    plan.arguments = argv.data();
    plan.environment = options.env ? envp.data() : environ;
    plan.moves = &descriptors.moves();
    plan.terminal = descriptors.terminal();
    plan.directory = options.cwd ? options.cwd->c_str() : nullptr;
    plan.new_session = options.new_session || descriptors.terminal() >= 0;
    plan.mask = options.umask;
    plan.identity = detail::identity_of(options);
    plan.parent_death_signal = options.parent_death_signal;

    const detail::launched child = detail::launch(plan, descriptors.lowest_free());
    if (child.failure) detail::throw_exec_failure(*child.failure, arguments.front(), options);
    spawned_process started;
    started.pid = child.pid;
    scope_exit failed([&started] {
        ::kill(-started.pid, SIGKILL);
        while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    });
    // The child has not been waited for, so the number is still its own.
    unique_fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
    if (!pidfd) throw_system_error(errno, "cannot watch the child process \"" + arguments.front() + "\"");
    started.pidfd = detail::moved_above(std::move(pidfd), 3);
    failed.release();
    started.pipes = descriptors.take_parents();
    return started;
}

}  // namespace aioxx
