package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// apart gives this process, from which the load comes, one core, and the
// servers another that they share: each has it to itself in its turn. together
// takes that back for this process; the servers keep theirs. An error says why
// they have no cores of their own, or not all of them.
func apart(servers []*process) (together func(), err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return func() {}, fmt.Errorf("which cores there are: %w", err)
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
	// The outermost two: neighbours in number may be halves of one core.
	together = func() { _ = confine(os.Getpid(), cores...) }
	for _, server := range servers {
		if err := confine(server.command.Process.Pid, cores[len(cores)-1]); err != nil {
			return together, fmt.Errorf("%s: %w", server.name, err)
		}
	}
	return together, confine(os.Getpid(), cores[0])
}

// confine lets all threads of a process run on the cores only. A thread that
// begins meanwhile is as free as the one that begins it, so it looks until there
// is none that it has not seen.
func confine(pid int, cores ...int) error {
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
				return fmt.Errorf("confine thread %d: %w", id, err)
			}
		}
	}
	return nil
}
