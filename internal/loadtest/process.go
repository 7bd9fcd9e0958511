package loadtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc, USER_HZ, which is 100 a second on Linux.
const clockTick = 10 * time.Millisecond

// cpuTime returns the user and system time of a process, as in proc_pid_stat(5). pid 0 is this process. It returns 0
// if the time cannot be read.
func cpuTime(pid int) time.Duration {
	raw, err := os.ReadFile(procPath(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The program's name, in parentheses, may contain spaces. The fields after it are numbered from 3: state is 3,
	// utime 14, stime 15.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(n) * clockTick
	}
	return sum
}

// residentBytes returns the resident memory of a process, or 0 for pid 0.
func residentBytes(pid int) (uint64, error) {
	if pid == 0 {
		return 0, nil
	}
	raw, err := os.ReadFile(procPath(pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	fields := strings.Fields(string(raw))
	if len(fields) < 2 {
		return 0, fmt.Errorf("read the memory of process %d: unexpected content %q of statm", pid, raw)
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

func procPath(pid int) string {
	if pid == 0 {
		return "/proc/self"
	}
	return "/proc/" + strconv.Itoa(pid)
}
