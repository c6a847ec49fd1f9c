package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	mebibyte = 1 << 20
	// memorySteps and memoryStepTime: memory is taken over two seconds, so that
	// a process that is killed for it was seen running.
	memorySteps    = 20
	memoryStepTime = 100 * time.Millisecond
)

// useMemory takes and touches so many blocks of 1 MiB.
func useMemory(ctx context.Context, blocks int) [][]byte {
	var taken [][]byte
	for step := 1; step <= memorySteps && blocks > 0; step++ {
		for len(taken) < blocks*step/memorySteps {
			block := make([]byte, mebibyte)
			for i := 0; i < len(block); i += os.Getpagesize() {
				block[i] = 1
			}
			taken = append(taken, block)
		}
		select {
		case <-ctx.Done():
			return taken
		case <-time.After(memoryStepTime):
		}
	}
	return taken
}

// systemReport is what the health says of the machine, in percent.
type systemReport struct {
	Memory float64 `json:"memory_usage_percent"`
	CPU    float64 `json:"cpu_usage_percent"`
	Disk   float64 `json:"disk_usage_percent"`
}

// metrics remembers what CPU use is measured from.
type metrics struct {
	at   time.Time
	used time.Duration
}

func newMetrics() *metrics { return &metrics{at: time.Now(), used: cpuTime()} }

// report is of the time since the last one. Memory is that of the container in
// percent of its limit, CPU that of the process in percent of one core.
func (m *metrics) report(now time.Time) systemReport {
	used, elapsed := cpuTime(), now.Sub(m.at)
	r := systemReport{
		Memory: percent(
			firstNumber("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
			firstNumber("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")),
		CPU:  percent(float64(used-m.used), float64(elapsed)),
		Disk: diskUse("/"),
	}
	m.at, m.used = now, used
	return r
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func diskUse(path string) float64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0
	}
	return percent(float64(fs.Blocks-fs.Bfree), float64(fs.Blocks))
}

// firstNumber is that of the first file that holds one, 0 if none does.
func firstNumber(paths ...string) float64 {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err == nil {
			return n
		}
	}
	return 0
}

// percent is 0 where there is no whole, such as without a limit.
func percent(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(int(1000*part/whole)) / 10
}
