package crossmint

// Version is the version that upstream is told.
const Version = version

// ErrInvalidArgument is the error for an argument that causes no call.
var ErrInvalidArgument = errInvalidArgument
