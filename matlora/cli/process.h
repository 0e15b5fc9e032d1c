// What the program asks of the system for itself before it works.
#pragma once

namespace matlora::cli {

/// Freed memory stays with the process: a step takes the same large blocks again and again, and
/// glibc would hand each back to the kernel, which then clears its pages anew (a seventh of the
/// time of a training step).
void keep_freed_memory();

/// Threads that wait for others sleep soon. libgomp's wait in a loop for about a millisecond; where
/// another program holds up one thread of a product, the loop takes the core that this thread is
/// waiting for, and training runs at a tenth of its speed. libgomp reads the time when it is
/// loaded, so this starts the program again; it does nothing where the environment says how to wait
/// (OMP_WAIT_POLICY, GOMP_SPINCOUNT).
void wait_briefly(char** arguments);

}  // namespace matlora::cli
