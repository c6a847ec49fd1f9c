package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// limits is memory, space, descriptors and threads that ran out.
var limits = knowledge{
	source: "errno(3): ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE, EAGAIN; V8, JVM, CPython, Go, .NET, PHP",
	signatures: []signature{
		{
			id:    "heap-exhausted-out-of-memory-in",
			cause: v1alpha1.CauseHeapExhausted,
			words: []string{
				`^Out of memory(?:!|\.$| in perl:)`,
				`OutOfMemoryError: (?:Java heap space|GC overhead|Metaspace|Direct buffer)`,
				`OutOfMemoryError: (?:Requested array|Compressed class|Cannot reserve|Out of swap)`,
				`(?:JavaScript|JS) heap out of memory`,
				`Could not reserve enough space for`,
				`^lua\S*: not enough memory`,
				`cannot allocate vector of size`,
				`Reached heap limit`,
				`Ineffective mark-compacts near heap limit`,
				`^MemoryError\b`,
				`\bMemoryError(?::|$)`,
				`ArrayMemoryError`,
				`^fatal error: (?:runtime: )?out of memory`,
				`runtime: cannot allocate`,
				`Allowed memory size of \d+ bytes exhausted`,
				`System\.OutOfMemoryException`,
				`NoMemoryError`,
				`failed to allocate memory`,
				`memory allocation of \d+ bytes failed`,
				`std::bad_alloc`,
				`CALL_AND_RETRY_LAST`,
				`Terminating due to java\.lang\.OutOfMemoryError`,
				`There is insufficient memory for the Java Runtime`,
				`eheap_alloc: Cannot allocate`,
				`\b(?:[mcx]?alloc|realloc)\w*(?:\(\))?(?: failed)?: (?:Cannot allocate memory|Out of memory)`,
				`\b(?:x?malloc|calloc|mmap|sbrk)\w*(?:\(\))?(?: failed)?: Cannot allocate memory`,
				`\b(?:x?malloc|calloc|mmap|sbrk)\w*(?:\(\))?(?: failed)?: Out of memory`,
				`Array buffer allocation failed`,
				`DefaultCPUAllocator: can't allocate memory`,
			},
			unless: []string{
				`native thread`,
				`unable to create.*thread`,
			},
			match: "  what():  std::bad_alloc",
			not:   "fatal error: stack overflow",
		},
		{
			id:     "heap-exhausted-cannot-allocate-memory",
			cause:  v1alpha1.CauseHeapExhausted,
			weight: weightConsequence,
			words: ignoreCase(
				`\[Errno 12\] Cannot allocate memory`,
				`: Cannot allocate memory\b`,
				`ENOMEM`,
				`os error 12\b`,
			),
			unless: ignoreCase(`\bm?lock(?:all)? (?:the )?memory|\bmlock`),
			match:  "OSError: [Errno 12] Cannot allocate memory",
			not:    "INFO allocated 12 MB of memory",
		},
		{
			id:    "disk-full-no-space-left-on",
			cause: v1alpha1.CauseDiskFull,
			words: ignoreCase(
				`no space left on device`,
				`ENOSPC`,
				`database or disk is full`,
				`disk quota exceeded`,
				`EDQUOT`,
				`not enough space on the disk`,
				`not enough (?:free )?disk space`,
				`\bdisk (?:is )?full\b`,
				`os error 28\b`,
			),
			unless: ignoreCase(
				`pg_tblspc`,
				`could not extend file`,
				`file watchers`,
				`inotify`,
				`shared memory segment`,
				`errors\.DiskFull`,
			),
			match: "[Errno 28] No space left on device",
			not: `    could not extend file "pg_tblspc/16391/PG_15_202209061/16387/16404": No space left on ` +
				"device",
		},
		{
			id:    "file-descriptors-exhausted-too-many-open-files",
			cause: v1alpha1.CauseFileDescriptorsExhausted,
			words: ignoreCase(
				`too many open files`,
				`\bEMFILE\b`,
				`\bENFILE\b`,
				`file table overflow`,
				`os error 24\b`,
				`(?:insufficient|not enough) file descriptors`,
				`cannot raise FD limit`,
				`file descriptor limit.{0,60}(?:too low|exceeded|reached)`,
				`(?:open files|file descriptors|nofile|ulimit -n).{0,60}(?:too low|at least \d|exhausted|exceeded)`,
			),
			match: "open: Too many open files",
			not:   "os.openFileNolog.func1(...)",
		},
		{
			id:    "threads-exhausted-can-start-new-thread",
			cause: v1alpha1.CauseThreadsExhausted,
			words: ignoreCase(
				`can't start new thread`,
				`failed to create new OS thread`,
				`unable to create (?:new )?native thread`,
				`pthread_create failed`,
				`fork/exec [^:]*: resource temporarily unavailable`,
				`(?:fork|clone|vfork)\w*(?:\(\))?(?: failed)?:? .{0,40}resource temporarily unavailable`,
				`(?:pthread_create|posix_spawn)\w*(?:\(\))?(?: failed)?:? .{0,40}resource temporarily unavailable`,
				`cannot fork`,
				`fork: retry`,
				`can't create Thread`,
				`failed to (?:spawn|create|start) (?:a )?(?:new )?thread`,
				`unable to (?:fork|create (?:new )?thread)`,
				`thread: Resource temporarily unavailable`,
				`spawn [^ ]+ EAGAIN`,
				`could not (?:create|start) (?:a )?(?:new )?thread`,
				`Cannot create (?:GC |worker |new )?thread`,
				`runtime/cgo: pthread_create`,
				`newosproc`,
				`pids? limit`,
				`Failed to create (?:CoreCLR|thread)`,
			),
			match: "runtime.newosproc(0xea6cf734808)",
			not:   "  what():  Resource temporarily unavailable",
		},
		{
			id:    "threads-exhausted",
			cause: v1alpha1.CauseThreadsExhausted,
			words: []string{
				`\[Errno 11\]`,
				`Resource temporarily unavailable`,
			},
			within: []string{
				`_fork_exec`,
				`os\.fork`,
				`subprocess`,
				`posix_spawn`,
				`_start_new_thread`,
				`Process\.spawn`,
				`std::thread`,
				`std::system_error`,
				`(?i)\b(?:start|spawn|create|launch)\w* (?:\w+ ){0,2}(?:thread|worker|process|child)`,
			},
			match: "-e:1:in `initialize': can't create Thread: Resource temporarily unavailable (ThreadError)",
			not: "2026/11/23 16:36:49 start converter 26: fork/exec /bin/sleep: resource temporarily " +
				"unavailable",
		},
		{
			id:    "disk-full-php-fatal-error",
			cause: v1alpha1.CauseDiskFull,
			words: []string{
				`PHP Fatal error: `,
				`Fatal error: Uncaught`,
			},
			within: []string{
				`(?:Notice|Warning): .*errno=28 No space left`,
			},
			match: "PHP Notice:  fwrite(): Write of 90000 bytes failed with errno=28 No space left on device in " +
				"Command line code on line 1\n" +
				"PHP Fatal error:  Uncaught RuntimeException: spool write failed in Command line code:1\n" +
				"Stack trace:\n" +
				"#0 {main}\n" +
				"  thrown in Command line code on line 1",
			not: "PHP Fatal error:  Uncaught Exception: no such order in /app/main.php:3",
		},
	},
}
