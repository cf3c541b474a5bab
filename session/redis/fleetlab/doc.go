// Package fleetlab puts a whole fleet under the fault laboratory: ten instances
// of the kit behind a round-robin balancer, which share their refreshes through
// one store. Instances are killed when upstream has answered and nobody has
// been told, and at any other moment; the store is restarted, empty, and
// frozen.
//
// It has two halves, since real sockets do not work in a bubble of
// testing/synctest:
//
//   - The laboratory itself, hours of the clock's time in seconds. The store is
//     a miniredis behind net.Pipe, and what is done to it is done to the pipes.
//   - A crowd in real time, for half a minute, around a real redis-server or
//     valkey-server that is killed, restarted and stopped by signals.
//
// Both judge by the same rules: nobody is logged out who need not be, and
// nobody gets in who may not. It is a module of its own, so that who uses
// session/redis does not depend on what tests it.
package fleetlab
