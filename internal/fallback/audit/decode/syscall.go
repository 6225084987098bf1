// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// syscall decodes what a system call has done: a SYSCALL record and those that belong to it.
func (d *Decoder) syscall(records []*auparse.AuditMessage) ([]*events.Event, error) {
	return nil, nil
}
