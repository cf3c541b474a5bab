// Package child ends the programs that this program has started.
package child

import (
	"os/exec"
	"syscall"
)

// EndWithParent lets the kernel kill a program when this one ends, however it ends. Other
// systems than Linux cannot do this.
func EndWithParent(program *exec.Cmd) {
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
