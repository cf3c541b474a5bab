package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// separateCores gives this process, which is the client, one core, and the servers
// another one, which they use in turns. release gives this process all cores again.
// An error tells why not all processes have the intended core.
func separateCores(servers []*process) (release func(), err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return func() {}, fmt.Errorf("read the cores: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < all.Count(); core++ {
		if all.IsSet(core) {
			cores = append(cores, core)
		}
	}
	if len(cores) < 2 {
		return func() {}, errors.New("there is one core")
	}
	// The first and the last: neighbors may be threads of one core.
	release = func() { _ = bindToCores(os.Getpid(), cores...) }
	for _, server := range servers {
		if err := bindToCores(server.command.Process.Pid, cores[len(cores)-1]); err != nil {
			return release, fmt.Errorf("%s: %w", server.name, err)
		}
	}
	return release, bindToCores(os.Getpid(), cores[0])
}

// cpuTimeOf returns the CPU time of a process, of all its threads.
func cpuTimeOf(pid int) (time.Duration, error) {
	const schedulerClock = 2 // CPUCLOCK_SCHED of the kernel
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &used); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// bindToCores lets all threads of a process run on the given cores only. A new
// thread inherits the cores of its creator, so the loop ends when there is no new
// one.
func bindToCores(pid int, cores ...int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	seen := map[string]bool{}
	for more := true; more; {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		more = false
		for _, thread := range threads {
			if seen[thread.Name()] {
				continue
			}
			seen[thread.Name()], more = true, true
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("set the cores of thread %d: %w", id, err)
			}
		}
	}
	return nil
}
