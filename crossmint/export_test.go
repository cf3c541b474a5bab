package crossmint

// Version is the version that upstream is told.
const Version = version
