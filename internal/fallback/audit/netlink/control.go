// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"
)

// Control asks the kernel and tells it what to do. It is on the runtime's
// poller, so that an answer that does not come is waited for no longer than
// ten seconds. It is for one goroutine, but for Close.
type Control struct {
	socket
	batch    *batch
	sequence uint32
}

// OpenControl makes a socket for requests. What they need, CAP_AUDIT_CONTROL
// and the initial namespaces, their errors tell.
func OpenControl() (*Control, error) {
	s, err := open(unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &Control{socket: s, batch: newBatch(1)}, nil
}

// Status is the state of the audit system.
func (c *Control) Status() (libaudit.AuditStatus, error) {
	var status libaudit.AuditStatus
	err := c.ask(libaudit.AuditGet, nil, func(m Message) (bool, error) {
		if m.Type != libaudit.AuditGet {
			return false, nil
		}
		return true, status.FromWireFormat(m.Data)
	})
	if err != nil {
		return status, fmt.Errorf("read audit status: %w", err)
	}
	return status, nil
}

// Set changes what the status's mask names.
func (c *Control) Set(status libaudit.AuditStatus) error {
	data, err := encode(status)
	if err == nil {
		err = c.ask(libaudit.AuditSet, data, nil)
	}
	if err != nil {
		return fmt.Errorf("set audit status: %w", err)
	}
	return nil
}

// Rules are all that the kernel has loaded: struct audit_rule_data each.
func (c *Control) Rules() ([][]byte, error) {
	var rules [][]byte
	err := c.ask(uint16(auparse.AUDIT_LIST_RULES), nil, func(m Message) (bool, error) {
		if m.Type == uint16(auparse.AUDIT_LIST_RULES) {
			rules = append(rules, append([]byte(nil), m.Data...))
		}
		return m.Type == unix.NLMSG_DONE, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list audit rules: %w", err)
	}
	return rules, nil
}

// Add loads a rule; EEXIST if there is one with the same meaning and the same keys.
func (c *Control) Add(rule []byte) error {
	if err := c.ask(uint16(auparse.AUDIT_ADD_RULE), rule, nil); err != nil {
		return fmt.Errorf("add audit rule: %w", err)
	}
	return nil
}

// Delete unloads a rule; ENOENT if there is none such.
func (c *Control) Delete(rule []byte) error {
	if err := c.ask(uint16(auparse.AUDIT_DEL_RULE), rule, nil); err != nil {
		return fmt.Errorf("delete audit rule: %w", err)
	}
	return nil
}

// ask sends a request and waits for its acknowledgement and, if answer is not
// nil, until answer has found what it waits for. Its error is the kernel's
// errno where the kernel refused.
func (c *Control) ask(kind uint16, data []byte, answer func(Message) (done bool, err error)) error {
	c.sequence++
	if err := c.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := c.send(kind, unix.NLM_F_ACK, c.sequence, data); err != nil {
		return err
	}
	acknowledged, answered := false, answer == nil
	for !acknowledged || !answered {
		messages, err := c.receive(c.batch)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Sequence != c.sequence {
				continue // of a request that was given up
			}
			if n := int(m.length) - unix.SizeofNlMsghdr; n >= 0 && n < len(m.Data) {
				m.Data = m.Data[:n] // answers are padded, and their headers true
			}
			if m.Type == unix.NLMSG_ERROR {
				errno, err := errnoOf(m.Data)
				if err != nil {
					return err
				}
				if errno != 0 {
					return errno
				}
				acknowledged = true
				continue
			}
			if answered {
				continue
			}
			if answered, err = answer(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func encode(status libaudit.AuditStatus) ([]byte, error) {
	data, err := binary.Append(nil, binary.NativeEndian, status)
	if err != nil {
		return nil, errors.Join(errors.New("encode audit status"), err)
	}
	return data, nil
}
