// SPDX-License-Identifier: BSL-1.0
#pragma once

// differential/fake_transport.hpp: a transport that only writes down what it is asked for; fake_transport.py is the
// same for asyncio.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/transport.hpp>

#include "differential/harness.hpp"

namespace differential {

class fake_transport final : public transport {
public:
    explicit fake_transport(tracer& trace) : trace_(trace) {}

    [[nodiscard]] bool is_reading() const noexcept override { return !closing_; }
    void pause_reading() override { trace_("transport: pause reading"); }
    void resume_reading() override { trace_("transport: resume reading"); }

    void write(bytes_view data) override {
        if (!closing_) trace_("transport: write", data);
    }
    void write(bytearray&& data) override { write(bytes_view(data)); }
    void writelines(std::span<const bytes_view> pieces) override {
        bytearray joined;
        for (const bytes_view& piece : pieces) joined.append(piece);
        write(joined);
    }
    void write_eof() override { trace_("transport: write eof"); }
    [[nodiscard]] bool can_write_eof() const noexcept override { return true; }

    [[nodiscard]] bool is_closing() const noexcept override { return closing_; }
    void close() override {
        trace_("transport: close");
        closing_ = true;
    }
    void abort() override {
        trace_("transport: abort");
        closing_ = true;
    }

    void set_write_buffer_limits(write_limits_request) override {}
    [[nodiscard]] write_buffer_limits get_write_buffer_limits() const noexcept override { return {}; }
    [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return 0; }
    [[nodiscard]] std::uint64_t dropped_writes() const noexcept override { return 0; }
    [[nodiscard]] bool query_extra_info(extra_info_query&) const override { return false; }
    void set_protocol(std::shared_ptr<base_protocol>) override {}
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return nullptr; }
    [[nodiscard]] std::string describe() const override { return "fake transport"; }

private:
    tracer& trace_;
    bool closing_ = false;
};

}  // namespace differential
