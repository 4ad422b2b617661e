// SPDX-License-Identifier: BSL-1.0

// tests/bench/bytes.cpp: bytes against what a program would write without them: the standard containers, memchr,
// memmem and memmove by hand, and Python's bytes (bytes_peer.py). The ways take turns in every round; a ratio is
// taken within a round, and the median over the rounds is printed: 1.00 is the same rate, 2.00 twice as fast.
//
//   bytes [--rounds N]

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/find.hpp>
#include <aioxx/buffer/views.hpp>

#include "server.hpp"

namespace {

using aioxx::bytearray;
using aioxx::bytes_view;

// Returns: a number that depends on the work, the same for all ways; a check against doing nothing.
using work = std::function<std::size_t()>;

struct way {
    const char* name;
    work run;
};

struct comparison {
    const char* name;
    std::size_t bytes;  // that one run goes through
    work ours;
    std::vector<way> others;
    std::string python;  // the same as an expression of bytes_peer.py
};

// ---- text ----

// Lines of 100 bytes with the newline.
std::string lines_text(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < 99; ++j)
            text += static_cast<char>('a' + (i * 7 + j * 3) % 26);
        text += '\n';
    }
    return text;
}

// ---- buffers by hand ----

// The least that a receive buffer has to do: a window in a block of a fixed size.
class sliding_window {
public:
    explicit sliding_window(std::size_t capacity) : block_(capacity) {}

    void append(const char* data, std::size_t size) {
        if (block_.size() - end_ < size) {
            std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        std::memcpy(block_.data() + end_, data, size);
        end_ += size;
    }
    void consume(std::size_t size) {
        begin_ += size;
        if (begin_ == end_) begin_ = end_ = 0;
    }
    const char* data() const { return block_.data() + begin_; }
    std::size_t size() const { return end_ - begin_; }

private:
    std::vector<char> block_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

// A power of two; content may wrap, so only single bytes are looked at.
class ring {
public:
    explicit ring(std::size_t capacity) : block_(capacity), mask_(capacity - 1) {}

    void append(const char* data, std::size_t size) {
        const std::size_t at = end_ & mask_;
        const std::size_t first = std::min(size, block_.size() - at);
        std::memcpy(block_.data() + at, data, first);
        std::memcpy(block_.data(), data + first, size - first);
        end_ += size;
    }
    void consume(std::size_t size) { begin_ += size; }
    char front() const { return block_[begin_ & mask_]; }
    std::size_t size() const { return end_ - begin_; }

private:
    std::vector<char> block_;
    std::size_t mask_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

constexpr std::size_t piece = 1460;
constexpr std::size_t message = 100;
constexpr std::size_t held = 8000;
constexpr std::size_t passes = 2000;

// Pieces arrive, messages go, about `held` bytes stay.
template <class Append, class Front, class Consume, class Size>
std::size_t pass_through(const std::string& text, Append append, Front front, Consume consume, Size size) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < passes; ++i) {
        append(text.data() + i % 97, piece);
        while (size() >= held + message) {
            sum += static_cast<unsigned char>(front());
            consume(message);
        }
    }
    return sum;
}

// ---- the comparisons ----

template <class Take>
void each_line_by_memchr(const std::string& text, Take take) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (;;) {
        const auto* const newline =
            static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
        if (newline == nullptr) break;
        take(bytes_view(at, static_cast<std::size_t>(newline - at)));
        at = newline + 1;
    }
    take(bytes_view(at, static_cast<std::size_t>(end - at)));
}

std::size_t offset(const std::string& text, const void* found) {
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::vector<comparison> comparisons(const std::string& text) {
    std::vector<comparison> all;
    const auto view = [&text] { return bytes_view(text); };

    all.push_back({"find a byte",
                   text.size(),
                   [=] { return view().find('#'); },
                   {{"std::string::find", [&] { return text.find('#'); }},
                    {"memchr", [&] { return offset(text, std::memchr(text.data(), '#', text.size())); }}},
                   "text.find(b'#')"});
    all.push_back({"find a sequence, first byte rare",
                   text.size(),
                   [=] { return view().find("#end"); },
                   {{"std::string::find", [&] { return text.find("#end"); }},
                    {"memmem", [&] { return offset(text, memmem(text.data(), text.size(), "#end", 4)); }}},
                   "text.find(b'#end')"});
    all.push_back({"find a sequence, first byte common",
                   text.size(),
                   [=] { return view().find("d#end"); },
                   {{"std::string::find", [&] { return text.find("d#end"); }},
                    {"memmem", [&] { return offset(text, memmem(text.data(), text.size(), "d#end", 5)); }}},
                   "text.find(b'd#end')"});
    all.push_back({"find one of two separators",
                   text.size(),
                   [=] {
                       const bytes_view separators[] = {"#", "\r\n"};
                       return aioxx::until_search(separators).find(view())->begin;
                   },
                   {{"std::string::find_first_of", [&] { return text.find_first_of("#\r"); }}},
                   "either.search(text).start()"});

    const auto sizes = [](std::size_t& sum) { return [&sum](bytes_view line) { sum += line.size() + 1; }; };
    all.push_back({"split lines of 100 bytes, lazily",
                   text.size(),
                   [=] {
                       std::size_t sum = 0;
                       for (const bytes_view line : aioxx::split(view(), "\n"))
                           sum += line.size() + 1;
                       return sum;
                   },
                   {{"memchr loop", [&text, sizes] {
                         std::size_t sum = 0;
                         each_line_by_memchr(text, sizes(sum));
                         return sum;
                     }}},
                   "line_sum(text.split(b'\\n'))"});
    all.push_back({"splitlines of 100 bytes, lazily",
                   text.size(),
                   [=] {
                       std::size_t sum = 0;
                       for (const bytes_view line : aioxx::lines(view()))
                           sum += line.size() + 1;
                       return sum;
                   },
                   {{"memchr loop, \\n only", [&text, sizes] {
                         std::size_t sum = 0;
                         each_line_by_memchr(text, sizes(sum));
                         return sum;
                     }}},
                   "line_sum(text.splitlines())"});
    all.push_back({"split lines of 100 bytes to a vector",
                   text.size(),
                   [=] { return view().split("\n").size(); },
                   {{"memchr loop, vector",
                     [&text] {
                         std::vector<bytes_view> parts;
                         each_line_by_memchr(text, [&](bytes_view line) { parts.push_back(line); });
                         return parts.size();
                     }},
                    {"std::string::find, vector", [&text] {
                         std::vector<std::string_view> parts;
                         std::size_t at = 0;
                         for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
                             parts.push_back(std::string_view(text).substr(at, end - at));
                         parts.push_back(std::string_view(text).substr(at));
                         return parts.size();
                     }}},
                   "len(text.split(b'\\n'))"});

    const auto replace_by_hand = [&text](std::string_view from, std::string_view to) {
        std::string result;
        result.reserve(text.size());
        std::size_t at = 0;
        for (std::size_t end; (end = text.find(from, at)) != std::string::npos; at = end + from.size()) {
            result.append(text, at, end - at);
            result.append(to);
        }
        result.append(text, at);
        return result.size();
    };
    all.push_back({"replace \\n by \\r\\n",
                   text.size(),
                   [=] { return view().replace("\n", "\r\n").size(); },
                   {{"std::string, find and append", [=] { return replace_by_hand("\n", "\r\n"); }}},
                   "len(text.replace(b'\\n', b'\\r\\n'))"});
    all.push_back({"replace \\n by a space",
                   text.size(),
                   [=] { return view().replace("\n", " ").size(); },
                   {{"std::string, std::replace", [&] {
                         std::string result = text;
                         std::replace(result.begin(), result.end(), '\n', ' ');
                         return result.size();
                     }}},
                   "len(text.replace(b'\\n', b' '))"});

    char python_pass[100];
    std::snprintf(python_pass, sizeof python_pass, "pass_through(%zu, %zu, %zu, %zu)", passes, piece, message, held);
    all.push_back(
        {"append and consume",
         passes * piece,
         [&] {
             bytearray buffer;
             return pass_through(
                 text, [&](const char* data, std::size_t size) { buffer.append(bytes_view(data, size)); },
                 [&] { return buffer.front(); }, [&](std::size_t size) { buffer.consume(size); },
                 [&] { return buffer.size(); });
         },
         {{"std::vector, erase",
           [&] {
               std::vector<char> buffer;
               return pass_through(
                   text,
                   [&](const char* data, std::size_t size) {
                       buffer.insert(buffer.end(), data, data + size);
                   },
                   [&] { return buffer.front(); },
                   [&](std::size_t size) {
                       buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
                   },
                   [&] { return buffer.size(); });
           }},
          {"std::string, erase",
           [&] {
               std::string buffer;
               return pass_through(
                   text, [&](const char* data, std::size_t size) { buffer.append(data, size); },
                   [&] { return buffer.front(); }, [&](std::size_t size) { buffer.erase(0, size); },
                   [&] { return buffer.size(); });
           }},
          {"sliding window by hand",
           [&] {
               sliding_window buffer(2 * (held + piece + message));
               return pass_through(
                   text, [&](const char* data, std::size_t size) { buffer.append(data, size); },
                   [&] { return *buffer.data(); }, [&](std::size_t size) { buffer.consume(size); },
                   [&] { return buffer.size(); });
           }},
          {"ring by hand", [&] {
               ring buffer(16384);
               return pass_through(
                   text, [&](const char* data, std::size_t size) { buffer.append(data, size); },
                   [&] { return buffer.front(); }, [&](std::size_t size) { buffer.consume(size); },
                   [&] { return buffer.size(); });
           }}},
         python_pass});
    return all;
}

// ---- measuring ----

double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Python in a process of its own, which measures itself.
class python {
public:
    explicit python(const std::string& text) {
        int ends[2];
        bench::check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
        if (bench::check(fork(), "fork") == 0) {
            dup2(ends[1], 0);
            dup2(ends[1], 1);
            ::close(ends[0]);
            ::close(ends[1]);
            execl(AIOXX_PYTHON, AIOXX_PYTHON, AIOXX_BENCH_DIR "/bytes_peer.py", nullptr);
            bench::fail(AIOXX_PYTHON);
        }
        ::close(ends[1]);
        to_ = fdopen(ends[0], "w");
        from_ = fdopen(dup(ends[0]), "r");
        std::fprintf(to_, "%zu\n", text.size());
        std::fwrite(text.data(), 1, text.size(), to_);
    }

    double measure(const std::string& expression, std::size_t count, std::size_t expected) {
        std::fprintf(to_, "%zu %s\n", count, expression.c_str());
        std::fflush(to_);
        double ns = 0;
        std::size_t result = 0;
        if (std::fscanf(from_, "%lf %zu", &ns, &result) != 2) bench::fail("python");
        if (result != expected) disagree();
        return ns;
    }

    [[noreturn]] static void disagree() {
        std::fprintf(stderr, "the ways do not agree\n");
        std::exit(1);
    }

private:
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
};

double measure(const work& run, std::size_t count, std::size_t expected) {
    const double begin = cpu_ns();
    for (std::size_t i = 0; i < count; ++i) {
        if (run() != expected) python::disagree();
    }
    return (cpu_ns() - begin) / static_cast<double>(count);
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(const comparison& what, python& peer, std::size_t rounds) {
    const std::size_t expected = what.ours();
    std::size_t count = 1;
    while (measure(what.ours, count, expected) * static_cast<double>(count) < 5e6)
        count *= 2;
    std::vector<double> ours;
    std::vector<std::vector<double>> ratios(what.others.size() + 1);
    for (std::size_t round = 0; round < rounds; ++round) {
        // Ours is measured before and after each other way, so that a drift of the machine falls out.
        double before = measure(what.ours, count, expected);
        for (std::size_t i = 0; i < ratios.size(); ++i) {
            const double other = i < what.others.size() ? measure(what.others[i].run, count, expected)
                                                        : peer.measure(what.python, count, expected);
            const double after = measure(what.ours, count, expected);
            ratios[i].push_back(2 * other / (before + after));
            ours.push_back(before);
            before = after;
        }
    }
    std::printf("%s: %.2f GB/s\n", what.name, static_cast<double>(what.bytes) / median(ours));
    for (std::size_t i = 0; i < what.others.size(); ++i)
        std::printf("    %5.2f of %s\n", median(ratios[i]), what.others[i].name);
    std::printf("    %5.2f of Python\n", median(ratios.back()));
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t rounds = 15;
    if (count == 3 && std::string_view(arguments[1]) == "--rounds") {
        rounds = std::max<std::size_t>(1, std::strtoul(arguments[2], nullptr, 10));
    } else if (count != 1) {
        std::fprintf(stderr, "usage: bytes [--rounds N]\n");
        return 2;
    }
    const std::string text = lines_text(5000) + "d#end";
    python peer(text);
    for (const comparison& what : comparisons(text))
        compare(what, peer, rounds);
    return 0;
}
