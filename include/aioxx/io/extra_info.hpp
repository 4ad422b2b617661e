// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/extra_info.hpp: facts about a channel, by typed keys instead of names that are looked up. A key is a
// constexpr object with the type of its value. The question travels from the outermost transport down to the
// channel; the first that knows answers, so that a wrapper inherits what lies below it and may override it.
// Anybody may define keys, next to the transport that answers for them:
//
//     inline constexpr aioxx::extra_info_key<std::string> greeting{"greeting"};
//
//     bool query_extra_info(aioxx::extra_info_query& query) const override {
//         return query.answer(greeting, greeting_) || below_->query_extra_info(query);
//     }

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <sys/types.h>

#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/transport_socket.hpp>

namespace aioxx {

/// Names one fact and its type. Compared by address: define it once, as an inline constexpr variable.
template <class T>
struct extra_info_key {
    using value_type = T;
    const char* name;  // for reports only; two keys of one name are two keys

    constexpr explicit extra_info_key(const char* text) noexcept : name(text) {}
    extra_info_key(const extra_info_key&) = delete;
    extra_info_key& operator=(const extra_info_key&) = delete;
};

/// A question for one fact, on its way down through the transports.
class extra_info_query {
public:
    /// Answers when the question is for this key.
    ///
    /// Parameters: `value` what a T can be made of.
    /// Returns: whether it was for this key, and is answered.
    template <class T, class Value>
    bool answer(const extra_info_key<T>& key, Value&& value) {
        if (&key != key_) return false;
        static_cast<std::optional<T>*>(answer_)->emplace(std::forward<Value>(value));
        return true;
    }

    /// As above, for a value that costs something: `make` is called only when the query is for this key.
    ///
    /// Parameters: `make` gives the value, or an optional without one, which leaves the query to others.
    template <class T, std::invocable Make>
    bool answer_with(const extra_info_key<T>& key, Make make) {
        if (&key != key_) return false;
        std::optional<T> value = make();
        return value && answer(key, *std::move(value));
    }

private:
    template <class T, class Ask>
    friend std::optional<T> ask_extra_info(const extra_info_key<T>& key, Ask&& ask);

    extra_info_query(const void* key, void* answer) noexcept : key_(key), answer_(answer) {}

    const void* key_;  // an extra_info_key<T>
    void* answer_;     // a std::optional<T> of the same T
};

/// Puts a question. base_transport::get_extra_info does so; a facade over something else may as well.
///
/// Parameters: `ask` passes the query on and returns whether it was answered.
/// Returns: nothing when it was not.
template <class T, class Ask>
[[nodiscard]] std::optional<T> ask_extra_info(const extra_info_key<T>& key, Ask&& ask) {
    std::optional<T> answer;
    extra_info_query query(&key, &answer);
    if (!ask(query)) answer.reset();
    return answer;
}

/// Who is at the other end of a Unix socket: the process that connected or listened, as it was at that
/// moment.
struct peer_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/// What every byte transport counts.
struct transport_counts {
    std::uint64_t bytes_received = 0;
    std::uint64_t receives = 0;  ///< attempts that gave bytes
    std::uint64_t bytes_sent = 0;
    std::uint64_t sends = 0;   ///< attempts that the medium took bytes from; `writes / sends` is what corking has saved
    std::uint64_t writes = 0;  ///< calls of write and writelines with bytes in them
    std::size_t most_queued = 0;
};

/// What a byte transport has done so far.
struct transport_statistics : transport_counts {
    std::uint64_t pauses = 0;  ///< calls of pause_writing
    std::size_t queued = 0;    ///< bytes that wait to be sent
    std::chrono::nanoseconds paused{};  ///< between pause_writing and resume_writing, the present pause included
};

/// The facts that the library's transports know. asyncio's names where it has one.
namespace extra_info {

/// Our address (sockets).
inline constexpr extra_info_key<endpoint> sockname{"sockname"};
/// The peer's address (connected sockets); of an accepted one as accept told it.
inline constexpr extra_info_key<endpoint> peername{"peername"};
/// The socket, for its options.
inline constexpr extra_info_key<transport_socket> socket{"socket"};
/// The descriptor of a pipe. It stays the transport's: do not read, write or close it.
inline constexpr extra_info_key<int> pipe{"pipe"};
/// The process id of a child process. Asyncio: the Popen object.
inline constexpr extra_info_key<int> subprocess{"subprocess"};
/// Counts of a byte transport. Asyncio: has none.
inline constexpr extra_info_key<transport_statistics> statistics{"statistics"};
/// Who the peer is (Unix sockets). Asyncio: to be had through the socket only.
inline constexpr extra_info_key<peer_credentials> credentials{"credentials"};

}  // namespace extra_info

}  // namespace aioxx
