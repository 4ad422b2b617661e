// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/stream_transport.hpp: the life of a byte transport, whatever its medium: start, reading, the write
// queue with its water marks, closing, and the one call of connection_lost. All transitions live in this file.
//
//   state     reading          writes               leaves it by
//   open      until paused     queued, corked       close, abort, an error, the peer's end
//   closing   stopped          dropped, counted     all is sent and the channel has taken leave, abort, an error
//   lost      stopped          dropped, counted     connection_lost has returned
//   dead      -                dropped, counted     -
//
// Until the channel is open, after start() and while a layer is put in, nothing is read and what is written is queued.
//
// Writing is corked: what is written during a turn leaves at its end with one system call. A large piece that
// finds the queue empty is tried at once, and only what the medium does not take is copied. The same happens as
// soon as the queue grows beyond the high water mark, before the protocol is told to pause.

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/gather_list.hpp>
#include <aioxx/buffer/receive_block.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/served_protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/transports/stream_channel.hpp>

namespace aioxx {

class stream_transport;

/// Who keeps count of transports: a server, a child process.
class transport_owner {
public:
    /// Called after connection_lost has returned and the channel is closed.
    virtual void connection_ended(stream_transport& gone) = 0;

protected:
    ~transport_owner() = default;
};

struct owned_tag;

/// A byte transport over a channel.
///
/// Lifetime: from start() until connection_lost has returned it holds itself; after that all calls do nothing.
class stream_transport final : public transport,
                               public std::enable_shared_from_this<stream_transport>,
                               private fd_handler,
                               private flush_node,
                               private ready_node,
                               private loop_resource,
                               public list_node<owned_tag> {
public:
    /// Parameters: `served` the protocol, which is told of the connection in the next batch after start().
    stream_transport(event_loop& loop, std::unique_ptr<stream_channel> channel,
                     std::shared_ptr<base_protocol> served)
        : loop_(loop), channel_(std::move(channel)) {
        channel_->attach(*this);
        set_protocol(std::move(served));
    }

    /// Schedules the opening of the channel, connection_made, then the start of reading, then the callback.
    ///
    /// Parameters: `connected` is given null, or the reason why there is no connection.
    void start(function<void(std::exception_ptr)> connected = {}) {
        if (connected) occasional().opened = std::move(connected);
        start_opening();
        self_ = shared_from_this();
        loop_.attach(static_cast<loop_resource&>(*this));
    }

    /// Puts a layer between the transport and its channel, when all that was written before has been sent. Reading stops
    /// at once; it and writing go on when the layer is open.
    ///
    /// Parameters: `make` turns the channel into the layer, or throws and leaves it as it was; `opened` is given null, or
    /// the reason why the connection is lost.
    /// Errors: closed_error; invalid_state_error before connection_made, after write_eof, and while another layer is put
    /// in or a file is sent.
    void insert_layer(function<std::unique_ptr<stream_channel>(std::unique_ptr<stream_channel>&&)> make,
                      function<void(std::exception_ptr)> opened);

    /// Runs a function once, when all that was written has been passed on, or the connection is lost; at once when
    /// nothing is queued. Several run in the order in which they were given.
    void when_sent(function<void()> callback) {
        if (has_ended() || is_drained()) return callback();
        occasional().sent.push_back(std::move(callback));
    }

    /// Sets whom to tell of the end. Before connection_made.
    void set_owner(std::shared_ptr<transport_owner> owner) noexcept { owner_ = std::move(owner); }

    /// Whether send_file works, or has to be replaced by reading the file and writing.
    [[nodiscard]] bool sends_files() const noexcept { return !has_ended() && channel_->sends_files(); }

    /// Sends a part of a file, after what was written before and before what is written later. Meanwhile writing throws.
    ///
    /// Parameters: `count` bytes; none goes on to the end of the file. `done` is given how many were sent, and null or
    /// the reason for which there are no more: a broken_error when the system cannot send the file, which leaves the
    /// connection as it is, or that of the loss.
    /// Errors: closed_error; invalid_state_error while another file is sent, after write_eof and before connection_made.
    /// Lifetime: the file stays open until `done` was called or cancel_file has returned.
    void send_file(int file, std::uint64_t offset, std::optional<std::uint64_t> count,
                   function<void(std::uint64_t, std::exception_ptr)> done);
    /// Stops it. Returns: how many bytes of the file have been sent; `done` is not called.
    std::uint64_t cancel_file() noexcept {
        const auto stopped = take_file();
        if (stopped && !has_ended() && !write_armed_) loop_.request_flush(*this);  // what has waited for it
        return stopped ? stopped->sent : 0;
    }

    /// Whether the system can move bytes between it and pipes, past the memory of the program.
    [[nodiscard]] bool splices() const noexcept {
        return is_open() && made_ && !opening_ && !layering_ && channel_->splices();
    }

    /// Takes reading away from the protocol, until end_diversion or set_protocol: what arrives is left to splice_to. The
    /// protocol is told of the end and the loss only.
    ///
    /// Parameters: `arrived` is called by the loop when a splice_to that would have blocked can be tried again.
    /// Returns: false when it is not possible: the transport does not splice, its protocol lends its memory, or reading is
    /// diverted already.
    bool divert_reading(function<void()> arrived);
    void end_diversion();

    /// Receives into a pipe.
    ///
    /// Returns: as receive of a channel. The end and a loss have been told to the protocol, or are about to be.
    /// Requires: reading is diverted; the pipe is non-blocking and empty.
    transfer splice_to(int pipe, std::size_t most);

    /// Whether splice_from is possible now: nothing that was written before waits to be sent.
    [[nodiscard]] bool is_free() const noexcept {
        return is_open() && !eof_requested_ && all_sent() && !write_armed_;
    }
    /// Sends bytes that a pipe holds, before what is written later. What does not leave at once does so when it can, as if
    /// it had been written; until then the protocol is paused.
    ///
    /// Parameters: `pipe` its end to read from, which is kept as long as that takes; `count` all that it holds.
    /// Returns: false when the system cannot do it; nothing has happened then. Requires: is_free.
    bool splice_from(std::shared_ptr<const unique_fd> pipe, std::size_t count);
    /// Pauses the protocol until everything that was written has been sent.
    void hold_writers();

    [[nodiscard]] event_loop& loop() const noexcept { return loop_; }
    [[nodiscard]] std::string describe() const override { return channel_->describe(); }

    // ---- base_transport ----

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return query.answer_with(extra_info::statistics, [this] { return statistics(); }) ||
               channel_->query_extra_info(query);
    }
    [[nodiscard]] bool is_closing() const noexcept override { return state_ != state::open; }
    void close() override;
    void set_protocol(std::shared_ptr<base_protocol> served) override;
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return protocol_; }

    // ---- read_transport ----

    [[nodiscard]] bool is_reading() const noexcept override { return wants_data() && channel_->can_receive(); }
    void pause_reading() override { paused_ = true; }
    void resume_reading() override;

    // ---- write_transport ----

    void write(bytes_view data) override { write_pieces(std::span<const bytes_view>(&data, 1)); }
    void write(bytearray&& data) override;
    void writelines(std::span<const bytes_view> pieces) override { write_pieces(pieces); }
    void write_eof() override;
    [[nodiscard]] bool can_write_eof() const noexcept override { return channel_->can_half_close(); }
    void abort() override { lose(nullptr); }
    void set_write_buffer_limits(write_limits_request limits) override {
        report_flow(occasional().flow.set_limits(write_buffer_limits::from(limits), get_write_buffer_size()));
        forget_occasional();  // they may be the usual ones
    }
    [[nodiscard]] write_buffer_limits get_write_buffer_limits() const noexcept override { return flow_limits(); }
    [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override {
        if (has_ended()) return 0;
        return queue_.size() + channel_->pending() + (occasional_ ? occasional_->waiting() : 0);
    }
    [[nodiscard]] std::uint64_t dropped_writes() const noexcept override { return occasional_ ? occasional_->dropped : 0; }

private:
    enum class state : std::uint8_t { open, closing, lost, dead };

    // Where what is received goes.
    enum class delivery : std::uint8_t {
        shown,    // the protocol is shown our memory
        lent,     // the protocol lends its own
        diverted  // somebody else receives
    };

    // A file on its way.
    struct outgoing_file {
        int fd;
        std::uint64_t offset;
        std::uint64_t left;
        std::uint64_t sent = 0;
        function<void(std::uint64_t, std::exception_ptr)> done;
    };

    // What a connection seldom needs, in memory of its own: many are idle.
    struct occasions {
        function<void(std::exception_ptr)> opened;  // the channel
        std::vector<function<void()>> sent;         // all that was written
        bytearray held_back;                        // written while a layer waits for the queue to run empty
        std::unique_ptr<outgoing_file> file;

        function<void()> arrived;               // while reading is diverted
        std::shared_ptr<const unique_fd> pipe;  // bytes in it are on their way, before what is queued; write_armed_ then
        std::size_t piped = 0;                  // how many
        bool until_sent = false;                // the protocol stays paused until all is sent

        flow_control flow;  // with other marks than usual, or more queued than those allow

        // Of a connection that was paused or wrote in vain.
        std::uint64_t dropped = 0;
        std::uint64_t pauses = 0;
        duration paused{};
        time_point paused_since{};

        // Bytes beside the queue, which there seldom are.
        [[nodiscard]] AIOXX_COLD std::size_t waiting() const noexcept { return held_back.size() + piped; }
        void forget_pipe() noexcept {
            pipe.reset();
            piped = 0;
        }
        [[nodiscard]] bool is_idle() const noexcept {
            return !opened && sent.empty() && held_back.empty() && !file && !arrived && !pipe && dropped == 0 &&
                   pauses == 0 && !flow.is_paused() && flow.limits() == write_buffer_limits{};
        }
    };
    occasions& occasional() {
        if (!occasional_) occasional_ = std::make_unique<occasions>();
        return *occasional_;
    }
    void forget_occasional() noexcept {
        if (occasional_ && occasional_->is_idle()) occasional_.reset();
    }
    [[nodiscard]] write_buffer_limits flow_limits() const noexcept {
        return occasional_ ? occasional_->flow.limits() : write_buffer_limits{};
    }
    [[nodiscard]] outgoing_file* file() const noexcept { return occasional_ ? occasional_->file.get() : nullptr; }
    std::unique_ptr<outgoing_file> take_file() noexcept {
        return occasional_ ? std::exchange(occasional_->file, nullptr) : nullptr;
    }
    function<void(std::exception_ptr)> take_opened() noexcept {
        return occasional_ ? std::exchange(occasional_->opened, nullptr) : nullptr;
    }

    // Below it, copying into the queue is cheaper than a system call of its own.
    static constexpr std::size_t try_at_once_size = 8 * 1024;
    // After so many receives or bytes from one connection the others have their turn, and its own writing: what is under
    // way between two ends then stays small enough for the caches (both ways at once: 1.3 times the rate of 256 KiB).
    static constexpr int receives_per_turn = 4;
    static constexpr std::size_t bytes_per_turn = 64 * 1024;
    static constexpr std::size_t pieces_per_send = 64;
    static constexpr std::size_t blocks_per_send = 16;  // of the queue, which has few and large ones

    // What it does without an event: it reads on, after resume_reading or where the last turn left off; or it delivers
    // connection_lost. It also ends the transport when the loop is closed before that.
    [[nodiscard]] ready_node& continuation() noexcept { return *this; }
    void run() override { has_ended() ? deliver_loss() : read_now(); }
    void discard() noexcept override {
        if (has_ended()) die();
    }

    [[nodiscard]] bool wants_data() const noexcept {
        return state_ == state::open && !paused_ && !eof_seen_ && !opening_ && !layering_;
    }
    [[nodiscard]] bool is_open() const noexcept { return state_ == state::open; }
    [[nodiscard]] bool has_ended() const noexcept { return state_ == state::lost || state_ == state::dead; }
    [[nodiscard]] bool is_queue_sent() const noexcept { return queue_.empty() && channel_->pending() == 0; }
    [[nodiscard]] bool is_drained() const noexcept {
        return is_queue_sent() && (!occasional_ || occasional_->piped == 0);
    }
    [[nodiscard]] bool all_sent() const noexcept { return is_drained() && file() == nullptr; }

    void start_opening();
    void open_channel();
    void begin();
    void tell_sent();
    void finish_channel();

    // ---- reading ----
    void on_readable() override;
    void read_on() {
        if (!continuation().is_linked()) loop_.schedule(continuation());
    }
    void read_now();
    std::size_t receive_once();
    bool deliver(bytes_view data);
    void end_of_stream();
    void arm_reading() {
        if (read_armed_ || state_ != state::open) return;
        read_armed_ = true;
        channel_->await_readable();
    }

    // ---- writing ----
    void write_pieces(std::span<const bytes_view> pieces);
    bool accepts_writes();
    void hold_back(std::span<const bytes_view> pieces);
    std::size_t try_send(std::span<const bytes_view> pieces);
    void after_write();
    void flush() override;
    void continue_file();
    void send_from_file();
    void end_file(std::exception_ptr reason);
    // Out of the usual way, in which the queue is one block: to initialise the list takes longer than to fill it.
    AIOXX_NOINLINE std::size_t send_blocks() {
        std::array<bytes_view, blocks_per_send> pieces;
        const std::size_t count = queue_.fill(pieces);
        return try_send(std::span<const bytes_view>(pieces.data(), count));
    }
    void send_queue();
    void on_writable() override;
    transfer send_piped();
    void report_flow(flow_control::transition change);
    void report_growth() {
        if (!is_open()) return;
        const std::size_t size = get_write_buffer_size();
        counts_.most_queued = std::max(counts_.most_queued, size);
        if (occasional_ || size > write_buffer_limits::default_high) report_flow(occasional().flow.grew(size));
    }

    [[nodiscard]] transport_statistics statistics() const;

    // ---- ending ----
    void fail(std::exception_ptr exception, const char* callback);
    void lose(std::exception_ptr exception) noexcept;
    void deliver_loss();
    void die() noexcept;
    void abandon() noexcept override { lose(nullptr); }

    event_loop& loop_;
    std::unique_ptr<stream_channel> channel_;
    std::shared_ptr<base_stream_protocol> protocol_;
    std::shared_ptr<stream_transport> self_;  // while started and not dead: no callback of the protocol ends that

    gather_list queue_;
    std::unique_ptr<occasions> occasional_;
    std::exception_ptr loss_reason_;
    transport_counts counts_;
    std::shared_ptr<transport_owner> owner_;

    state state_ = state::open;
    delivery delivery_ = delivery::shown;
    bool opening_ = false;          // the channel is not open yet
    bool layering_ = false;         // a layer is put in when all is sent
    bool made_ = false;             // connection_made was called
    bool paused_ = false;           // by pause_reading
    bool eof_seen_ = false;         // the peer has ended its half
    bool eof_requested_ = false;    // write_eof was called
    bool eof_sent_ = false;         // and has been carried out
    bool read_armed_ = false;       // an on_readable is outstanding
    bool write_armed_ = false;      // an on_writable is outstanding: the medium is full
    bool pause_owed_ = false;       // the queue was too long before connection_made
};

// ---- life cycle ----

inline void stream_transport::set_protocol(std::shared_ptr<base_protocol> served) {
    const detail::served_protocol next(std::move(served));
    if (state_ == state::dead) return;
    protocol_ = std::shared_ptr<base_stream_protocol>(next.held, next.stream);
    end_diversion();
    delivery_ = next.buffered != nullptr ? delivery::lent : delivery::shown;
    if (std::exchange(eof_seen_, false) && wants_data()) read_on();  // the new one is told of the end as well
}

inline void stream_transport::start_opening() {
    opening_ = true;
    write_armed_ = true;  // nothing is sent before
    loop_.call_soon([this, held = shared_from_this()] { open_channel(); });
}

inline void stream_transport::insert_layer(
    function<std::unique_ptr<stream_channel>(std::unique_ptr<stream_channel>&&)> make,
    function<void(std::exception_ptr)> opened) {
    if (state_ != state::open) throw closed_error("the connection is closed");
    if (!made_ || opening_ || layering_) throw invalid_state_error("the connection is not ready yet");
    if (eof_requested_) throw invalid_state_error("write_eof was called before");
    if (file() != nullptr) throw invalid_state_error("a file is being sent");
    layering_ = true;
    occasional().opened = std::move(opened);
    when_sent([this, called = std::move(make)]() mutable {
        layering_ = false;
        if (state_ != state::open) return;
        try {
            channel_ = called(std::move(channel_));
        } catch (...) {
            return lose(std::current_exception());
        }
        channel_->attach(*this);
        queue_.append(std::exchange(occasional().held_back, {}));
        continuation().unlink();
        read_armed_ = false;
        start_opening();
    });
}

inline void stream_transport::open_channel() {
    const auto held = self_;
    if (has_ended()) return;
    const transfer opened = channel_->open();
    if (opened.would_block()) return;
    if (opened.error) return lose(channel_->failure_of(opened, "connect"));
    opening_ = false;
    write_armed_ = false;
    auto told = take_opened();  // connection_made may put another layer in
    forget_occasional();
    if (!made_) begin();
    if (channel_->can_receive() ? wants_data() : channel_->watches_receiver()) arm_reading();
    if (!queue_.empty() || eof_requested_) loop_.request_flush(*this);
    if (told) told(nullptr);
}

inline void stream_transport::tell_sent() {
    if (!occasional_ || occasional_->sent.empty()) return;
    for (function<void()>& called : std::exchange(occasional_->sent, {})) {
        loop_.guarded([&] { called(); }, "exception in a callback of a connection");
    }
}

inline void stream_transport::begin() {
    const auto served = protocol_;  // it may set another one
    made_ = true;
    loop_.guarded([this] { protocol_->connection_made(*this); }, "exception in connection_made");
    if (std::exchange(pause_owed_, false)) report_flow(flow_control::transition::pause);
}

inline void stream_transport::close() {
    if (state_ != state::open) return;
    if (layering_ || (opening_ && (made_ || queue_.empty()))) return lose(nullptr);
    state_ = state::closing;
    if (all_sent()) {
        finish_channel();
    } else if (!write_armed_) {
        loop_.request_flush(*this);
    }
}

// All is sent: the end, unless the channel has something to say first.
inline void stream_transport::finish_channel() {
    const transfer finished = channel_->finish();
    if (!finished.would_block()) lose(finished.error ? channel_->failure_of(finished, "close") : nullptr);
}

// The first reason wins; whatever is called afterwards finds the state changed.
inline void stream_transport::lose(std::exception_ptr exception) noexcept {
    if (has_ended()) return;
    state_ = state::lost;
    loss_reason_ = std::move(exception);
    queue_.clear();
    if (occasional_) occasional_->forget_pipe();
    continuation().unlink();
    if (file() != nullptr) {
        std::exception_ptr reason = loss_reason_;
        if (!reason) reason = std::make_exception_ptr(closed_error("sendfile: the connection was closed"));
        loop_.guarded([&] { end_file(std::move(reason)); }, "exception in a callback of sendfile");
    }
    tell_sent();
    if (self_) loop_.schedule(continuation());
}

inline void stream_transport::deliver_loss() {
    const auto served = protocol_;
    if (made_) {
        loop_.guarded([&] { served->connection_lost(loss_reason_); }, "exception in connection_lost");
    }
    if (auto told = take_opened()) {
        std::exception_ptr reason = loss_reason_;
        if (!reason) reason = std::make_exception_ptr(closed_error("the connection was closed before it was ready"));
        loop_.guarded([&] { told(std::move(reason)); }, "exception in a callback of a connection");
    }
    die();
}

inline void stream_transport::die() noexcept {
    state_ = state::dead;
    continuation().unlink();
    static_cast<flush_node*>(this)->unlink();
    static_cast<loop_resource*>(this)->unlink();
    channel_->close();
    if (const auto told = std::move(owner_)) {
        loop_.guarded([&] { told->connection_ended(*this); }, "exception in the owner of a connection");
    }
    protocol_.reset();
    const auto last = std::move(self_);  // may be the last reference
}

// An error that a protocol's callback threw is reported; what the system or the peer did is not (asyncio).
inline void stream_transport::fail(std::exception_ptr exception, const char* callback) {
    loop_.call_exception_handler({std::string("exception in ") + callback, exception, describe()});
    lose(std::move(exception));
}

// ---- reading ----

inline void stream_transport::on_readable() {
    read_armed_ = false;
    if (state_ == state::dead) return;
    if (opening_) return open_channel();
    if (state_ == state::closing && all_sent()) return finish_channel();
    if (!channel_->can_receive()) {
        if (has_ended()) return;
        if (!channel_->receiver_gone()) return arm_reading();
        const bool clean = is_drained();
        return lose(clean ? nullptr
                          : std::make_exception_ptr(broken_error(std::make_error_code(std::errc::broken_pipe), "write")));
    }
    read_now();
}

inline void stream_transport::read_now() {
    std::size_t bytes = 0;
    for (int receives = 1; wants_data(); ++receives) {
        const std::size_t count = receive_once();
        if (count == 0) return;
        bytes += count;
        if (receives == receives_per_turn || bytes >= bytes_per_turn) {
            if (!continuation().is_linked()) loop_.defer(continuation());
            return;
        }
    }
}

// Returns: the number of bytes; 0 when there is no use in receiving again at once.
inline std::size_t stream_transport::receive_once() {
    std::shared_ptr<base_stream_protocol> lender;  // it stays, because its memory is used
    std::span<std::byte> into;
    std::optional<receive_block> block;
    if (delivery_ == delivery::shown) {
        try {
            into = block.emplace().room();
        } catch (...) {
            fail(std::current_exception(), "receive");
            return 0;
        }
    } else if (delivery_ == delivery::diverted) {
        function<void()> called = std::move(occasional().arrived);  // it may end the diversion
        called();
        if (delivery_ == delivery::diverted && !occasional().arrived) occasional().arrived = std::move(called);
        return 0;
    } else {
        lender = protocol_;
        try {
            const mutable_bytes_view lent = static_cast<buffered_protocol&>(*lender).get_buffer(0);
            if (lent.empty()) throw invalid_state_error("get_buffer returned an empty buffer");
            into = {lent.data(), lent.size()};
        } catch (...) {
            fail(std::current_exception(), "get_buffer");
            return 0;
        }
        if (!wants_data()) return 0;
    }
    const transfer received = channel_->receive(into);
    if (received.error) {
        if (received.would_block()) {
            arm_reading();
        } else {
            lose(channel_->failure_of(received, "receive"));
        }
        return 0;
    }
    if (received.count == 0) {
        end_of_stream();
        return 0;
    }
    ++counts_.receives;
    counts_.bytes_received += received.count;
    if (received.left != transfer::rest::unknown) arm_reading();
    if (!deliver(bytes_view(into.data(), received.count))) return 0;
    return received.left == transfer::rest::unknown ? received.count : 0;
}

inline bool stream_transport::deliver(bytes_view data) {
    const auto served = protocol_;
    try {
        if (delivery_ == delivery::lent) {
            static_cast<buffered_protocol&>(*served).buffer_updated(data.size());
        } else {
            static_cast<protocol&>(*served).data_received(data);
        }
        return true;
    } catch (...) {
        fail(std::current_exception(), delivery_ == delivery::lent ? "buffer_updated" : "data_received");
        return false;
    }
}

inline void stream_transport::end_of_stream() {
    eof_seen_ = true;
    bool keep_open = false;
    const auto served = protocol_;
    try {
        keep_open = protocol_->eof_received();
    } catch (...) {
        return fail(std::current_exception(), "eof_received");
    }
    if (!keep_open || (!channel_->can_half_close() && channel_->end_is_final())) close();
}

inline void stream_transport::resume_reading() {
    const bool was_paused = std::exchange(paused_, false);
    if (is_open() && eof_seen_ && !channel_->end_is_final()) {
        eof_seen_ = false;
        if (is_reading() && made_) arm_reading();  // reading now would only find the end again
    } else if (was_paused && is_reading() && made_) {
        read_on();
    }
}

// ---- writing ----

// Returns: whether bytes may be taken; counts those that are dropped.
inline bool stream_transport::accepts_writes() {
    if (!channel_->can_send()) throw invalid_state_error("write: " + describe() + " cannot be written to");
    if (!is_open()) {
        ++occasional().dropped;
        return false;
    }
    if (eof_requested_) throw invalid_state_error("write: write_eof was called before");
    if (file() != nullptr) [[unlikely]] throw invalid_state_error("write: a file is being sent");
    return true;
}

inline void stream_transport::write_pieces(std::span<const bytes_view> pieces) {
    std::size_t total = 0;
    for (const bytes_view& piece : pieces) total += piece.size();
    if (!accepts_writes() || total == 0) return;
    ++counts_.writes;
    if (layering_) [[unlikely]] return hold_back(pieces);
    std::size_t taken = 0;
    if (total >= try_at_once_size && queue_.empty() && !write_armed_ && made_) {
        taken = try_send(pieces);
        if (taken == total || !is_open()) return report_growth();
    }
    for (const bytes_view& piece : pieces) {
        const std::size_t skipped = std::min(taken, piece.size());
        taken -= skipped;
        queue_.append(piece.subview(skipped));
    }
    after_write();
}

inline void stream_transport::write(bytearray&& data) {
    if (data.size() < try_at_once_size || layering_) return write(bytes_view(data));
    if (!accepts_writes()) return;
    ++counts_.writes;
    if (queue_.empty() && !write_armed_ && made_) {
        const bytes_view whole(data);
        const std::size_t taken = try_send(std::span<const bytes_view>(&whole, 1));
        if (taken == data.size() || !is_open()) return report_growth();
        data.consume(taken);
    }
    queue_.append(std::move(data));
    after_write();
}

// It belongs above the layer that is being put in.
inline void stream_transport::hold_back(std::span<const bytes_view> pieces) {
    for (const bytes_view& piece : pieces) occasional().held_back.append(piece);
    report_growth();
}

inline void stream_transport::after_write() {
    if (!write_armed_) {
        if (queue_.size() > flow_limits().high && made_) send_queue();
        if (!queue_.empty() && !write_armed_ && is_open()) loop_.request_flush(*this);
    }
    report_growth();
}

// Returns: the number of bytes that the medium took, a prefix of the pieces.
inline std::size_t stream_transport::try_send(std::span<const bytes_view> pieces) {
    std::size_t total = 0;
    do {
        const auto some = pieces.first(std::min(pieces.size(), pieces_per_send));
        std::size_t offered = 0;
        for (const bytes_view& piece : some) offered += piece.size();
        const transfer sent = channel_->send(some);
        total += sent.count;
        if (sent.count != 0) {
            ++counts_.sends;
            counts_.bytes_sent += sent.count;
        }
        if (sent.would_block() || (!sent.error && (sent.count < offered || channel_->pending() != 0))) {
            write_armed_ = true;
            channel_->await_writable();
            break;
        }
        if (sent.error) {
            lose(channel_->failure_of(sent, "send"));
            break;
        }
        pieces = pieces.subspan(some.size());
    } while (!pieces.empty());
    return total;
}

// The end of the turn: what was written leaves.
inline void stream_transport::flush() {
    if (!write_armed_) send_queue();
}

inline void stream_transport::on_writable() {
    if (has_ended()) return;
    if (opening_) return open_channel();
    write_armed_ = false;
    const auto held = self_;
    if (occasional_ && occasional_->piped != 0) {
        const transfer sent = send_piped();
        if (sent.error && !sent.would_block()) return lose(channel_->failure_of(sent, "send"));
    }
    if (file() != nullptr && is_drained()) send_from_file();
    send_queue();
}

inline void stream_transport::send_queue() {
    while (!queue_.empty() && !write_armed_) {
        if (queue_.has_several_pieces()) {
            queue_.consume(send_blocks());
        } else {
            const bytes_view only = queue_.front();
            queue_.consume(try_send(std::span<const bytes_view>(&only, 1)));
        }
    }
    if (queue_.empty() && !write_armed_ && channel_->pending() != 0) try_send({});
    if (has_ended()) return;
    if (occasional_) {
        if (occasional_->piped != 0 || (occasional_->until_sent && !is_queue_sent())) return;
        occasional_->until_sent = false;
        report_flow(occasional_->flow.shrank(get_write_buffer_size()));
    }
    if (has_ended() || !is_queue_sent()) return;
    tell_sent();
    if (has_ended() || !all_sent()) return;
    if (state_ == state::closing) {
        finish_channel();
    } else if (eof_requested_ && !eof_sent_ && is_open()) {
        eof_sent_ = true;
        channel_->shutdown_send();
    }
}

inline void stream_transport::send_file(int file, std::uint64_t offset, std::optional<std::uint64_t> count,
                                         function<void(std::uint64_t, std::exception_ptr)> done) {
    if (state_ != state::open) throw closed_error("sendfile: the connection is closed");
    if (!made_ || opening_ || layering_) throw invalid_state_error("sendfile: the connection is not ready yet");
    if (eof_requested_) throw invalid_state_error("sendfile: write_eof was called before");
    if (this->file() != nullptr) throw invalid_state_error("sendfile: another file is being sent");
    occasional().file = std::make_unique<outgoing_file>(
        outgoing_file{file, offset, count.value_or(std::numeric_limits<std::uint64_t>::max()), 0, std::move(done)});
    when_sent([this] { continue_file(); });
}

inline void stream_transport::continue_file() {
    loop_.call_soon([this, held = self_] {
        if (file() != nullptr && !write_armed_) on_writable();
    });
}

// Requires: nothing is queued.
inline void stream_transport::send_from_file() {
    constexpr std::uint64_t at_once = 1024 * 1024;
    constexpr int sends_per_turn = 8;
    for (int turn = 0; outgoing_file* const now = file(); ++turn) {
        if (now->left == 0) return end_file(nullptr);
        if (turn == sends_per_turn) return continue_file();
        const auto most = static_cast<std::size_t>(std::min(now->left, at_once));
        const transfer sent = channel_->send_file(now->fd, now->offset, most);
        if (sent.would_block()) {
            write_armed_ = true;
            return channel_->await_writable();
        }
        if (sent.error) return end_file(channel_->failure_of(sent, "sendfile"));
        if (sent.count == 0) return end_file(nullptr);
        now->offset += sent.count;
        now->left -= sent.count;
        now->sent += sent.count;
        ++counts_.sends;
        counts_.bytes_sent += sent.count;
    }
}

inline void stream_transport::end_file(std::exception_ptr reason) {
    const auto ended = take_file();
    ended->done(ended->sent, std::move(reason));
}

// ---- past the memory of the program ----

inline bool stream_transport::divert_reading(function<void()> arrived) {
    if (delivery_ != delivery::shown || !splices() || !channel_->can_receive()) return false;
    occasional().arrived = std::move(arrived);
    delivery_ = delivery::diverted;
    return true;
}

inline void stream_transport::end_diversion() {
    if (delivery_ != delivery::diverted) return;
    delivery_ = delivery::shown;
    occasional().arrived = nullptr;
    forget_occasional();
    if (wants_data()) read_on();
}

inline transfer stream_transport::splice_to(int pipe, std::size_t most) {
    if (delivery_ != delivery::diverted || !wants_data()) {
        return {0, std::make_error_code(std::errc::operation_would_block), transfer::rest::nothing};
    }
    const transfer received = channel_->splice_to(pipe, most);
    if (received.would_block()) {
        arm_reading();
    } else if (received.error) {
        if (!received.is_unsupported()) lose(channel_->failure_of(received, "receive"));
    } else if (received.count == 0) {
        end_of_stream();
    } else {
        ++counts_.receives;
        counts_.bytes_received += received.count;
    }
    return received;
}

inline bool stream_transport::splice_from(std::shared_ptr<const unique_fd> pipe, std::size_t count) {
    AIOXX_EXPECTS(is_free());
    occasional().pipe = std::move(pipe);
    occasional().piped = count;
    const transfer sent = send_piped();
    if (sent.is_unsupported() && occasional_->piped == count) {
        occasional_->forget_pipe();
        return false;
    }
    if (sent.error && !sent.would_block()) lose(channel_->failure_of(sent, "send"));
    if (has_ended() || occasional_->piped == 0) return true;
    counts_.most_queued = std::max(counts_.most_queued, get_write_buffer_size());
    hold_writers();
    return true;
}

// Until nothing is left or the medium refuses: only then is there an event when it takes more.
inline transfer stream_transport::send_piped() {
    transfer sent;
    while (occasional_->piped != 0) {
        sent = channel_->splice_from(occasional_->pipe->get(), occasional_->piped);
        if (sent.would_block()) {
            write_armed_ = true;
            channel_->await_writable();
            return sent;
        }
        if (sent.error || sent.count == 0) break;
        ++counts_.sends;
        counts_.bytes_sent += sent.count;
        occasional_->piped -= sent.count;
    }
    if (occasional_->piped == 0) occasional_->forget_pipe();
    return sent;
}

inline void stream_transport::hold_writers() {
    if (!is_open() || is_drained()) return;
    occasional().until_sent = true;
    report_flow(occasional().flow.grew(write_buffer_limits::unlimited + 1));
}

inline void stream_transport::write_eof() {
    if (!channel_->can_half_close()) {
        throw invalid_state_error("write_eof: " + describe() + " cannot be closed on one side only");
    }
    if (!is_open() || eof_requested_) return;
    if (layering_) throw invalid_state_error("write_eof: " + describe() + " is being secured");
    eof_requested_ = true;
    if (!channel_->can_receive()) return close();  // a pipe has nothing else to say
    if (!write_armed_) loop_.request_flush(*this);
}

inline transport_statistics stream_transport::statistics() const {
    transport_statistics now;
    static_cast<transport_counts&>(now) = counts_;
    now.queued = get_write_buffer_size();
    if (!occasional_ || occasional_->pauses == 0) return now;
    now.pauses = occasional_->pauses;
    now.paused = occasional_->paused;
    if (occasional_->flow.is_paused() && !has_ended()) now.paused += loop_.time() - occasional_->paused_since;
    return now;
}

// The only callbacks that come from within the user's own call. They may write, close or abort.
inline void stream_transport::report_flow(flow_control::transition change) {
    if (change == flow_control::transition::none || has_ended()) return;
    if (!made_ || pause_owed_) {  // what was written before connection_made is told after it
        pause_owed_ = change == flow_control::transition::pause;
        return;
    }
    const auto served = protocol_;
    if (change == flow_control::transition::pause) {
        ++occasional().pauses;
        occasional().paused_since = loop_.time();
        loop_.guarded([&] { served->pause_writing(); }, "exception in pause_writing");
    } else {
        occasional().paused += loop_.time() - occasional().paused_since;
        loop_.guarded([&] { served->resume_writing(); }, "exception in resume_writing");
    }
}

}  // namespace aioxx
