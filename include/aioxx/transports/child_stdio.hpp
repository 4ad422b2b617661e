// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/child_stdio.hpp: which descriptors a child process gets, and the parent's ends of its pipes and terminal.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/transports/fd_channel.hpp>

namespace aioxx {

/// Where one of the child's first three descriptors leads.
class stdio {
public:
    enum class kind { inherit, pipe, devnull, to_stdout, descriptor, terminal };

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
    /// A terminal whose other side is the parent: one for all that lead to it. It is the child's controlling terminal, and
    /// the child leads a session. The parent writes through the pipe of standard input and reads through the one of
    /// standard output; standard error has none of its own.
    static constexpr stdio terminal() noexcept { return kind::terminal; }

    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    [[nodiscard]] constexpr int fd() const noexcept { return fd_; }

private:
    kind kind_;
    int fd_ = -1;
};

/// The size of a terminal in characters.
struct terminal_size {
    unsigned short columns = 80;
    unsigned short rows = 24;
};

/// A descriptor that a child gets beside the first three. It stays the parent's own.
struct passed_descriptor {
    int fd;      ///< the parent's
    int number;  ///< the child's, at least 3
};

/// Sets the size of a terminal, of which the child is told (SIGWINCH).
///
/// Parameters: `terminal` a descriptor of either side. Errors: broken_error.
inline void set_terminal_size(int terminal, terminal_size size) {
    winsize wanted{};
    wanted.ws_col = size.columns;
    wanted.ws_row = size.rows;
    if (::ioctl(terminal, TIOCSWINSZ, &wanted) != 0) throw_system_error(errno, "cannot set the size of a terminal");
}

namespace detail {

// A descriptor of at least a number.
inline unique_fd moved_above(unique_fd fd, int lowest) {
    if (fd.get() >= lowest) return fd;
    unique_fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest));
    if (!moved) throw_system_error(errno, "cannot duplicate a descriptor");
    return moved;
}
inline unique_fd duplicate_above(int fd, int lowest) {
    unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
    if (!copy) throw_system_error(errno, "cannot pass descriptor " + std::to_string(fd) + " to a child process");
    return copy;
}

// The descriptors of a child to be. Those it is given are above all its numbers, so that none is overwritten before it
// has been put into its place.
class child_descriptors {
public:
    struct move {
        int from;
        int number;
    };

    // Errors: std::invalid_argument for a number that cannot be given, or twice.
    explicit child_descriptors(const std::vector<passed_descriptor>& passed) {
        std::set<int> numbers;
        for (const passed_descriptor& each : passed) {
            if (each.number < 3) {
                throw std::invalid_argument("a descriptor passed to a child process must get a number of at least 3, got " +
                                            std::to_string(each.number));
            }
            if (!numbers.insert(each.number).second) {
                throw std::invalid_argument("two descriptors passed to a child process have the number " +
                                            std::to_string(each.number));
            }
            lowest_ = std::max(lowest_, each.number + 1);
        }
        for (const passed_descriptor& each : passed) give(duplicate_above(each.fd, lowest_), each.number);
    }

    void add(int number, const stdio& wanted, std::size_t pipe_size, terminal_size size) {
        switch (wanted.what()) {
            case stdio::kind::inherit:
                moves_.push_back({number, number});
                break;
            case stdio::kind::pipe:
                add_pipe(number, pipe_size);
                break;
            case stdio::kind::devnull: {
                unique_fd nothing(::open("/dev/null", (number == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
                if (!nothing) throw_system_error(errno, "cannot open /dev/null for a child process");
                give(moved_above(std::move(nothing), lowest_), number);
                break;
            }
            case stdio::kind::to_stdout:
                if (number != 2) throw std::invalid_argument("stdio::to_stdout is for standard error only");
                moves_.push_back({1, 2});  // after 1 has been put into its place
                break;
            case stdio::kind::descriptor:
                give(duplicate_above(wanted.fd(), lowest_), number);
                break;
            case stdio::kind::terminal:
                add_terminal(number, size);
                break;
        }
    }

    // In this order.
    [[nodiscard]] const std::vector<move>& moves() const noexcept { return moves_; }
    // The number that the controlling terminal gets, or -1.
    [[nodiscard]] int terminal() const noexcept { return terminal_number_; }
    [[nodiscard]] int lowest_free() const noexcept { return lowest_; }
    std::array<unique_fd, 3> take_parents() noexcept { return std::move(parent_); }

private:
    void give(unique_fd fd, int number) {
        moves_.push_back({fd.get(), number});
        given_.push_back(std::move(fd));
    }

    void add_pipe(int number, std::size_t size) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error(errno, "cannot make a pipe for a child process");
        const bool child_reads = number == 0;
        unique_fd read_end(ends[0]);
        unique_fd write_end(ends[1]);
        if (!child_reads && size != 0) ::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(size));  // as far as allowed
        unique_fd& ours = parent_[static_cast<std::size_t>(number)];
        ours = moved_above(std::move(child_reads ? write_end : read_end), 3);
        make_non_blocking(ours.get());
        give(moved_above(std::move(child_reads ? read_end : write_end), lowest_), number);
    }

    void add_terminal(int number, terminal_size size) {
        if (!terminal_) open_terminal(size);
        if (terminal_number_ < 0) terminal_number_ = number;
        give(duplicate_above(terminal_.get(), lowest_), number);
        if (number != 2) parent_[static_cast<std::size_t>(number)] = duplicate_above(our_side_.get(), 3);
    }

    void open_terminal(terminal_size size) {
        our_side_ = moved_above(unique_fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)), 3);
        char name[64];
        if (::grantpt(our_side_.get()) != 0 || ::unlockpt(our_side_.get()) != 0 ||
            ::ptsname_r(our_side_.get(), name, sizeof name) != 0) {
            throw_system_error(errno, "cannot make a terminal for a child process");
        }
        make_non_blocking(our_side_.get());
        terminal_ = unique_fd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
        if (!terminal_) throw_system_error(errno, std::string("cannot open the terminal ") + name);
        set_terminal_size(terminal_.get(), size);
    }

    std::array<unique_fd, 3> parent_;
    std::vector<unique_fd> given_;
    std::vector<move> moves_;
    unique_fd our_side_;
    unique_fd terminal_;
    int terminal_number_ = -1;
    int lowest_ = 3;
};

}  // namespace detail
}  // namespace aioxx
