// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"strconv"
	"strings"

	"sensor/internal/events"
)

// maxStatus is enough for the 65,536 supplementary groups that a process can have.
const maxStatus = 1 << 20

// maxGroups is how many supplementary groups are kept: GROUPS_MAX in headers/record.h.
const maxGroups = 64

// status is what /proc/PID/status says of a process. The library's has no groups.
type status struct {
	tgid, vpid  uint32 // vpid is 0 before Linux 4.1
	credentials events.Credentials
}

// parseStatus wants the lines Tgid, Uid and Gid; others may be missing. No line
// can be forged: the kernel escapes newlines in the name.
func parseStatus(text string) (status, error) {
	s := status{credentials: events.Credentials{Known: true, LoginUID: events.Unset, SessionID: events.Unset}}
	c := &s.credentials
	var tgids, uids, gids [4]uint32
	var haveTgid, haveUIDs, haveGIDs int
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		var err error
		switch key {
		case "Tgid":
			haveTgid, err = parseIDs(value, tgids[:1])
		case "Uid":
			haveUIDs, err = parseIDs(value, uids[:])
		case "Gid":
			haveGIDs, err = parseIDs(value, gids[:])
		case "Groups":
			err = s.parseGroups(value)
		case "NSpid":
			fields := strings.Fields(value)
			var last [1]uint32
			_, err = parseIDs(strings.Join(fields[max(0, len(fields)-1):], ""), last[:])
			s.vpid = last[0]
		case "CapInh":
			c.CapInheritable, err = parseCaps(value)
		case "CapPrm":
			c.CapPermitted, err = parseCaps(value)
		case "CapEff":
			c.CapEffective, err = parseCaps(value)
		case "CapBnd":
			c.CapBounding, err = parseCaps(value)
		case "CapAmb":
			c.CapAmbient, err = parseCaps(value)
		}
		if err != nil {
			return status{}, fmt.Errorf("parse %s: %w", key, err)
		}
	}
	if haveTgid < 1 || haveUIDs < 4 || haveGIDs < 4 {
		return status{}, fmt.Errorf("parse status: %d of 1 Tgid, %d of 4 Uid, %d of 4 Gid", haveTgid, haveUIDs, haveGIDs)
	}
	s.tgid = tgids[0]
	c.Real.ID, c.Effective.ID, c.Saved.ID, c.FS.ID = uids[0], uids[1], uids[2], uids[3]
	c.RealGroup.ID, c.EffectiveGroup.ID, c.SavedGroup.ID, c.FSGroup.ID = gids[0], gids[1], gids[2], gids[3]
	return s, nil
}

// parseIDs reads as many ids as fit into ids and says how many there were.
func parseIDs(text string, ids []uint32) (n int, err error) {
	for field := range strings.FieldsSeq(text) {
		if n == len(ids) {
			return n, nil
		}
		id, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return n, err
		}
		ids[n] = uint32(id)
		n++
	}
	return n, nil
}

func (s *status) parseGroups(text string) error {
	c := &s.credentials
	var ids [maxGroups + 1]uint32
	n, err := parseIDs(text, ids[:])
	if err != nil {
		return err
	}
	c.GroupsCut = n > maxGroups
	n = min(n, maxGroups)
	c.Groups = make([]events.Group, n)
	for i := range c.Groups {
		c.Groups[i].ID = ids[i]
	}
	if n == 0 {
		c.Groups = nil
	}
	return nil
}

func parseCaps(text string) (uint64, error) {
	return strconv.ParseUint(strings.TrimSpace(text), 16, 64)
}

// readID reads a file that holds one id, such as loginuid; Unset if it cannot be read.
func readID(name string) uint32 {
	text, err := readAtMost(name, 32)
	if err != nil {
		return events.Unset
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return events.Unset
	}
	return uint32(id)
}
