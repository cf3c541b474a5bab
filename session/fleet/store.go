package fleet

import (
	"context"
	"time"
)

// A Store is all that the instances of a fleet share: small records with a version
// and a TTL, and messages. It is trusted with nothing but availability: what it
// holds is sealed. An adapter for a database implements it and passes the tests of
// package fleettest.
//
// Keys and topics consist of lower-case letters, digits and dots, and have 100 bytes
// at most. The part of a key before its first dot is its group: a store that has
// several shards should keep the keys of a group on one shard. A value has at most
// some 100 KiB.
//
// A Store is safe for concurrent use. Each method but Close ends with its context.
// No method is tried again by itself: a retry after a lost response could take a
// second effect. An error of Swap or Publish leaves open whether it has taken effect.
type Store interface {
	// Load returns the record of a key. Its Version is 0 if there is none.
	Load(ctx context.Context, key string) (Record, error)

	// Swap replaces the record of a key in one atomic step, if the record has the
	// version; 0 means that there is none. It returns the new record and true, with
	// a version that the key has not had before. Otherwise it returns the current
	// record and false.
	//
	// The new record disappears after ttl, which is positive. An empty value
	// removes the record at once.
	Swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (Record, bool, error)

	// Publish sends a message to the subscribers of a topic. A message may be
	// lost. A message that is too long for the store may be replaced by an empty
	// one, after which the subscribers load the record.
	Publish(ctx context.Context, topic string, message []byte) error

	// Subscribe calls ready when it receives the messages of a topic from then on,
	// and receive for each message, until ctx or the connection ends. It returns
	// the reason. Neither function blocks. There is at most one Subscribe for each
	// topic at a time.
	//
	// A store without messages calls ready at intervals of some seconds instead:
	// each call means that messages may have been lost.
	Subscribe(ctx context.Context, topic string, ready func(), receive func(message []byte)) error

	// Close ends the connection and waits for the goroutines of the store. The
	// methods fail after Close.
	Close() error
}

// A Record is the record of a key at one moment.
type Record struct {
	// Value is the value of Swap. It is empty if there is no record. Neither side
	// changes its bytes.
	Value []byte
	// Version is 0 if there is no record.
	Version uint64
	// Now is the time of the store. A store without a clock of its own returns the
	// time of the instance; the clocks of the instances must then agree within a
	// second.
	Now time.Time
}
