// SPDX-License-Identifier: BSL-1.0

// A chat in the browser: its page and its WebSockets come from one port. Open it in two windows.
//
//     websocket_broadcast [HOST [PORT]]      port 0 lets the system choose
//
// Every room keeps its latest messages in a ring: who comes late reads them first, and a browser that is too slow for
// the others is told how many it has missed. The time of day goes to everybody at once, by broadcast.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

namespace websocket = aioxx::websocket;
using namespace std::chrono_literals;
using websocket::broadcast_ring;

const char* const page = R"(<!DOCTYPE html>
<meta charset="utf-8">
<title>aioxx chat</title>
<h1>Room <span id="room"></span>, <span id="clock"></span></h1>
<form><input id="text" size="60" autofocus placeholder="Say something"></form>
<ul id="said"></ul>
<script>
  const room = location.hash.slice(1) || 'lobby';
  document.getElementById('room').textContent = room;
  const base = location.protocol.replace('http', 'ws') + '//' + location.host;
  const ws = new WebSocket(`${base}/rooms/${encodeURIComponent(room)}`);
  const show = (text) => {
    const line = document.createElement('li');
    line.textContent = text;
    document.getElementById('said').prepend(line);
  };
  ws.onmessage = ({data}) => {
    const [kind, text] = [data[0], data.slice(1)];
    if (kind === 'T') document.getElementById('clock').textContent = text;
    else show(text);
  };
  ws.onclose = ({code}) => show(`The server has gone (${code}).`);
  document.querySelector('form').onsubmit = (event) => {
    event.preventDefault();
    const field = document.getElementById('text');
    if (field.value) ws.send(field.value);
    field.value = '';
  };
</script>
)";

aioxx::coro<> show_messages(broadcast_ring::cursor from, websocket::connection to) {
    while (const auto item = co_await from.next()) {
        if (item->missed != 0) co_await to.send_text("M(" + std::to_string(item->missed) + " messages were missed)");
        co_await to.send_text("M" + std::string(item->content->str()));
    }
}

aioxx::coro<> read_messages(websocket::connection from, broadcast_ring into) {
    while (const auto said = co_await from.next()) into.push_text(said->str());
}

// The rooms that somebody has been to. One lives as long as the program.
struct chat {
    using all_rooms = std::map<std::string, broadcast_ring>;
    std::shared_ptr<all_rooms> rooms = std::make_shared<all_rooms>();

    aioxx::coro<> operator()(websocket::connection visitor, websocket::path_parameters where) {
        broadcast_ring room = (*rooms)[where.at("room")];
        co_await aioxx::race(read_messages(visitor, room), show_messages(room.subscribe(20), visitor));
    }
};

aioxx::coro<> tell_time(websocket::server to) {
    for (;;) {
        const std::time_t now = std::time(nullptr);
        std::string text(16, '\0');
        text.resize(std::strftime(text.data(), text.size(), "T%H:%M:%S", std::localtime(&now)));
        broadcast_text(to.connections(), text);
        co_await aioxx::sleep(1s);
    }
}

aioxx::coro<> run_server(std::string host, std::uint16_t port) {
    websocket::router routes;
    routes.add_page("/", [](const websocket::http_request&) { return websocket::make_page(page); });
    routes.add("/rooms/{room}", chat());
    auto server = co_await websocket::serve(routes, host, port);
    std::cout << "Serving on http://" << host << ':' << server.port() << '/' << std::endl;
    co_await aioxx::race(server.serve_forever(), tell_time(server));
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 8765;
    aioxx::run(run_server(host, static_cast<std::uint16_t>(port)));
} catch (const aioxx::interrupted_error&) {
    std::cout << "Stopped\n";
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
