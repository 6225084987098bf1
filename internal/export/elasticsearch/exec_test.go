// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"sensor/internal/events"
	"sensor/internal/events/ecs"
)

// execs are exec events of which everything is known, as on a busy host: a hundred sessions of some users, a few of
// which build something at a time, each in a container of its own. What differs from one process to the next in reality
// differs here: pid, entity_id, start, arguments, working directory, capabilities.
type execs struct {
	random   *rand.ChaCha8
	events   []*events.Event
	sequence uint64
}

// newExecs makes n events.
func newExecs(n int) *execs {
	x := &execs{random: rand.NewChaCha8([32]byte{7})}
	r := rand.New(x.random)
	sessions := make([]*session, 100)
	for i := range sessions {
		sessions[i] = newSession(r)
	}
	active := make([]*session, 4)
	for i := range n {
		if i%100 == 0 {
			active[r.IntN(len(active))] = sessions[r.IntN(len(sessions))]
		}
		s := active[r.IntN(len(active))]
		if s == nil {
			s = sessions[0]
		}
		x.events = append(x.events, s.exec())
	}
	return x
}

// next gives n events, each new in what is new in each.
func (x *execs) next(batch []*events.Event, n int) []*events.Event {
	batch = batch[:0]
	now := time.Now()
	for i := range n {
		x.sequence++
		e := x.events[x.sequence%uint64(len(x.events))]
		binary.LittleEndian.PutUint64(e.ID[:], x.random.Uint64())
		binary.LittleEndian.PutUint64(e.ID[8:], x.random.Uint64())
		e.Sequence, e.Time, e.Created = x.sequence, now.Add(time.Duration(i)*20*time.Microsecond), now.Add(time.Millisecond)
		e.Process.SetFragment(nil) // it is another process
		batch = append(batch, e)
	}
	return batch
}

// A session is what its processes have in common.
type session struct {
	r      *rand.Rand
	start  time.Time
	own    events.Process // what is the same in all of its processes
	family events.Family
	makes  []*events.Process
}

func newSession(r *rand.Rand) *session {
	s := &session{r: r, start: time.Now().Add(-time.Duration(r.Int64N(int64(24 * time.Hour))))}
	user := events.User{ID: uint32(1000 + r.IntN(20))}
	user.Name = fmt.Sprintf("user%d", user.ID)
	group := events.Group(user)
	namespace := uint32(4026532000 + 8*r.IntN(100))
	s.own = events.Process{
		TTY: events.TTY{Known: true, Major: 136, Minor: uint32(r.IntN(60))},
		Credentials: events.Credentials{
			Known: true, Real: user, Effective: user, Saved: user, FS: user, RealGroup: group, EffectiveGroup: group, SavedGroup: group, FSGroup: group,
			Groups: []events.Group{group, {ID: 27, Name: "sudo"}, {ID: 998, Name: "docker"}}, LoginUID: user.ID, SessionID: r.Uint32N(5000),
			CapPermitted: (1<<41 - 1) * uint64(r.IntN(2)),
		},
		Namespaces: events.Namespaces{Mount: namespace, PID: namespace + 1, Net: namespace + 2, User: 4026531837, UTS: namespace + 3, IPC: namespace + 4, Cgroup: namespace + 5, Time: 4026531834},
		Cgroup:     events.Cgroup{ID: r.Uint64N(1 << 20), Path: "/system.slice/docker-" + s.hex(64) + ".scope"},
	}
	s.own.Credentials.CapEffective = s.own.Credentials.CapPermitted
	s.family = events.Family{
		SessionLeader: s.process("bash", "-bash\x00"),
		EntryLeader:   s.process("sshd-session", "sshd-session: "+user.Name+"\x00"),
		EntryParent:   s.process("sshd", "sshd: [listener]\x00"),
	}
	s.family.EntryLeader.EntryMeta = events.EntryMeta{Type: "sshd", SourceIP: fmt.Sprintf("203.0.113.%d", r.IntN(255))}
	for range 10 {
		s.makes = append(s.makes, s.process("make", "make\x00-j8\x00all\x00"))
	}
	return s
}

func (s *session) hex(n int) string { return s.text("0123456789abcdef", n) }

func (s *session) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.r.IntN(len(alphabet))]
	}
	return string(b)
}

func (s *session) pick(list ...string) string { return list[s.r.IntN(len(list))] }

func (s *session) process(name, args string) *events.Process {
	p := s.own.Clone()
	p.PID = s.r.Uint32N(1 << 22)
	p.TID, p.VPID, p.ExecID, p.HasExecID = p.PID, s.r.Uint32N(1<<15), s.r.Uint64N(5), true
	p.Start, p.StartKey = s.start.Add(time.Duration(s.r.Int64N(int64(time.Hour)))), s.r.Uint64()
	p.EntityID = s.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 22)
	p.Name, p.ThreadName = name, name
	p.Executable = events.Path{Name: "/usr/bin/" + name}
	p.Filename = events.Path{Name: "./" + name}
	p.Args = events.Args{Packed: args, Count: 3}
	p.WorkingDirectory = events.Path{Name: "/home/" + s.own.Credentials.Real.Name + "/project-" + s.hex(2) + "/src"}
	return p
}

func (s *session) exec() *events.Event {
	name := s.pick("gcc", "cc1", "as", "ld", "git", "sed", "curl", "python3", "grep", "sh", "ls", "cat", "find", "tar", "awk", "make")
	args := name + "\x00" + s.pick("-c\x00", "-o\x00/tmp/"+s.hex(10)+".o\x00", "--verbose\x00", "-e\x00s/"+s.hex(5)+"/"+s.hex(5)+"/\x00") +
		s.pick("https://10.0."+fmt.Sprint(s.r.IntN(255))+"."+fmt.Sprint(s.r.IntN(255))+"/"+s.hex(16), "src/"+s.hex(8)+"/main.c", "/var/log/"+s.hex(12)) + "\x00"
	family := s.family
	family.Parent = s.makes[s.r.IntN(len(s.makes))]
	family.GroupLeader = family.Parent
	family.Previous = family.Parent
	return &events.Event{Kind: events.KindExec, Provider: "ebpf", Outcome: events.OutcomeSuccess, Process: s.process(name, args), Family: family}
}

func encoder() *ecs.Encoder {
	return ecs.NewEncoder(ecs.Options{
		AgentID: "0f4f3c1e-0000-4d0b-9d5e-1d2f6c7a9b10", AgentVersion: "0.1.0", Namespace: "default", DatasetPrefix: ecs.Module,
		Host: ecs.Host{
			ID: "5b0f6f0f4c0e4c2b9d1e7a1f2b3c4d5e", Name: "web-1", Hostname: "web-1.example", Architecture: "x86_64",
			IP: []string{"10.0.0.5", "2001:db8::5"}, MAC: []string{"02-42-AC-12-00-02"},
			OS: ecs.OS{Type: "linux", Family: "debian", Name: "Debian GNU/Linux", Platform: "debian", Version: "13", Kernel: "6.12.48-amd64", Full: "Debian GNU/Linux 13 (trixie)"},
		},
	})
}
