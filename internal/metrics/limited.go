// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net"
	"sync"
	"time"
)

// limited is a listener that has few connections at a time, each for no longer than
// patience. Others wait for one to end.
type limited struct {
	net.Listener
	patience time.Duration
	taken    chan struct{}
	closed   chan struct{}
	close    func() error
}

func newLimited(l net.Listener, most int, patience time.Duration) *limited {
	closed := make(chan struct{})
	return &limited{l, patience, make(chan struct{}, most), closed, sync.OnceValue(func() error {
		close(closed)
		return l.Close()
	})}
}

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.taken <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.taken
		return nil, err
	}
	end := sync.OnceValue(func() error {
		defer func() { <-l.taken }()
		return c.Close()
	})
	return &limitedConn{c, end, time.AfterFunc(l.patience, func() { _ = end() })}, nil
}

// Close implements [net.Listener].
func (l *limited) Close() error { return l.close() }

type limitedConn struct {
	net.Conn
	close func() error
	late  *time.Timer
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	c.late.Stop()
	return c.close()
}
