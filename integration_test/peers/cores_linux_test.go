package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// coresOf returns the cores of a process. It fails if its threads have different
// ones.
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

func TestSeparateCores(t *testing.T) {
	up, err := newUpstream("RS256")
	fatal(t, err)
	t.Cleanup(up.close)
	server, err := startGo(t.Context(), bareName, up.settings)
	fatal(t, err)
	t.Cleanup(server.stop)
	before := coresOf(t, os.Getpid())

	release, err := separateCores([]*process{server})
	client, served := coresOf(t, os.Getpid()), coresOf(t, server.command.Process.Pid)
	release()

	if before.Count() == 1 {
		if err == nil {
			t.Error("no error with one core")
		}
	} else if err != nil || client.Count() != 1 || served.Count() != 1 || client == served {
		t.Errorf("the client has cores %b, the server %b: %v", client, served, err)
	}
	if after := coresOf(t, os.Getpid()); after != before {
		t.Errorf("cores %b afterwards, want %b", after, before)
	}
}

func TestBindToCoresOfUnknownProcess(t *testing.T) {
	if err := bindToCores(-1, 0); err == nil {
		t.Error("no error")
	}
}
