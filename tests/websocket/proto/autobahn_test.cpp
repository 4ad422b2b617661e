// SPDX-License-Identifier: BSL-1.0
#include "websocket/proto/autobahn.hpp"

#include <string>
#include <vector>

#include <aioxx/websocket/proto/endpoint.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace autobahn;
using wire::close_payload;
using wire::hex;

namespace {

const std::string kosme = hex("ce ba e1 bd b9 cf 83 ce bc ce b5");

std::string repeated(std::string_view pattern, std::size_t size) {
    std::string text;
    while (text.size() < size)
        text += pattern;
    text.resize(size);
    return text;
}

std::string many(const std::string& bytes, int times) {
    std::string all;
    for (int i = 0; i != times; ++i)
        all += bytes;
    return all;
}

}  // namespace

TEST_CASE("Autobahn 1: frames of every size are echoed", "[websocket]") {
    both_roles(16, [](suite& run) {
        for (std::size_t size : {0U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
            const std::string stars(size, '*');
            const std::string bytes(size, '\xFE');
            run.expect("1.1", run.text(stars) + run.bye(), "text:" + shown(stars) + " close:1000");
            run.expect("1.2", run.binary(bytes) + run.bye(), "binary:" + shown(bytes) + " close:1000");
        }
        const std::string stars(65536, '*');
        const std::string bytes(65536, '\xFE');
        run.expect("1.1.8", run.text(stars) + run.bye(), "text:" + shown(stars) + " close:1000", 997);
        run.expect("1.2.8", run.binary(bytes) + run.bye(), "binary:" + shown(bytes) + " close:1000", 997);
    });
}

TEST_CASE("Autobahn 2: pings are answered and pongs are not", "[websocket]") {
    both_roles(11, [](suite& run) {
        const std::string bytes = hex("00 ff fe fd fc fb 00 ff");
        const std::string long_one(125, '\xFE');
        run.expect("2.1", run.ping("") + run.bye(), "pong: close:1000");
        run.expect("2.2", run.ping("Hello, world!") + run.bye(), "pong:Hello, world! close:1000");
        run.expect("2.3", run.ping(bytes) + run.bye(), "pong:" + bytes + " close:1000");
        run.expect("2.4", run.ping(long_one) + run.bye(), "pong:" + long_one + " close:1000");
        run.expect("2.5", run.ping(std::string(126, '\xFE')), "close:1002");
        run.expect("2.6", run.ping(long_one) + run.bye(), "pong:" + long_one + " close:1000", 1);
        run.expect("2.7", run.pong("") + run.bye(), "close:1000");
        run.expect("2.8", run.pong("unsolicited pong payload") + run.bye(), "close:1000");
        run.expect("2.9", run.pong("unsolicited pong payload") + run.ping("ping payload") + run.bye(),
                   "pong:ping payload close:1000");
        std::string ten;
        std::string replies;
        for (char digit = '0'; digit <= '9'; ++digit) {
            ten += run.ping(std::string("payload-") + digit);
            replies += std::string("pong:payload-") + digit + " ";
        }
        run.expect("2.10", ten + run.bye(), replies + "close:1000");
        run.expect("2.11", ten + run.bye(), replies + "close:1000", 1);
    });
}

TEST_CASE("Autobahn 3: reserved bits end the connection", "[websocket]") {
    both_roles(7, [](suite& run) {
        const std::string hello = "Hello, world!";
        const auto after = [&](unsigned first) {
            return std::vector{run.text(hello), run.raw(first, hello), run.ping("")};
        };
        run.expect("3.1", run.raw(0x81 | 0x10, hello), "close:1002");
        run.expect("3.2", after(0x81 | 0x20), "text:" + hello + " close:1002");
        run.expect("3.3", after(0x81 | 0x30), "text:" + hello + " close:1002");
        run.expect("3.4", after(0x81 | 0x40), "text:" + hello + " close:1002");
        run.expect("3.5", run.raw(0x82 | 0x50, hex("00 ff fe fd fc fb 00 ff")), "close:1002");
        run.expect("3.6", run.raw(0x82 | 0x60, hello), "close:1002");
        run.expect("3.7", run.raw(0x88 | 0x70, ""), "close:1002");
    });
}

TEST_CASE("Autobahn 4: reserved opcodes end the connection", "[websocket]") {
    both_roles(10, [](suite& run) {
        for (unsigned first : {0x83U, 0x8BU}) {
            const std::string hello = "Hello, world!";
            const auto after = [&](unsigned code, std::string_view payload) {
                return std::vector{run.text(hello), run.raw(code, payload), run.ping("")};
            };
            const std::string both = "text:" + hello + " close:1002";
            run.expect("4.1.1, 4.2.1", run.raw(first, ""), "close:1002");
            run.expect("4.1.2, 4.2.2", run.raw(first + 1, "reserved opcode payload"), "close:1002");
            run.expect("4.1.3, 4.2.3", after(first + 2, ""), both);
            run.expect("4.1.4, 4.2.4", after(first + 3, hello), both);
            run.expect("4.1.5, 4.2.5", after(first + 4, hello), both);
        }
    });
}

TEST_CASE("Autobahn 5: fragments keep their order", "[websocket]") {
    both_roles(20, [](suite& run) {
        const std::string whole = "text:fragment1fragment2";
        const std::string first = run.text("fragment1", false);
        const std::string second = run.more("fragment2");
        run.expect("5.1", run.sent(opcode::ping, "fragment1", false) + second, "close:1002");
        run.expect("5.2", run.sent(opcode::pong, "fragment1", false) + second, "close:1002");
        // Groups of three are the same frames: at once, one by one and in octets.
        for (const char* number : {"5.3", "5.4", "5.5"})
            run.expect(number, {first, second, run.bye()}, whole + " close:1000");
        for (const char* number : {"5.6", "5.7", "5.8"}) {
            run.expect(number, {first, run.ping("ping payload"), second, run.bye()},
                       "pong:ping payload " + whole + " close:1000");
        }
        const std::string hello = run.text("Hello, world!");
        for (const char* number : {"5.9", "5.10", "5.11"})
            run.expect(number, {run.more("non-continuation payload"), hello}, "close:1002");
        for (const char* number : {"5.12", "5.13", "5.14"})
            run.expect(number, {run.more("non-continuation payload", false), hello}, "close:1002");
        run.expect("5.15", first + second + run.more("fragment3", false) + run.text("fragment4"),
                   whole + " close:1002");
        const std::string rest = run.text("fragment2", false) + run.more("fragment3");
        run.expect("5.16", many(run.more("fragment1", false) + rest, 2), "close:1002");
        run.expect("5.17", many(run.more("fragment1") + rest, 2), "close:1002");
        run.expect("5.18", first + run.text("fragment2"), "close:1002");
        const std::vector<std::string> five = {first,
                                               run.more("fragment2", false),
                                               run.ping("pongme 1!"),
                                               run.more("fragment3", false),
                                               run.more("fragment4", false),
                                               run.ping("pongme 2!"),
                                               run.more("fragment5"),
                                               run.bye()};
        const std::string all =
            "pong:pongme 1! pong:pongme 2! text:fragment1fragment2fragment3fragment4fragment5 close:1000";
        for (const char* number : {"5.19", "5.20"})
            run.expect(number, five, all);
        CHECK(run.echo({five.begin(), five.begin() + 3}) == "pong:pongme 1!");  // before the message is whole
    });
}

TEST_CASE("Autobahn 6.1 to 6.4: text is UTF-8 across fragments, and wrong as soon as it is", "[websocket]") {
    both_roles(13, [](suite& run) {
        run.expect("6.1.1", run.text("") + run.bye(), "text: close:1000");
        run.expect("6.1.2", run.text("", false) + run.more("", false) + run.more("") + run.bye(),
                   "text: close:1000");
        run.expect("6.1.3",
                   run.text("", false) + run.more("middle frame payload", false) + run.more("") + run.bye(),
                   "text:middle frame payload close:1000");
        const std::string hello = "Hello-" + hex("c2 b5 40 c3 9f c3 b6 c3 a4 c3 bc c3 a0 c3 a1") + "-UTF-8!!";
        const std::string echoed = "text:" + hello + " close:1000";
        run.expect("6.2.1", run.text(hello) + run.bye(), echoed);
        run.expect("6.2.2", run.text(hello.substr(0, 15), false) + run.more(hello.substr(15)) + run.bye(),
                   echoed);
        run.expect("6.2.3", run.fragmented(opcode::text, hello, 1) + run.bye(), echoed);
        run.expect("6.2.4", run.fragmented(opcode::text, kosme, 1) + run.bye(),
                   "text:" + kosme + " close:1000");
        const std::string surrogate = kosme + hex("ed a0 80") + "edited";
        run.expect("6.3.1", run.text(surrogate), "close:1007");
        run.expect("6.3.2", run.fragmented(opcode::text, surrogate, 1), "close:1007");
        // Each byte up to the wrong one is accepted, and the wrong one is refused without waiting for more.
        const std::string too_large = kosme + hex("f4 90 80 80") + "edited";
        const std::string part1 = run.text(too_large.substr(0, 11), false);
        run.expect("6.4.1", part1, "");
        CHECK(run.echo(part1 + run.more(too_large.substr(11, 4), false), 1000) == "close:1007");
        const std::string part2 = run.text(too_large.substr(0, 12), false);
        run.expect("6.4.2", part2, "");
        CHECK(run.echo(part2 + run.more(too_large.substr(12, 1), false), 1000) == "close:1007");
        const std::string one = run.text(too_large);
        const std::size_t head = one.size() - too_large.size();
        run.expect("6.4.3", one.substr(0, head + 11), "");
        CHECK(run.echo(one.substr(0, head + 15), 1000) == "close:1007");
        run.expect("6.4.4", one.substr(0, head + 12), "");
        CHECK(run.echo(one.substr(0, head + 13), 1000) == "close:1007");
    });
}

TEST_CASE("Autobahn 6.5 to 6.23: every valid sequence is echoed and every invalid one refused",
          "[websocket]") {
    both_roles(132, [](suite& run) {
        const auto valid = [&](const char* number, const std::vector<std::string>& payloads) {
            for (const std::string& payload : payloads)
                run.expect(number, run.text(payload) + run.bye(), "text:" + payload + " close:1000");
        };
        const auto invalid = [&](const char* number, const std::vector<std::string>& payloads) {
            for (const std::string& payload : payloads)
                run.expect(number, run.text(payload), "close:1007");
        };
        const auto bytes = [](const std::vector<const char*>& digits) {
            std::vector<std::string> payloads;
            for (const char* one : digits)
                payloads.push_back(hex(one));
            return payloads;
        };
        valid("6.5", {"hello$world", "hello" + hex("c2 a2") + "world", "hello" + hex("e2 82 ac") + "world",
                      "hello" + hex("f0 a4 ad a2") + "world", kosme});
        for (std::size_t size = 1; size <= kosme.size(); ++size) {  // every prefix
            const bool at_boundary = size == 2 || size == 5 || size == 7 || size == 9 || size == 11;
            at_boundary ? valid("6.6", {kosme.substr(0, size)}) : invalid("6.6", {kosme.substr(0, size)});
        }
        valid("6.7", bytes({"00", "c2 80", "e0 a0 80", "f0 90 80 80"}));
        invalid("6.8", bytes({"f8 88 80 80 80", "fc 84 80 80 80 80"}));
        valid("6.9", bytes({"7f", "df bf", "ef bf bf", "f4 8f bf bf"}));
        invalid("6.10", bytes({"f7 bf bf bf", "fb bf bf bf bf", "fd bf bf bf bf bf"}));
        valid("6.11", bytes({"ed 9f bf", "ee 80 80", "ef bf bd", "f4 8f bf bf"}));
        invalid("6.11", bytes({"f4 90 80 80"}));

        invalid("6.12", bytes({"80", "bf", "80 bf", "80 bf 80", "80 bf 80 bf", "80 bf 80 bf 80",
                               "80 bf 80 bf 80 bf"}));
        std::string continuations;
        for (int byte = 0x80; byte != 0xBF; ++byte)
            continuations += static_cast<char>(byte);
        invalid("6.12", {continuations});
        constexpr int starts[][2] = {{0xC0, 0xDF}, {0xE0, 0xEF}, {0xF0, 0xF7}, {0xF8, 0xFB}, {0xFC, 0xFD}};
        for (const auto& [first, last] : starts) {
            std::string lonely;
            for (int byte = first; byte != last; ++byte)
                lonely += {static_cast<char>(byte), ' '};
            invalid("6.13", {lonely});
        }
        const std::vector<std::string> cut_short =
            bytes({"c0", "e0 80", "f0 80 80", "f8 80 80 80", "fc 80 80 80 80", "df", "ef bf", "f7 bf bf",
                   "fb bf bf bf", "fd bf bf bf bf"});
        invalid("6.14", cut_short);
        std::string together;
        for (const std::string& one : cut_short)
            together += one;
        invalid("6.15", {together});
        invalid("6.16", bytes({"fe", "ff", "fe fe ff ff"}));
        invalid("6.17", bytes({"c0 af", "e0 80 af", "f0 80 80 af", "f8 80 80 80 af", "fc 80 80 80 80 af"}));
        invalid("6.18", bytes({"c1 bf", "e0 9f bf", "f0 8f bf bf", "f8 87 bf bf bf", "fc 83 bf bf bf bf"}));
        invalid("6.19", bytes({"c0 80", "e0 80 80", "f0 80 80 80", "f8 80 80 80 80", "fc 80 80 80 80 80"}));
        invalid("6.20",
                bytes({"ed a0 80", "ed ad bf", "ed ae 80", "ed af bf", "ed b0 80", "ed be 80", "ed bf bf"}));
        for (const char* high : {"ed a0 80", "ed ad bf", "ed ae 80", "ed af bf"}) {
            for (const char* low : {"ed b0 80", "ed bf bf"})
                invalid("6.21", {hex(high) + hex(low)});
        }
        valid("6.22",
              bytes({"ef bf be", "ef bf bf"}));  // the last two of each plane, which are no characters
        for (const char* start : {"f0 9f", "f0 af", "f0 bf", "f1 8f", "f1 9f", "f1 af", "f1 bf", "f2 8f",
                                  "f2 9f", "f2 af", "f2 bf", "f3 8f", "f3 9f", "f3 af", "f3 bf", "f4 8f"}) {
            valid("6.22", {hex(start) + hex("bf be"), hex(start) + hex("bf bf")});
        }
        valid("6.23",
              bytes({"ef bf b9", "ef bf ba", "ef bf bb", "ef bf bc", "ef bf bd", "ef bf be", "ef bf bf"}));
    });
}

TEST_CASE("Autobahn 7: the closing handshake and its codes", "[websocket]") {
    both_roles(37, [](suite& run) {
        const auto close = [&](std::string_view payload) { return run.sent(opcode::close, payload); };
        run.expect("7.1.1", run.text("Hello World!") + run.bye(), "text:Hello World! close:1000");
        run.expect("7.1.2", run.bye() + close(""), "close:1000");
        run.expect("7.1.3", run.bye() + run.ping(""), "close:1000");
        run.expect("7.1.4", run.bye() + run.text("Hello World!"), "close:1000");
        run.expect("7.1.5", run.text("fragment1", false) + run.bye() + run.more("fragment2"), "close:1000");
        const std::string large = repeated("BAsd7&jh23", 256 << 10);
        run.expect("7.1.6", run.text(large) + run.text("Hello World!") + run.bye() + run.ping(""),
                   "text:" + shown(large) + " text:Hello World! close:1000");
        run.expect("7.3.1", close(""), "close:1005");
        run.expect("7.3.2", close("a"), "close:1002");
        run.expect("7.3.3", close(close_payload(1000)), "close:1000");
        run.expect("7.3.4", close(close_payload(1000, "Hello World!")), "close:1000");
        run.expect("7.3.5", close(close_payload(1000, std::string(123, '*'))), "close:1000");
        run.expect("7.3.6", close(close_payload(1000, std::string(124, '*'))), "close:1002");
        run.expect("7.5.1", close(close_payload(1000, kosme + hex("ed a0 80") + "edited")), "close:1007");
        for (unsigned code :
             {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U, 3999U, 4000U, 4999U}) {
            run.expect("7.7", close(close_payload(code)), "close:" + std::to_string(code));
        }
        for (unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1016U, 1100U, 2000U, 2999U})
            run.expect("7.9", close(close_payload(code)), "close:1002");
        run.expect("7.13.1", close(close_payload(5000)), "close:1002");
        run.expect("7.13.2", close(close_payload(65535)), "close:1002");
    });
}

TEST_CASE("Autobahn 9: large and many messages, whole, in fragments and in chops", "[websocket]") {
    constexpr std::size_t kib = 1 << 10;
    constexpr std::size_t mib = 1 << 20;
    both_roles(54, [](suite& run) {
        for (opcode code : {opcode::text, opcode::binary}) {
            const std::string name = std::string(name_of(code)) + ":";
            const std::string pattern = code == opcode::text ? "BAsd7&jh23" : hex("00 fe 23 fa f0");
            for (std::size_t size : {64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib}) {
                const std::string payload = repeated(pattern, size);
                run.expect("9.1, 9.2", run.sent(code, payload) + run.bye(),
                           name + shown(payload) + " close:1000");
            }
            const std::string stars(4 * mib, '*');
            const std::string all_stars = name + shown(stars) + " close:1000";
            for (std::size_t size : {std::size_t{64}, std::size_t{256}, kib, 4 * kib, 16 * kib, 64 * kib,
                                     256 * kib, mib, 4 * mib}) {
                run.expect("9.3, 9.4", run.fragmented(code, stars, size) + run.bye(), all_stars);
            }
            const std::string chopped = repeated(pattern, mib);
            const std::string echoed = name + shown(chopped) + " close:1000";
            for (std::size_t size : {64U, 128U, 256U, 512U, 1024U, 2048U})
                run.expect("9.5, 9.6", run.sent(code, chopped) + run.bye(), echoed, size);
            for (std::size_t size : {0U, 16U, 64U, 256U, 1024U, 4096U}) {
                const std::string payload(size, code == opcode::text ? '*' : '\xFE');
                const std::string one = run.sent(code, payload);
                run.expect("9.7, 9.8", many(one, 1000) + run.bye(),
                           many(name + shown(payload) + " ", 1000) + "close:1000", one.size());
            }
        }
    });
}

TEST_CASE("Autobahn 10: a message is sent in fragments of one size", "[websocket]") {
    both_roles(1, [](suite& run) {
        const std::string payload(65536, '*');
        run.expect("10.1.1", run.fragmented(opcode::text, payload, 1300) + run.bye(),
                   "text:" + shown(payload) + " close:1000");
        endpoint sender(run.tested());  // and the other way round
        for (std::size_t at = 0; at < payload.size(); at += 1300) {
            const std::string_view part = std::string_view(payload).substr(at, 1300);
            const bool last = at + 1300 >= payload.size();
            at == 0 ? sender.send_text(part, last) : sender.send_continuation(part, last);
        }
        const std::vector<frame> frames = frames_of(run.tester(), sender.output().view());
        CHECK(frames.size() == 51);  // 50 full ones and the rest
        CHECK(frames.back().payload.size() == 65536 % 1300);
    });
}
