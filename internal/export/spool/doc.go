// SPDX-License-Identifier: Apache-2.0

// Package spool keeps events between the pipeline and an output that delivers
// them later: a write-ahead log of their encoded form, on disk or in memory,
// bounded in bytes and in age.
//
// There is a log for critical and one for bulk events. A log is segments, each
// of which is a file of up to 2 MiB, or memory, or both: the open segment is in
// memory too, so that what was just appended is delivered without reading it.
// Records have sequence numbers that rise within their log for ever. Which of
// them are settled is in a file of its own, the state, that is written at each
// Append and Settle. The kernel's page cache keeps both when the process is
// killed; fsync is for when the host is.
//
// After damage the reader looks for the next record whose checksum and number
// are right. The numbers in between that are not settled are those of lost events.
// Damage is what was read and is wrong, or is not there; what cannot be read now is tried again.
//
// The spool looks each second whether its files are still where they were: what is
// written to one that somebody has removed would be in no run's hands.
//
// # Libraries that were looked at
//
// None counts what it drops, by kind or at all, has several batches out at a
// time, or falls to memory. Besides:
//
//   - tidwall/wal 1.2.1 has no checksums, and refuses a log with a damaged record.
//   - hashicorp/raft-wal 0.4.0 checks no checksum when it reads, fails to open
//     after damage, and keeps what it knows of segments in a BoltDB.
//   - etcd's wal 3.7.3 has one chain of checksums over all files: damage costs
//     all that follows, and only that at the end of the last file can be repaired.
//   - Prometheus's tsdb/wlog 0.316 deletes, by way of repair, all behind the damage.
//   - rosedblabs/wal gives up a segment at its first damage, and deletes all or nothing.
//   - nsqio/go-diskqueue has no checksums, puts a whole file aside for one error,
//     and forgets a message once it is read, delivered or not.
//   - joncrlsn/dque is likewise, and its records are gob.
//   - dgraph-io/badger 4.9 is a key-value store: its tables alone take more memory
//     than the sensor may.
package spool
