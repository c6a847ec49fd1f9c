package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// crashes is runtimes and sanitizers that report what the kernel would end by a signal.
var crashes = knowledge{
	source: "HotSpot vmError.cpp, CPython faulthandler, LLVM sanitizers",
	signatures: []signature{
		{
			id:    "segfault-error-sanitizer-heap-stack",
			cause: v1alpha1.CauseSegfault,
			words: []string{
				`ERROR: \w*Sanitizer: (?:heap|stack|global|dynamic|container|use-|double|attempting|SEGV|BUS|ILL)`,
				`ERROR: \w*Sanitizer: (?:FPE|ABRT|bad-free|alloc-dealloc|memcpy|negative|unknown-crash|wild|null)`,
			},
			match: "==24421==ERROR: AddressSanitizer: SEGV on unknown address 0x000000000008 (pc 0x556c1038af9b " +
				"bp 0x7fff9d3d9270 sp 0x7fff9d3d6bf0 T0)",
			not: "SUMMARY: AddressSanitizer: SEGV c/m.c:27 in main",
		},
		{
			id:      "child-killed",
			cause:   v1alpha1.CauseChildOOMKilled,
			guessed: true, // Whoever killed it: the kernel mostly.
			words: []string{
				`server process \(PID \d+\) was terminated by signal 9`,
				`Worker \(pid:\d+\) was sent SIGKILL! Perhaps out of memory\?`,
			},
			match: "LOG:  server process (PID 318) was terminated by signal 9: Killed",
			not:   "LOG:  server process (PID 318) exited with exit code 0",
		},
		{
			id:     "segfault-fatal-error-has-been",
			cause:  v1alpha1.CauseSegfault,
			weight: weightConsequence,
			words: []string{
				`A fatal error has been detected by the Java Runtime Environment`,
				`SIGSEGV \(0xb\)`,
				`^Segmentation fault`,
				`Fatal Python error: (?:Segmentation fault|Bus error|Illegal instruction)`,
				`core dumped`,
			},
			match: "Fatal Python error: Segmentation fault",
			not:   "-e:1: [BUG] Segmentation fault at 0x00000000000007b5",
		},
	},
}
