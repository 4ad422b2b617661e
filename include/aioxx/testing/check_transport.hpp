// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/check_transport.hpp: the laws of byte transports, written once and run over every implementation.
// Give it a function that makes a connected pair; each law is a coroutine with a name that says what it demands
// and that throws check_failed when the transport does otherwise. A new transport is finished when all pass.
//
//     for (const transport_law& law : transport_laws()) run(law.check(make_pair));

#include <string>
#include <vector>

#include <aioxx/testing/observer.hpp>
#include <aioxx/testing/transport_law.hpp>
#include <aioxx/testing/transport_laws_bytes.hpp>
#include <aioxx/testing/transport_laws_end.hpp>
#include <aioxx/testing/transport_laws_flow.hpp>
#include <aioxx/testing/transport_laws_protocol.hpp>

namespace aioxx::testing {

/// The laws, in the order in which a new transport best meets them.
[[nodiscard]] inline std::vector<transport_law> transport_laws() {
    using namespace transport_checks;
    using enum law_needs;
    return {
        {"bytes arrive whole and in order", nothing, law_order},
        {"both directions carry bytes at once", both_directions, law_both_directions},
        {"write does not keep the caller's memory", nothing, law_write_copies},
        {"writelines equals writing the pieces, with empty ones anywhere (T3, ST006)", nothing, law_writelines},
        {"writelines obeys the water marks and is sent to the end (T1, T2)", nothing, law_writelines_flow},
        {"close sends what is queued (T5)", nothing, law_close_flushes},
        {"close and abort are idempotent, in any order (ST014)", nothing, law_close_twice},
        {"abort drops what is queued, also after close (ST014)", nothing, law_abort_drops},
        {"write_eof ends one direction only", half_close, law_half_close},
        {"the peer's end closes unless the protocol wants it open", nothing, law_eof_closes},
        {"writes after the end are dropped and counted (T4, T7, ST008)", nothing, law_write_after_close},
        {"pause_reading holds the bytes back (ST002)", nothing, law_pause_reading},
        {"pause_reading from within data_received holds the next portion back", nothing, law_pause_from_data},
        {"pause_reading in connection_made holds the first bytes back (ST002)", nothing, law_pause_at_start},
        {"writing pauses above the high mark and resumes at the low one (T17, PR005)", nothing, law_water_marks},
        {"a high mark of zero queues nothing while there is room", nothing, law_zero_high_mark},
        {"resume_writing may write more (ST010)", nothing, law_resume_writes},
        {"resume_writing may close and abort (T6, FC007)", nothing, law_end_from_resume},
        {"data_received may close and abort", nothing, law_end_from_data},
        {"an exception from data_received ends the connection (ST003)", nothing, law_throwing_data},
        {"exceptions from pause_writing and resume_writing do not (FC005)", nothing, law_throwing_flow},
        {"an exception from connection_lost is reported", nothing, law_throwing_lost},
        {"the protocol can be replaced at any time", nothing, law_set_protocol},
        {"a buffered protocol gets the same bytes", nothing, law_buffered},
        {"an empty buffer from get_buffer is an error", nothing, law_empty_buffer},
        {"a peer that vanishes is an error when bytes are lost (FC008)", nothing, law_peer_vanishes},
        {"an open transport holds itself, a lost one does not", nothing, law_dropped_references},
    };
}

/// The law of a medium with one direction.
[[nodiscard]] inline transport_law one_way_law() {
    return {"a one-way medium refuses the other direction", law_needs::nothing, transport_checks::law_read_only_end};
}

/// The law of a medium with both directions that can only be ended together.
[[nodiscard]] inline transport_law no_half_close_law() {
    return {"write_eof is refused, and the peer's end closes whatever the protocol wants", law_needs::both_directions,
            transport_checks::law_no_half_close};
}

}  // namespace aioxx::testing
