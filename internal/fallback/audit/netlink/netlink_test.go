// SPDX-License-Identifier: Apache-2.0

package netlink_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/elastic/go-libaudit/v2/rule"
	"golang.org/x/sys/unix"

	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/fallback/audit/netlink"
)

const patience = time.Minute

func stream(t *testing.T, buffer int) *netlink.Stream {
	t.Helper()
	s, err := netlink.OpenStream(buffer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// execs is a rule that records execs, and has the key.
func execs(t *testing.T, key string) []byte {
	t.Helper()
	wire, err := rule.Build(&rule.SyscallRule{Type: rule.AppendSyscallRuleType, List: "exit", Action: "always",
		Syscalls: []string{"execve"}, Keys: []string{key}})
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func enable(t *testing.T, control *netlink.Control) {
	t.Helper()
	if err := control.Set(libaudit.AuditStatus{Mask: libaudit.AuditStatusEnabled, Enabled: 1}); err != nil {
		t.Fatal(err)
	}
}

// await reads until a record of the type has the text.
func await(t *testing.T, s *netlink.Stream, kind auparse.AuditMessageType, text string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		messages, err := s.Receive(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if m.Type == uint16(kind) && strings.Contains(string(m.Data), text) {
				return
			}
		}
	}
	t.Fatalf("no %s with %q", kind, text)
}

// TestMain does nothing if it is an act: some hosts of these tests have no other program.
func TestMain(m *testing.M) {
	if os.Getenv("SENSOR_AUDIT_TEST_ACT") != "" {
		return
	}
	os.Exit(m.Run())
}

func act(t *testing.T, argument string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", argument)
	cmd.Env = append(os.Environ(), "SENSOR_AUDIT_TEST_ACT=1")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

func TestRecords(t *testing.T) {
	for _, test := range []struct {
		name  string
		begin func(*netlink.Stream) error
	}{
		{"owner", func(s *netlink.Stream) error { return s.Own(true) }},
		{"listener", func(s *netlink.Stream) error { return s.Listen(true) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			control := audittest.Lock(t)
			s := stream(t, 1<<20)
			owner := s
			if test.name == "listener" { // the kernel's log would have what nobody owns
				owner = stream(t, 1<<20)
				if err := owner.Own(true); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.begin(s); err != nil {
				t.Fatal(err)
			}
			if err := control.Add(execs(t, "records")); err != nil {
				t.Fatal(err)
			}
			enable(t, control)
			act(t, "heard")
			await(t, s, auparse.AUDIT_EXECVE, "heard")
			if drops, err := s.Drops(); err != nil || drops != 0 {
				t.Errorf("%d dropped, %v", drops, err)
			}
			if err := control.Delete(execs(t, "records")); err != nil {
				t.Error(err)
			}
			if err := owner.Own(false); err != nil {
				t.Error(err)
			}
			if status, err := control.Status(); err != nil || status.PID != 0 {
				t.Errorf("owned by %d afterwards, %v", status.PID, err)
			}
		})
	}
}

// What finds no room beside another daemon is counted one by one, and the stream goes on.
func TestDrops(t *testing.T) {
	control := audittest.Lock(t)
	owner, small, large := stream(t, 4<<20), stream(t, 1), stream(t, 4<<20)
	if err := errors.Join(owner.Own(true), small.Listen(true), large.Listen(true), control.Add(execs(t, "drops"))); err != nil {
		t.Fatal(err)
	}
	enable(t, control)
	for range 20 {
		act(t, "lost")
	}
	act(t, "last")
	var all int
	count := func(s *netlink.Stream) (n int) {
		for {
			messages, err := s.Receive(0)
			if err != nil {
				t.Fatal(err)
			}
			if len(messages) == 0 {
				return n
			}
			n += len(messages)
		}
	}
	if err := control.Delete(execs(t, "drops")); err != nil {
		t.Fatal(err)
	}
	// Once the large one has it all, the small one has had its chance, too.
	for end := time.Now().Add(patience); ; {
		if status, err := control.Status(); err != nil || status.Backlog == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the kernel keeps records")
		}
	}
	for {
		n := count(large)
		all += n
		if messages, err := large.Receive(time.Second); err != nil {
			t.Fatal(err)
		} else if len(messages) == 0 {
			break
		} else {
			all += len(messages)
		}
	}
	got := count(small)
	drops, err := small.Drops()
	if err != nil {
		t.Fatal(err)
	}
	overrun, err := large.Drops() // on a busy host
	if err != nil {
		t.Fatal(err)
	}
	if drops == 0 || got+int(drops) != all+int(overrun) {
		t.Errorf("%d received and %d dropped of %d and %d", got, drops, all, overrun)
	}
	act(t, "unseen")
	if err := control.Add(execs(t, "drops")); err != nil {
		t.Fatal(err)
	}
	await(t, small, auparse.AUDIT_CONFIG_CHANGE, "add_rule")
	if err := errors.Join(control.Delete(execs(t, "drops")), owner.Own(false)); err != nil {
		t.Error(err)
	}
}

func TestRules(t *testing.T) {
	control := audittest.Lock(t)
	wire := execs(t, "rules")
	if err := control.Delete(wire); !errors.Is(err, unix.ENOENT) {
		t.Errorf("deleting no rule: %v", err)
	}
	if err := control.Add(wire); err != nil {
		t.Fatal(err)
	}
	if err := control.Add(wire); !errors.Is(err, unix.EEXIST) {
		t.Errorf("adding it twice: %v", err)
	}
	if err := control.Add(wire[:8]); !errors.Is(err, unix.EINVAL) {
		t.Errorf("adding half a rule: %v", err)
	}
	list, err := control.Rules()
	if err != nil || len(list) != 1 || !strings.HasSuffix(string(list[0]), "rules") {
		t.Errorf("rules %q, %v; want one, with its key", list, err)
	}
	if err := control.Delete(wire); err != nil {
		t.Error(err)
	}
	if list, err := control.Rules(); err != nil || len(list) != 0 {
		t.Errorf("%d rules, %v; want none", len(list), err)
	}
}

func TestReceiveWaits(t *testing.T) {
	s := stream(t, 1<<20)
	if messages, err := s.Receive(time.Millisecond); len(messages) != 0 || err != nil {
		t.Errorf("received %d, %v from nobody", len(messages), err)
	}
	if err := s.Wake(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := s.Receive(patience); err != nil {
		t.Error(err)
	}
	if time.Since(begin) >= patience {
		t.Error("not woken")
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Receive(patience)
		if err == nil {
			_, err = s.Receive(patience)
		}
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a closed stream can be read")
		}
	case <-time.After(patience / 2):
		t.Error("a read outlives Close")
	}
}

// A datagram of another process is not the kernel's.
func TestForeignMessages(t *testing.T) {
	s := stream(t, 1<<20)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	port, err := s.Port()
	if err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 64)
	message[0], message[4], message[5] = 64, 0x14, 0x05 // 1300
	err = unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
	if errors.Is(err, unix.EPERM) {
		t.Skip(err) // without CAP_NET_ADMIN nobody can
	}
	if err != nil {
		t.Fatal(err)
	}
	if messages, err := s.Receive(0); len(messages) != 0 || err != nil {
		t.Errorf("received %d messages, %v", len(messages), err)
	}
}
