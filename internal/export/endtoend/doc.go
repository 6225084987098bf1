// SPDX-License-Identifier: Apache-2.0

// Package endtoend holds tests of the whole way of an event, from the output that it is written to until a search in a real engine
// finds it.
package endtoend
