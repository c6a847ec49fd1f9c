package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// kernel is what the kernel refuses to a program that runs.
var kernel = knowledge{
	source: "errno(3): EACCES, EPERM, EROFS, EADDRINUSE, ENOEXEC, ENOENT of a command",
	signatures: []signature{
		{
			id:    "permission-denied-eacces",
			cause: v1alpha1.CausePermissionDenied,
			words: ignoreCase(
				`\bEACCES\b`,
				`\bEPERM\b`,
				`permission denied`,
				`operation not permitted`,
				`PermissionError`,
				`AccessDeniedException`,
				`UnauthorizedAccessException`,
				`access to the path .* is denied`,
				`os error 13\b`,
				`os error 1\b`,
				`\(13: `,
				`Errno::EACCES`,
				`\bfile access denied\b`, // MinIO
			),
			unless: ignoreCase(
				`permission denied (?:for|to) (?:table|relation|schema|sequence|database)`,
				`permission denied (?:for|to) (?:function|view|type|column|create|set|copy|role|procedure)`,
				`InsufficientPrivilege`,
				`(?:^|[^\w./-])vault\b[^/]|^\W*\* permission denied`,
				`\bon (?:get|put|post|list|delete) https?://`,
				`publickey`,
				`HTTP (?:status|error|40|request)`,
				`HTTP/`,
				`\b403\b`,
				`rpc error`,
				`Access denied for user`,
				`code = PermissionDenied`,
				`^exec /\S+: permission denied$`,
				`^\[dumb-init\]`,
				`etcdserver:`,
				`consul|\bACL\b`,
			),
			match: "cat: secret: Permission denied",
			not:   "exec /app/run.sh: permission denied",
		},
		{
			id:    "command-not-executable-exec-permission-denied",
			cause: v1alpha1.CauseCommandNotExecutable,
			words: []string{
				`^exec /\S+: permission denied$`,
				`^\[dumb-init\] \S+: Permission denied$`,
			},
			match: "exec /app/run.sh: permission denied",
			not:   "cat: secret: Permission denied",
		},
		{
			id:    "command-not-found-exec-no-such-file",
			cause: v1alpha1.CauseCommandNotFound,
			words: []string{
				`^exec /\S+: no such file or directory$`,
				`^\[dumb-init\] \S+: No such file or directory$`,
				`\bexec(?:v[pe]*)?(?:\(\))? failed: No such file or directory`,
				`\b[Ff]ailed to exec(?:ute)?\b.{0,80}: No such file or directory$`,
				`\bexec of ["\']?\S+["\']? failed: No such file`,
				`\b[Cc]ould not exec(?:ute)?\b.{0,80}: No such file or directory$`,
			},
			match: "exec /app/run.sh: no such file or directory",
			not:   "ENOENT: no such file or directory, open '/app/.env'",
		},
		{
			id:    "read-only-filesystem-read-only-file-system",
			cause: v1alpha1.CauseReadOnlyFilesystem,
			words: ignoreCase(
				`read-only file ?system`,
				`\bEROFS\b`,
				`os error 30\b`,
			),
			match: "open /srv/q: Read-only file system",
			not:   "INFO read-only files: 12",
		},
		{
			id:    "port-in-use-address-is-already-in",
			cause: v1alpha1.CausePortInUse,
			words: ignoreCase(
				`address (?:is )?already in use`,
				`\bEADDRINUSE\b`,
				`port \d+ (?:(?:was|is) already|seems to be) in use`,
				`port \d+,? (?:it )?is in use`,
				`\bport (?:is )?(?:already )?in use\b`,
				`only one usage of each socket address`,
				`eaddrinuse`,
				`os error 98\b`,
				`Failed to bind to address .*in use`,
				`address in use`,
				`\bport (?:number )?\d+ (?:is )?(?:already )?(?:occupied|taken|being used|used by)`,
				`another (?:process|program|server|instance) is (?:already )?(?:listening|using|bound)`,
				`no (?:free|available) port`,
				`port \d+ is (?:not available|unavailable)`,
			),
			unless: ignoreCase(`directory lock|using this \w+ database`),
			match:  "m: bind: Address already in use",
			not:    "INFO the address of the customer is already known",
		},
		{
			id:    "exec-format-error-exec-format-error",
			cause: v1alpha1.CauseExecFormatError,
			words: ignoreCase(
				`exec format error`,
				`cannot execute binary file`,
				`bad interpreter`,
				`os error 8\)`,
				`ENOEXEC`,
			),
			unless: ignoreCase(
				`Permission denied`,
			),
			match: "exec /app/notexe: exec format error",
			not:   "INFO format error in line 3 was corrected",
		},
		{
			id:    "command-not-found-spawn-enoent",
			cause: v1alpha1.CauseCommandNotFound,
			words: []string{
				`\bspawn \S+ ENOENT`,
				`exec: "[^"]+": executable file not found in \$PATH`,
				`Cannot run program "[^"]+".*error=2\b`,
				`in [\x60'](?:exec|spawn|popen|system|\x60)': No such file or directory`,
			},
			match: "Error: spawn ffmpeg ENOENT",
			not:   "exec /app/run.sh: no such file or directory",
		},
		{
			id:    "command-not-found-file-not-found-error",
			cause: v1alpha1.CauseCommandNotFound,
			words: []string{
				`FileNotFoundError: \[Errno 2\]`,
			},
			within: []string{
				`_execute_child`,
				`_posix_spawn`,
				`create_subprocess`,
			},
			match: "orders-api starting\n" +
				"Traceback (most recent call last):\n" +
				"  File \"/app/py/subprocess_c.py\", line 4, in <module>\n" +
				"    subprocess.run(['wkhtmltopdf-x'],check=True)\n" +
				"  File \"/usr/lib/python3.11/subprocess.py\", line 548, in run\n" +
				"    with Popen(*popenargs, **kwargs) as process:\n" +
				"         ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n" +
				"  File \"/usr/lib/python3.11/subprocess.py\", line 1024, in __init__\n" +
				"    self._execute_child(args, executable, preexec_fn, close_fds,\n" +
				"  File \"/usr/lib/python3.11/subprocess.py\", line 1901, in _execute_child\n" +
				"    raise child_exception_type(errno_num, err_msg, err_filename)\n" +
				"FileNotFoundError: [Errno 2] No such file or directory: 'wkhtmltopdf-x'",
			not: "FileNotFoundError: [Errno 2] No such file or directory: 'orders.json'",
		},
		{
			id:    "command-not-found-returned-non-zero-exit",
			cause: v1alpha1.CauseCommandNotFound,
			words: []string{
				`returned non-zero exit status 127\b`,
				`^(?:/bin/)?\w*sh: (?:line )?(?:\d+: )?\S+: (?:command )?not found$`,
			},
			within: []string{
				`non-zero exit status 127`,
				`Command failed: `,
				`execSync`,
				`CalledProcessError`,
			},
			match: "/bin/sh: 1: imgconv-x: not found\n" +
				"node:child_process:966\n" +
				"    throw err;\n" +
				"    ^\n" +
				"\n" +
				"Error: Command failed: imgconv-x a b\n" +
				"/bin/sh: 1: imgconv-x: not found\n" +
				"\n" +
				"    at genericNodeError (node:internal/errors:984:15)\n" +
				"    at wrappedFn (node:internal/errors:538:14)\n" +
				"    at checkExecSyncError (node:child_process:891:11)\n" +
				"    at Object.execSync (node:child_process:963:15)\n" +
				"    at Object.<anonymous> (/app/js/node_c.js:2:26)",
			not: "zsh:1: command not found: ledgerd",
		},
		{
			// Without the errno: the port may be taken, or not allowed.
			id:      "port-in-use-no-socket",
			cause:   v1alpha1.CausePortInUse,
			weight:  weightConsequence,
			guessed: true,
			words: ignoreCase(
				`(?:could not|couldn't|cannot|can't|unable to|failed to) (?:create|open|bind|listen)\w* `+
					`.{0,40}\b(?:listening|listen|server) sockets?\b`,
				`(?:could not|couldn't) (?:bind|listen)\b.{0,60}\b(?:port|address|:\d{2,5})\b`,
				`(?:cannot|can't) (?:bind|listen)\b.{0,60}\b(?:port|address|:\d{2,5})\b`,
				`(?:unable to|failed to) (?:bind|listen)\b.{0,60}\b(?:port|address|:\d{2,5})\b`,
				`error opening specified endpoint`,
			),
			unless: ignoreCase(`permission denied|cannot assign|no such file|postgres|kafka`),
			match:  "tinyproxy: Could not create listening sockets.",
			not:    "INFO created 3 listening sockets",
		},
		{
			id:    "permission-denied-lock-memory",
			cause: v1alpha1.CausePermissionDenied,
			words: ignoreCase(
				`(?:failed|unable|could not|cannot|can't) (?:to )?m?lock(?:all)? (?:the )?memory`,
				`mlock(?:all)?(?:\(\))? failed`,
			),
			// A program that goes on with memory that may be swapped.
			unless: ignoreCase(`\bwarn(?:ing)?\b|ignor|continu`),
			match:  "Error initializing core: Failed to lock memory: cannot allocate memory",
			not:    "WARN failed to lock memory, continuing",
		},
		{
			id:    "permission-of-file-wrong",
			cause: v1alpha1.CausePermissionDenied,
			words: ignoreCase(
				`permissions? (?:\d+ )?(?:for |of |on )?.{0,60}(?:is|are) (?:wrong|too open|bad)`,
				`permissions? (?:\d+ )?(?:for |of |on )?.{0,60}(?:is|are) unsafe`,
				`permissions? (?:\d+ )?(?:for |of |on )?.{0,60}(?:is|are) (?:insecure|incorrect)`,
				`(?:bad|wrong|unsafe|insecure) (?:ownership|owner|permissions?|mode)(?: or modes)? (?:for|of|on) `,
				`must (?:not be|be) (?:group|world|accessible|owned|readable|writable)`,
			),
			unless: ignoreCase(`\bwarn(?:ing)?\b|ignor`),
			match:  "The control file '/etc/monitrc' permission 0644 is wrong, maximum 0700 allowed",
			not:    "INFO permissions of 3 users changed",
		},
	},
}
