package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// apart gives this process, from which the load comes, one core, and the
// servers another that they share: each has it to itself in its turn. Where
// there is one core only it does nothing. together takes it back for this
// process; the servers keep theirs.
func apart(servers []*process) (together func(), err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("which cores there are: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < all.Count(); core++ {
		if all.IsSet(core) {
			cores = append(cores, core)
		}
	}
	if len(cores) < 2 {
		return func() {}, nil
	}
	// The outermost two: neighbours in number may be halves of one core.
	for _, server := range servers {
		if err := confine(server.command.Process.Pid, cores[len(cores)-1]); err != nil {
			return nil, err
		}
	}
	if err := confine(os.Getpid(), cores[0]); err != nil {
		return nil, err
	}
	return func() { _ = confine(os.Getpid(), cores...) }, nil
}

// confine lets all threads of a process, and those that they begin, run on the
// cores only.
func confine(pid int, cores ...int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("confine thread %d: %w", id, err)
		}
	}
	return nil
}
