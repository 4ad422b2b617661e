// SPDX-License-Identifier: BSL-1.0
// differential/protocols/subject.cpp: the protocol under test, of aioxx; subject.py is the same for asyncio.
// It does what peer.py tells it on standard input and writes what happens to it to standard output, line by line.
// The first line names the files of an authority, a certificate and its key.

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/net/tls.hpp>
#include <aioxx/streams/stdio.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "differential/harness.hpp"
#include "support/certificates.hpp"

namespace differential {
namespace {

template <class... Words>
void emit(const Words&... words) {
    std::ostringstream line;
    line << std::boolalpha;
    const char* separator = "";
    ((line << separator, write(line, words), separator = " "), ...);
    std::cout << std::move(line).str() << std::endl;
}

std::string kind_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const tls::certificate_error&) {
        return "certificate error";
    } catch (const tls::tls_error& caught) {
        return caught.code() == std::errc::connection_reset ? why(exception) : "tls error";
    } catch (...) {
        return why(exception);
    }
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (std::size_t end = text.find(separator); end != std::string::npos; end = text.find(separator, start)) {
        parts.push_back(text.substr(start, end - start));
        start = end + separator.size();
    }
    parts.push_back(text.substr(start));
    return parts;
}

/// What stands before a separator and what after it.
std::pair<std::string, std::string> partition(const std::string& text, const std::string& separator = " ") {
    const std::size_t at = text.find(separator);
    if (at == std::string::npos) return {text, ""};
    return {text.substr(0, at), text.substr(at + separator.size())};
}

/// The bytes that words stand for: themselves, or "#n" for n bytes.
std::string payload(const std::string& words) {
    if (!words.starts_with('#')) return words;
    std::string made(std::stoul(words.substr(1)), '\0');
    for (std::size_t index = 0; index < made.size(); ++index) made[index] = static_cast<char>(index % 251);
    return made;
}

std::optional<std::size_t> number(const std::string& word) {
    if (word == "-") return std::nullopt;
    return std::stoul(word);
}

class player;

class subject : pinned {
public:
    std::map<std::string, std::vector<std::string>> reactions;
    std::shared_ptr<stream_transport> connection;
    bool echoes = false;

    /// Does what one action says, and writes what it gives or how it fails. Parameters: `by` null for the program.
    void act(const std::string& action, player* by) {
        try {
            const auto [verb, rest] = partition(action);
            if (!writes(verb, rest) && !controls(verb, rest, by) && !asks(verb, rest)) emit("unknown action", action);
        } catch (...) {
            emit(action, "threw", kind_of(std::current_exception()));
        }
    }

    coro<> obey(std::string command);

private:
    bool writes(const std::string& verb, const std::string& rest) {
        if (verb == "write") {
            connection->write(payload(rest));
        } else if (verb == "writelines") {
            std::vector<std::string> pieces;
            for (const std::string& word : split(rest, " ")) pieces.push_back(word == "-" ? "" : payload(word));
            connection->transport::writelines(pieces);
        } else if (verb == "write_eof") {
            connection->write_eof();
        } else {
            return false;
        }
        return true;
    }
    bool controls(const std::string& verb, const std::string& rest, player* by);
    bool asks(const std::string& verb, const std::string& rest) {
        if (verb == "is_closing") {
            emit(verb, connection->is_closing());
        } else if (verb == "is_reading") {
            emit(verb, connection->is_reading());
        } else if (verb == "can_write_eof") {
            emit(verb, connection->can_write_eof());
        } else if (verb == "get_write_buffer_size") {
            emit(verb, connection->get_write_buffer_size());
        } else if (verb == "get_write_buffer_limits") {
            const write_buffer_limits limits = connection->get_write_buffer_limits();
            emit(verb, limits.low, limits.high);
        } else if (verb == "get_extra_info") {
            emit(verb, rest, fact(rest).value_or("none"));
        } else {
            return false;
        }
        return true;
    }

    static std::optional<std::string> text_of(const std::optional<endpoint>& address) {
        if (!address) return std::nullopt;
        if (address->family() == AF_INET) return address->host();
        return address->path().empty() ? std::nullopt : std::optional<std::string>("a path");
    }
    std::optional<std::string> fact(const std::string& name) const {
        if (name == "sockname") return text_of(connection->get_extra_info(extra_info::sockname));
        if (name == "peername") return text_of(connection->get_extra_info(extra_info::peername));
        if (name == "cipher") return connection->get_extra_info(extra_info::cipher);
        const bool shown = name == "peercert" && connection->get_extra_info(extra_info::peer_certificate);
        return shown ? std::optional<std::string>("true") : std::nullopt;
    }

    /// Made once for each way of using it: loading the system's trust takes time.
    tls::context context_for(tls::role role) {
        const bool old = settings_.at("version") == "tls12";
        const bool untrusting = settings_.contains("untrusting");
        const auto known = contexts_.find({role, old, untrusting});
        if (known != contexts_.end()) return known->second;
        tls::context made = role == tls::role::server ? support::server_context()
                            : untrusting              ? tls::context::for_client()
                                                      : support::client_context();
        ::SSL_CTX_set_num_tickets(made.native_handle(), 0);
        made.set_minimum_version(old ? tls::version::tls_1_2 : tls::version::tls_1_3);
        made.set_maximum_version(old ? tls::version::tls_1_2 : tls::version::tls_1_3);
        contexts_.emplace(std::tuple(role, old, untrusting), made);
        return made;
    }

    coro<> listen(std::string medium, std::string kind, std::string address);
    coro<> connect(std::string medium, std::string kind, std::string address);

    /// Lets the loop deal with whatever has arrived.
    static coro<> settle() {
        for (int pass = 0; pass < 10; ++pass) co_await aioxx::sleep(0s);
    }

    std::map<std::string, std::string> settings_;
    std::map<std::tuple<tls::role, bool, bool>, tls::context> contexts_;
    std::optional<server> server_;
    task<> connecting_;
};

/// Writes down the callbacks of a protocol and reacts to each as the script says, once.
class player {
public:
    player(subject& owner, std::string name) : owner_(owner), name_(std::move(name)) {}

    template <class... Words>
    void happens(const std::string& event, const Words&... words) {
        emit(name_ + event, words...);
        react(event);
    }

    void made(transport& made) {
        owner_.connection = dynamic_cast<stream_transport&>(made).shared_from_this();
        happens("made");
    }
    void takes(bytes_view data) {
        emit(name_ + "data", data.hex());
        received_ += data.size();
        if (owner_.echoes) owner_.connection->write(data);
        std::vector<std::string> due;
        for (const auto& [event, actions] : owner_.reactions) {
            const std::string prefix = name_ + "data ";
            if (!event.starts_with(prefix) || std::stoul(event.substr(prefix.size())) > received_) continue;
            due.push_back(event.substr(name_.size()));
        }
        for (const std::string& event : due) react(event);
    }

    bool keeps_open = false;

private:
    void react(const std::string& event) {
        const auto found = owner_.reactions.extract(name_ + event);
        if (found.empty()) return;
        for (const std::string& action : found.mapped()) {
            if (action == "raise") throw failure("x");
            owner_.act(action, this);
        }
    }

    subject& owner_;
    std::string name_;
    std::size_t received_ = 0;
};

template <class Protocol>
class played : public Protocol {
public:
    played(subject& owner, std::string name) : player_(owner, std::move(name)) {}

    void connection_made(transport& made) override { player_.made(made); }
    void connection_lost(std::exception_ptr reason) override {
        player_.happens("lost", reason ? kind_of(reason) : "none");
    }
    void pause_writing() override { player_.happens("pause_writing"); }
    void resume_writing() override { player_.happens("resume_writing"); }
    bool eof_received() override {
        player_.happens("eof");
        return player_.keeps_open;
    }

protected:
    player player_;
};

class plain final : public played<protocol> {
    using played::played;
    void data_received(bytes_view data) override { player_.takes(data); }
};

class buffered final : public played<buffered_protocol> {
    using played::played;
    mutable_bytes_view get_buffer(std::size_t) override { return {memory_.data(), memory_.size()}; }
    void buffer_updated(std::size_t count) override { player_.takes(bytes_view(memory_.data(), count)); }

    std::array<std::byte, 1000> memory_{};
};

std::shared_ptr<base_protocol> make_protocol(const std::string& kind, subject& owner, const std::string& name = "") {
    if (kind == "plain") return std::make_shared<plain>(owner, name);
    return std::make_shared<buffered>(owner, name);
}

bool subject::controls(const std::string& verb, const std::string& rest, player* by) {
    if (verb == "close") {
        connection->close();
    } else if (verb == "abort") {
        connection->abort();
    } else if (verb == "pause_reading") {
        connection->pause_reading();
    } else if (verb == "resume_reading") {
        connection->resume_reading();
    } else if (verb == "limits") {
        const auto [high, low] = partition(rest);
        write_limits_request limits;
        limits.high = number(high);
        limits.low = number(low);
        connection->set_write_buffer_limits(limits);
    } else if (verb == "keep_open") {
        by->keeps_open = true;
    } else if (verb == "set_protocol") {
        connection->set_protocol(make_protocol(rest, *this, "second "));
    } else {
        return false;
    }
    return true;
}

coro<> subject::listen(std::string medium, std::string kind, std::string address) {
    const auto make = [this, kind] { return make_protocol(kind, *this); };
    if (medium == "unix") {
        server_ = co_await create_unix_server(make, address);
        emit("listening", address);
        co_return;
    }
    if (medium == "tls") {
        server_ = co_await create_server(make, "127.0.0.1", 0, context_for(tls::role::server));
    } else {
        server_ = co_await create_server(make, "127.0.0.1", 0);
    }
    emit("listening", server_->port());
}

coro<> subject::connect(std::string medium, std::string kind, std::string address) {
    const auto make = [this, kind] { return make_protocol(kind, *this); };
    try {
        if (medium == "unix") {
            co_await create_unix_connection(make, address);
            co_return;
        }
        const auto port = static_cast<std::uint16_t>(std::stoul(address));
        if (medium == "tls") {
            tls::connection_options secure;
            const auto host = settings_.find("host");
            secure.server_hostname = host == settings_.end() ? "localhost" : host->second;
            co_await create_connection(make, "127.0.0.1", port, context_for(tls::role::client), secure);
        } else {
            co_await create_connection(make, "127.0.0.1", port);
        }
    } catch (const std::exception&) {
        emit("failed", kind_of(std::current_exception()));
    }
}

coro<> subject::obey(std::string command) {
    const auto [verb, rest] = partition(command);
    const std::vector<std::string> words = split(rest, " ");
    if (verb == "on") {
        const auto [event, actions] = partition(rest, ": ");
        reactions[event] = split(actions, ", ");
    } else if (verb == "set") {
        const auto [name, value] = partition(rest);
        settings_[name] = value;
    } else if (verb == "echo") {
        echoes = true;
    } else if (verb == "listen") {
        co_await listen(words.at(0), words.at(1), words.at(2));
    } else if (verb == "connect") {
        connecting_ = create_task(connect(words.at(0), words.at(1), words.at(2)));
    } else if (verb == "do") {
        for (const std::string& action : split(rest, ", ")) act(action, nullptr);
        emit("did");
    } else if (verb == "sync") {
        co_await settle();
        emit("synced");
    } else if (verb == "finish") {
        if (server_) server_->close();
        if (connection) connection->abort();
        co_await settle();
        reactions.clear();
        settings_.clear();
        connection.reset();
        server_.reset();
        echoes = false;
        emit("finished");
    }
}

coro<> main() {
    const support::identity_files files;
    emit(files.authority_file(), files.certificate_file(), files.key_file());
    get_running_loop().set_exception_handler(
        [](const exception_context& context) { emit("reported", why(context.exception)); });
    subject played;
    const stream_reader commands = co_await open_stdin();
    while (auto line = co_await commands.next_line()) {
        co_await played.obey(std::string(bytes_view(*line).rstrip("\n").str()));
    }
}

}  // namespace
}  // namespace differential

int main() { aioxx::run(differential::main()); }
