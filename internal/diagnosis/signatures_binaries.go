package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// binaries is what loaders, processors and runtimes say of programs and
// libraries that were not made for them.
var binaries = knowledge{
	source: "glibc elf/dl-load.c, dl-version.c, sysdeps/x86/dl-get-cpu-features; musl " +
		"ldso/dynlink.c; Node node_binding.cc; HotSpot " +
		"classFileParser.cpp; .NET hostfxr; CPython importlib; qemu-user",
	signatures: []signature{
		{
			id:    "binary-incompatible",
			cause: v1alpha1.CauseBinaryIncompatible,
			words: []string{
				`version [\x60'"]?(?:GLIBC|GLIBCXX|CXXABI|OPENSSL)_[\w.]+['"]? not found`,
				`error while loading shared libraries`,
				`(?i)Error loading shared library`,
				`Error relocating \S+: `,
				`symbol lookup error`,
				`undefined symbol: `,
				`cannot open shared object file`,
				`wrong ELF class`,
				`invalid ELF header`,
				`\bfile too short\b`,
				`(?i)CPU does not support x86-64-v\d`,
				`(?i)(?:this|the) (?:program|binary|build|CPU|processor) ` +
					`.{0,60}(?:requires?|needs?|lacks?|does not (?:have|support)) ` +
					`.{0,30}\b(?:AVX\d*|SSE4?\S*|x86-64-v\d|ARMv8\S*)\b`,
				`NODE_MODULE_VERSION \d+`,
				`was compiled against a different Node\.js version`,
				`UnsupportedClassVersionError`,
				`(?i)compiled by a more recent version of the Java Runtime`,
				`(?i)Unsupported (?:major\.minor version|class file)`,
				`You must install or update \.NET to run`,
				`\b(?:UnsatisfiedLinkError|DllNotFoundException)\b`,
				`(?i)Unable to load (?:shared|native) library`,
				`(?i)module (?:was )?compiled (?:against|using) (?:API version|NumPy)`,
				`FATAL: kernel too old`,
				`qemu(?:-\w+)?: (?:uncaught target signal|Could not open '/lib)`,
				`rosetta error: `,
				`(?i)incompatible architecture`,
				`(?i)your Ruby version is \S+, but your Gemfile specified`,
				`(?i)\brequires? (?:an? )?(?:newer )?(?:PHP|Ruby|Python|Node(?:\.js)?|Java|JDK|JRE)\b` +
					`(?: version)? ?["'\x60]?(?:[<>=~^]+ ?)?\d`,
				`Could not load the "[\w-]+" module using the \S+ runtime`,
				`(?i)\bengines? (?:do|does) not seem to be compatible with your system`,
			},
			unless: []string{`libcuda|libnvidia|NVML`, `(?i)too many open files`, `(?i)libpam_|continuing|ignor`},
			match: "/app/server: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found " +
				"(required by /app/server)",
			not: "INFO version 2.34 of the library was found",
		},
	},
}

// devices is what programs say of devices that are not there.
var devices = knowledge{
	source: "CUDA driver and runtime error codes; NVML return codes; PyTorch c10/cuda, vLLM; " +
		"libnvidia-container; HIP; ENODEV, ENXIO",
	signatures: []signature{
		{
			id:    "device-unavailable",
			cause: v1alpha1.CauseDeviceUnavailable,
			words: []string{
				`CUDA (?:error|failure|driver version is insufficient|initialization)`,
				`(?i)CUDA out of memory`,
				`\bcuda(?:Error\w+|\.OutOfMemoryError)|\bCUDA_ERROR_\w+`,
				`(?i)Found no NVIDIA driver`,
				`(?i)no CUDA(?: GPUs are available|-capable device)`,
				`(?i)Torch not compiled with CUDA enabled`,
				`(?i)Failed to initialize NVML|NVML: |NVML not found|Driver/library version mismatch`,
				`(?i)libcuda\.so\S*|libnvidia-\w+\.so`,
				`nvidia-container-cli: `,
				`(?i)could not select device driver`,
				`(?i)Free memory on device .{0,80}is less than desired`,
				`(?i)No available memory for the cache blocks`,
				`\bhipError\w+|(?i)No HIP GPUs are available`,
				`(?i)(?:/dev/(?:kvm|fuse|tty\w+|dri|nvidia\w*|video\d|snd|net/tun|i2c|spidev|gpiochip)\S*).{0,60}` +
					`(?:no such|not found|not exist|cannot open|could not open|denied|not permitted)`,
				`(?i)(?:open|opening|access|find)\w*:? .{0,20}/dev/(?:kvm|fuse|tty\w+|dri)`,
				`(?i)(?:open|opening|access|find)\w*:? .{0,20}/dev/(?:nvidia\w*|video\d|snd|net/tun)`,
				`\bENODEV\b|\bENXIO\b|(?i)no such device`,
			},
			unless: ignoreCase(`\bwarn(?:ing)?\b|falling back|using cpu|/dev/tty:|Network|SIOCG`),
			match:  "RuntimeError: No CUDA GPUs are available",
			not:    "INFO CUDA is available: 1 device",
		},
	},
}

// nodeSettings is what programs say of kernel settings of their node.
var nodeSettings = knowledge{
	source: "Elasticsearch BootstrapChecks.java; inotify(7); libuv, chokidar, fsnotify; iptables; " +
		"PostgreSQL sysv_shmem.c; modprobe(8)",
	signatures: []signature{
		{
			id:    "node-setting-too-low",
			cause: v1alpha1.CauseNodeSettingTooLow,
			words: ignoreCase(
				`vm\.max_map_count.{0,40}(?:too low|must be|at least|increase)`,
				`max virtual memory areas`,
				`max (?:file descriptors|number of threads|size virtual memory|file size) \[\d+\] .{0,60}too low`,
				`memory locking requested for .{0,40} but memory is not locked`,
				`System limit for number of file watchers reached`,
				`inotify_?(?:init|add_watch)?\w*\b.{0,80}(?:too many open files|no space left|limit)`,
				`(?:user |system )?limit (?:of|on|for) .{0,20}inotify`,
				`(?:fsnotify|inotify|file) watch(?:er)?s?\b.{0,60}(?:too many open files|no space left on device)`,
				`fs\.inotify\.max_user_(?:watches|instances)`,
				`(?:too many open files|no space left on device).{0,60}(?:inotify|fsnotify|watcher)`,
				`OS file watch limit reached`,
				`huge ?pages?.{0,80}not (?:available|enough|configured|supported)`,
				`huge ?pages?.{0,80}(?:cannot allocate|insufficient|failed)`,
				`(?:modprobe|insmod): .{0,80}(?:not found|can't|could not|failed)`,
				`can't initialize ip6?tables table`,
				`Table does not exist \(do you need to insmod`,
				`kernel module .{0,60}(?:not (?:loaded|found|available)|missing|could not be loaded|failed)`,
				`(?:net|vm|kernel|fs)\.[\w.]+ (?:is )?(?:set )?(?:too low|must be (?:set|at least))`,
				`RLIMIT_MEMLOCK`,
				`io_uring_(?:queue_init|setup).{0,40}(?:failed|not permitted|cannot allocate)`,
			),
			unless: ignoreCase(`\bWARN(?:ING)?\b|\bdisabled\b`),
			match:  "[1]: max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]",
			not:    "INFO watching 12 files",
		},
	},
}

// licenses is what programs say of their own license.
var licenses = knowledge{
	source: "Elasticsearch license checks, GitLab, Mattermost, Confluent, Redpanda, Vault " +
		"Enterprise, Kong, Neo4j: what they print",
	signatures: []signature{
		{
			id:    "license-invalid",
			cause: v1alpha1.CauseLicenseInvalid,
			words: ignoreCase(
				`licen[cs]e (?:key |file |/\S+ |has |is |was )*(?:expired|invalid|not valid|missing)`,
				`licen[cs]e (?:key |file |has |is |was )*(?:required|not found|revoked|corrupt)`,
				`(?:no|missing|invalid|expired) (?:valid |enterprise )?licen[cs]e\b`,
				`licen[cs]e is non-compliant`,
				`(?:failed|unable) .{0,20}(?:load|verify|validat)\w* .{0,20}licen[cs]e`,
				`(?:could not|cannot|error) .{0,20}(?:load|verify|validat)\w* .{0,20}licen[cs]e`,
				`(?:failed|unable) .{0,20}(?:read|pars|check|activat)\w* .{0,20}licen[cs]e`,
				`(?:could not|cannot|error) .{0,20}(?:read|pars|check|activat)\w* .{0,20}licen[cs]e`,
				`licen[cs]e (?:check|verification|validation|activation) (?:failed|error)`,
				`\b(?:License|Licensing)\w*Exception\b`,
				`requires (?:a |an )(?:valid |enterprise |commercial |platinum |gold )+licen[cs]e`,
				`licen[cs]e (?:does not|doesn't) (?:allow|permit|include|cover)`,
			),
			unless: ignoreCase(
				`licen[cs]e[- ]?header|MIT|apache|driver|community|falling back|\bwarn(?:ing)?\b|basic license`,
			),
			match: "FATAL license expired on 2026-01-31, exiting",
			not:   "INFO license: Apache-2.0",
		},
	},
}
