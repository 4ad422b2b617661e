# SPDX-License-Identifier: BSL-1.0
# differential/scenarios.py [word...]: writes the traces of asyncio, of all scenarios or of those whose names
# contain a word.

import cancellation
import flow
import futures
import gather_wait
import loop
import queues
import reader
import shutdown
import sync
import task_groups
import tasks
import timeouts

import harness

if __name__ == "__main__":
    harness.main()
