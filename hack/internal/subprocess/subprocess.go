// Package subprocess runs other programs to their end.
package subprocess

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// Run runs a command that ends together with this process, and puts what it said
// last into the error if it fails.
func Run(command *exec.Cmd) error {
	_, err := Output(command)
	return err
}

// Output is Run that also returns what the command wrote to its standard output.
func Output(command *exec.Cmd) (string, error) {
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command.Args[0], err, LastLines(said.String()+out.String(), 20))
	}
	return strings.TrimSpace(out.String()), nil
}

// LastLines is the end of a text.
func LastLines(text string, count int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
