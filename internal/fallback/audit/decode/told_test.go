// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// at begins the lines of the tests: a record of that type with the text behind it.
func at(record, text string) string {
	return "type=" + record + " msg=audit(1795946951.451:22599): " + text
}

func by(id uint32, name string) events.Principal {
	return events.Principal{ID: id, HasID: true, Name: name}
}

func name(name string) events.Principal { return events.Principal{Name: name} }

// What programs tell, in the forms that they and the kernels have had.
func TestToldAccounts(t *testing.T) {
	address := netip.MustParseAddr
	for _, test := range []struct {
		name, record, text string
		kind               events.Kind
		outcome            events.Outcome
		want               events.Account
	}{
		{"login", "USER_LOGIN", `pid=900 uid=0 auid=1000 ses=7 subj=system_u:system_r:sshd_t:s0-s0:c0.c1023 msg='op=login id=1000 exe="/usr/sbin/sshd" hostname=desk.example addr=203.0.113.9 terminal=/dev/pts/1 res=success'` +
			"\x1d" + `UID="root" AUID="alice" ID="alice"`,
			events.KindAuthentication, events.OutcomeSuccess, events.Account{
				User: by(1000, "alice"), Effective: by(1000, "alice"), Login: by(1000, "alice"), Session: 7,
				Address: address("203.0.113.9"), Domain: "desk.example", Service: "sshd", Terminal: "/dev/pts/1",
			}},
		{"failed login", "USER_LOGIN", `pid=900 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 exe="/usr/sbin/sshd" hostname=? addr=::ffff:203.0.113.9 terminal=sshd res=failed'`,
			events.KindAuthentication, events.OutcomeFailure, events.Account{
				Effective: name("(invalid user)"), Address: address("203.0.113.9"), Service: "sshd", Terminal: "sshd",
			}},
		{"name that looks like digits", "USER_AUTH", `pid=900 uid=1000 auid=-1 ses=-1 msg='op=PAM:authentication grantors=? acct="DEADBEEF" exe="/usr/lib/openssh/sshd-session" hostname=fe80::1%eth0 addr=fe80::1%eth0 terminal=ssh res=failed'`,
			events.KindAuthentication, events.OutcomeFailure, events.Account{
				User: by(1000, ""), Effective: name("DEADBEEF"), Address: address("fe80::1"), Service: "sshd", Terminal: "ssh",
			}},
		{"name that is punctuation", "USER_AUTH", `pid=900 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication acct="root:" exe="/bin/login" hostname=? addr=? terminal=tty1 res=failed'`,
			events.KindAuthentication, events.OutcomeFailure, events.Account{Effective: name("root:"), Service: "login", Terminal: "tty1"}},
		{"nobody", "USER_ERR", `pid=900 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:bad_ident grantors=? acct="?" exe="/usr/sbin/sshd" hostname=203.0.113.9 addr=? terminal=ssh res=failed'`,
			events.KindAuthentication, events.OutcomeFailure, events.Account{Address: address("203.0.113.9"), Service: "sshd", Terminal: "ssh"}},
		{"host that is only a name", "USER_ERR", `pid=900 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:bad_ident acct="?" exe="/usr/sbin/sshd" hostname=desk.example addr=? terminal=ssh res=failed'`,
			events.KindAuthentication, events.OutcomeFailure, events.Account{Domain: "desk.example", Service: "sshd", Terminal: "ssh"}},
		{"kernel 2.6.18", "USER_START", `user pid=2000 uid=0 auid=500 subj=user_u msg='PAM: session open acct="root" : exe="/usr/sbin/crond" (hostname=?, addr=?, terminal=cron res=success)'`,
			events.KindSession, events.OutcomeSuccess, events.Account{User: by(500, ""), Login: by(500, ""), Effective: name("root"), Service: "crond", Terminal: "cron"}},
		{"kernel 2.6.9", "USER_LOGIN", `user pid=2000 uid=0 length=96 loginuid=0 msg='acct=root: exe="/usr/sbin/sshd" (hostname=a.example, addr=203.0.113.9, terminal=sshd result=Success)'`,
			events.KindAuthentication, events.OutcomeSuccess, events.Account{
				Effective: name("root"), Address: address("203.0.113.9"), Domain: "a.example", Service: "sshd", Terminal: "sshd",
			}},
		{"login uid", "LOGIN", `pid=8547 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=6 res=1` + "\x1d" + `UID="root" OLD-AUID="unset" AUID="alice"`,
			events.KindAuthentication, events.OutcomeSuccess, events.Account{Effective: by(1000, "alice"), Login: by(1000, "alice"), Session: 6}},
		{"login uid of kernel 3.10", "LOGIN", `login pid=2300 uid=0 old auid=500 new auid=0 old ses=1 new ses=2`,
			events.KindAuthentication, events.OutcomeUnknown, events.Account{User: by(500, ""), Effective: by(0, ""), Login: by(0, ""), Session: 2}},
		{"new user, host's own name", "ADD_USER", `pid=3000 uid=0 auid=1000 ses=7 msg='op=add-user acct="bob" exe="/usr/sbin/useradd" hostname=web-1 addr=? terminal=pts/0 res=success'`,
			events.KindIAM, events.OutcomeSuccess, events.Account{
				User: by(1000, ""), Login: by(1000, ""), Session: 7, Effective: by(0, ""), Target: name("bob"), Terminal: "pts/0",
			}},
		{"group whose id is a user's", "ADD_GROUP", `pid=3000 uid=0 auid=1000 ses=7 msg='op=adding group to /etc/group id=1000 exe="/usr/sbin/groupadd" hostname=? addr=? terminal=? res=success'` +
			"\x1d" + `UID="root" AUID="alice" ID="alice"`,
			events.KindIAM, events.OutcomeSuccess, events.Account{User: by(1000, "alice"), Login: by(1000, "alice"), Session: 7, Effective: by(0, "root"), Group: by(1000, "")}},
		{"into a group", "USER_MGMT", `pid=3000 uid=0 auid=4294967295 ses=4294967295 msg='op=add-user-to-group grp="wheel" acct="bob" exe="/usr/sbin/usermod" hostname=? addr=? terminal=? res=success'`,
			events.KindIAM, events.OutcomeSuccess, events.Account{User: by(0, ""), Effective: by(0, ""), Target: name("bob"), Group: name("wheel")}},
		{"gpasswd", "USER_ACCT", `pid=8408 uid=0 auid=4294967295 ses=4294967295 msg='op=user bob added by root to group users acct="users" exe="/usr/bin/gpasswd" hostname=? addr=? terminal=? res=success'`,
			events.KindIAM, events.OutcomeSuccess, events.Account{User: by(0, ""), Effective: by(0, ""), Group: name("users")}},
		{"service", "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`,
			events.KindAudit, events.OutcomeSuccess, events.Account{User: by(0, ""), Service: "cron"}},
		{"too many logins", "ANOM_LOGIN_FAILURES", `pid=900 uid=0 auid=4294967295 ses=4294967295 msg='op=pam_faillock suid=1000 exe="/usr/sbin/sshd" hostname=203.0.113.9 addr=203.0.113.9 terminal=ssh res=success'`,
			events.KindAuthentication, events.OutcomeSuccess, events.Account{Address: address("203.0.113.9"), Service: "sshd", Terminal: "ssh"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := one(t, Options{}, at(test.record, test.text))
			if e.Kind != test.kind || e.Outcome != test.outcome {
				t.Errorf("%v with outcome %d, want %v with %d", e.Kind, e.Outcome, test.kind, test.outcome)
			}
			if e.Account == nil || *e.Account != test.want {
				t.Errorf("got\n%+v, want\n%+v", e.Account, test.want)
			}
		})
	}
}

// Of what a program says of itself the kernel's part counts.
func TestToldForgery(t *testing.T) {
	e := one(t, Options{Raw: true}, at("USER_AUTH", `pid=900 uid=1000 auid=1000 ses=7 msg='op=x" pid=1 uid=0 auid=0 ses=1 exe="/bin/evil" acct="bob" exe="/usr/bin/su" hostname=? addr=? terminal=pts/0 res=failed'`))
	if e.Process.PID != 900 || e.Process.Executable.Name != "/usr/bin/su" {
		t.Errorf("pid %d, executable %s", e.Process.PID, e.Process.Executable.Name)
	}
	if a := e.Account; a.User != by(1000, "") || a.Login != by(1000, "") || a.Session != 7 {
		t.Errorf("account %+v", a)
	}
	for _, f := range e.Audit.Data {
		if f.Name == "uid" && f.Value != "1000" || f.Name == "auid" && f.Value != "1000" {
			t.Errorf("auditd.data.%s is %s", f.Name, f.Value)
		}
	}
	// Before there was audit's part, nobody says who it is.
	e = one(t, Options{}, at("USER_AUTH", `msg='op=x pid=1 uid=0 acct="bob" res=failed'`))
	if e.Process != nil || e.Account.User.HasID {
		t.Errorf("process %+v, account %+v", e.Process, e.Account)
	}
}

func TestToldWords(t *testing.T) {
	for _, test := range []struct{ record, text, want string }{
		{"AVC", `avc:  denied  { read write } for  pid=1 comm="x" name="shadow" dev="dm-0" ino=5 scontext=a:b:c tcontext=d:e:f tclass=file permissive=0`, "audit violated-selinux-policy"},
		{"AVC", `avc:  granted  { setsecparam } for  pid=1 comm="x" scontext=a:b:c tcontext=d:e:f tclass=security`, "audit access-permission"},
		{"AVC", `apparmor="DENIED" operation="open" class="file" profile="/usr/sbin/x" name="/etc/shadow" pid=1 comm="x" requested_mask="r" denied_mask="r" fsuid=0 ouid=0`, "audit violated-apparmor-policy"},
		{"AVC", `apparmor="STATUS" operation="profile_replace" profile="unconfined" name="lsb_release" pid=5 comm="apparmor_parser"`, "configuration loaded-mac-policy"},
		{"APPARMOR_DENIED", `apparmor="DENIED" operation="exec" profile="x" name=2F746D702F6120 pid=1 comm="x"`, "audit violated-apparmor-policy"},
		{"APPARMOR_AUDIT", `apparmor="AUDIT" operation="open" profile="x" name="/a" pid=1 comm="x"`, "audit access-permission"},
		{"APPARMOR_HINT", `apparmor="HINT" operation="open" pid=1 comm="x"`, "audit "},
		{"BPF", `prog-id=5 op=LOAD`, "audit "},
		{"FANOTIFY", `resp=2 fan_type=0 fan_info=0 subj_trust=2 obj_trust=2`, "audit "},
		{"KERN_MODULE", `name="dummy"`, "audit loaded-kernel-module"},
		{"NETFILTER_CFG", `table=filter:2 family=2 entries=0 op=nft_register_chain pid=5 comm="nft"`, "configuration loaded-firewall-rule-to"},
		{"UNKNOWN[1999]", `a=b`, "audit "},
		{"DAEMON_CLOSE", `addr=203.0.113.9 port=60 res=success`, "audit remote-audit-disconnected"},
	} {
		e := one(t, Options{}, at(test.record, test.text))
		if got := e.Kind.String() + " " + e.Words.Action; got != test.want {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
		if (e.Kind == events.KindAudit) != (e.Audit != nil) {
			t.Errorf("%s: the records are there: %v", test.text, e.Audit != nil)
		}
	}
}

// TestDocumentedWords holds the table of words in docs/events.md to ours.
func TestDocumentedWords(t *testing.T) {
	var table strings.Builder
	table.WriteString("| record | kind | event.category | event.type | event.action |\n| --- | --- | --- | --- | --- |\n")
	for _, record := range slices.Sorted(maps.Keys(tellers)) {
		teller := tellers[record]
		fmt.Fprintf(&table, "| %s | %v | %s | %s | %s |\n", record, teller.kind(),
			strings.Join(teller.category, ", "), strings.Join(teller.types, ", "), teller.action)
	}
	text, err := os.ReadFile("../../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\n\n"+table.String()+"\n") {
		t.Errorf("the table of words in docs/events.md is not this:\n%s", table.String())
	}
}

func TestToldFields(t *testing.T) {
	for _, test := range []struct{ name, record, text, want string }{
		{"SELinux", "AVC", `avc:  denied  { read write } for  pid=1 comm="a b" path="/x" scontext=a:b:c`, "path=/x scontext=a:b:c seperms=read,write seresult=denied"},
		{"SELinux of programs", "USER_AVC", `pid=1 uid=81 auid=4294967295 ses=4294967295 msg='avc:  denied  { send_msg } for msgtype=method_call dest=a.b exe="/bin/dbus" sauid=81 hostname=? addr=? terminal=?'`,
			"auid=unset dest=a.b msgtype=method_call sauid=81 seperms=send_msg seresult=denied uid=81"},
		{"seccomp", "SECCOMP", `auid=1000 uid=1000 gid=1000 ses=7 pid=5 comm="x" exe="/x" sig=31 arch=c000003e syscall=59 compat=0 ip=0x7f code=0x80000000`,
			"arch=x86_64 auid=1000 code=0x80000000 compat=0 gid=1000 ip=0x7f sig=SIGSYS syscall=execve uid=1000"},
		{"keys", "TTY", `tty pid=5 uid=0 auid=0 ses=1 major=136 minor=1 comm="bash" data=6C730D`, "auid=0 data=ls\r major=136 minor=1 uid=0"},
		{"command", "USER_CMD", `pid=5 uid=1000 auid=1000 ses=1 msg='cwd="/" cmd=6964202D75 exe="/usr/bin/sudo" terminal=pts/0 res=success'`, "auid=1000 cmd=id -u terminal=pts/0 uid=1000"},
		{"sentence", "USER", `pid=5 uid=0 auid=0 ses=1 msg='text=hello  from  here exe="/usr/sbin/auditctl" hostname=? addr=? terminal=pts/0 res=success'`, "auid=0 terminal=pts/0 text=hello  from  here uid=0"},
		{"names that none has", "USER", `pid=5 uid=0 auid=0 ses=1 a.b=1 "c=2 d"=3 é=4 F=5`, "F=5 auid=0 uid=0"},
		{"cut", "USER", `pid=5 uid=0 auid=0 ses=1 msg='op=a b acct="c`, "acct=c auid=0 op=a b uid=0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range one(t, Options{}, at(test.record, test.text)).Audit.Data {
				got = append(got, f.Name+"="+f.Value)
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	a := one(t, Options{Raw: true}, at("CONFIG_CHANGE", `auid=1000 ses=7 op=add_rule key=610162 list=4 res=0`)).Audit
	if !slices.Equal(a.Keys, []string{"a", "b"}) || a.Session != "7" || a.Result != "fail" || a.Type != "config_change" || a.Serial != 22599 {
		t.Errorf("got %+v", a)
	}
}

func TestToldProcess(t *testing.T) {
	options := Options{Start: func(pid uint32, at int64) (uint64, bool) { return 70, pid == 5 && at == 1795946951451000000 }}
	got := one(t, options, at("ANOM_ABEND", `auid=0 uid=0 gid=0 ses=1 pid=5 comm=6120 exe="/usr/bin/dash" sig=11 res=1`)).Process
	want := &events.Process{PID: 5, Name: "dash", ThreadName: "a ", Executable: events.Path{Name: "/usr/bin/dash"}, StartKey: 70}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if p := one(t, options, at("CONFIG_CHANGE", `op=set audit_enabled=1 old=1 auid=0 ses=1 res=1`)).Process; p != nil {
		t.Errorf("got %+v for nobody", p)
	}
}

func TestToldWants(t *testing.T) {
	options := Options{Wants: func(k events.Kind) bool { return k == events.KindSession }}
	for record, want := range map[string]int{"USER_START": 1, "USER_AUTH": 0, "ADD_USER": 0, "AVC": 0} {
		if got := len(decodeAll(t, options, at(record, `pid=5 uid=0 auid=0 ses=1 msg='op=a res=success'`))); got != want {
			t.Errorf("%s: %d events, want %d", record, got, want)
		}
	}
}

func TestToldErrors(t *testing.T) {
	decode := func(lines ...string) ([]*events.Event, error) {
		return New(Options{}).Decode(parse(t, strings.Join(lines, "\n"))[0])
	}
	all, err := decode(at("CWD", `cwd="/"`), at("PATH", `item=0 name="/x"`))
	if len(all) != 0 || !errors.Is(err, ErrIncomplete) {
		t.Errorf("records without their call: %d events, %v", len(all), err)
	}
	all, err = decode(at("PROCTITLE", `proctitle="x"`), at("AVC", `avc:  denied  { read } for  pid=1 comm="x"`), at("AVC", `avc:  denied  { write } for  pid=1 comm="x"`))
	if len(all) != 2 || err != nil {
		t.Errorf("two of one serial: %d events, %v", len(all), err)
	}
	all, err = decode(at("USER_AUTH", `pid=x uid=99999999999 auid=0 ses=1 msg='acct="bob" res=failed'`))
	if len(all) != 1 || !errors.Is(err, errGarbled) || strings.Count(err.Error(), "pid") != 1 {
		t.Errorf("garbled: %d events, %v", len(all), err)
	}
	if a := all[0].Account; a.Effective != name("bob") || all[0].Process != nil {
		t.Errorf("what could be understood is not there: %+v", a)
	}
}

// Whatever records say, their events can be written: bounded, valid, and of a kind.
func FuzzTold(f *testing.F) {
	for _, text := range []string{
		`pid=8547 uid=0 auid=1000 ses=6 msg='op=PAM:session_open acct="a" exe="/usr/sbin/sshd" hostname=h addr=203.0.113.9 terminal=ssh res=success'` + "\x1d" + `UID="root" ID="x"`,
		`user pid=1 uid=0 auid=0 msg='PAM: session open acct="root" : exe="/x" (hostname=?, addr=?, terminal=cron res=success)'`,
		`login pid=1 uid=0 old auid=1 new auid=2 old ses=3 new ses=4`,
		`avc:  denied  { read } for  pid=1 comm="x" scontext=a`, `avc: { } {`, `apparmor="STATUS" operation="profile_"`,
		`msg='msg='msg='`, `msg='op=`, `op= = == '`, `key=6101 key="key=a" arch=c000003e syscall=59 sig=9`,
		`(a=b, c=d)`, "\x1d\x1d=", `acct="` + strings.Repeat("x", 100), strings.Repeat("a=b ", 50),
	} {
		for _, record := range []uint16{1006, 1112, 1114, 1116, 1101, 1305, 1326, 1400, 1503, 1999} {
			f.Add(record, text)
		}
	}
	f.Fuzz(func(t *testing.T, record uint16, text string) {
		r, err := auparse.Parse(auparse.AuditMessageType(record), "audit(1795946951.451:22599): "+text)
		if err != nil {
			t.Skip()
		}
		for range 2 {
			all, _ := New(Options{Raw: true}).told([]*auparse.AuditMessage{r})
			for _, e := range all {
				if e.Kind == events.KindNone || e.Words == nil || e.Audit == nil {
					t.Errorf("incomplete: %+v", e)
				}
				if size := e.Size(); size > 4096+100*len(text) {
					t.Errorf("%d bytes of %d", size, len(text))
				}
				for i, field := range e.Audit.Data {
					if field.Value == "" || !events.ValidAuditName(field.Name) || i > 0 && field.Name <= e.Audit.Data[i-1].Name {
						t.Errorf("field %d: %+v", i, field)
					}
				}
			}
		}
	})
}
