// Package nats lets the instances of a fleet share refreshes and logouts through NATS
// servers with JetStream, 2.11 or later. The servers are trusted with nothing but
// availability.
//
//	fleet, err := nats.New(nats.Config{URL: session.NewSecret("tls://…"), Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
//
// Package session/fleet describes what is shared, what happens while the servers are
// down, and what they learn. The records are in the key-value bucket crossmint, and
// messages about them are on the subjects crossmint.> of core NATS.
//
// # What to configure
//
// [Config.Secret] and either [Config.URL] or [Config.Conn] are required. All instances
// of a deployment have the same Secret, of 32 random bytes or more. The credentials are
// in the URL, in [Config.CredentialsFile], in [Config.NKeyFile] or from
// [Config.Credentials]. A connection uses TLS unless the server is on this machine. The
// servers must accept messages of 256 KiB (max_payload), and the clocks of a cluster
// must agree within a second.
//
// A user needs these permissions:
//
//	publish: $KV.crossmint.>
//	         $JS.API.STREAM.INFO.KV_crossmint
//	         $JS.API.STREAM.MSG.GET.KV_crossmint
//	         crossmint.>
//	subscribe: crossmint.>
//	           _INBOX.crossmint.>
//
// With [Config.Conn], the inboxes are those of the connection.
//
// # The bucket
//
// The first instance creates the bucket, with [Config.Replicas], if it may publish to
// $JS.API.STREAM.CREATE.KV_crossmint. Otherwise create it with
// "nats stream add --config", from this file:
//
//	{
//	  "name": "KV_crossmint",
//	  "subjects": ["$KV.crossmint.>"],
//	  "retention": "limits",
//	  "storage": "file",
//	  "num_replicas": 3,
//	  "max_msgs_per_subject": 1,
//	  "max_msgs": -1,
//	  "max_bytes": -1,
//	  "max_consumers": -1,
//	  "discard": "new",
//	  "allow_msg_ttl": true
//	}
//
// docs/operations.md describes why the bucket has these settings, and what happens when
// servers are down.
package nats
