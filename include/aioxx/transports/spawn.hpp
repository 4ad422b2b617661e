// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/spawn.hpp: starts a child process through posix_spawn, which does not copy the parent's memory.
// Linux with glibc 2.34 or later: the child starts with nothing of ours but what it is given: every other descriptor
// closed, signals at their defaults, a process group of its own, so that it can be signalled with its descendants.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/base/unique_fd.hpp>

extern char** environ;

namespace aioxx {

/// Where one of the child's first three descriptors leads.
class stdio {
public:
    enum class kind { inherit, pipe, devnull, to_stdout, descriptor };

    constexpr stdio(kind what = kind::inherit) noexcept : kind_(what) {}

    /// The parent's own one.
    static constexpr stdio inherit() noexcept { return kind::inherit; }
    /// A pipe to the parent (asyncio: PIPE).
    static constexpr stdio pipe() noexcept { return kind::pipe; }
    /// Nothing (asyncio: DEVNULL).
    static constexpr stdio devnull() noexcept { return kind::devnull; }
    /// For standard error: where standard output leads (asyncio: STDOUT).
    static constexpr stdio to_stdout() noexcept { return kind::to_stdout; }
    /// A descriptor of the parent, which stays its own.
    static constexpr stdio descriptor(int fd) noexcept {
        stdio chosen(kind::descriptor);
        chosen.fd_ = fd;
        return chosen;
    }

    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    [[nodiscard]] constexpr int fd() const noexcept { return fd_; }

private:
    kind kind_;
    int fd_ = -1;
};

/// How to start a child. Not an aggregate: see websocket/options.hpp for the reason.
struct process_options {
    process_options() = default;

    stdio in = stdio::pipe();
    stdio out = stdio::pipe();
    stdio err = stdio::pipe();
    std::optional<std::string> cwd;                ///< its working directory; nothing: the parent's
    std::optional<std::vector<std::string>> env;  ///< its whole environment as "NAME=value"; nothing: the parent's
    bool new_session = false;                      ///< a session of its own, without a terminal
    std::size_t pipe_size = 1024 * 1024;           ///< bytes that an output pipe holds, as far as the system allows
};

/// A child that was started, and the parent's ends of its pipes.
struct spawned_process {
    pid_t pid = -1;
    unique_fd pidfd;               ///< readable when the child has ended
    std::array<unique_fd, 3> pipes;  ///< stdin, stdout, stderr; non-blocking; empty where there is no pipe
};

namespace detail {

// A descriptor above the three that the child's are put into.
inline unique_fd above_stdio(unique_fd fd) {
    if (fd.get() > 2) return fd;
    unique_fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
    if (!moved) throw_system_error(errno, "cannot duplicate a descriptor");
    return moved;
}

// The descriptors of a child to be: what it gets, and the parent's ends of the pipes.
struct child_stdio {
    std::array<unique_fd, 3> parent;
    std::array<unique_fd, 3> child;
    std::array<int, 3> source{0, 1, 2};  // what is put into the child's number

    void make_pipe(std::size_t number, std::size_t size) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error(errno, "cannot make a pipe for a child process");
        const bool child_reads = number == 0;
        unique_fd read_end(ends[0]);
        unique_fd write_end(ends[1]);
        if (!child_reads && size != 0) ::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(size));  // as far as allowed
        parent[number] = above_stdio(std::move(child_reads ? write_end : read_end));
        child[number] = above_stdio(std::move(child_reads ? read_end : write_end));
        source[number] = child[number].get();
        ::fcntl(parent[number].get(), F_SETFL, ::fcntl(parent[number].get(), F_GETFL) | O_NONBLOCK);
    }

    void prepare(std::size_t number, const stdio& wanted, std::size_t pipe_size) {
        switch (wanted.what()) {
            case stdio::kind::inherit:
                break;
            case stdio::kind::pipe:
                make_pipe(number, pipe_size);
                break;
            case stdio::kind::devnull: {
                unique_fd nothing(::open("/dev/null", (number == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
                if (!nothing) throw_system_error(errno, "cannot open /dev/null for a child process");
                child[number] = above_stdio(std::move(nothing));
                source[number] = child[number].get();
                break;
            }
            case stdio::kind::to_stdout:
                if (number != 2) throw std::invalid_argument("stdio::to_stdout is for standard error only");
                source[2] = source[1];
                break;
            case stdio::kind::descriptor:
                source[number] = wanted.fd();
                if (wanted.fd() >= 0 && wanted.fd() <= 2) {  // the child gets another one of that number first
                    child[number].reset(::fcntl(wanted.fd(), F_DUPFD_CLOEXEC, 3));
                    if (!child[number]) throw_system_error(errno, "cannot duplicate a descriptor");
                    source[number] = child[number].get();
                }
                break;
        }
    }
};

class spawn_settings : pinned {
public:
    spawn_settings() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    ~spawn_settings() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

inline void set_up(spawn_settings& settings, const child_stdio& descriptors, const process_options& options) {
    for (int number = 0; number < 3; ++number) {
        // Also for a descriptor that stays where it is: it clears close-on-exec.
        ::posix_spawn_file_actions_adddup2(&settings.actions, descriptors.source[static_cast<std::size_t>(number)], number);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&settings.actions, 3);
    if (options.cwd) ::posix_spawn_file_actions_addchdir_np(&settings.actions, options.cwd->c_str());
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
    ::posix_spawnattr_setsigmask(&settings.attributes, &none);
    ::posix_spawnattr_setpgroup(&settings.attributes, 0);
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    flags |= options.new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&settings.attributes, static_cast<short>(flags));
}

inline std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace detail

/// Starts a program.
///
/// Parameters: `arguments` the program, looked up in PATH when it has no slash, and its arguments.
/// Errors: broken_error naming the program, or the directory, and why it cannot be started; std::invalid_argument
/// without a program or with a zero byte in an argument. Nothing is left open then.
[[nodiscard]] inline spawned_process spawn(const std::vector<std::string>& arguments, const process_options& options) {
    if (arguments.empty() || arguments.front().empty()) {
        throw std::invalid_argument("a child process needs a program to run, got none");
    }
    for (const std::string& argument : arguments) {
        if (argument.find('\0') != std::string::npos) {
            throw std::invalid_argument("an argument of a child process must not contain a zero byte");
        }
    }
    struct stat directory {};
    if (options.cwd && (::stat(options.cwd->c_str(), &directory) != 0 || !S_ISDIR(directory.st_mode))) {
        const int code = directory.st_mode == 0 ? errno : ENOTDIR;
        throw_system_error(code, "cannot start \"" + arguments.front() + "\" in directory \"" + *options.cwd + "\"");
    }
    detail::child_stdio descriptors;
    descriptors.prepare(0, options.in, 0);
    descriptors.prepare(1, options.out, options.pipe_size);
    descriptors.prepare(2, options.err, options.pipe_size);

    detail::spawn_settings settings;
    detail::set_up(settings, descriptors, options);
    const std::vector<char*> argv = detail::pointers_to(arguments);
    const std::vector<char*> envp = options.env ? detail::pointers_to(*options.env) : std::vector<char*>();

    spawned_process started;
    const int code = ::posix_spawnp(&started.pid, argv.front(), &settings.actions, &settings.attributes, argv.data(),
                                    options.env ? envp.data() : environ);
    if (code != 0) throw_system_error(code, "cannot start \"" + arguments.front() + "\"");
    scope_exit failed([&started] {
        ::kill(-started.pid, SIGKILL);
        while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    });
    // The child has not been waited for, so the number is still its own.
    unique_fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
    if (!pidfd) throw_system_error(errno, "cannot watch the child process \"" + arguments.front() + "\"");
    started.pidfd = detail::above_stdio(std::move(pidfd));
    failed.release();
    started.pipes = std::move(descriptors.parent);
    return started;
}

}  // namespace aioxx
