// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing.hpp: all of testing/, for tests of this library and of programs that use it: a loop on virtual time that
// fails when nothing can run any more, step to drive one awaitable by hand, sequencer to force an order.
// Part of no umbrella but this one: programs do not need it.

#include <aioxx/testing/call_log.hpp>
#include <aioxx/testing/check_datagram.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/check_transport.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/failure_of.hpp>
#include <aioxx/testing/fault_plan.hpp>
#include <aioxx/testing/frame_watch.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/testing/observer.hpp>
#include <aioxx/testing/recorder.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/replayer.hpp>
#include <aioxx/testing/report_collector.hpp>
#include <aioxx/testing/scripted_transport.hpp>
#include <aioxx/testing/seed_scope.hpp>
#include <aioxx/testing/seeds.hpp>
#include <aioxx/testing/sequencer.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/testing/trace.hpp>
#include <aioxx/testing/transport_law.hpp>
#include <aioxx/testing/transport_laws_bytes.hpp>
#include <aioxx/testing/transport_laws_end.hpp>
#include <aioxx/testing/transport_laws_flow.hpp>
#include <aioxx/testing/transport_laws_protocol.hpp>
#include <aioxx/testing/virtual_backend.hpp>
#include <aioxx/testing/virtual_clock.hpp>
