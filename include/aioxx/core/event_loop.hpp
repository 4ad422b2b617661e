// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/event_loop.hpp: the loop: what is ready, what has a deadline, what is to be flushed, and the turn that
// brings them together. It waits through its backend and never learns what a socket is.
//
// Theory of operation. The backend calls enter() for each event. The event's callback runs, then the batches
// of ready nodes, then the flushes, until nothing is left or the turn's budget is used up; then the next
// deadline is armed. Nothing is posted to the backend while a turn runs, because its end looks at everything;
// outside of a turn the first thing that is scheduled requests one.

#include <bitset>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/core/context.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/fork_stage.hpp>
#include <aioxx/core/handle.hpp>
#include <aioxx/core/instrument.hpp>
#include <aioxx/core/loop_member.hpp>
#include <aioxx/core/ready_queue.hpp>
#include <aioxx/core/remote_queue.hpp>
#include <aioxx/core/task_options.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/core/turn.hpp>

namespace aioxx {

namespace detail {
// Its address stands for the type.
template <class T>
inline constexpr char type_identity = 0;
}  // namespace detail

/// Runs callbacks, timers and tasks, in order, on one thread.
///
/// Concurrency: one thread at a time, the one that runs it. call_soon_threadsafe is the only door for others.
/// Asyncio: AbstractEventLoop without the networking, which is free functions in net/. The consequences of one
/// event run before the next event's callback; timers with equal deadlines run in the order of arming.
class event_loop final : private backend_client, pinned {
public:
    /// Parameters: `system` what it waits through.
    explicit event_loop(std::unique_ptr<backend> system) : backend_(std::move(system)) {
        detail::watch_forks<&event_loop::notify_fork>();
        backend_->attach(*this);
    }
    ~event_loop() { close(); }

    // ---- callbacks ----

    /// Runs a callback in the next batch, exactly once, first come first served.
    ///
    /// Errors: invalid_state_error when the loop is closed. What the callback throws goes to the exception handler.
    handle call_soon(function<void()> callback, std::source_location where = std::source_location::current()) {
        auto& node = make_callback(std::move(callback), "call_soon", where);
        handle scheduled(node);
        schedule(node);
        return scheduled;
    }

    /// Runs a callback after a delay; at zero and below in the next batch.
    template <class Rep, class Period>
    handle call_later(std::chrono::duration<Rep, Period> delay, function<void()> callback,
                      std::source_location where = std::source_location::current()) {
        const duration wanted = to_duration(delay);
        if (wanted <= duration::zero()) return call_soon(std::move(callback), where);
        return call_at(add_saturated(time(), wanted), std::move(callback), where);
    }

    /// Runs a callback at a point of the loop's time.
    handle call_at(time_point when, function<void()> callback,
                   std::source_location where = std::source_location::current()) {
        auto& node = make_callback(std::move(callback), "call_at", where);
        handle scheduled(node);
        schedule_at(node, when);
        return scheduled;
    }

    /// Runs a callback in the next batch. The only member that any thread may call.
    void call_soon_threadsafe(function<void()> callback,
                              std::source_location where = std::source_location::current()) {
        require_callback(callback, "call_soon_threadsafe");
        if (detail::running_loop == this) return static_cast<void>(call_soon(std::move(callback), where));
        remote_.push(std::make_unique<detail::callback_node>(std::move(callback), where),
                     [this] { backend_->request_turn_threadsafe(); });
    }

    /// The loop's monotonic time.
    [[nodiscard]] time_point time() const noexcept { return backend_->now(); }

    // ---- running ----

    /// Runs until stop(). Can be called again.
    ///
    /// Errors: invalid_state_error when the loop is closed or runs already, or another one runs in this thread.
    void run_forever() {
        require_open("run_forever");
        if (running_) throw invalid_state_error("run_forever: this event loop is already running");
        if (detail::running_loop != nullptr) {
            throw invalid_state_error("run_forever: another event loop is running in this thread");
        }
        running_ = true;
        struct ended {
            event_loop& loop;
            ~ended() { loop.running_ = loop.stopping_ = false; }
        } at_the_end{*this};
        request_turn();
        backend_->run();
    }

    /// Ends run_forever after the batch that is running. Before run_forever: it makes one pass and returns.
    void stop() {
        stopping_ = true;
        if (running_ && !in_turn_) request_turn();
    }

    [[nodiscard]] bool is_running() const noexcept { return running_ || in_turn_; }
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }

    /// Drops all callbacks, timers, tasks and resources without running them. Idempotent.
    ///
    /// Suspended tasks are destroyed where they stand: their destructors run, their cleanup code does not. For
    /// an orderly end use runner, which cancels and awaits them first.
    /// Errors: invalid_state_error from within the loop.
    void close();

    // ---- errors ----

    /// Sets what is called with errors that have no caller; an empty one restores the default.
    void set_exception_handler(exception_handler handler) { exception_handler_ = std::move(handler); }

    /// Reports an error that has no caller. Never throws.
    void call_exception_handler(const exception_context& context) noexcept {
        try {
            if (!exception_handler_) return default_exception_handler(context);
            exception_handler_(context);
        } catch (...) {
            report_failed_handler(context);
        }
    }

    // ---- debug mode ----

    /// Turns debug mode on or off: calls from other threads are refused, a coroutine that is dropped without having
    /// run is reported, and so is a callback or step of a task that took longer than the limit.
    ///
    /// Asyncio: set_debug. It costs a look at the clock before and after each step.
    void set_debug(bool on) {
        if (on == debug()) return;
        if (on) {
            slow_steps_ = std::make_unique<slow_step_report>(*this);
            add_instrument(*slow_steps_);
        } else {
            slow_steps_.reset();
            thread_ = {};
        }
    }
    [[nodiscard]] bool debug() const noexcept { return slow_steps_ != nullptr; }

    /// How long a step may take in debug mode before it is reported; 100 ms at first.
    [[nodiscard]] duration slow_callback_duration() const noexcept { return slow_callback_duration_; }
    void set_slow_callback_duration(duration limit) noexcept { slow_callback_duration_ = limit; }

    /// Reports something without an exception. Never throws.
    void report(const char* message, const std::source_location& where) noexcept;

    // ---- signals ----

    /// Runs a callback on the loop for each delivery of a signal; replaces the former one.
    ///
    /// Errors: std::invalid_argument for a number that is no signal or one that cannot be caught.
    void add_signal_handler(int signal, function<void()> callback) {
        require_open("add_signal_handler");
        require_signal(signal, "add_signal_handler");
        require_callback(callback, "add_signal_handler");
        backend_->set_signal_handler(signal, std::move(callback));
        handled_signals_.set(static_cast<std::size_t>(signal));
    }

    /// Restores the signal's former disposition. Returns: whether there was a handler. Closing the loop does it too.
    bool remove_signal_handler(int signal) {
        require_signal(signal, "remove_signal_handler");
        if (!handled_signals_.test(static_cast<std::size_t>(signal))) return false;
        handled_signals_.reset(static_cast<std::size_t>(signal));
        backend_->set_signal_handler(signal, {});
        return true;
    }

    // ---- for the parts of the library, and for those who extend it ----

    /// Runs a node in the next batch. Requires: it is not scheduled.
    void schedule(ready_node& node) {
        ready_.push(node);
        if (!in_turn_) request_turn();
    }

    /// Runs a node in the next turn, after the descriptors had a look. Requires: it is not scheduled.
    void defer(ready_node& node) {
        deferred_.push(node);
        request_turn();
    }

    /// Arms a timer: the node runs when the deadline has passed. Requires: it is not armed.
    void schedule_at(timer_node& timer, time_point when) {
        timers_.arm(timer, when);
        if (!in_turn_) request_turn();
    }

    /// Takes back schedule or schedule_at.
    void unschedule(timer_node& timer) noexcept {
        timers_.cancel(timer);
        timer.unlink();
    }

    /// Calls flush() at the end of this turn. Nothing happens when that is already so.
    void request_flush(flush_node& node) {
        if (node.is_linked()) return;
        flushes_.push_back(node);
        if (!in_turn_) request_turn();
    }

    /// Runs an event's callback as a turn. Inside of a turn it is just a call.
    template <class Callback>
    void enter(Callback&& callback) {
        if (in_turn_) return static_cast<void>(callback());
        begin_turn();
        guarded([&] { callback(); }, "exception in an event callback");
        end_turn();
    }

    /// Memory that a transport receives into, valid until its callback returns. One for all of the loop's
    /// connections, so that it stays in the cache and a quiet connection holds none.
    [[nodiscard]] std::span<std::byte> receive_buffer() {
        if (!receive_buffer_) receive_buffer_ = std::make_unique_for_overwrite<std::byte[]>(receive_buffer_size);
        return {receive_buffer_.get(), receive_buffer_size};
    }

    /// The loop's own object of a type, constructed from the loop when it is first asked for and destroyed when
    /// the loop is closed: a worker pool for example. Requires: on the loop's thread.
    template <class T>
    [[nodiscard]] T& extension() {
        for (const auto& [type, object] : extensions_) {
            if (type == &detail::type_identity<T>) return *static_cast<T*>(object.get());
        }
        require_open("extension");
        auto made = std::make_shared<T>(*this);
        extensions_.emplace_back(&detail::type_identity<T>, made);
        return *made;
    }

    /// Makes a resource known, so that closing the loop ends it.
    void attach(loop_resource& resource) noexcept { resources_.push_back(resource); }

    /// Asks every resource for its end. Requires: on the loop's thread.
    void abandon_resources() noexcept;
    [[nodiscard]] const intrusive_list<loop_resource, resource_tag>& resources() const noexcept { return resources_; }

    [[nodiscard]] backend& system() noexcept { return *backend_; }
    void attach(loop_task& task) noexcept { tasks_.push_back(task); }
    [[nodiscard]] std::uint64_t next_task_number() noexcept { return ++task_count_; }
    /// The tasks that are not done, oldest first (asyncio: all_tasks).
    [[nodiscard]] const intrusive_list<loop_task, task_tag>& tasks() const noexcept { return tasks_; }

    /// The task whose code runs now, or null; current_task() of core/task.hpp is the typed form.
    [[nodiscard]] loop_task* current() const noexcept { return current_task_; }
    loop_task* exchange_current(loop_task* task) noexcept { return std::exchange(current_task_, task); }

    /// The context variables of the code that runs now: the task's, the callback's, or the loop's own.
    [[nodiscard]] context& values() noexcept { return current_task_ != nullptr ? current_task_->values() : *callback_values_; }
    context* exchange_callback_values(context* values) noexcept { return std::exchange(callback_values_, values); }

    void set_turn_budget(turn_budget budget) noexcept { budget_ = budget; }

    /// Sets what is asked about each new task; an empty one is none (asyncio: set_task_factory).
    void set_task_factory(task_factory factory) noexcept { task_factory_ = std::move(factory); }
    [[nodiscard]] task_factory& get_task_factory() noexcept { return task_factory_; }

    /// Lets an instrument watch this loop until it dies or is unlinked.
    void add_instrument(instrument& added) {
        instruments_.push_back(added);
        batch_is_special_ = true;
        for (auto* task = tasks_.front(); task != nullptr; task = tasks_.next(*task)) task->watch();
    }
    [[nodiscard]] bool is_watched() const noexcept { return !instruments_.empty(); }

    /// Calls a function with each instrument.
    template <class Function>
    void tell_instruments(Function&& function) noexcept {
        instrument* each = instruments_.front();
        while (each != nullptr) {
            instrument& told = *each;
            each = instruments_.next(told);
            function(told);
        }
    }

    /// Sets what rearranges each batch of more than one before it runs; an empty one keeps it first come first
    /// served. For tests that look for code which relies on the order of independent tasks.
    void set_batch_order(batch_order order) noexcept {
        batch_order_ = std::move(order);
        batch_is_special_ = true;
    }

    /// Whether a task that gave way now would be the very next to run, and so need not suspend. Says no every so
    /// often, so that the turn of a single busy task ends in time.
    [[nodiscard]] bool may_skip_yield() noexcept {
        if (!ready_.empty() || stopping_ || batch_is_special_ || eager_steps_ != 0) return false;
        return ++skipped_yields_ % turn_budget::batches_between_looks != 0;
    }

    /// Runs the first step of an eager task, inside of another step.
    template <class Function>
    void run_eagerly(Function&& function) {
        ++eager_steps_;
        const scope_exit ended([this] { --eager_steps_; });
        function();
    }

    /// Errors: invalid_state_error naming the operation, when the loop is closed.
    void require_open(const char* operation) const {
        if (closed_) [[unlikely]] throw_closed(operation);
    }

    /// In debug mode: errors: invalid_state_error naming the operation, when another thread runs the loop.
    void require_own_thread(const char* operation) const {
        if (debug()) [[unlikely]] check_thread(operation);
    }

    /// Whether create_task has to look closer: the loop is closed, has a task factory, or is in debug mode.
    [[nodiscard]] bool looks_at_new_tasks() const noexcept { return closed_ || task_factory_ || debug(); }

    /// Runs a function; what it throws goes to the exception handler under this message.
    template <class Function>
    void guarded(Function&& function, const char* message) noexcept {
        try {
            function();
        } catch (...) {
            call_exception_handler({message, std::current_exception(), {}});
        }
    }

private:
    static constexpr std::size_t receive_buffer_size = 64 * 1024;

    // Called by the thread that forks, in both processes.
    static void notify_fork(fork_stage stage) noexcept {
        if (detail::running_loop == nullptr) return;
        detail::running_loop->backend_->notify_fork(stage);
        if (stage == fork_stage::child) detail::running_loop = nullptr;
    }

    // Debug mode's watch on the time that steps take.
    class slow_step_report final : public instrument {
    public:
        explicit slow_step_report(event_loop& loop) noexcept : loop_(loop) {}
        void step_begins(const step_source& source) noexcept override;
        void step_ended(const step_source& source) noexcept override;

    private:
        event_loop& loop_;
        time_point began_{};
        std::string task_;  // its name; empty for a callback
    };

    AIOXX_COLD void check_thread(const char* operation) const {
        if (thread_ == std::thread::id() || thread_ == std::this_thread::get_id()) return;
        throw invalid_state_error(std::string(operation) +
                                  ": called from another thread than the event loop's; use call_soon_threadsafe");
    }

    [[noreturn]] AIOXX_COLD static void throw_closed(const char* operation) {
        throw invalid_state_error(std::string(operation) + ": the event loop is closed");
    }

    detail::callback_node& make_callback(function<void()> callback, const char* operation, std::source_location where) {
        require_open(operation);
        require_own_thread(operation);
        require_callback(callback, operation);
        return *new detail::callback_node(std::move(callback), where);
    }

    static void require_callback(const function<void()>& callback, const char* operation) {
        if (!callback) throw std::invalid_argument(std::string(operation) + ": the callback is empty");
    }

    static void require_signal(int signal, const char* operation) {
        if (signal < 1 || signal >= NSIG || signal == SIGKILL || signal == SIGSTOP) {
            throw std::invalid_argument(std::string(operation) + ": signal " + std::to_string(signal) +
                                        " cannot be caught; expected 1 to " + std::to_string(NSIG - 1) +
                                        " without SIGKILL and SIGSTOP");
        }
    }

    static void report_failed_handler(const exception_context& context) noexcept {
        default_exception_handler({"unhandled error in the exception handler", std::current_exception(), {}});
        default_exception_handler(context);
    }

    void request_turn() {
        if (turn_requested_) return;
        if (closed_) return discard_scheduled();  // what outlived the loop's end has nowhere to run
        turn_requested_ = true;
        backend_->request_turn();
    }

    void begin_turn() noexcept {
        in_turn_ = true;
        former_loop_ = std::exchange(detail::running_loop, this);
        if (is_watched()) [[unlikely]] {
            thread_ = std::this_thread::get_id();
            tell_instruments([](instrument& each) { each.turn_begins(); });
        }
    }

    void end_turn();
    void run_batch();
    void run_special_batch() noexcept;
    void flush_all();
    void arm_next();

    void on_wake_up() override {
        turn_requested_ = false;
        enter([this] {
            ready_.take_all(deferred_);
            remote_.take_all(ready_);
            if (!timers_.empty()) take_due();
        });
    }

    void on_ready(fd_handler& handler, fd_event event) override {
        enter([&] { (handler.*event)(); });
    }
    void on_signal(function<void()>& callback) override { enter(callback); }

    void discard_scheduled() noexcept;

    void take_due() {
        const time_point now = time();
        if (armed_ && *armed_ <= now) armed_.reset();
        while (timer_node* due = timers_.pop_due(now)) ready_.push(*due);
    }

    std::unique_ptr<backend> backend_;
    ready_queue ready_;
    ready_queue deferred_;  // for the next turn
    timer_queue timers_;
    intrusive_list<flush_node, flush_tag> flushes_;
    intrusive_list<loop_task, task_tag> tasks_;  // not done; the loop holds a reference to each
    intrusive_list<loop_resource, resource_tag> resources_;
    std::vector<std::pair<const char*, std::shared_ptr<void>>> extensions_;
    std::optional<time_point> armed_;  // the deadline that the backend knows; may be earlier than needed
    loop_task* current_task_ = nullptr;
    context own_values_ = detail::current_context();
    context* callback_values_ = &own_values_;
    event_loop* former_loop_ = nullptr;
    std::uint64_t task_count_ = 0;
    turn_budget budget_;
    intrusive_list<instrument, instrument_tag> instruments_;
    batch_order batch_order_;
    bool batch_is_special_ = false;  // somebody watches, or changes the order
    unsigned skipped_yields_ = 0;
    unsigned eager_steps_ = 0;  // that run inside of other steps now
    task_factory task_factory_;
    std::unique_ptr<slow_step_report> slow_steps_;  // in debug mode
    duration slow_callback_duration_ = std::chrono::milliseconds(100);
    std::thread::id thread_;  // that made the latest turn, while somebody watches
    bool in_turn_ = false;
    bool turn_requested_ = false;
    bool running_ = false;
    bool stopping_ = false;
    bool closed_ = false;
    exception_handler exception_handler_;
    std::bitset<NSIG> handled_signals_;
    std::unique_ptr<std::byte[]> receive_buffer_;
    detail::remote_queue remote_;
};

// ---- definitions ----

inline detail::bound_callback::bound_callback(function<void()> callback)
    : callback_(std::move(callback)), values_(current_context()) {}

inline void detail::bound_callback::call() {
    event_loop& loop = *running_loop;
    context* former = loop.exchange_callback_values(&values_);
    const scope_exit back([&] { loop.exchange_callback_values(former); });
    std::exchange(callback_, nullptr)();
}

inline void detail::callback_node::run() {
    const scope_exit drop([this] { drop_reference(); });
    try {
        callback_.call();
    } catch (...) {
        running_loop->call_exception_handler({"exception in a callback", std::current_exception(), describe(where_)});
    }
}

inline context& detail::current_context() noexcept {
    return running_loop != nullptr ? running_loop->values() : thread_context();
}

inline void event_loop::report(const char* message, const std::source_location& where) noexcept {
    try {
        call_exception_handler({message, nullptr, describe(where)});
    } catch (...) {
        call_exception_handler({"a report could not be made", std::current_exception(), {}});
    }
}

inline void event_loop::slow_step_report::step_begins(const step_source& source) noexcept {
    task_ = source.task != nullptr ? source.task->name() : std::string();
    began_ = loop_.time();
}

inline void event_loop::slow_step_report::step_ended(const step_source& source) noexcept {
    const duration taken = loop_.time() - began_;
    if (taken < loop_.slow_callback_duration()) return;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(taken).count();
    std::string where = describe(source.where);
    if (!task_.empty()) where = where.empty() ? task_ : task_ + ", resumed at " + where;
    loop_.call_exception_handler({(task_.empty() ? "a callback took " : "a step of a task took ") +
                                      std::to_string(milliseconds) + " ms without giving way",
                                  nullptr, std::move(where)});
}

// The loop over the nodes is inside of the try block, which so costs nothing for each of them.
inline void event_loop::run_batch() {
    if (batch_is_special_) [[unlikely]] return run_special_batch();
    ready_node* node = ready_.take_single();
    if (node == nullptr) {
        ready_.begin_batch();
        node = ready_.next();
    }
    while (node != nullptr) {
        try {
            do {
                node->run();
                node = ready_.next();
            } while (node != nullptr);
        } catch (...) {
            call_exception_handler({"exception in a callback", std::current_exception(), {}});
            node = ready_.next();
        }
    }
}

// With instruments, or in another order.
inline void event_loop::run_special_batch() noexcept {
    ready_.begin_batch();
    if (batch_order_) guarded([this] { ready_.rearrange(batch_order_); }, "exception in the order of a batch");
    while (ready_node* node = ready_.next()) {
        const step_source source = node->source();
        tell_instruments([&](instrument& each) { each.step_begins(source); });
        guarded([&] { node->run(); }, "exception in a callback");
        tell_instruments([&](instrument& each) { each.step_ended(source); });
    }
    batch_is_special_ = is_watched() || batch_order_;
}

inline void event_loop::flush_all() {
    intrusive_list<flush_node, flush_tag> now;
    now.splice_back(flushes_);
    while (flush_node* node = now.pop_front()) {
        guarded([&] { node->flush(); }, "exception in a flush");
    }
}

inline void event_loop::end_turn() {
    time_point over{};  // not known before the first look at the clock
    for (int left = budget_.batches; left > 0;) {
        if (!ready_.empty()) {
            run_batch();
        } else if (!flushes_.empty()) {
            flush_all();
        } else {
            break;
        }
        if (stopping_) break;
        if (--left % turn_budget::batches_between_looks != 0) continue;
        const time_point now = time();
        if (over == time_point{}) over = add_saturated(now, budget_.time);
        if (now > over) break;
    }
    // A flush may write, and a write may ask for a flush: a second pass at most, the rest has its own turn.
    if (!flushes_.empty()) flush_all();
    if (is_watched()) [[unlikely]] tell_instruments([](instrument& each) { each.turn_ended(); });
    in_turn_ = false;
    detail::running_loop = former_loop_;
    if (stopping_ && running_) {
        backend_->stop();
    } else if (!ready_.empty() || !flushes_.empty()) {
        request_turn();
    }
    arm_next();
}

// Timers that are armed and cancelled again cost the backend nothing: it is only told of earlier deadlines,
// and a wake-up that comes too early arms the next one.
inline void event_loop::arm_next() {
    if (timers_.empty()) {
        if (armed_) {
            armed_.reset();
            backend_->disarm();
        }
        return;
    }
    if (armed_ && *armed_ <= timers_.earliest()) return;
    armed_ = timers_.earliest();
    backend_->arm(*armed_);
}

inline void event_loop::close() {
    if (closed_) return;
    if (is_running()) throw invalid_state_error("close: the event loop is running");
    const detail::running_loop_scope scope(this);  // destructors of tasks may ask for it
    while (loop_task* task = tasks_.pop_front()) task->abandon();
    abandon_resources();
    resources_.clear();
    for (std::size_t signal = 1; handled_signals_.any(); ++signal) {
        if (handled_signals_.test(signal)) remove_signal_handler(static_cast<int>(signal));
    }
    closed_ = true;
    turn_requested_ = false;
    remote_.close(deferred_);  // discarded below
    extensions_.clear();
    discard_scheduled();
}

inline void event_loop::discard_scheduled() noexcept {
    flushes_.clear();
    deferred_.clear();
    timers_.clear();
    ready_.clear();
}

inline void event_loop::abandon_resources() noexcept {
    intrusive_list<loop_resource, resource_tag> asked;
    while (loop_resource* resource = resources_.pop_front()) {
        asked.push_back(*resource);
        resource->abandon();
    }
    resources_.splice_back(asked);
}

}  // namespace aioxx
