// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/extra_info.hpp: facts about a channel, by typed keys instead of names.
// A key is a constexpr object; a transport answers for the keys it knows and passes the others down. Anybody may
// define keys of his own.

#include <optional>
#include <utility>

#include <sys/types.h>

#include <aioxx/io/endpoint.hpp>

namespace aioxx {

/// Names one fact of a type. Compared by address: define it once, inline constexpr.
template <class T>
struct extra_info_key {
    using value_type = T;
    const char* name;

    constexpr explicit extra_info_key(const char* text) noexcept : name(text) {}
    extra_info_key(const extra_info_key&) = delete;
    extra_info_key& operator=(const extra_info_key&) = delete;
};

/// A question for one fact, on its way down through the transports.
class extra_info_query {
public:
    /// Answers when the question is for this key. Returns: whether it was.
    template <class T, class Value>
    bool answer(const extra_info_key<T>& key, Value&& value) {
        if (&key != key_) return false;
        *static_cast<std::optional<T>*>(answer_) = std::forward<Value>(value);
        return true;
    }

private:
    template <class T, class Ask>
    friend std::optional<T> ask_extra_info(const extra_info_key<T>& key, Ask&& ask);

    extra_info_query(const void* key, void* answer) noexcept : key_(key), answer_(answer) {}

    const void* key_;
    void* answer_;
};

/// Puts a question. Parameters: `ask` passes the query to a transport and tells whether it was answered.
template <class T, class Ask>
[[nodiscard]] std::optional<T> ask_extra_info(const extra_info_key<T>& key, Ask&& ask) {
    std::optional<T> answer;
    extra_info_query query(&key, &answer);
    if (!ask(query)) answer.reset();
    return answer;
}

/// Who is at the other end of a Unix socket.
struct peer_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/// The facts that the library's transports know. asyncio's names where it has one.
namespace extra_info {

inline constexpr extra_info_key<endpoint> sockname{"sockname"};           ///< our address
inline constexpr extra_info_key<endpoint> peername{"peername"};           ///< the peer's address
inline constexpr extra_info_key<int> socket{"socket"};                    ///< the socket's descriptor; do not close it
inline constexpr extra_info_key<int> pipe{"pipe"};                        ///< the pipe's descriptor; do not close it
inline constexpr extra_info_key<int> subprocess{"subprocess"};            ///< the child's process id
inline constexpr extra_info_key<peer_credentials> credentials{"credentials"};  ///< of a Unix socket's peer

}  // namespace extra_info

}  // namespace aioxx
