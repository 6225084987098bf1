// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"cmp"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// A deviation is where we say something else than Auditbeat, and why.
type deviation struct{ types, field, reason string }

var deviations = []deviation{
	{"ADD_GROUP ADD_USER DEL_GROUP DEL_USER USER_CHAUTHTOK", "user", "where nobody has logged in, the user of the program acted"},
	{"CRED_DISP CRED_REFR USER_ACCT USER_AUTH USER_END USER_ERR USER_START", "user", "likewise, but for root: su and sudo run as who calls them, sshd does not"},
	{"USER_ERR", "effective", "where no account is told, it is not that of the program that tells"},
	{"USER_ACCT", "category", "gpasswd writes that it has changed a group as if somebody had been let in"},
	{"USER_ACCT", "type", "likewise"},
	{"USER_ACCT", "action", "likewise"},
	{"USER_ACCT", "effective", "likewise, and a name may stand there in hexadecimal digits"},
	{"GRP_MGMT", "group", "the group is what the record names, not the user of the program"},
	{"AVC", "action", "what was granted or loaded violates nothing"},
	{"AVC", "category", "likewise"},
	{"AVC", "type", "likewise"},
	{"DAEMON_CLOSE", "type", "a connection that is closed does not start"},
	{"USER_LOGIN", "source", "the punctuation of old programs is no part of an address"},
}

// corpus are lines of logs: ours, and those that the oracle's authors test it with.
func corpus(t *testing.T) (lines []string) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/go-libaudit/v2").Output()
	if err != nil {
		t.Fatalf("find the oracle's own tests: %v", err)
	}
	var files []string
	for _, pattern := range []string{"testdata/told_*.log", filepath.Join(strings.TrimSpace(string(out)), "aucoalesce/testdata/*.yaml")} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no files: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "type=") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// Every record that both understand has the same words, users and outcome, but
// for the deviations. Each of these is there for some record.
func TestToldAsAuditbeat(t *testing.T) {
	compared := map[string]int{}
	used := map[deviation]bool{}
	for _, line := range corpus(t) {
		ours, theirs := parseTwice(t, line)
		if _, own := tellers[ours.RecordType]; !own {
			continue
		}
		want, err := aucoalesce.CoalesceMessages([]*auparse.AuditMessage{theirs})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all, err := New(Options{Raw: true}).told([]*auparse.AuditMessage{ours})
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %d events, %v", line, len(all), err)
			continue
		}
		record := ours.RecordType.String()
		compared[record]++
		for field, pair := range differences(all[0], want) {
			i := slices.IndexFunc(deviations, func(d deviation) bool {
				return slices.Contains(strings.Fields(d.types), record) && slices.Contains(strings.Fields(d.field), field)
			})
			if i < 0 {
				t.Errorf("%s: %s: %q, want %q in\n%s", record, field, pair[0], pair[1], line)
			}
			if i >= 0 {
				used[deviation{record, field, deviations[i].reason}] = true
			}
		}
	}
	if len(compared) < 20 {
		t.Errorf("%d types of records compared: %v", len(compared), compared)
	}
	for _, d := range deviations {
		for _, record := range strings.Fields(d.types) {
			for _, field := range strings.Fields(d.field) {
				if !used[deviation{record, field, d.reason}] {
					t.Errorf("no %s deviates in %s: %s", record, field, d.reason)
				}
			}
		}
	}
}

// The words of every type of record are those of the oracle.
func TestToldWordsAsAuditbeat(t *testing.T) {
	for record := range auparse.AuditMessageType(3000) {
		if record == auparse.AUDIT_EOE {
			continue // says nothing
		}
		line := "type=" + record.String() + ` msg=audit(1795946951.451:22599): pid=1 uid=0 auid=0 ses=1 msg='acct="a" res=success'`
		ours, theirs := parseTwice(t, line)
		want, err := aucoalesce.CoalesceMessages([]*auparse.AuditMessage{theirs})
		if err != nil {
			t.Fatal(err)
		}
		got := tellers[ours.RecordType]
		for field, pair := range map[string][2]string{
			"category": {strings.Join(got.category, " "), strings.Join(want.ECS.Event.Category, " ")},
			"type":     {strings.Join(got.types, " "), strings.Join(want.ECS.Event.Type, " ")},
			"action":   {got.action, want.Summary.Action},
		} {
			if pair[0] == pair[1] || slices.ContainsFunc(wordDeviations, func(d deviation) bool { return d.types == record.String() && d.field == field }) {
				continue
			}
			t.Errorf("%s: %s: %q, want %q", record, field, pair[0], pair[1])
		}
	}
}

var wordDeviations = []deviation{
	{"DAEMON_CLOSE", "type", "a connection that is closed does not start"},
	{"SECCOMP", "category", "Auditbeat has that of any system call, if the record names one"},
	{"SECCOMP", "type", "likewise"},
	{"AVC", "action", "Auditbeat has two, by the fields of the record"},
	{"ANOM_LOGIN_ACCT", "category", "Auditbeat misspells the type, and never finds it"},
	{"ANOM_LOGIN_ACCT", "type", "likewise"},
	{"ANOM_LOGIN_ACCT", "action", "likewise"},
	{"ANOM_MK_EXEC", "category", "likewise"},
	{"ANOM_MK_EXEC", "type", "likewise"},
	{"ANOM_MK_EXEC", "action", "likewise"},
}

func parseTwice(t *testing.T, line string) (ours, theirs *auparse.AuditMessage) {
	t.Helper()
	var err error
	if ours, err = auparse.ParseLogLine(line); err == nil {
		kernels, _, _ := strings.Cut(line, "\x1d") // the oracle takes what auditd adds for a part of the last value
		theirs, err = auparse.ParseLogLine(kernels)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return ours, theirs
}

// differences are the fields in which an event differs from the oracle's: ours, theirs.
func differences(got *events.Event, want *aucoalesce.Event) map[string][2]string {
	var none aucoalesce.ECSEntityData
	account := got.Account
	if account == nil {
		account = &events.Account{}
	}
	p := got.Process
	if p == nil {
		p = &events.Process{}
	}
	outcome := map[events.Outcome]string{events.OutcomeUnknown: "unknown", events.OutcomeSuccess: "success", events.OutcomeFailure: "fail"}
	source, pid := "", ""
	if account.Address.IsValid() {
		source = account.Address.String()
	}
	theirSource := ""
	if want.Source != nil {
		if a, err := netip.ParseAddr(want.Source.IP); err == nil {
			theirSource = a.Unmap().String()
		}
	}
	if p.PID != 0 {
		pid = strconv.FormatUint(uint64(p.PID), 10)
	}
	all := map[string][2]string{
		"category":   {strings.Join(got.Words.Category, " "), strings.Join(want.ECS.Event.Category, " ")},
		"type":       {strings.Join(got.Words.Type, " "), strings.Join(want.ECS.Event.Type, " ")},
		"action":     {got.Words.Action, want.Summary.Action},
		"user":       {entity(account.User), theirEntity(want.ECS.User.ECSEntityData)},
		"effective":  {entity(account.Effective), theirEntity(want.ECS.User.Effective)},
		"target":     {entity(account.Target), theirEntity(want.ECS.User.Target)},
		"group":      {entity(account.Group), theirEntity(want.ECS.Group)},
		"source":     {source, theirSource},
		"outcome":    {outcome[got.Outcome], want.Result},
		"pid":        {pid, want.Process.PID},
		"executable": {p.Executable.Name, want.Process.Exe},
		"session":    {got.Audit.Session, strings.TrimPrefix(want.Session, "unset")},
	}
	silent := map[string]bool{ // Auditbeat has this for few types of records, and then nothing here
		"user": want.ECS.User.ECSEntityData == none, "effective": want.ECS.User.Effective == none,
		"target": want.ECS.User.Target == none, "group": want.ECS.Group == none, "source": want.Source == nil,
	}
	for field, pair := range all {
		if pair[0] == pair[1] || silent[field] {
			delete(all, field)
		}
	}
	return all
}

// entity is the id, or the name, as the oracle has one of them.
func entity(p events.Principal) string {
	if p.HasID {
		return strconv.FormatUint(uint64(p.ID), 10)
	}
	return p.Name
}

func theirEntity(e aucoalesce.ECSEntityData) string {
	if e.ID == "unset" {
		return ""
	}
	return cmp.Or(e.ID, e.Name)
}
