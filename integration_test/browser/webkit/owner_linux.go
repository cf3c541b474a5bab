package webkit

import (
	"os/exec"
	"syscall"
)

// endWithThisProgram lets the kernel kill a program when this one ends.
func endWithThisProgram(program *exec.Cmd) {
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
