// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/io/fakes.hpp: transports that do nothing but write down what is written to them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/io/datagram_transport.hpp>
#include <aioxx/io/process_transport.hpp>
#include <aioxx/io/transport.hpp>

namespace aioxx {

// What every transport has to answer, for a transport that knows nothing.
template <class Interface>
class fake_base : public Interface {
public:
    bool query_extra_info(extra_info_query&) const override { return false; }
    bool is_closing() const noexcept override { return false; }
    void close() override {}
    void set_protocol(std::shared_ptr<base_protocol>) override {}
    std::shared_ptr<base_protocol> get_protocol() const override { return nullptr; }
    std::string describe() const override { return "fake"; }
};

class fake_transport : public fake_base<transport> {
public:
    using write_transport::writelines;

    std::string written;             // all bytes, in order
    std::vector<std::string> calls;  // "write", "write a block", "writelines 3"

    bool is_reading() const noexcept override { return false; }
    void pause_reading() override {}
    void resume_reading() override {}
    void set_write_buffer_limits(write_limits_request) override {}
    write_buffer_limits get_write_buffer_limits() const noexcept override { return {}; }
    std::size_t get_write_buffer_size() const noexcept override { return 0; }
    void write(bytes_view data) override {
        calls.emplace_back("write");
        written += data.str();
    }
    void write(bytearray&& data) override {
        calls.emplace_back("write a block");
        written += data.str();
    }
    void writelines(std::span<const bytes_view> pieces) override {
        calls.push_back("writelines " + std::to_string(pieces.size()));
        for (const bytes_view piece : pieces) written += piece.str();
    }
    void write_eof() override {}
    bool can_write_eof() const noexcept override { return true; }
    void abort() override {}
    std::uint64_t dropped_writes() const noexcept override { return 0; }
};

class fake_datagram_transport : public fake_base<datagram_transport> {
public:
    void sendto(bytes_view, const std::optional<endpoint>&) override {}
    void abort() override {}
    void set_write_buffer_limits(write_limits_request) override {}
    write_buffer_limits get_write_buffer_limits() const noexcept override { return {}; }
    std::size_t get_write_buffer_size() const noexcept override { return 0; }
    std::uint64_t dropped_writes() const noexcept override { return 0; }
    datagram_statistics statistics() const noexcept override { return {}; }
};

class fake_subprocess_transport : public fake_base<subprocess_transport> {
public:
    int get_pid() const noexcept override { return 1; }
    std::optional<int> get_returncode() const noexcept override { return std::nullopt; }
    std::shared_ptr<transport> get_pipe_transport(int) const override { return nullptr; }
    void send_signal(int) override {}
    void terminate() override {}
    void kill() override {}
    void kill_tree(int) override {}
};

}  // namespace aioxx
