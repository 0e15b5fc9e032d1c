// What the program asks of the system for itself before it works.
#pragma once

namespace matlora::cli {

/// Freed memory stays with the process: a step takes the same large blocks again and again, and
/// glibc would hand each back to the kernel, which then clears its pages again (a seventh of the
/// time of a training step).
void keep_freed_memory();

/// Two hints that libraries read when they are loaded, so this starts the program again. It does
/// nothing where the environment says how to wait (OMP_WAIT_POLICY, GOMP_SPINCOUNT).
/// - Threads that wait for others sleep soon. libgomp's wait in a loop for about a millisecond;
///   where another program holds up one thread of a product, the loop takes the core that this
///   thread is waiting for, and training runs at a tenth of its speed.
/// - Memory comes in huge pages where the kernel has some: weights that stream through the
///   processor in a step of decoding come a quarter faster.
void restart_with_wishes(char** arguments);

/// The most threads that make sense here.
int most_threads();

/// Sets how many threads work; 0: as many as the machine or OMP_NUM_THREADS says. Throws UserError
/// for more than four times the processors (16 are always fine): they gain nothing, and thousands
/// of them end the OpenMP library.
void use_threads(int threads);

}  // namespace matlora::cli
