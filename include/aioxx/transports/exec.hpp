// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/exec.hpp: from the parent's decision to the child's program. Everything is prepared before the child is
// there, which then does system calls only: it shares the parent's memory until it has become the program (vfork), so
// that a large parent starts children as fast as a small one. A child of another user has a copy instead (fork).

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/transports/child_stdio.hpp>

extern char** environ;

namespace aioxx::detail {

// Who a child is.
struct child_identity {
    std::optional<uid_t> user;
    std::optional<gid_t> group;
    std::optional<std::vector<gid_t>> groups;

    [[nodiscard]] bool is_another() const noexcept { return user || group || groups; }
};

// How far a child got when it failed.
enum class exec_stage : std::int32_t { descriptors, terminal, directory, identity, program };

struct exec_failure {
    exec_stage stage;
    std::int32_t code;
};

// What a child does. The texts and arrays outlive the start.
struct exec_plan {
    std::vector<std::string> candidates;  // the program, in each directory of PATH when it has no slash
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
    const std::vector<child_descriptors::move>* moves = nullptr;
    int terminal = -1;  // the number that becomes its controlling terminal
    const char* directory = nullptr;
    bool new_session = false;
    std::optional<mode_t> mask;
    child_identity identity;
    int parent_death_signal = 0;
};

inline std::vector<std::string> candidates_for(const std::string& program) {
    if (program.find('/') != std::string::npos) return {program};
    const char* path = std::getenv("PATH");
    const std::string directories = path != nullptr ? path : "/bin:/usr/bin";
    std::vector<std::string> candidates;
    for (std::size_t begin = 0; begin <= directories.size();) {
        const std::size_t end = std::min(directories.find(':', begin), directories.size());
        const std::string directory = directories.substr(begin, end - begin);
        candidates.push_back(directory.empty() ? "./" + program : directory + "/" + program);
        begin = end + 1;
    }
    return candidates;
}

inline std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

// ---- in the child: nothing but system calls ----

[[noreturn]] inline void report_and_exit(int to, exec_stage stage) noexcept {
    const exec_failure failure{stage, errno};
    static_cast<void>(!::write(to, &failure, sizeof failure));
    ::_exit(127);
}

inline bool keep_only_what_is_given(const exec_plan& plan) noexcept {
    constexpr unsigned on_exec = 4;  // CLOSE_RANGE_CLOEXEC: the report of a failure needs one until then
    if (::syscall(SYS_close_range, 3u, ~0u, on_exec) != 0) {
        const long most = ::sysconf(_SC_OPEN_MAX);
        for (int fd = 3; fd < most; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    for (const child_descriptors::move& each : *plan.moves) {
        const bool stays = each.from == each.number;
        if ((stays ? ::fcntl(each.from, F_SETFD, 0) : ::dup2(each.from, each.number)) < 0) return false;
    }
    return true;
}

// By system call: the functions of the library would change all threads of the parent's memory.
inline bool become(const child_identity& who) noexcept {
    if (who.groups && ::syscall(SYS_setgroups, who.groups->size(), who.groups->data()) != 0) return false;
    if (who.group && ::syscall(SYS_setresgid, *who.group, *who.group, *who.group) != 0) return false;
    return !who.user || ::syscall(SYS_setresuid, *who.user, *who.user, *who.user) == 0;
}

inline void reset_signals() noexcept {
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] inline void run_child(const exec_plan& plan, pid_t parent, int failures) noexcept {
    plan.new_session ? ::setsid() : ::setpgid(0, 0);
    if (!keep_only_what_is_given(plan)) report_and_exit(failures, exec_stage::descriptors);
    if (plan.terminal >= 0 && ::ioctl(plan.terminal, TIOCSCTTY, 0) != 0) report_and_exit(failures, exec_stage::terminal);
    if (plan.mask) ::umask(*plan.mask);
    if (plan.directory != nullptr && ::chdir(plan.directory) != 0) report_and_exit(failures, exec_stage::directory);
    if (!become(plan.identity)) report_and_exit(failures, exec_stage::identity);
    if (plan.parent_death_signal != 0) {
        ::prctl(PR_SET_PDEATHSIG, plan.parent_death_signal);
        if (::getppid() != parent) ::raise(plan.parent_death_signal);  // it is gone already
    }
    reset_signals();
    int reason = ENOENT;
    for (const std::string& candidate : plan.candidates) {
        ::execve(candidate.c_str(), plan.arguments, plan.environment);
        if (errno != ENOENT && errno != ENOTDIR) reason = errno;  // one that is there says more than one that is not
    }
    errno = reason;
    report_and_exit(failures, exec_stage::program);
}

// ---- in the parent ----

// fork without what the program has asked for at forks: the child is about to become another program.
inline pid_t fork_plainly() noexcept {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    return ::_Fork();
#else
    return ::fork();
#endif
}

// Its frame is not left before the child has become the program: the two share it until then.
[[gnu::noinline]] inline pid_t start_child(const exec_plan& plan, pid_t parent, int failures) {
    const pid_t pid = plan.identity.is_another() ? fork_plainly() : ::vfork();
    if (pid == 0) run_child(plan, parent, failures);
    return pid;
}

// Returns: the child, which has become the program; or how it failed, after it was waited for.
// Errors: broken_error when there is no child at all.
struct launched {
    pid_t pid = -1;
    std::optional<exec_failure> failure;
};

inline launched launch(const exec_plan& plan, int lowest_free) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error(errno, "cannot make a pipe for a child process");
    const unique_fd reports(ends[0]);
    unique_fd failures = moved_above(unique_fd(ends[1]), lowest_free);
    launched started;
    {
        // No handler of ours may run in the child, whose memory is ours.
        sigset_t all;
        sigset_t former;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &former);
        const scope_exit unblock([&former] { ::pthread_sigmask(SIG_SETMASK, &former, nullptr); });
        started.pid = start_child(plan, ::getpid(), failures.get());
        if (started.pid < 0) throw_system_error(errno, "cannot start a child process");
    }
    failures.reset();
    exec_failure failure{};
    ssize_t count;
    do {
        count = ::read(reports.get(), &failure, sizeof failure);
    } while (count < 0 && errno == EINTR);
    if (count != static_cast<ssize_t>(sizeof failure)) return started;
    while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    started.failure = failure;
    return started;
}

}  // namespace aioxx::detail
