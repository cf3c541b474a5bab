package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// coresOf returns the cores on which threads of a process may run, and fails
// if they are not the same for all.
func coresOf(t *testing.T, pid int) unix.CPUSet {
	t.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	fatal(t, err)
	var cores unix.CPUSet
	for i, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		fatal(t, err)
		var set unix.CPUSet
		fatal(t, unix.SchedGetaffinity(id, &set))
		if i > 0 && set != cores {
			t.Fatalf("threads of process %d have different cores", pid)
		}
		cores = set
	}
	return cores
}

func TestApart(t *testing.T) {
	up, err := newUpstream("RS256")
	fatal(t, err)
	t.Cleanup(up.close)
	server, err := startGo(t.Context(), bareName, up.settings)
	fatal(t, err)
	t.Cleanup(server.stop)
	before := coresOf(t, os.Getpid())

	together, err := apart([]*process{server})
	load, served := coresOf(t, os.Getpid()), coresOf(t, server.command.Process.Pid)
	together()

	if before.Count() == 1 {
		if err == nil {
			t.Error("one core is parted")
		}
	} else if err != nil || load.Count() != 1 || served.Count() != 1 || load == served {
		t.Errorf("the load has cores %b, the server %b: %v", load, served, err)
	}
	if after := coresOf(t, os.Getpid()); after != before {
		t.Errorf("cores %b have become %b", before, after)
	}
}

func TestConfineNobody(t *testing.T) {
	if err := confine(-1, 0); err == nil {
		t.Error("no error")
	}
}
