// SPDX-License-Identifier: BSL-1.0

// Server-sent events: a server that counts, and a client that follows it and goes on where it was.
//
//     websocket_events                    serves on a free port of this machine, follows five events, ends
//     websocket_events serve [PORT]       also shows a page to browsers
//     websocket_events follow URI

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

using namespace std::chrono_literals;
namespace websocket = aioxx::websocket;

constexpr const char* page =
    "<!DOCTYPE html><title>Events</title><h1>-</h1>"
    "<script>new EventSource('/events').onmessage ="
    " (event) => document.querySelector('h1').textContent = event.data;</script>";

// Three numbers for each visit, so that clients have to come back.
aioxx::coro<> count(websocket::event_request request, websocket::event_sink sink) {
    int number = std::atoi(request.last_event_id.c_str());
    for (int i = 0; i != 3; ++i) {
        ++number;
        websocket::server_sent_event event;
        event.data = "number " + std::to_string(number);
        event.id = std::to_string(number);
        co_await sink.send(event);
        co_await aioxx::sleep(100ms);
    }
}

std::optional<websocket::http_response> show_page(const websocket::http_request& request) {
    if (request.target == "/events") return std::nullopt;
    websocket::http_response response;
    response.headers.add("Content-Type", "text/html; charset=utf-8");
    response.body = page;
    return response;
}

aioxx::coro<websocket::event_server> start(std::uint16_t port) {
    websocket::serve_events_options options;
    options.process_request = show_page;
    options.retry = 200ms;
    co_return co_await websocket::serve_events(count, "127.0.0.1", port, options);
}

aioxx::coro<> serve(std::uint16_t port) {
    websocket::event_server server = co_await start(port);
    std::cout << "Serving on http://127.0.0.1:" << server.port() << "/events" << std::endl;
    co_await server.serve_forever();
}

// Parameters: `most` events are shown, or all.
aioxx::coro<> follow(std::string uri, std::optional<int> most) {
    auto events = websocket::event_source(uri);
    for (int shown = 0; !most || shown != *most; ++shown) {
        const auto event = co_await events.next();
        if (!event) break;
        std::cout << *event->id << ": " << event->data << std::endl;
    }
    co_await events.aclose();
}

aioxx::coro<> show_both() {
    websocket::event_server server = co_await start(0);
    co_await follow("http://127.0.0.1:" + std::to_string(server.port()) + "/events", 5);
    co_await server.shutdown(1s);
}

int main(int argc, char** argv) try {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "serve") {
        aioxx::run(serve(static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 8080)));
    } else if (what == "follow" && argc > 2) {
        aioxx::run(follow(argv[2], std::nullopt));
    } else {
        aioxx::run(show_both());
    }
} catch (const aioxx::interrupted_error&) {
    std::cout << "Stopped\n";
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
