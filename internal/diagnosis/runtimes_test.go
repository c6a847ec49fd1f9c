package diagnosis

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestCorpusOfRuntimes holds the line on runtimes, servers and kubelet states
// that dev.jsonl does not have. The second set was scored before its documents
// were read: what is still wrong there is not mended one by one.
func TestCorpusOfRuntimes(t *testing.T) {
	for path, least := range map[string]float64{
		"testdata/own/runtimes.jsonl":       0.97,
		"testdata/own/runtimes-away.jsonl":  0.94,
		"testdata/own/libraries.jsonl":      0.97,
		"testdata/own/libraries-away.jsonl": 0.65,
	} {
		t.Run(path, func(t *testing.T) {
			s := scoreOf(documents(t, path))
			s.print(t)
			if rate := float64(s.right) / float64(s.total); rate < least {
				t.Errorf("%.2f %% right, want %.0f", 100*rate, 100*least)
			}
			if s.wrongHigh > 0 {
				t.Errorf("%d wrong findings with High confidence", s.wrongHigh)
			}
		})
	}
}

// TestDiagnoseRefusals: what looks like another cause by its words or code.
func TestDiagnoseRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		code                 int32
		reason, message, log string
		cause                v1alpha1.Cause
	}{
		"working directory":    {128, "StartError", `error during container init: chdir to cwd ("/srv/app") set in config.json failed: permission denied`, "", v1alpha1.CausePermissionDenied},
		"bash, set -u":         {127, "Error", "", "starting\nbash: line 1: WORKER_NAME: unbound variable\n", v1alpha1.CauseEnvVarMissing},
		"bash, ${NAME:?}":      {127, "Error", "", "bash: line 1: WORKER_NAME: must be set\n", v1alpha1.CauseEnvVarMissing},
		"bash, no command":     {127, "Error", "", "bash: line 1: serve: command not found\n", v1alpha1.CauseCommandNotFound},
		"JVM, command line":    {1, "Error", "", "Unrecognized VM option 'UseConcMarkSweepGC'\nError: Could not create the Java Virtual Machine.\n", v1alpha1.CauseArgumentsInvalid},
		"JVM, from a variable": {1, "Error", "", "Picked up JAVA_TOOL_OPTIONS: -Xmx5q\nInvalid maximum heap size: -Xmx5q\n", v1alpha1.CauseEnvVarInvalid},
		".NET, out of memory":  {134, "Error", "", "Out of memory.\n", v1alpha1.CauseHeapExhausted},
		"a secret's variable":  {2, "Error", "", "dash: 1: API_TOKEN: parameter not set\n", v1alpha1.CauseEnvVarMissing},
		"a secret's file":      {1, "Error", "", "cat: secret: Permission denied\n", v1alpha1.CausePermissionDenied},
		"pydantic, settings":   {1, "Error", "", "pydantic.ValidationError: 1 validation error for AppSettings\nregion\n  Field required [type=missing]\n", v1alpha1.CauseEnvVarMissing},
		"pydantic, a model":    {1, "Error", "", "pydantic.ValidationError: 1 validation error for Order\nquantity\n  Field required [type=missing]\n", v1alpha1.CauseApplicationError},
		"usage alone":          {1, "Error", "", "Usage:\n  orders serve [--port=<p>]\n\nUsage: orders serve\n", v1alpha1.CauseArgumentsInvalid},
		"escript":              {127, "Error", "", "escript: exception error: no match of right hand side value []\n  in function  erl_eval:expr/6\n", v1alpha1.CauseApplicationError},
		"address sanitizer":    {1, "Error", "", "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x60\n==7==ABORTING\n", v1alpha1.CauseSegfault},
		"Lua":                  {1, "Error", "", "lua5.4: main.lua:3: ledger is stale\nstack traceback:\n\t[C]: in ?\n", v1alpha1.CauseApplicationError},
		"PHP, short write":     {255, "Error", "", "PHP Notice:  fwrite(): Write of 9 bytes failed with errno=28 No space left on device in x.php on line 1\nPHP Fatal error:  Uncaught RuntimeException: write failed in x.php:1\n", v1alpha1.CauseDiskFull},
		".NET, stack":          {134, "Error", "", "Stack overflow.\n   at Program.F(Int32)\n", v1alpha1.CauseApplicationError},
	} {
		t.Run(name, func(t *testing.T) {
			c := ended(tc.code, tc.reason, tc.message)
			c.Log.Previous = []byte(tc.log)
			if f := Diagnose(c); f.Cause != tc.cause {
				t.Errorf("cause %s (%s), want %s", f.Cause, f.Message, tc.cause)
			}
		})
	}
}
